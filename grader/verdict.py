"""The report on one submission: the JSON object that docs/json.md and grader/data/report.schema.json describe."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grader.run import ExerciseResult


@dataclass
class Verdict:
    """Everything that came of one submission.

    Attributes:
        json: the documented report on it.
        pages: by exercise, the HTML that its student may see.
        outputs: by index of the notebook's cell, what it printed and raised, as plain text.
        reading: the notebook's cells as they were read, or None.
        timed_out: some part was stopped for time, so that a second try with the machine quiet is due.
    """

    json: dict[str, Any]
    pages: dict[str, str]
    outputs: dict[int, tuple[str, str]]
    reading: dict | None
    timed_out: bool = False


def exercise_json(result: "ExerciseResult") -> dict[str, Any]:
    """Return an exercise's part of the report."""
    return {
        "name": result.name,
        "status": result.status,
        "score": result.score,
        "max_score": result.max_score,
        "diagnosis": diagnosis(result),
        "checks": [
            {
                "name": check.check.name,
                "sentence": check.check.sentence,
                "hidden": check.check.hidden,
                "outcome": check.outcome,
                "message": check.message,
            }
            for check in result.checks
        ],
    }


def diagnosis(result: "ExerciseResult") -> str | None:
    """Return the named mistakes of an exercise in one text, or None."""
    said = [f"Right, once `{name}` is." for name in result.blocked_by if result.status == "passed"]
    return " ".join(said + result.diagnoses) or None


def page(result: "ExerciseResult", hint: str | None) -> str:
    """Return an exercise's HTML for its student: no hidden check's source, input or message."""
    from grader.report import Report, marked  # with torch, which those who only read verdicts do without

    html = Report(result).html(folded=True)
    if result.status != "passed" and hint:
        html += f'<p style="margin:8px 0"><em>A hint:</em> {marked(hint)}</p>'
    return html
