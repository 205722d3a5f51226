"""What VS Code does to a notebook. VS Code was not run: the keys are those of notebooks that it saved."""

import json

from nbformat import NotebookNode

from tests.round_trips.trip import answers, code, new_code, new_notebook, new_text, trip, without_ids

LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
    "version": "3.12.4",
}


def saved(notebook: NotebookNode, **metadata: object) -> NotebookNode:
    """As VS Code saves: the kernel's whole language, the environment's name, outputs."""
    notebook.metadata = {
        "kernelspec": {"display_name": ".venv", "language": "python", "name": "python3"},
        "language_info": LANGUAGE,
        **metadata,
    }
    for i, cell in enumerate(code(notebook)):
        cell.execution_count = i + 1
    return notebook


@trip
def file_save(notebook):
    """Ctrl+S after a run."""
    return saved(notebook)


@trip
def language_of_each_cell(notebook):
    """Cells whose language was picked by hand, or that another kernel had before."""
    for cell in code(notebook):
        cell.metadata["vscode"] = {"languageId": "python"}
    return saved(notebook)


@trip
def language_in_place_of_metadata(notebook):
    """The same where a cell was changed to Markdown and back, which drops what else it carried."""
    for cell in code(notebook):
        cell.metadata = {"vscode": {"languageId": "python"}}
    return saved(notebook)


@trip
def of_2022(notebook):
    """An older version: format 4.2, no ids, the interpreter's hash."""
    notebook = saved(notebook, orig_nbformat=4, vscode={"interpreter": {"hash": "b1677b440931f40d" * 4}})
    return without_ids(notebook, 2)


@trip
def on_windows(notebook):
    """Windows line ends, in the file and in every source."""
    for cell in notebook.cells:
        cell.source = cell.source.replace("\n", "\r\n")
    return json.dumps(saved(notebook), indent=1).replace("\n", "\r\n")


@trip
def on_windows_with_magics(notebook):
    """Windows line ends behind magics."""
    for cell in answers(notebook):
        cell.source = f"%%time\n%pip list\n{cell.source}".replace("\n", "\r\n")
    return saved(notebook)


@trip
def with_a_byte_order_mark(notebook):
    """`"files.encoding": "utf8bom"`."""
    return b"\xef\xbb\xbf" + json.dumps(saved(notebook)).encode()


@trip
def exported_from_the_interactive_window(notebook):
    """A .py with `# %%` marks, run in the interactive window and exported: code cells, the system's line on top."""
    cells = [new_code(f"# %%\n{cell.source}") for cell in code(notebook)]
    top = new_text("Connected to .venv (Python 3.12.4)")
    return saved(new_notebook([top, *cells]))


@trip
def a_new_notebook(notebook):
    """Cells pasted into an untitled notebook: ids are new, of a form of their own."""
    cells = [new_code(cell.source) for cell in code(notebook)]
    done = new_notebook(cells, minor=5)
    for i, cell in enumerate(done.cells):
        cell["id"] = f"W{i}sZmlsZQ%3D%3D"[:9] + str(i)
    return saved(done)
