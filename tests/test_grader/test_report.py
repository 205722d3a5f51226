"""What a report says and shows: each thing once, in its place, and nothing of a hidden check."""

import re
import time

import pytest
import torch

from grader import close
from grader.candidate import Link, LocalChannel
from grader.exercise import Check
from grader.heatmap import heatmaps
from grader.report import MAX_TOLD, Report, show
from grader.run import ExerciseResult, run_checks


def report(answer, *checks, name="double", hidden=()) -> Report:
    listed = [Check(function, function in hidden) for function in checks]
    return Report(run_checks(listed, Link(LocalChannel({name: answer})), name, 4))


def text(html: str) -> str:
    return re.sub(r"<[^>]+>", " ", html)


def is_right(double):
    """2 becomes 4"""
    close(double(torch.tensor([2.0])), torch.tensor([4.0]))


def holds_for_tables(double):
    """tables too"""
    x = torch.arange(6.0).reshape(2, 3)
    close(double(x), 2 * x)


def stays_unseen(double):
    """the hidden sentence"""
    raise AssertionError("the hidden message")


def test_evidence_stands_below_its_own_check():
    html = report(lambda x: x + 2, is_right, holds_for_tables).html()
    (item,) = [item for item in html.split("<li")[1:] if "called:" in item]
    assert "tables too" in item
    assert item.count("<table") == 2
    assert "expected: tensor" not in item, "the heat map has the numbers"


def test_values_that_no_heat_map_shows_are_written():
    html = report(lambda x: None, is_right).html()
    assert "yours: None" in html
    assert html.count("<table") == 1


def test_the_same_message_is_said_once_and_a_long_one_is_cut():
    def answer(x):
        raise ValueError("<b>" + "long " * 1000)

    shown = report(answer, is_right, holds_for_tables)
    for whole in (shown.html(), str(shown)):
        assert whole.count("your code raised ValueError") == 1
        assert "the same as above" in whole
        assert len(whole) < 10 * MAX_TOLD
    assert "<b>" not in shown.html()


def test_a_message_that_comes_again_after_another_is_known_by_its_beginning():
    def answer(x):
        raise (ValueError if x.dim() == 1 else TypeError)("of one and the same length " * 5)

    shown = str(report(answer, is_right, holds_for_tables, is_right))
    assert "the same as above" not in shown
    assert shown.count("your code raised ValueError") == 2
    assert "✗ 2 becomes 4: your code raised ValueError: of one and the same length of one and the same leng…\n" in shown


def test_small_tensors_are_written_as_one_would_type_them():
    assert show(torch.tensor([[10000.0, 0.1], [-1.0, float("nan")]])) == "tensor([[10000.0, 0.1], [-1.0, nan]])"
    assert show(torch.tensor([True, False])) == "tensor([True, False])"
    assert show(torch.ones(1, dtype=torch.float16)) == "tensor([1.0], dtype=torch.float16)"
    assert show(torch.zeros(2, 7)) == "tensor of shape (2, 7), torch.float32"


def test_a_hidden_check_is_its_sentence_alone():
    shown = report(lambda x: 2 * x, is_right, stays_unseen, hidden=[stays_unseen])
    for whole in (shown.html(), shown.html(folded=True), str(shown)):
        assert "the hidden sentence" in whole
        assert "the hidden message" not in whole
        assert "called:" not in whole


def test_folded_reports_show_failures_and_hold_the_rest_ready():
    html = report(lambda x: 2 * x if x.dim() == 1 else x, is_right, holds_for_tables).html(folded=True)
    open_part, _, folded_part = html.partition("<details")
    assert "tables too" in open_part
    assert "2 becomes 4" not in open_part
    assert "1 check passed" in folded_part
    assert "2 becomes 4" in folded_part
    stub = report(None, is_right).html(folded=True)
    assert "not attempted" in stub
    assert "What it must do" in stub


def test_marks_have_names_for_those_who_hear_them():
    html = report(lambda x: x + 2, is_right, holds_for_tables).html()
    assert 'role="img" aria-label="passed"' in html
    assert 'role="img" aria-label="failed"' in html
    assert 'role="group" aria-label="double: 1 of 2 checks pass"' in html


def test_right_but_for_another_exercise():
    result = ExerciseResult("block", "passed", 4, 4, [], blocked_by=["norm", "mask"])
    assert "Right, once `norm` and `mask` are." in str(Report(result))


def cells(html: str) -> list[str]:
    return [text(cell).strip() for cell in re.findall(r"<td.*?</td>", html)]


def outlined(html: str) -> list[str]:
    return [text(cell).strip() for cell in re.findall(r"<td[^>]*outline:.*?</td>", html)]


def test_a_huge_tensor_is_shown_around_the_first_difference_at_once():
    expected = torch.zeros(4000, 4000)
    actual = expected.clone()
    actual[2000, 3999] = 7
    began = time.perf_counter()
    html = heatmaps(expected, actual, (2000, 3999))
    assert time.perf_counter() - began < 1
    assert "at [1994:2006, 3988:4000]" in html
    assert outlined(html) == ["0", "7"]
    assert len(cells(html)) == 2 * 12 * 12


def test_more_dimensions_are_shown_at_the_slice_of_the_difference():
    expected = torch.zeros(2, 3, 4, 5)
    actual = expected.clone()
    actual[1, 2, 3, 4] = 1
    html = heatmaps(expected, actual, (1, 2, 3, 4))
    assert "expected at [1, 2, :, :]" in html
    assert outlined(html) == ["0", "1"]


def test_a_constant_is_blank_and_what_departs_from_it_is_coloured():
    expected = torch.full((2, 2), 0.25)
    html = heatmaps(expected, expected + torch.tensor([[0.0, 0.01], [0.0, -0.01]]), (0, 1))
    assert "Red is above 0.25, blue below." in html
    assert html.count(",0.00)") == 6
    assert html.count(",0.70)") == 2


def test_numbers_that_differ_late_get_more_digits():
    html = heatmaps(torch.tensor([0.88080, 1.0]), torch.tensor([0.88120, 1.0]), (0,))
    assert outlined(html) == ["0.8808", "0.8812"]


def test_integers_and_booleans_differ_exactly():
    html = heatmaps(torch.tensor([50256, 50257]), torch.tensor([50256, 50258]), (1,))
    assert outlined(html) == ["50257", "50258"]
    html = heatmaps(torch.tensor([True, False]), torch.tensor([True, True]), (1,))
    assert outlined(html) == ["False", "True"]
    assert "Red is True." in html


def test_other_shapes_and_dtypes_are_named():
    html = heatmaps(torch.zeros(2), torch.zeros(300, 300), None)
    assert "expected: (2,), torch.float32" in html
    assert "yours: (300, 300), torch.float32 at [0:6, 0:6]" in html
    html = heatmaps(torch.ones(2, 2) == 1, torch.ones(2, 2), None)
    assert "yours: (2, 2), torch.float32" in html


@pytest.mark.parametrize(
    "tensor",
    [
        torch.tensor([float("nan"), float("inf"), -float("inf")]),
        torch.zeros(3),
        torch.zeros(1, 1, dtype=torch.bfloat16),
        torch.ones(2, dtype=torch.complex64),
        torch.tensor([1e308, -1e308], dtype=torch.float64),
        torch.ones(2, requires_grad=True),
    ],
)
def test_any_tensor_can_be_drawn(tensor):
    assert len(cells(heatmaps(tensor, tensor.clone(), (0,) * tensor.dim()))) == 2 * tensor.numel()


@pytest.mark.parametrize("tensor", [torch.tensor(1.0), torch.zeros(0, 3)])
def test_nothing_is_drawn_of_a_number_or_of_nothing(tensor):
    assert heatmaps(tensor, None, None) == ""
