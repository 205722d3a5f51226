"""Put submissions together from the exercise files' own right and wrong answers: for tests and benchmarks."""

from __future__ import annotations

import json

from grader.judge import Assignment
from grader.shipping import standing_alone


def submission(week: Assignment, answers: dict[str, str | int]) -> dict:
    """Return a notebook with answers to some exercises of `week`; the others keep their stubs.

    Args:
        week: the assignment.
        answers: by exercise, "answer", the name of a variant or mutant in its file, the number of a variant, or,
            where it has a line break, source. The key "*" stands for every exercise that is not named.
    """
    notebook = json.loads(json.dumps(week.template))
    for cell in notebook["cells"]:
        name = cell["metadata"]["nbgrader"]["grade_id"]
        choice = answers.get(name, answers.get("*"))
        if name in week.loaded and choice is not None:
            cell["source"] = _source(week, name, choice)
    return notebook


def _source(week: Assignment, name: str, choice: str | int) -> str:
    exercise = week.loaded[name].exercise
    if isinstance(choice, int):
        choice = exercise.variants[choice % len(exercise.variants)].__name__
    if "\n" in choice:
        return choice
    return standing_alone(week.loaded[name], name if choice == "answer" else choice)
