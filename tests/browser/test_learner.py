"""A learner's first week in a real browser: start page, lesson, widget, exercise, submission, feedback."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.commands import run
from tests.browser.contrast import faint
from tests.browser.jupyterlab import (
    Notebook,
    choose,
    errors,
    expect_theme,
    html,
    paint,
    photograph,
)
from tests.browser.pictures import picture

START, WORK = "work/start.ipynb", "work/week01/attention.ipynb"
SHOWN = "`dim` is ignored"
SIGNATURE = "def softmax(x, dim=-1):\n"
# A wrong answer, and words of the sentence that names it.
WRONG = {
    "    e = x.exp()\n    return e / e.sum(dim, keepdim=True)": "exponentials overflow",
    "    e = (x - x.max(-1, keepdim=True).values).exp()\n    return e / e.sum(-1, keepdim=True)": SHOWN,
    "    return (x - x.amax(dim, keepdim=True)).exp()": "not yet divided by their sum",
}
RIGHT = """\
    wide = x.float() if x.dtype == torch.float16 else x
    top = wide.max(dim, keepdim=True).values
    top = torch.where(top == -torch.inf, 0.0, top)
    e = torch.exp(wide - top)
    total = e.sum(dim, keepdim=True)
    return torch.where(total > 0, e / total.clamp_min(1e-30), 0.0).to(x.dtype)"""
expect.set_options(timeout=30_000)  # a busy machine takes its time


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.heavy)])
def test_first_week(page, one_week, start_lab, theme):
    """From the start page through a lesson and an exercise to feedback; the start page's progress moves."""
    paint(one_week, theme)
    page.emulate_media(color_scheme=theme)
    start = Notebook(page, start_lab(one_week).address)
    expect_theme(page, theme)
    begin(start, theme)
    learn(follow(start, "Attention by hand", "week01/attention_by_hand.ipynb"), theme)

    page.get_by_role("tab", name="start.ipynb").click()
    notebook = follow(start, "attention", WORK)
    answer_softmax(notebook, theme)
    validate(page)
    submit(page, theme)
    run(one_week, "grader", "collect", "week01")
    (handed_in,) = (one_week / "submitted").glob("*/week01/attention.ipynb")
    assert RIGHT.splitlines()[0] in handed_in.read_text()

    run(one_week, "grader", "autograde", "week01")
    run(one_week, "grader", "feedback", "week01", "--release")
    read_feedback(page, theme)
    page.get_by_role("tab", name="start.ipynb").click()
    start.run(start.place("from course import progress"))
    expect(start.cell(start.place("from course import progress"))).to_contain_text("1 of 8 passed")
    photograph(page, f"progress-{theme}")


def follow(notebook: Notebook, link: str, path: str) -> Notebook:
    """Click on a link of the week map and return the notebook that opens."""
    table = notebook.cell(notebook.place("## The weeks"))
    table.get_by_role("link", name=link, exact=True).click()
    return Notebook(notebook.page, path=path)


def begin(start: Notebook, theme: str) -> None:
    """The start page shows where a new learner stands, with no cell run."""
    page = start.page
    assert page.evaluate("() => window.jupyterapp.shell.currentWidget.context.path") == START
    progress = start.cell(start.place("from course import progress"))
    expect(progress).to_contain_text("0 of 8 passed, 8 not attempted")
    assert faint(progress.locator(".jp-OutputArea-output")) == []
    start.show(0)
    photograph(page, f"start-{theme}")
    if theme == "light":
        picture(page, "start", 1000, 900, lambda: start.show(0))


def learn(lesson: Notebook, theme: str) -> None:
    """A lesson runs from top to bottom, and its widget follows the slider."""
    lesson.run_all()
    assert errors(lesson.all_outputs()) == []
    cell = lesson.cell(lesson.place("attention_explorer.explore("))
    slider, drawn = cell.get_by_role("slider").first, cell.locator("img").first
    slider.wait_for()
    before = drawn.get_attribute("src")
    slider.focus()
    lesson.page.keyboard.press("ArrowRight")
    expect(drawn).not_to_have_attribute("src", before)
    assert faint(cell.locator(".jp-OutputArea-output")) == []
    photograph(lesson.page, f"widget-{theme}")


def answer_softmax(notebook: Notebook, theme: str) -> None:
    """Unanswered, wrong in three ways that are each named, a hint, right, saved."""
    page = notebook.page
    notebook.run_all()
    assert errors(notebook.all_outputs()) == []
    assert all("not attempted" in html(notebook.outputs(index)) for index in checks_of(notebook))

    answer, check = notebook.place("def softmax("), notebook.place("check(softmax)")
    for number, (body, named) in enumerate(WRONG.items(), start=1):
        notebook.write(answer, SIGNATURE + body)
        outputs = notebook.run(check)
        assert named.replace("`dim`", "<code>dim</code>") in html(outputs)
        assert len(errors(outputs)) == 1, "a wrong answer ends in one short error, so that Validate sees it"
        assert "Traceback" not in str(outputs)
        notebook.show(answer)
        photograph(page, f"wrong-{number}-{theme}")
        assert faint(notebook.cell(check).get_by_role("group", name="softmax:")) == []
        if named == SHOWN and theme == "light":
            picture_report(notebook, "diagnosis", answer)

    notebook.cell(check).get_by_role("button", name="Next hint").click()
    expect(notebook.cell(check).get_by_text("Hint 1 of")).to_be_visible()
    if theme == "light":
        picture_report(notebook, "hint", check)
    notebook.write(answer, SIGNATURE + RIGHT)
    outputs = notebook.run(check)
    assert "checks pass" in html(outputs)
    assert errors(outputs) == []
    notebook.show(answer)
    photograph(page, f"right-{theme}")
    notebook.save()


def checks_of(notebook: Notebook) -> list[int]:
    """Return the indices of the cells that judge an answer."""
    source = "c => c.getSource()"
    page = notebook.page
    sources = page.evaluate(
        f"() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells.map({source})"
    )
    return [index for index, text in enumerate(sources) if text.startswith("check(")]


def validate(page: Page) -> None:
    """Press Validate above the notebook and close what it says."""
    page.get_by_role("button", name="Validate").first.click()
    dialog = page.locator(".jp-Dialog")
    dialog.wait_for(timeout=120_000)
    photograph(page, "validated")
    assert "check(causal_mask)" in dialog.inner_text(), "what is not answered is named"
    assert "check(softmax)" not in dialog.inner_text(), "what is right is not"
    dialog.get_by_role("button").last.click()


def submit(page: Page, theme: str) -> None:
    """Submit week01 from nbgrader's assignment list."""
    choose(page, "Nbgrader", "Assignment List")
    button = page.get_by_role("button", name="Submit", exact=True)
    button.wait_for(timeout=60_000)
    assert faint(page.locator("#assignments")) == []
    button.click()
    page.locator("#submitted_assignments_list").get_by_text("week01").first.wait_for()
    photograph(page, f"submitted-{theme}")


def read_feedback(page: Page, theme: str) -> None:
    """Fetch the feedback in the assignment list, go to it and open it."""
    page.get_by_role("button", name="Fetch Feedback").click()
    page.get_by_text("(view feedback)").click()
    page.get_by_role("listitem", name="attention.html").dblclick()
    feedback = page.frame_locator(".jp-HTMLViewer iframe")
    expect(feedback.get_by_role("region", name="Softmax")).to_contain_text("4 of 4 points")
    assert faint(feedback.locator("body")) == []
    photograph(page, f"feedback-read-{theme}")


def picture_report(notebook: Notebook, name: str, first: int) -> None:
    """Save what stands from a cell to the end of softmax's report as a picture of docs/."""
    last = notebook.place("check(softmax)")

    def area() -> dict[str, float]:
        top, end = notebook.box(first), notebook.box(last)
        return {"x": top["x"], "y": top["y"] - 1, "width": top["width"], "height": end["y"] + end["height"] - top["y"]}

    picture(notebook.page, name, 1000, 1300, lambda: notebook.show(first), area)
