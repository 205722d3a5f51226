"""A team of processes computes what one would; pipelines wait as long as the formula says."""

from itertools import pairwise

import pytest
import torch

from course import pipeline_explorer, workers


@pytest.fixture(scope="module")
def team():
    with workers.Team(2) as team:
        yield team


def test_two_processes_train_the_model_of_one(team):
    both = team.do("data_parallel", steps=5)
    assert torch.equal(both[0]["weights"], both[1]["weights"])
    alone = workers.data_parallel(0, 1, steps=5, average=False)
    torch.testing.assert_close(both[0]["weights"], alone["weights"], atol=1e-5, rtol=1e-4)
    apart = team.do("data_parallel", steps=5, average=False)
    assert not torch.allclose(apart[0]["weights"], apart[1]["weights"], atol=1e-3)


def test_a_ring_sums_and_sends_two_shares(team):
    first, second = team.do("ring", numbers=6)
    assert first["sum"].tolist() == second["sum"].tolist() == [100.0 + 2 * i for i in range(6)]
    assert first["bytes_sent"] == second["bytes_sent"] == 2 * 12


def test_sharing_the_optimizer_changes_no_weight(team):
    plain, shared = team.do("zero", steps=3, sharded=False), team.do("zero", steps=3)
    assert torch.equal(plain[0]["weights"], shared[1]["weights"])
    assert sum(report["optimizer_bytes"] for report in shared) == plain[0]["optimizer_bytes"]


def test_an_unknown_job_and_a_failing_one_are_errors_in_words(team):
    with pytest.raises(ValueError, match="There are: data_parallel"):
        team.do("juggle")
    other = workers.Team(1)
    with pytest.raises(workers.TeamError, match="Process 0 failed at 'ring': TypeError"):
        other.do("ring", numbers="many")


@pytest.mark.parametrize(("stages", "parts"), [(2, 3), (4, 4), (4, 16), (8, 5)])
def test_the_bubble_is_the_formulas(stages, parts):
    for kind in pipeline_explorer.KINDS[1:]:
        tasks = pipeline_explorer.schedule(kind, stages, parts)
        assert len(tasks) == 2 * stages * parts
        assert pipeline_explorer.idle(tasks) == pytest.approx((stages - 1) / (parts + stages - 1))
    assert pipeline_explorer.most_kept(tasks, 0) == min(stages, parts)
    naive = pipeline_explorer.schedule(pipeline_explorer.KINDS[0], stages, parts)
    assert pipeline_explorer.idle(naive) == pytest.approx(1 - 1 / stages)


def test_no_stage_does_two_things_at_once_or_goes_back_before_it_went_forward():
    for kind in pipeline_explorer.KINDS:
        tasks = pipeline_explorer.schedule(kind, 3, 5)
        for stage in range(3):
            mine = [t for t in tasks if t.stage == stage]
            assert all(a.end <= b.start for a, b in pairwise(mine))
        by = {(t.stage, t.part, t.backward): t for t in tasks}
        for (stage, part, backward), task in by.items():
            before = by.get((stage + 1, part, True) if backward and stage < 2 else (stage, part, False))
            assert not backward or before.end <= task.start


def test_the_picture_says_what_it_shows():
    _, alt = pipeline_explorer.draw(stages=3, parts=4)
    assert "3 stages and 4 parts" in alt
    assert "33% of them waiting" in alt
    with pytest.raises(ValueError, match="There are"):
        pipeline_explorer.draw(kind="sideways")
