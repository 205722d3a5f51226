"""What students and the instructor see of a hostile submission: everything, as text; and of hidden checks nothing."""

import inspect
import json
import re
from html.parser import HTMLParser

import nbformat
import pytest
from nbconvert.filters import markdown2html
from nbformat.v4 import new_code_cell, new_markdown_cell

from grader.autograded import autograded
from grader.verdict import Verdict

WEEK = "week01"
SCRIPT = "<script>window.ran = 1</script>"
IMAGE = "<img src=x onerror='window.ran = 2'>"
MARKDOWN = [
    f"{SCRIPT}{IMAGE} **bold** [click](javascript:alert(1)) <iframe src='https://example.org'></iframe>",
    f"```\n{SCRIPT}\n````\n{IMAGE}",
    f"~~~\n`````\n~~~\n{SCRIPT}",
    f"$$\n{SCRIPT}\n$$\n\\begin{{a}}{IMAGE}\\end{{a}}",
    f"    ```\n\r\n```\r{IMAGE}\x0b```\u2028{SCRIPT}",
    f"- ```\n  {SCRIPT}\n> ```\n> {IMAGE}\n<!-- \n--> {SCRIPT}<style>body {{ display: none }}</style>",
    "![](https://example.org/seen.png) <https://example.org> [a]: javascript:alert(1)",
]
SOFTMAX = f'''\
def softmax(x, dim=-1):
    """{SCRIPT}"""
    from IPython.display import HTML, display
    display(HTML("{SCRIPT}"))
    raise ValueError("{IMAGE}\\x1b[31mred\\x1b[2J" + "\\n</pre></div>" + "{SCRIPT}")
print("{SCRIPT}\\x1b[31mred")
'''
RMS_NORM = f'def rms_norm(x, weight, eps=1e-6):\n    return type("{IMAGE}", (), {{}})()\n'
BROKEN = f'raise type("{IMAGE}", (Exception,), {{}})("{SCRIPT}\\x1b[31m")'


@pytest.fixture(scope="module")
def course(make_course, compose, run):
    """A hostile submission and one that hits hidden checks alone, graded; feedback by both commands."""
    course = make_course({"eve": {}, "fay": {"*": "answer", "softmax": "no_maximum", "rms_norm": "no_epsilon"}})
    notebook = compose({"softmax": SOFTMAX, "rms_norm": RMS_NORM})
    notebook["cells"][5:5] = [new_markdown_cell(text) for text in MARKDOWN] + [
        new_code_cell(f"from IPython.display import HTML\nHTML({SCRIPT!r})"),
        new_code_cell(BROKEN),
    ]
    (course / "submitted" / "eve" / WEEK / "attention.ipynb").write_text(json.dumps(notebook))
    run(course, "grader", "autograde", WEEK)
    run(course, "grader", "feedback", WEEK)
    run(course, "nbgrader", "generate_feedback", WEEK, "--CourseDirectory.feedback_directory=by_nbgrader")
    return course


@pytest.fixture(params=["feedback", "by_nbgrader"])
def page(course, request):
    """Return a function that reads a student's page, by our command and by nbgrader's."""
    return lambda student: (course / request.param / student / WEEK / "attention.html").read_text()


class Tags(HTMLParser):
    """The elements of a page and their attributes, and all that is text."""

    def __init__(self, html: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_students_html_is_text(page):
    html = page("eve")
    tags = Tags(html)
    assert "window.ran = 1" in tags.text
    assert not re.search(r"<script>\s*window|<iframe|<object|<embed", html)
    for tag, attributes in tags.found:
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        assert "javascript:" not in str(attributes.get("href")), (tag, attributes)
        assert "example.org" not in str(attributes), (tag, attributes)
    assert "\x1b" not in html


def test_our_page_needs_nothing_and_runs_nothing(course):
    for student in ("eve", "fay"):
        tags = Tags((course / "feedback" / student / WEEK / "attention.html").read_text())
        assert {tag for tag, _ in tags.found}.isdisjoint({"script", "img", "link", "iframe", "form", "svg", "base"})
        for _, attributes in tags.found:
            assert "src" not in attributes
            assert (attributes.get("href") or "#").startswith("#")
            assert "url(" not in str(attributes.get("style"))


def test_hidden_checks_give_their_sentence_alone(page, week, course):
    released = (course / "assignments" / WEEK / "attention.ipynb").read_text()
    known = {_squeezed("".join(cell["source"])) for cell in json.loads(released)["cells"]}
    for student in ("eve", "fay"):
        shown = _squeezed(Tags(page(student)).text)
        for one in week.loaded.values():
            for check in (check for check in one.exercise.checks if check.hidden):
                assert not re.search(rf"\b{check.name}\b", shown), check.name
                for line in map(_squeezed, _body(check.function)):
                    assert line not in shown or any(line in cell for cell in known), line
    assert "scores up to 10,000 in any row do no harm" in Tags(page("fay")).text


def _body(function) -> list[str]:
    """Return the lines of a check below its sentence that say something."""
    return [line for line in inspect.getsource(function).partition('"""\n')[2].splitlines() if len(line.strip()) > 25]


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("student", ["eve", "fay"])
def test_an_autograded_notebook_is_valid(student, course):
    nbformat.validate(nbformat.read(course / "autograded" / student / WEEK / "attention.ipynb", as_version=4))


@pytest.mark.parametrize("text", MARKDOWN)
def test_markdown_of_a_student_renders_as_text(text, week):
    report = {"status": "graded", "error": None, "flags": [], "exercises": []}
    reading = {"cells": [{"kind": "markdown", "grade_id": None, "source": text}], "run": []}
    notebook = autograded(week.template, Verdict(report, {}, {}, reading))
    tags = Tags(markdown2html(notebook.cells[0].source))
    assert {tag for tag, _ in tags.found} <= {"pre", "code"}
    assert _squeezed(tags.text) == _squeezed(text)


def test_a_broken_grader_is_not_explained_to_the_student(week):
    report = {"status": "grader_error", "error": "softmax: the check secret_name fails", "flags": [], "exercises": []}
    notebook = autograded(week.template, Verdict(report, {}, {}, None))
    assert "secret_name" not in json.dumps(notebook)
    assert "your instructor has been told" in notebook.cells[0].source
