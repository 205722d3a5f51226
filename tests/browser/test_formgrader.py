"""An instructor after `grader autograde`: nbgrader's formgrader, in JupyterLab, in a real browser."""

import json
import re
import subprocess
import sys

import pytest
from nbformat.v4 import new_markdown_cell
from nbgrader.api import Gradebook
from playwright.sync_api import FrameLocator, Locator, expect

from grader.judge import assignment
from tests.browser.jupyterlab import choose, photograph

sys.path.append("tools")
from submissions import submission

WEEK = "week01"
HOSTILE = "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'>"
expect.set_options(timeout=30_000)  # a busy machine takes its time
COMMENT = "Look at the largest score of each row.\n\nThen come and see me."


def grader(course, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "grader.cli", *arguments], cwd=course, check=True, capture_output=True)


@pytest.fixture
def course(clone):
    """A class of two, graded: one answer of the first's is wrong, and a cell of theirs is hostile."""
    week = assignment(clone, WEEK)
    for student, answers in {"fay": {"*": "answer", "softmax": "no_maximum"}, "dot": {}}.items():
        notebook = submission(week, answers)
        notebook["cells"].insert(4, new_markdown_cell(HOSTILE))
        place = clone / "submitted" / student / WEEK / "attention.ipynb"
        place.parent.mkdir(parents=True)
        place.write_text(json.dumps(notebook))
    (clone / ".class").mkdir()
    grader(clone, "autograde", WEEK)
    return clone


def test_manual_grading(page, course, start_lab):
    """Submissions, scores and reports show; a score and a comment given by hand outlive a new grading."""
    earned = 40 + by_machine(course)
    page.goto(start_lab(course).address.replace("/tree/week01/from_text_to_numbers.ipynb", ""))
    choose(page, "Nbgrader", "Formgrader")
    form = page.frame_locator("iframe")
    expect(form.get_by_role("row").filter(has_text=WEEK).locator(".num-submissions")).to_have_text("2")
    photograph(page, "formgrader")

    rows = submissions(form)
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text=f"{earned:g} / 44")).to_have_count(1)
    expect(rows.filter(has_text="0 / 44").first).to_be_visible()
    photograph(page, "formgrader-submissions")

    rows.filter(has_text=f"{earned:g} / 44").get_by_role("link", name="Submission").click()
    expect(form.locator("#softmax-check")).to_have_attribute("placeholder", f"{by_machine(course):g}")
    expect(form.get_by_text("Your exponentials overflow")).to_be_visible()
    headline = form.get_by_text(re.compile(r"softmax: \d+ of \d+ checks pass"))
    expect(headline).to_be_visible()
    expect(form.get_by_text(HOSTILE)).to_be_visible()
    assert form.locator("body").evaluate("() => window.ran") is None, "a student's HTML ran in the instructor's page"
    headline.scroll_into_view_if_needed()
    photograph(page, "formgrader-submission")

    fill(form, "#softmax-check", "3.5", "/api/grade/")
    fill(form, "#softmax-comment", COMMENT, "/api/comment/")
    photograph(page, "formgrader-graded")
    assert by_hand(course) == (3.5, COMMENT)

    grader(course, "autograde", WEEK, "--force")
    assert by_hand(course) == (3.5, COMMENT)
    page.reload()
    choose(page, "Nbgrader", "Formgrader")
    submissions(form).filter(has_text="43.5 / 44").get_by_role("link", name="Submission").click()
    expect(form.locator("#softmax-check")).to_have_value("3.5")
    expect(form.locator("#softmax-comment")).to_have_value(COMMENT)

    grader(course, "feedback", WEEK)
    feedback = (course / "feedback" / "fay" / WEEK / "attention.html").read_text()
    assert "43.5 <small>of 44 points" in feedback
    assert "These points were given by your instructor." in feedback
    assert "Then come and see me." in feedback


def submissions(form: FrameLocator) -> Locator:
    """Go to the list of submissions; return its rows."""
    form.get_by_role("link", name="Manual Grading").click()
    form.get_by_role("heading", name="Manual Grading").wait_for()
    form.get_by_role("link", name=WEEK).click()
    form.get_by_role("link", name="attention").click()
    form.get_by_role("button", name="Show All Names").wait_for()
    return form.locator("tbody tr")


def fill(form: FrameLocator, field: str, text: str, saved_at: str) -> None:
    """Type into a field of the page, leave it, and wait until it is saved."""
    with form.owner.page.expect_response(lambda answer: saved_at in answer.url and answer.request.method == "PUT"):
        form.locator(field).fill(text)
        form.locator(field).blur()


def by_machine(course) -> float:
    """Return the points that the first student's softmax earned: some, not all."""
    with Gradebook(f"sqlite:///{course / '.class' / 'gradebook.db'}") as book:
        points = book.find_grade("softmax-check", "attention", WEEK, "fay").auto_score
    assert 0 < points < 4
    return points


def by_hand(course) -> tuple[float | None, str | None]:
    """Return the first student's manual score and comment for softmax, as the gradebook has them."""
    with Gradebook(f"sqlite:///{course / '.class' / 'gradebook.db'}") as book:
        grade = book.find_grade("softmax-check", "attention", WEEK, "fay")
        comment = book.find_comment("softmax", "attention", WEEK, "fay")
        return grade.manual_score, comment.manual_comment
