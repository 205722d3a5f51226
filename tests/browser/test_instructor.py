"""An instructor's week in a real browser: released, handed in, collected, graded, reviewed, feedback handed out."""

import json
import re
import sys
from pathlib import Path

import pytest
from nbformat.v4 import new_markdown_cell
from nbgrader.api import Gradebook
from nbgrader.utils import get_username
from playwright.sync_api import FrameLocator, Locator, Page, expect

from grader.judge import assignment
from tests.browser.commands import run
from tests.browser.contrast import faint
from tests.browser.jupyterlab import address_of, choose, expect_theme, paint, photograph
from tests.browser.pictures import picture

sys.path.append("tools")
from submissions import submission

WEEK = "week01"
LEARNER = get_username()  # who works on this machine
POINTS = 44
HOSTILE = "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'>"
expect.set_options(timeout=30_000)  # a busy machine takes its time
COMMENT = "Look at the largest score of each row.\n\nThen come and see me."


def put(course: Path, place: str, answers: dict[str, str]) -> None:
    """Write a notebook with answers, and with a cell that a browser would run."""
    notebook = submission(assignment(course, WEEK), answers)
    notebook["cells"].insert(4, new_markdown_cell(HOSTILE))
    path = course / place / WEEK / "attention.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook))


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.heavy)])
def test_from_release_to_feedback(page, one_week, start_lab, theme):
    """Each step shows in the formgrader; a score and a comment given by hand outlive a new grading, and are sent."""
    course = one_week
    paint(course, theme)
    run(course, "grader", "release", WEEK)
    page.emulate_media(color_scheme=theme)
    page.goto(address_of(start_lab(course).address, ""))
    expect_theme(page, theme)
    form = formgrader(page)
    week = form.get_by_role("row").filter(has_text=WEEK)
    expect(week.get_by_text("released")).to_be_visible()
    expect(week.locator(".num-submissions")).to_have_text("0")
    photograph(page, f"formgrader-released-{theme}")
    week.get_by_role("link", name=WEEK).click()  # to the sources, which the file browser does not list by itself
    expect(page.get_by_title("solutions/week01", exact=True)).to_be_visible()
    expect(page.get_by_role("listitem", name="attention.ipynb")).to_be_visible()

    put(course, "work", {"*": "answer", "softmax": "no_maximum"})
    run(course, "course", "submit", WEEK)
    run(course, "grader", "collect", WEEK)
    put(course, "submitted/dot", {})  # by another way: stubs only
    run(course, "grader", "autograde", WEEK)
    earned = POINTS - 4 + by_machine(course)
    form = formgrader(page)
    expect(week.locator(".num-submissions")).to_have_text("2")
    photograph(page, f"formgrader-{theme}")
    if theme == "light":
        picture(page, "formgrader", 1280, 560)

    rows = submissions(form)
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text=f"0 / {POINTS}").first).to_be_visible()
    mine = rows.filter(has_text=f"{earned:g} / {POINTS}")
    expect(mine).to_have_count(1)
    photograph(page, f"formgrader-submissions-{theme}")

    mine.get_by_role("link", name="Submission").click()
    expect(form.locator("#softmax-check")).to_have_attribute("placeholder", f"{by_machine(course):g}")
    expect(form.get_by_text("Your exponentials overflow")).to_be_visible()
    headline = form.get_by_text(re.compile(r"softmax: \d+ of \d+ checks pass"))
    expect(headline).to_be_visible()
    expect(form.get_by_text(HOSTILE)).to_be_visible()
    assert form.locator("body").evaluate("() => window.ran") is None, "a student's HTML ran in the instructor's page"
    assert faint(form.get_by_role("group", name="softmax:")) == []

    fill(form, "#softmax-check", "3.5", "/api/grade/")
    fill(form, "#softmax-comment", COMMENT, "/api/comment/")
    headline.scroll_into_view_if_needed()
    photograph(page, f"formgrader-reviewed-{theme}")
    if theme == "light":
        centre = "element => element.scrollIntoView({block: 'center'})"
        picture(page, "review", 1100, 960, lambda: form.locator("#softmax-check").evaluate(centre))
    assert by_hand(course) == (3.5, COMMENT)

    run(course, "grader", "autograde", WEEK, "--force")
    assert by_hand(course) == (3.5, COMMENT)
    form = formgrader(page)
    mine = submissions(form).filter(has_text=f"43.5 / {POINTS}")
    mine.get_by_role("link", name="Submission").click()
    expect(form.locator("#softmax-check")).to_have_value("3.5")
    expect(form.locator("#softmax-comment")).to_have_value(COMMENT)

    assert "Did not hand in through the exchange: dot." in run(course, "grader", "feedback", WEEK, "--release")
    page.goto(re.search(r"file://\S+", run(course, "course", "feedback", WEEK))[0])
    expect(page.get_by_text(f"43.5 of {POINTS} points").first).to_be_visible()
    softmax = page.get_by_role("region", name="Softmax")
    expect(softmax).to_contain_text("These points were given by your instructor.")
    expect(softmax).to_contain_text("Then come and see me.")
    assert faint(page.locator("body")) == []
    photograph(page, f"feedback-{theme}")
    if theme == "light":
        picture(page, "feedback", 800, 900)


def formgrader(page: Page) -> FrameLocator:
    """Open the formgrader from the menu of a page loaded anew."""
    page.reload()
    choose(page, "Nbgrader", "Formgrader")
    return page.frame_locator("iframe")


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


def by_machine(course: Path) -> float:
    """Return the points that the learner's softmax earned: some, not all."""
    with Gradebook(f"sqlite:///{course / '.class' / 'gradebook.db'}") as book:
        points = book.find_grade("softmax-check", "attention", WEEK, LEARNER).auto_score
    assert 0 < points < 4
    return points


def by_hand(course: Path) -> tuple[float | None, str | None]:
    """Return the learner's manual score and comment for softmax, as the gradebook has them."""
    with Gradebook(f"sqlite:///{course / '.class' / 'gradebook.db'}") as book:
        grade = book.find_grade("softmax-check", "attention", WEEK, LEARNER)
        comment = book.find_comment("softmax", "attention", WEEK, LEARNER)
        return grade.manual_score, comment.manual_comment
