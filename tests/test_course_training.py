"""The schedule explorer against formulas and simulation, and the curve that grows while a model trains."""

import math
from itertools import pairwise

import numpy as np
import pytest
from matplotlib import pyplot

from course import live_curve, plots, schedule_explorer
from course.schedule_explorer import CURVATURES, KINDS, NOISE, START, expected_losses, rates


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("warmup", [0, 1, 10])
def test_a_schedule_climbs_to_its_peak_and_no_further(kind, warmup):
    found = rates(kind, warmup, 100, peak=2.0, floor=0.2)
    assert len(found) == 100
    assert max(found) == pytest.approx(2.0)
    assert found[:warmup] == pytest.approx([2.0 * (step + 1) / warmup for step in range(warmup)])
    after = found[warmup:]
    assert all(early >= late - 1e-12 for early, late in pairwise(after))
    if kind == "constant":
        assert after == pytest.approx([2.0] * len(after))
    else:
        assert 0.2 <= after[-1] < 0.35


def test_the_cosine_is_a_cosine():
    found = rates("cosine", 20, 120, peak=1.0, floor=0.1)
    for step in (20, 45, 70, 110):
        assert found[step] == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi * (step - 20) / 100)) / 2)


@pytest.mark.parametrize(("kind", "warmup"), [("zigzag", 0), ("cosine", 100), ("cosine", -1)])
def test_an_impossible_schedule_says_what_is_wrong(kind, warmup):
    with pytest.raises(ValueError, match=r"zigzag|must be shorter"):
        rates(kind, warmup, 100, peak=1.0)


def test_the_expected_loss_is_what_runs_have_on_average():
    schedule = rates("cosine", 5, 40, peak=0.8)
    rng = np.random.default_rng(0)
    place = np.full((20_000, len(CURVATURES)), START)
    for rate in schedule:
        place -= rate * (CURVATURES * place + NOISE * rng.standard_normal(place.shape))
    measured = 0.5 * (CURVATURES * place**2).sum(axis=1).mean()
    assert expected_losses(schedule)[-1] == pytest.approx(measured, rel=0.02)


def test_beyond_two_over_the_curvature_the_loss_grows():
    assert expected_losses([1.9] * 200)[-1] < expected_losses([2.1] * 200)[-1] / 1000


def test_warm_up_saves_a_start_that_is_too_steep():
    with_it, without = (expected_losses(rates("cosine", warmup, 300, 1.0), steepness=4.0) for warmup in (20, 0))
    assert with_it.max() == pytest.approx(with_it[0])
    assert without.max() > 100 * without[0]


def test_the_explorer_redraws():
    widget = schedule_explorer.explore()
    before = widget.picture.value
    widget.knobs["kind"].value = "cosine"
    widget.knobs["warmup"].value = 50
    assert widget.picture.value != before
    assert "cosine schedule over 300 steps, warm-up 50" in widget.alt
    assert not pyplot.get_fignums()


ENTRIES = [
    {"step": 10 * n, "tokens": 1000 * n, "text_loss": 8.0 / n, "answer_loss": 9.0 / n, "seconds": 1.5 * n}
    for n in (1, 2, 3)
]


def test_the_curve_says_where_it_is():
    figure, alt = live_curve.draw(ENTRIES, steps=40, mark=20)
    axes = figure.axes[0]
    assert [list(line.get_xdata()) for line in axes.lines[:2]] == [[10, 20, 30]] * 2
    assert "up to step 30 of 40" in alt
    assert len(alt) > 40
    plots.close(figure)
    assert 'value="30" max="40"' in live_curve.bar(30, 40, 4.5)


def test_a_live_curve_shows_once_and_then_updates(monkeypatch):
    sent = []

    class Handle:
        def display(self, data, **options):
            sent.append(("display", self, data, options))

        def update(self, data, **options):
            sent.append(("update", self, data, options))

    monkeypatch.setattr(live_curve, "DisplayHandle", Handle)
    watch = live_curve.LiveCurve(40, log=ENTRIES[:1], mark=10)
    for entry in ENTRIES[1:]:
        watch(entry)
    assert [kind for kind, *_ in sent] == ["display", "update", "display", "update", "update"]
    assert watch.log == ENTRIES
    _, _, data, options = sent[-1]
    assert data["image/png"][:4] == b"\x89PNG"
    assert options["metadata"]["image/png"]["alt"] in data["text/plain"]
    assert "step 30 of 40" in sent[-2][2]["text/html"]
    assert "Text falls from 8.0 to 2.7 nats" in sent[-2][2]["text/html"]
    assert not pyplot.get_fignums()
