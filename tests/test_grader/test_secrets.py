"""What a student is told says nothing about hidden inputs, and what is known by heart earns nothing."""

import json

import pytest
import torch

from grader.candidate import Link, LocalChannel
from grader.judge import assignment, judge
from grader.lazy import lazy
from grader.run import run_visible
from grader.sandbox import Limits, Zygote
from grader.verdict import page
from tests.test_grader.by_heart import course_of, results, with_a_table

TELLS_ALL = """
import torch
seen = []
class Told(ValueError):
    pass
def told(*values):
    seen.append([v.flatten()[:4].tolist() if isinstance(v, torch.Tensor) else v for v in values])
    raise Told(str(seen)[-1900:])
"""
NAMES = ("softmax", "causal_mask", "scaled_dot_product_attention", "sinusoidal_positions", "apply_rope", "rms_norm")


@pytest.fixture(scope="module")
def week(root):
    return assignment(root, "week01")


def test_no_exception_carries_a_hidden_input_to_a_student(week):
    """Exercises share a process and its memory: what one sees, the next could tell."""
    cells = [TELLS_ALL, *(f"def {name}(*args, **kwargs): told(*args)" for name in NAMES)]
    with Zygote(Limits(memory_mb=512)) as zygote:
        told = []
        for seed in ("one", "two"):
            judged = judge(week, cells, zygote, seed)
            told.append([page(result, None) for result in judged.results])
            hidden = [c.message for result in judged.results for c in result.checks if c.check.hidden]
            told[-1].append(len({message for message in hidden if "Told" in message}) > 4)
    assert told[0] == told[1]
    assert told[0][-1]
    assert "Told" in json.dumps(told[0])


@pytest.mark.parametrize("otherwise", ["zeros", "exceptions"])
def test_what_is_known_by_heart_earns_nothing(week, otherwise):
    """A candidate that gives every result of a visible check, and no other, has no points on any exercise."""
    known, learning = set(), True

    def by_heart(right, args):
        key = str(None if right is None else (right.shape, right.dtype, right.tolist()))
        if learning:
            known.add(key)
        if right is None or (key not in known and otherwise == "exceptions"):
            raise ValueError("refused")
        return right if key in known else right * 0

    namespace = {name: lazy(one.exercise.answer, by_heart) for name, one in week.loaded.items()}
    for name, one in week.loaded.items():
        outcomes = run_visible(one.exercise.checks, Link(LocalChannel(namespace)), name)
        assert all(outcome.outcome == "passed" for outcome in outcomes), name
    learning = False
    assert {name: result.score for name, result in results(week, namespace).items()} == dict.fromkeys(week.loaded, 0.0)


def no_positions(length, dim):
    if dim % 2:
        raise ValueError
    return torch.tensor([[0.0, 1.0] * (dim // 2)] * length)


def one_number(x, bits=8):
    v = float(x.flatten()[0])
    return torch.full(x.shape, (v > 0) - (v < 0), dtype=torch.int8), torch.tensor(abs(v) or 1.0), 0


GUESSES = {
    ("week01", "sinusoidal_positions"): no_positions,
    ("week02", "sample_next_token"): lambda logits, **_: int(logits.argmax()),
    ("week03", "dedup_minhash"): lambda texts, **_: [i for i, text in enumerate(texts) if text not in texts[:i]],
    ("week07", "absmax_quantize"): lambda x, bits=8: one_number(x)[:2],
    ("week07", "zeropoint_quantize"): one_number,
    ("week07", "speculative_step"): lambda _, target, __, generator: [
        int(torch.multinomial(target[0], 1, generator=generator))
    ],
}


@pytest.mark.parametrize(("week", "name"), GUESSES, ids=[name for _, name in GUESSES])
def test_nor_does_a_guess_for_all_other_inputs(root, week, name):
    """Each guess is right somewhere: for odd sizes, constants, exact copies, the first token alone."""
    course = course_of(root, week, name)
    candidate = with_a_table(course.loaded[name].exercise, GUESSES[week, name])
    assert results(course, {name: candidate})[name].score == 0.0
