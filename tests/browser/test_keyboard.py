"""An exercise from JupyterLab just opened to the submission, by a person who has no mouse."""

import pytest
from playwright.sync_api import expect

from tests.browser.jupyterlab import NOTEBOOK, Notebook, address_of, errors, html, photograph
from tests.browser.keyboard import Keyboard
from tests.browser.test_learner import RIGHT, SIGNATURE, WRONG

WORK = "work/week01/attention.ipynb"
# The attention explorer's controls, and a key that changes each.
CONTROLS = {"^Sentence$": "!", "^Layer$": "ArrowRight", "^Head$": "ArrowRight", "^Show .CLS.": "Space"}
expect.set_options(timeout=30_000)  # a busy machine takes its time


@pytest.fixture
def keyboard(page) -> Keyboard:
    """The keyboard of a page in which nothing is open yet."""
    return Keyboard(page)


@pytest.mark.heavy
def test_exercise(page, keyboard, one_week, start_lab):
    """Open by the start page's link, run, answer wrong and be told, ask for a hint, answer right, save, submit."""
    Notebook(page, start_lab(one_week).address)
    keyboard.tab_to("^attention$")
    keyboard.press("Enter")
    notebook = Notebook(page, path=WORK)
    keyboard.command("Run All Cells")
    page.wait_for_timeout(500)
    notebook.wait()

    answer, check = notebook.place("def softmax("), notebook.place("check(softmax)")
    wrong, named = next(iter(WRONG.items()))
    outputs = answer_and_check(keyboard, notebook, answer, SIGNATURE + wrong)
    assert named in html(outputs)
    assert len(errors(outputs)) == 1

    go_to(keyboard, notebook, check)
    keyboard.tab_to("^Next hint$", most=3)
    keyboard.press("Enter")
    expect(notebook.cell(check).get_by_text("Hint 1 of")).to_be_visible()
    keyboard.press("Space")
    expect(notebook.cell(check).get_by_text("Hint 2 of")).to_be_visible()
    photograph(page, "keyboard-hint")

    outputs = answer_and_check(keyboard, notebook, answer, SIGNATURE + RIGHT)
    assert errors(outputs) == []
    assert "all 7 checks pass" in html(outputs)
    keyboard.press("Control+S")
    page.wait_for_function(f"() => !{NOTEBOOK}.context.model.dirty")

    keyboard.command("Assignment List")
    page.get_by_role("button", name="Submit", exact=True).wait_for()
    keyboard.tab_to("^Submit$", most=10)
    keyboard.press("Enter")
    page.locator("#submitted_assignments_list").get_by_text("week01").first.wait_for()
    photograph(page, "keyboard-submitted")
    assert len(handed_in(one_week)) == 1
    assert keyboard.used_alone()


@pytest.mark.heavy
def test_widget(page, keyboard, one_week, start_lab):
    """Every control of a widget is reached by Tab, by name, and moved by keys."""
    lab = start_lab(one_week)
    notebook = Notebook(page, address_of(lab.address, "week01/attention_by_hand.ipynb"))
    keyboard.command("Run All Cells")
    page.wait_for_timeout(500)
    notebook.wait()
    place = notebook.place("attention_explorer.explore(")
    go_to(keyboard, notebook, place)
    drawn = notebook.cell(place).locator("img").first
    for control, key in CONTROLS.items():
        before = drawn.get_attribute("src")
        keyboard.tab_to(control, most=10)
        keyboard.press(key, "Enter")
        expect(drawn).not_to_have_attribute("src", before)
    photograph(page, "keyboard-widget")
    assert keyboard.used_alone()


@pytest.mark.heavy
def test_terminal(page, keyboard, one_week, start_lab):
    """JupyterLab's own terminal is opened by keyboard, and has the `course` command, which hands in too."""
    page.goto(address_of(start_lab(one_week).address, ""))
    page.get_by_role("menubar").wait_for()
    keyboard.command("New Terminal")
    terminal = page.get_by_role("textbox", name="Terminal input")
    expect(terminal).to_be_focused()
    page.keyboard.type("course submit week01\n")
    for _ in range(60):
        if handed_in(one_week):
            break
        page.wait_for_timeout(500)
    photograph(page, "keyboard-terminal")
    assert len(handed_in(one_week)) == 1
    assert keyboard.used_alone()


@pytest.mark.heavy
def test_file_browser(page, keyboard, one_week, start_lab):
    """The file browser is walked by Tab, arrows and Enter, from the root to the assignment."""
    page.goto(address_of(start_lab(one_week).address, ""))
    page.get_by_role("menubar").wait_for()
    files = page.locator(".jp-DirListing-item")
    files.first.wait_for()
    keyboard.tab_to(f"^{files.first.inner_text().splitlines()[0]}$")
    for name in ("work", "week01", "attention.ipynb"):
        files.filter(has_text=name).first.wait_for()
        keyboard.arrow_to(f"^{name}$")
        keyboard.press("Enter")
    Notebook(page, path=WORK)
    assert keyboard.used_alone()


def answer_and_check(keyboard: Keyboard, notebook: Notebook, answer: int, text: str) -> list[dict]:
    """Go to the answer, write it, run it and the check below; return the check's outputs."""
    go_to(keyboard, notebook, answer)
    keyboard.press("Enter", "Control+A")
    keyboard.write(text)
    for _ in range(2):
        keyboard.press("Shift+Enter")
        notebook.page.wait_for_timeout(300)
        notebook.wait()
    return notebook.outputs(answer + 1)


def go_to(keyboard: Keyboard, notebook: Notebook, index: int) -> None:
    """Go to a cell by the arrow keys."""
    keyboard.press("Escape")
    for _ in range(200):
        at = notebook.page.evaluate(f"() => {NOTEBOOK}.content.activeCellIndex")
        if at == index:
            return
        keyboard.press("ArrowUp" if at > index else "ArrowDown")
    raise AssertionError(f"the arrow keys do not lead to cell {index}")


def handed_in(course) -> list:
    """Return the submissions in the class's exchange."""
    return list((course / ".class" / "exchange" / "attention-to-agents" / "inbound").glob("*week01*"))
