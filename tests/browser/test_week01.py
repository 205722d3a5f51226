"""Week 1 as a new learner meets it, in a real browser: lesson, widget, assignment, diagnosis, submission."""

import os

from playwright.sync_api import expect

from tests.browser.jupyterlab import ROOT, WINDOW, Notebook, choose, errors, html, photograph

DIAGNOSIS = ROOT / "docs" / "images" / "diagnosis.png"
SHOWN = "`dim` is ignored"
SIGNATURE = "def softmax(x, dim=-1):\n"
# A wrong answer, and words of the sentence that names it.
WRONG = {
    "    e = x.exp()\n    return e / e.sum(dim, keepdim=True)": "exponentials overflow",
    "    e = (x - x.max(-1, keepdim=True).values).exp()\n    return e / e.sum(-1, keepdim=True)": "`dim` is ignored",
    "    return (x - x.amax(dim, keepdim=True)).exp()": "not yet divided by their sum",
}
RIGHT = """\
    wide = x.float() if x.dtype == torch.float16 else x
    top = wide.max(dim, keepdim=True).values
    top = torch.where(top == -torch.inf, 0.0, top)
    e = torch.exp(wide - top)
    total = e.sum(dim, keepdim=True)
    return torch.where(total > 0, e / total.clamp_min(1e-30), 0.0).to(x.dtype)"""


def test_lesson(page, open_notebook):
    """Lesson 2 runs from top to bottom, and its widget follows the slider."""
    notebook = open_notebook("week01/attention_by_hand.ipynb")
    photograph(page, "lesson-opened")
    notebook.run_all()
    assert errors(notebook.all_outputs()) == []

    cell = notebook.cell(notebook.place("attention_explorer.explore("))
    slider = cell.get_by_role("slider").first
    slider.wait_for()
    photograph(page, "widget")
    picture = cell.locator("img").first
    before = picture.get_attribute("src")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(picture).not_to_have_attribute("src", before)
    photograph(page, "widget-moved")


def test_assignment(page, open_notebook, clone):
    """Unanswered, wrong in three ways that are each named, right; then validated and submitted."""
    notebook = open_notebook("work/week01/attention.ipynb")
    notebook.run_all()
    graded = [notebook.outputs(index) for index in checks_of(notebook)]
    assert errors(notebook.all_outputs()) == []
    assert all("not attempted" in html(outputs) for outputs in graded)
    photograph(page, "unanswered")

    answer, check = notebook.place("def softmax("), notebook.place("check(softmax)")
    for number, (body, named) in enumerate(WRONG.items(), start=1):
        notebook.write(answer, SIGNATURE + body)
        outputs = notebook.run(check)
        assert named.replace("`dim`", "<code>dim</code>") in html(outputs)
        assert len(errors(outputs)) == 1, "a wrong answer ends in one short error, so that Validate sees it"
        assert "Traceback" not in str(outputs)
        notebook.show(answer)
        photograph(page, f"wrong-{number}")
        if named == SHOWN and os.environ.get("DOCS"):
            photograph_for_readme(notebook, answer)

    notebook.write(answer, SIGNATURE + RIGHT)
    outputs = notebook.run(check)
    assert "checks pass" in html(outputs)
    assert errors(outputs) == []
    notebook.show(answer)
    photograph(page, "right")

    notebook.save()
    validate(page)
    submit(page)
    handed_in = list((clone / ".class" / "exchange" / "attention-to-agents" / "inbound").glob("*week01*"))
    assert len(handed_in) == 1
    assert "amax" not in (handed_in[0] / "attention.ipynb").read_text().partition("check(softmax)")[0]


def checks_of(notebook: Notebook) -> list[int]:
    """Return the indices of the cells that judge an answer."""
    source = "c => c.getSource()"
    page = notebook.page
    sources = page.evaluate(
        f"() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells.map({source})"
    )
    return [index for index, text in enumerate(sources) if text.startswith("check(")]


def validate(page) -> None:
    """Press Validate above the notebook and close what it says."""
    page.get_by_role("button", name="Validate").first.click()
    dialog = page.locator(".jp-Dialog")
    dialog.wait_for(timeout=120_000)
    photograph(page, "validated")
    assert "check(causal_mask)" in dialog.inner_text(), "what is not answered is named"
    assert "check(softmax)" not in dialog.inner_text(), "what is right is not"
    dialog.get_by_role("button").last.click()


def submit(page) -> None:
    """Submit week01 from nbgrader's assignment list."""
    choose(page, "Nbgrader", "Assignment List")
    page.get_by_role("button", name="Submit").or_(page.get_by_text("Submit", exact=True)).first.click(timeout=60_000)
    page.locator("#submitted_assignments_list").get_by_text("week01").first.wait_for()
    photograph(page, "submitted")


def photograph_for_readme(notebook: Notebook, answer: int) -> None:
    """Save an answer and its report as the README's picture."""
    page = notebook.page
    page.set_viewport_size({"width": 1000, "height": 1100})
    page.keyboard.press("Control+B")  # away with the file list
    notebook.show(answer)
    first, below = notebook.box(answer), notebook.box(answer + 2)
    DIAGNOSIS.parent.mkdir(parents=True, exist_ok=True)
    area = {"x": first["x"], "y": first["y"] - 1, "width": first["width"], "height": below["y"] - first["y"] - 3}
    page.screenshot(path=DIAGNOSIS, clip=area)
    page.keyboard.press("Control+B")
    page.set_viewport_size(WINDOW)
