"""What learners do to a notebook by hand, in whatever editor."""

import ast
from itertools import pairwise

from tests.round_trips.trip import answers, code, new_code, new_notebook, new_text, stubs, trip


@trip
def pasted_into_a_new_notebook(notebook):
    """The code cells copied into an empty notebook."""
    return new_notebook([new_code(cell.source) for cell in code(notebook)])


@trip
def only_the_answers(notebook):
    """The answers alone, copied into an empty notebook."""
    return new_notebook([new_code(cell.source) for cell in answers(notebook)])


@trip
def an_answer_merged_with_its_check(notebook):
    """Each answer merged with the cell above, which holds its checks, and with the one below, which runs them."""
    merged = []
    for cell in notebook.cells:
        name = cell.metadata.nbgrader.grade_id
        if merged and cell.cell_type == "code" and merged[-1].cell_type == "code" and name not in ("set-up", "imports"):
            merged[-1].source += f"\n\n{cell.source}"
        else:
            merged.append(cell)
    notebook.cells = merged
    return notebook


@trip
def cells_split_at_every_statement(notebook):
    """Each answer split into a cell a statement; the first part keeps the marks."""
    for cell in list(answers(notebook)):
        nodes = ast.parse(cell.source).body
        starts = [min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))]) for node in nodes]
        text = cell.source.splitlines()
        first, *rest = ["\n".join(text[a - 1 : b - 1]) for a, b in pairwise([1, *starts[1:], len(text) + 1])]
        cell.source = first
        at = notebook.cells.index(cell) + 1
        notebook.cells[at:at] = map(new_code, rest)
    return notebook


@trip
def scratch_cells_everywhere(notebook):
    """A cell between any two: prints, an error, a syntax error, a plot, an empty cell, a name of ours bound to nothing
    of ours and given back."""
    scratch = [
        "print(1)",
        "1 / 0",
        "x = = 1",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])",
        "",
        "  \n",
        "?print",
        "x = 3; x",
    ]
    for i in range(len(notebook.cells) - 1, 0, -1):
        notebook.cells.insert(i, new_code(scratch[i % len(scratch)]))
    return notebook


@trip
def a_name_on_top(notebook):
    """Who wrote it, in text, in a raw cell and in code, and an honour statement."""
    notebook.cells[:0] = [
        new_text("**Name:** A. Learner\n\n**Matriculation number:** 1234567"),
        new_code('NAME = "A. Learner"\nCOLLABORATORS = ""'),
    ]
    notebook.cells.append(new_text("I wrote this myself."))
    return notebook


@trip
def answers_at_the_end(notebook):
    """Stubs left in their places, answers in new cells at the end."""
    for cell in list(answers(notebook)):
        notebook.cells.append(new_code(cell.source))
        cell.source = stubs()[cell.metadata.nbgrader.grade_id]
    return notebook


@trip
def answers_above_the_stubs(notebook):
    """Answers in a cell of their own above the stubs, which stay."""
    for cell in list(answers(notebook)):
        notebook.cells.insert(notebook.cells.index(cell), new_code(cell.source))
        cell.source = stubs()[cell.metadata.nbgrader.grade_id]
    return notebook


@trip
def answers_above_the_stubs_in_one_cell(notebook):
    """The same, in one cell with the stub, and no metadata."""
    for cell in answers(notebook):
        cell.source += "\n\n\n" + stubs()[cell.metadata.nbgrader.grade_id]
    return new_notebook(list(code(notebook)))


@trip
def the_rest_deleted(notebook):
    """Only the first cells and the answers are left, marks and all."""
    notebook.cells = [cell for cell in notebook.cells if cell in notebook.cells[:3] or cell.metadata.nbgrader.solution]
    return notebook


@trip
def checks_changed(notebook):
    """The locked cells edited: checks commented out, another call of `check`."""
    for cell in code(notebook):
        name = cell.metadata.nbgrader.grade_id
        if name.endswith("-checks"):
            cell.source = "\n".join(f"# {line}" for line in cell.source.splitlines())
        elif name.endswith("-check"):
            cell.source = f"# {cell.source}\nprint('fine')"
    return notebook


@trip
def called_at_once(notebook):
    """Each answer tried out in its own cell, by calls that work, that fail and that print."""
    for cell in answers(notebook):
        name = cell.metadata.nbgrader.grade_id
        cell.source += f"\n\n\nprint({name})\ncheck({name})\n{name}(None, None, None, None, None)"
    return notebook


@trip
def formatted(notebook):
    """An editor that adds a line at the end, blanks behind lines and comments."""
    for cell in answers(notebook):
        cell.source = "\n\n" + cell.source.replace("\n", "  \n") + "  # done\n\n"
    return notebook
