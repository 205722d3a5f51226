"""Run an exercise's checks against a candidate and say what came of it."""

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch

from grader.candidate import MAX_KEPT, CandidateError, Link
from grader.channel import ChannelBroken, ChannelLost
from grader.compare import Mismatch
from grader.exercise import Check
from grader.values import weight

Outcome = Literal["passed", "failed", "error", "not_run"]


@dataclass
class CheckResult:
    """What came of one check.

    Attributes:
        outcome: passed, failed, error (the check could not be carried out) or not_run.
        message: for a check that did not pass, why.
        mismatch: the values behind a failure, where a comparison found it.
        call: the label and arguments of the last call before the failure.
        trace: what the candidate did during a check that did not pass.
        unusable: the check's own code stumbled over what the candidate returned.
        lost: the reason why the candidate's process is gone, or None.
    """

    check: Check
    outcome: Outcome
    message: str = ""
    mismatch: Mismatch | None = None
    call: tuple[str, tuple, dict] | None = None
    trace: list[tuple] = field(default_factory=list)
    unusable: bool = False
    lost: str | None = None


@dataclass
class ExerciseResult:
    """What came of one exercise.

    Attributes:
        status: passed, failed, not_attempted or error.
        diagnoses: the named mistakes that explain the failures, the most telling first.
        flags: library twins that the answer calls.
        blocked_by: used exercises whose own failure is the cause of this one's.
    """

    name: str
    status: Literal["passed", "failed", "not_attempted", "error"]
    score: float
    max_score: float
    checks: list[CheckResult]
    diagnoses: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    blocked_by: list[str] = field(default_factory=list)


def generator(seed: int | str, exercise: str, check: str) -> torch.Generator:
    """Return the random numbers of one check: a function of the seed and the two names alone."""
    digest = hashlib.sha256(f"{seed}/{exercise}/{check}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:6], "big"))


def run_check(check: Check, link: Link, exercise: str, seed: int | str) -> CheckResult:
    """Run one check against the candidate that `link` finds under the exercise's name."""
    known = link.channel.recalled(exercise, check.name)
    if known is not None:
        return replace(known, check=check)
    result = _run(check, link, exercise, seed)
    link.channel.remember(exercise, check.name, result)
    return result


def _run(check: Check, link: Link, exercise: str, seed: int | str) -> CheckResult:
    extra: dict[str, Any] = {"rng": generator(seed, exercise, check.name)} if check.takes_rng else {}

    def result(outcome: Outcome, message: str = "", **more: Any) -> CheckResult:
        if outcome == "passed":  # nobody asks what it did
            return CheckResult(check, outcome)
        call = link.calls[-1] if link.calls else None
        return CheckResult(check, outcome, message, call=call, trace=link.trace, **more)

    try:
        link.begin()
        check.function(link.look_up(exercise), **extra)
    except Mismatch as mismatch:
        return result("failed", mismatch.message, mismatch=_kept(mismatch))
    except CandidateError as error:
        return result("failed", f"your code raised {error}")
    except ChannelBroken:
        raise
    except ChannelLost as error:
        return result("failed", str(error), lost=error.reason)
    except AssertionError as error:
        return result("failed", str(error) or "it does not hold")
    except Exception as error:
        return result("failed", f"what came back could not be used: {type(error).__name__}: {error}", unusable=True)
    return result("passed")


def _kept(mismatch: Mismatch) -> Mismatch | None:
    """Return what a report may keep: no frames, which hold every value of the check, and no huge value."""
    if weight(mismatch.actual) + weight(mismatch.expected) > 2 * MAX_KEPT:
        return None
    mismatch.__context__ = None
    return mismatch.with_traceback(None)


def run_checks(checks: list[Check], link: Link, exercise: str, points: float, seed: int | str = 0) -> ExerciseResult:
    """Run `checks` in order; the first is the gate.

    A candidate whose gate meets a bare NotImplementedError, or a name bound to nothing, is not attempted. Points are
    shared evenly among the checks, and all are lost with the gate: checks that pass without it come out as not run.
    """
    return run_hidden(checks, run_visible(checks, link, exercise, seed), link, exercise, points, seed)


def run_visible(checks: list[Check], link: Link, exercise: str, seed: int | str = 0) -> list[CheckResult]:
    """Run the checks whose inputs are known to all, the gate first; the gate alone where nothing is attempted."""
    gate, *others = checks
    results = [run_check(gate, link, exercise, seed)]
    if not _is_stub(results[0]):
        results += [run_check(check, link, exercise, seed) for check in others if not check.hidden]
    return results


def run_hidden(
    checks: list[Check], visible: list[CheckResult], link: Link, exercise: str, points: float, seed: int | str = 0
) -> ExerciseResult:
    """Run the other checks and say what came of all: `visible` is what `run_visible` gave."""
    if _is_stub(visible[0]):
        return ExerciseResult(exercise, "not_attempted", 0.0, points, [CheckResult(c, "not_run") for c in checks])
    known = {id(result.check): result for result in visible}
    results = [known.get(id(check)) or run_check(check, link, exercise, seed) for check in checks]
    return settled(exercise, results, points)


def settled(exercise: str, results: list[CheckResult], points: float) -> ExerciseResult:
    """Return what an exercise's results come to; without the gate, checks that pass come out as not run."""
    if results[0].outcome != "passed":
        results = [replace(result, outcome="not_run") if result.outcome == "passed" else result for result in results]
    passed = [result.outcome == "passed" for result in results]
    status = "passed" if all(passed) else "failed"
    return ExerciseResult(exercise, status, round(points * sum(passed) / len(passed), 2), points, results)


def _is_stub(gate: CheckResult) -> bool:
    if gate.outcome != "failed" or gate.lost:
        return False
    return not gate.trace or gate.trace[-1][:2] == ("NotImplementedError", "")
