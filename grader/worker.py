"""Grade submissions one by one: what each process of a batch, local or on another machine, keeps warm."""

import gc
import re
import socket
import time
from pathlib import Path
from typing import Any

import torch

from grader.assignment import libraries_of
from grader.candidate import without_control_characters
from grader.intake import Submission
from grader.judge import Assignment, assignments, judge
from grader.precedents import Precedents
from grader.reader import Reader
from grader.run import ExerciseResult
from grader.sandbox import Zygote
from grader.sandbox.launch import MODULES
from grader.settings import Settings
from grader.verdict import Verdict, exercise_json, page

SEEN = {"network": "network tried", "file": "file outside its own opened", "process": "process touched"}
MAX_SEEN = 20
_OWN = str(Path(__file__).parent / "sandbox")  # Python reads it, to show where in it a cell was run that raised


class Worker:
    """One warm zygote, and of each notebook of one week a reader and the exercises.

    Args:
        settings: what decides a verdict.
        control: the socket to a zygote's interpreter that was launched before, if one was.
    """

    def __init__(self, settings: Settings, control: socket.socket | None = None):
        torch.set_num_threads(1)
        self.settings = settings
        self.assignments = assignments(settings.root, settings.week)
        modules = (*MODULES, *libraries_of(*(one.template for one in self.assignments.values())))
        self._zygote = Zygote(settings.limits, settings.isolation, modules, control)
        self._zygote.__enter__()
        self._readers = {name: Reader(one.for_the_reader) for name, one in self.assignments.items()}
        self._precedents = {name: Precedents() for name in self.assignments}
        self._graded_any = False

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        for reader in self._readers.values():
            reader.__exit__()
        self._zygote.__exit__(None, None, None)

    def grade(self, submission: Submission) -> Verdict:
        """Return the verdict on one submission; whatever is wrong with it, or with the grader, becomes one too."""
        started = time.perf_counter()
        assignment = self.assignments[submission.notebook]
        report = {
            "student": submission.student,
            "notebook": submission.notebook,
            "sha256": submission.sha256,
            "status": "missing" if submission.missing else "unreadable",
            "score": None,
            "max_score": assignment.max_score,
            "seconds": 0.0,
            "flags": [],
            "error": submission.problem or None,
            "exercises": [],
        }
        verdict = Verdict(report, {}, {}, None)
        try:
            if not submission.problem:
                self._graded(assignment, submission, verdict)
        except Exception as error:
            # Whatever breaks here is the grader's fault: the instructor is told, the student gets no score.
            report.update(status="grader_error", score=None, error=f"{type(error).__name__}: {error}", exercises=[])
        report["seconds"] = round(time.perf_counter() - started, 4)
        if not self._graded_any:  # all that the checks load is loaded; the collector is to leave it alone from here on
            self._graded_any = True
            gc.collect()
            gc.freeze()
        return verdict

    def _graded(self, assignment: Assignment, submission: Submission, verdict: Verdict) -> None:
        report, reading = verdict.json, self._readers[assignment.notebook].read(submission.raw)
        if "unreadable" in reading:
            report["error"], verdict.timed_out = reading["unreadable"], "timed_out" in reading
            return
        verdict.reading = reading
        cells = [reading["dropped"].get(str(i), reading["cells"][i]["source"]) for i in reading["run"]]
        judged = judge(
            assignment,
            cells,
            self._zygote,
            self.settings.seed,
            _blank(assignment, reading),
            self._precedents[assignment.notebook],
        )
        report["error"], verdict.timed_out = judged.error, judged.timed_out
        verdict.outputs = {i: _text(outcome) for i, outcome in zip(reading["run"], judged.outcomes, strict=False)}
        for result in judged.results:
            _explain_missing(result, reading, verdict.outputs)
            result.flags = reading["twins"].get(result.name, [])
            hints = assignment.book[result.name]["hints"]
            verdict.pages[result.name] = _shown(result, hints[0] if hints else None)
        report["exercises"] = [exercise_json(result) for result in judged.results]
        report["score"] = round(sum(result.score for result in judged.results), 2)
        report["flags"] = _flags(reading, judged.events)
        if self.settings.isolation != "full":
            report["flags"].append({"kind": "unconfined", "detail": "graded with --isolation=none"})
        report["status"] = "graded"


def _blank(assignment: Assignment, reading: dict) -> set[str]:
    """Return the exercises that no cell, but for the release's own stubs, so much as names."""
    stubs = assignment.stubs
    text = "\n".join(
        reading["cells"][i]["source"] for i in reading["run"] if reading["cells"][i]["source"] not in stubs
    )
    return set(assignment.loaded) - reading["twins"].keys() - set(re.findall(r"\w+", text))


def _shown(result: ExerciseResult, hint: str | None) -> str:
    """Return an exercise's page, without the values that it came to where those cannot be shown."""
    try:
        return page(result, hint)
    except Exception:
        for check in result.checks:
            check.mismatch = check.call = None
        return page(result, hint)


def _explain_missing(result: ExerciseResult, reading: dict, outputs: dict[int, tuple[str, str]]) -> None:
    """An answer whose cell broke before it was defined was attempted: say what broke. A stub is no answer."""
    own = {i for i in outputs if reading["cells"][i]["grade_id"] == result.name} - set(reading["stubs"][result.name])
    errors = [error for i, (_, error) in outputs.items() if error and i in own]
    if result.status == "not_attempted" and errors and not errors[-1].startswith("NotImplementedError"):
        result.status = "failed"
        result.diagnoses = [f"Your cell stopped before it had defined `{result.name}`: {errors[-1]}"]


def _flags(reading: dict, events: list[tuple[str, str]]) -> list[dict[str, str]]:
    flags = [{"kind": "mended", "detail": line} for line in reading["mended"]]
    flags += [
        {"kind": "library_twin", "detail": f"{name} calls {twin}"}
        for name, twins in reading["twins"].items()
        for twin in twins
    ]
    flags += [{"kind": "suspicious", "detail": word} for word in reading["suspicious"]]
    seen = [(kind, detail) for kind, detail in dict.fromkeys(events) if kind in SEEN and not detail.startswith(_OWN)]
    return flags + [
        {"kind": "seen", "detail": f"{SEEN[kind]}: {without_control_characters(detail)}"}
        for kind, detail in seen[:MAX_SEEN]
    ]


def _text(outcome: Any) -> tuple[str, str]:
    error = f"{outcome.error[0]}: {outcome.error[1]}" if outcome.error else ""
    return without_control_characters(outcome.stdout), without_control_characters(error)
