"""Visible checks of a partly right answer are asked again about other inputs, of which a table knows no result."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch

from grader.candidate import Link, LocalChannel
from grader.elsewhere import KINDS, Variation, elsewhere, kind_for
from grader.exercise import Check
from grader.judge import BY_HEART, assignments
from grader.run import generator, run_check, run_checks
from tests.test_grader.by_heart import course_of, results, with_a_table

ROOT = Path(__file__).resolve().parents[2]
PARTLY_RIGHT = {
    "week01": {
        "causal_mask": ("to_be_added",),
        "scaled_dot_product_attention": ("no_scale", "divided_by_d"),
        "apply_rope": ("identity", "positions_ignored"),
    },
    "week02": {"pretokenize": ("signs_without_space",), "unigram_segment": ("most_pieces",)},
    "week03": {"training_memory": ("one_moment",)},
    "week07": {
        "pack_int4": ("first_in_the_high_half",),
        "quantize_groupwise": ("a_scale_a_tensor",),
        "online_softmax_attention": ("as_many_keys_as_queries",),
    },
}
CASES = [(week, name, one) for week, names in PARTLY_RIGHT.items() for name, found in names.items() for one in found]
EXERCISES = [(w, name) for w in PARTLY_RIGHT for course in assignments(ROOT, w).values() for name in course.loaded]
LUCKY = {  # wrong for most inputs like the gate's, and right for the gate's own
    "always_four",
    "remembered",
    "zero_point_rounded_down",
    "half_precision",
    "scaled_by_the_stored",
    "positive_outliers",
}
OFTEN_RIGHT = {"rounded_down", "zero_point_truncated", "two_roundings", "two_roundings_with_tensors"}
RANDOM = {"sample_next_token", "speculative_step"}  # wrong shares come near the right ones now and then


@pytest.mark.parametrize(("week", "name", "mutant"), CASES)
def test_a_table_beside_an_answer_that_is_right_elsewhere_earns_nothing(root, week, name, mutant):
    """Each of these wrong answers is accepted by a hidden check that no lazy answer passes."""
    course = course_of(root, week, name)
    exercise = course.loaded[name].exercise
    wrong = next(one.answer for one in exercise.mutants if one.name == mutant)
    result = results(course, {name: with_a_table(exercise, wrong)})[name]
    assert result.score == 0.0
    assert "for others like them" in result.checks[0].message
    assert result.checks[0].call is None  # the other inputs are told to nobody
    assert result.checks[0].trace == []


@pytest.mark.heavy
@pytest.mark.parametrize(("week", "name"), EXERCISES)
def test_honest_answers_keep_their_points_and_tables_earn_none(root, week, name):
    """All wrong answers of all exercises, as they are and with the results of all visible checks in a table."""
    course = course_of(root, week, name)
    exercise = course.loaded[name].exercise
    varied = exercise.visible[0].name in course.book[name]["elsewhere"] and name not in RANDOM
    for mutant in exercise.mutants:
        link = Link(LocalChannel({name: mutant.answer}))
        own = run_checks(exercise.checks, link, name, exercise.points, "a seed").score
        result = results(course, {name: mutant.answer})[name]
        if name not in RANDOM and mutant.name not in LUCKY:
            assert result.score == (0.0 if BY_HEART in result.diagnoses else own), mutant.name
        if own == 0 and varied and mutant.name not in OFTEN_RIGHT and not inspect.isclass(exercise.answer):
            candidate = with_a_table(exercise, mutant.answer)
            assert results(course, {name: candidate})[name].score == 0.0, mutant.name


def other(kind, *args, **kwargs):
    return Variation(kind, torch.Generator().manual_seed(0)).of(args, kwargs)


def test_numbers_keep_their_signs_their_zeros_and_their_magnitude():
    x = torch.tensor([[0.0, -2.0, 3.0], [torch.inf, -torch.inf, torch.nan]])
    (y,), _ = other("numbers", x)
    assert y.shape == x.shape
    assert y.dtype == x.dtype
    assert torch.equal(y.sign().nan_to_num(7), x.sign().nan_to_num(7))
    assert y[0, 1] != x[0, 1]
    assert torch.all((y[0].abs() <= 3) & (y[0].abs() >= 0.9375 * x[0].abs()))
    assert y[1].isinf().tolist() == [True, True, False]


def test_whole_numbers_in_arrays_change_places_and_all_else_stays():
    ids = torch.arange(50)
    mask = torch.tensor([True, False])
    (array, booleans, one, text), given = other("numbers", ids.numpy(), mask, 3, "a", eps=0.5)
    assert sorted(array.tolist()) == ids.tolist()
    assert array.tolist() != ids.tolist()
    assert isinstance(array, np.ndarray)
    assert booleans is mask
    assert (one, text) == (3, "a")
    assert 0.46875 <= given["eps"] < 0.5


def test_a_letter_becomes_the_same_one_everywhere_in_its_case():
    (first, table), given = other("letters", "Aa, b1!", {"a b": 1}, others=["b"])
    assert first[0] == first[1].upper()
    assert first[2:4] == ", "
    assert first[5:] == "1!"
    assert list(table) == [f"{first[1]} {first[4]}"]
    assert given["others"] == [first[4]]


def test_labels_change_places_everywhere_alike():
    (ids, pair, one), given = other("labels", [3, 1, 4, 1, 5], (1, 4), 9, more=[[3], [5]])
    assert sorted({*ids}) == [1, 3, 4, 5]
    assert ids != [3, 1, 4, 1, 5]
    assert ids[1] == ids[3] == pair[0]
    assert ids[2] == pair[1]
    assert one == 9
    assert given["more"] == [[ids[0]], [ids[4]]]


def test_sizes_grow_by_one_odd_factor():
    (n, flag, one, listed), given = other("sizes", 4, True, 1, [6], dim=10)
    assert n // 4 in (3, 5, 7)
    assert n * 10 == given["dim"] * 4
    assert flag is True
    assert (one, listed) == (1, [6])


def gate(double):
    """doubles"""
    assert double(4) == 8
    assert double(torch.tensor([1.0, 2.0])).tolist() == [2.0, 4.0]


def told_elsewhere(kind, answer, candidate, check=gate):
    link = Link(LocalChannel({"double": candidate}))
    return run_check(elsewhere(Check(check, hidden=False), kind, "double", answer), link, "double", "a seed")


def doubled(x):
    return x * 2


@pytest.mark.parametrize("kind", ["numbers", "sizes"])
def test_the_right_answer_is_right_elsewhere(kind):
    assert told_elsewhere(kind, doubled, lambda x: x + x).outcome == "passed"


@pytest.mark.parametrize(
    ("kind", "candidate"),
    [
        ("sizes", lambda x: 8 if x == 4 else x * 2 if isinstance(x, torch.Tensor) else 0),
        ("numbers", lambda x: torch.tensor([2.0, 4.0]) if isinstance(x, torch.Tensor) else x * 2),
        ("numbers", lambda x: x.double() * 2 + 0.1 if isinstance(x, torch.Tensor) else x * 2),
    ],
)
def test_what_is_right_for_the_check_alone_is_not(kind, candidate):
    told = told_elsewhere(kind, doubled, candidate)
    assert told.outcome == "failed"
    assert "wrong for others like them" in told.message


def test_an_exception_for_other_inputs_is_said():
    def refuses(x):
        return {4: 8}[x] if isinstance(x, int) else x * 2

    assert "raises an exception for others like them" in told_elsewhere("sizes", doubled, refuses).message


def test_other_inputs_that_the_right_answer_refuses_ask_nothing():
    def only_four(x):
        if x != 4:
            raise ValueError(x)
        return 8

    assert told_elsewhere("sizes", only_four, lambda x: 8).outcome == "passed"


def test_a_kind_is_found_where_all_right_answers_agree_and_none_where_they_part():
    assert kind_for(Check(gate, hidden=False), "double", [doubled, lambda x: x + x], []) == "numbers"
    assert (
        kind_for(Check(gate, hidden=False), "double", [doubled, lambda x: x * 2 if isinstance(x, int) else x * 2.0], [])
        == "numbers"
    )
    parted = [doubled, lambda x: torch.tensor([2.0, 4.0]) if isinstance(x, torch.Tensor) else x * 2]
    assert kind_for(Check(gate, hidden=False), "double", parted, []) == "sizes"
    parted.append(lambda x: 8 if x == 4 else x * 2 if isinstance(x, torch.Tensor) else 0)
    assert kind_for(Check(gate, hidden=False), "double", parted, []) is None


def test_a_check_that_a_lazy_answer_passes_has_no_kind():
    def leaves_its_input_alone(double):
        """leaves its input alone"""
        x = torch.ones(3)
        double(x)
        assert x.tolist() == [1.0, 1.0, 1.0]

    assert kind_for(Check(leaves_its_input_alone, hidden=False), "double", [doubled], []) is None


def test_kinds_are_those_of_the_book(root):
    found = {kind for week, name in EXERCISES for kind in course_of(root, week, name).book[name]["elsewhere"].values()}
    assert found == set(KINDS)


def test_random_numbers_are_new_for_each_seed():
    first, second = (Variation("numbers", generator(seed, "double", "gate")).of((1.0,), {}) for seed in (0, 1))
    assert first != second
