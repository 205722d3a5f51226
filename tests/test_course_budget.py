"""Budgets of memory and days, the cards behind them, the ladder's law, and a memory of fixed size."""

import pytest

from course import budget_explorer, cards, ladder, memory_explorer


def test_a_law_is_found_again_from_its_own_losses():
    law = ladder.Law(floor=1.2, a=60.0, alpha=0.4, b=900.0, beta=0.45)
    rungs = [ladder.Rung("x", n, d, law.loss(n, d)) for n in (4e4, 2e5, 9e5, 4e6) for d in (3e5, 1e6, 4e6, 2e7)]
    found = ladder.fit(rungs)
    assert found.loss(1e6, 1e7) == pytest.approx(law.loss(1e6, 1e7), rel=0.01)
    best = found.best_parameters(1e13)
    others = [law.loss(n, 1e13 / 6 / n) for n in (best / 3, best, best * 3)]
    assert min(others) == others[1]


def test_the_ladder_falls_with_size_and_with_text():
    rungs = ladder.rungs()
    assert len(rungs) == len(ladder.SIZES) * len(ladder.TOKENS)
    loss = {(r.parameters, r.tokens): r.loss for r in rungs}
    sizes, amounts = sorted({r.parameters for r in rungs}), sorted({r.tokens for r in rungs})
    for row in zip(*([loss[n, d] for d in amounts] for n in sizes), strict=True):
        assert list(row) == sorted(row, reverse=True)
    for n in sizes:
        column = [loss[n, d] for d in amounts]
        assert column == sorted(column, reverse=True)


def test_every_card_has_a_source():
    assert all(card.source.startswith("https://") and card.memory > 0 < card.peak for card in cards.CARDS)
    with pytest.raises(ValueError, match="There are: NVIDIA T4"):
        cards.card("abacus")


def test_the_calculator_adds_up():
    figure, alt = budget_explorer.draw("Llama 3.1 8B", "SGD with momentum, float32", batch=1, length=512)
    assert "weights 32.12 GB, gradients 32.12 GB, optimizer 32.12 GB" in alt
    assert "does not fit" in figure.axes[0].get_title(loc="left")
    _, alt = budget_explorer.draw("Llama 3.1 8B", "only using it, 4 bits", where="Raspberry Pi 5")
    assert "at most 4 tokens a second" in alt
    assert budget_explorer.days(8.03e9, 15e12, peak=989, utilisation=0.4) == pytest.approx(21_146, rel=1e-3)
    with pytest.raises(ValueError, match="Choose a model"):
        budget_explorer.draw("GPT-9")


def test_a_wider_memory_holds_more_and_decay_costs():
    assert memory_explorer.recalled(32, 8) == 1.0
    assert memory_explorer.recalled(8, 128) < memory_explorer.recalled(64, 128)
    assert memory_explorer.recalled(32, 64, decay=0.9) < memory_explorer.recalled(32, 64)
    _, alt = memory_explorer.draw(16)
    assert "2: 100%" in alt
