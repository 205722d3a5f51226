"""The autograded notebook: the release's own cells, the student's answers in their places, verdicts as outputs."""

import re

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from grader.verdict import Verdict

MAX_OUTPUT = 20_000


def autograded(template: dict, verdict: Verdict) -> NotebookNode:
    """Return the notebook that the formgrader shows and feedback is made of.

    Locked cells are the release's, whatever the submission made of them. A student's further cells stand after the
    cell that they stood after. The only HTML in it is the release's and the reports'.
    """
    answers, extras = _placed(verdict)
    exercises = {one["name"]: one for one in verdict.json["exercises"]}
    notebook = nbformat.from_dict({**template, "cells": []})
    notebook.metadata["grader"] = about = _about(verdict)
    notebook.cells = _heading(about["error"]) + extras.get(None, [])
    for cell in template["cells"]:
        grade_id = cell["metadata"]["nbgrader"]["grade_id"]
        kept = nbformat.from_dict(cell)
        kept.source = "".join(kept.source)
        if not kept.metadata.nbgrader.locked and grade_id in answers:
            kept.source, kept.outputs = answers[grade_id]
        elif kept.metadata.nbgrader.grade and (name := grade_id.removesuffix("-check")) in exercises:
            kept.outputs = [_result(exercises[name], verdict.pages[name])]
        notebook.cells += [kept, *extras.get(grade_id, [])]
    return notebook


def _placed(verdict: Verdict) -> tuple[dict[str, tuple], dict[str | None, list[NotebookNode]]]:
    """Return the last answer cell by id, and all other cells of the student by the id of the cell that they follow."""
    answers: dict[str, tuple] = {}
    extras: dict[str | None, list[NotebookNode]] = {}
    if verdict.reading is None:
        return answers, extras
    cells, run = verdict.reading["cells"], set(verdict.reading["run"])
    last = {cell["grade_id"]: i for i, cell in enumerate(cells) if i in run and cell["grade_id"]}
    after: str | None = None
    for i, cell in enumerate(cells):
        outputs = _printed(*verdict.outputs.get(i, ("", "")))
        if i == last.get(cell["grade_id"]):
            answers[cell["grade_id"]] = (cell["source"], outputs)
        elif i in run:
            extras.setdefault(after, []).append(new_code_cell(cell["source"], outputs=outputs))
        elif cell["kind"] == "markdown" and cell["grade_id"] is None:
            extras.setdefault(after, []).append(new_markdown_cell(_quoted(cell["source"])))
        after = cell["grade_id"] or after
    return answers, extras


def _quoted(text: str) -> str:
    """Return a student's Markdown as a block of plain text.

    nbgrader's pages, the instructor's included, would run the HTML in it, whatever `sanitize_html` says.
    """
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}"


def _about(verdict: Verdict) -> dict:
    """What the feedback page says of the submission as a whole."""
    report = verdict.json
    broke = report["status"] == "grader_error"
    error = "the grader itself broke on it; your instructor has been told" if broke else report["error"]
    notes = [flag["detail"] for flag in report["flags"] if flag["kind"] in ("mended", "unconfined")]
    return {"status": report["status"], "error": error, "notes": notes}


def _heading(error: str | None) -> list[NotebookNode]:
    text = f"**This submission could not be graded as it is:**\n\n{_quoted(error)}" if error else ""
    return [new_markdown_cell(text)] if error else []


def _printed(stdout: str, error: str) -> list[NotebookNode]:
    outputs = [new_output("stream", name="stdout", text=stdout[:MAX_OUTPUT])] if stdout else []
    if error:
        name, _, message = error[:MAX_OUTPUT].partition(": ")
        outputs.append(new_output("error", ename=name, evalue=message, traceback=[error[:MAX_OUTPUT]]))
    return outputs


def _result(exercise: dict, html: str) -> NotebookNode:
    data = {"text/plain": f"{exercise['score']:g}", "text/html": html}
    metadata = {"grader": {"status": exercise["status"]}}
    return nbformat.from_dict(
        {"output_type": "execute_result", "execution_count": None, "data": data, "metadata": metadata}
    )
