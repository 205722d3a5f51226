"""What Colab does to a notebook, and what its users add. Colab was not run: the keys are those of notebooks that it
saved (public repositories have thousands)."""

import json

from nbformat import NotebookNode

from tests.round_trips.trip import (
    all_code,
    answers,
    code,
    lines,
    new_code,
    new_notebook,
    new_text,
    stubs,
    token,
    trip,
    without_ids,
)

LOCALHOST = {"base_uri": "https://localhost:8080/", "height": 35}
STATE = "application/vnd.jupyter.widget-state+json"


def saved(notebook: NotebookNode, keep: bool = True, **metadata: object) -> NotebookNode:
    """As Colab saves: format 4.0, a cell's id in its metadata, other metadata kept or not, its own added."""
    for i, cell in enumerate(notebook.cells):
        own = {"id": token(f"{i} {cell.source}")}
        cell.metadata = {**(cell.metadata if keep else {}), **own}
        cell.source = lines(cell.source)
    notebook.metadata = {
        "colab": {"provenance": [], "toc_visible": True} | metadata.pop("colab", {}),
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "language_info": {"name": "python"},
        **metadata,
    }
    return without_ids(notebook, 0)


@trip
def file_save(notebook):
    """File > Save: two spaces of indentation, `<`, `>` and `&` escaped."""
    text = json.dumps(saved(notebook), indent=2, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026") + "\n"


@trip
def metadata_dropped(notebook):
    """A tool on the way kept Colab's own metadata alone."""
    return saved(notebook, keep=False)


@trip
def runtime_of_a_gpu(notebook):
    """Runtime > Change runtime type."""
    return saved(notebook, accelerator="GPU", colab={"gpuType": "T4", "machine_shape": "hm"})


@trip
def run_all(notebook):
    """Runtime > Run all: outputs with Colab's ids, a result, a stream and an error among them."""
    for i, cell in enumerate(code(notebook)):
        cell.metadata["outputId"] = "-".join(token(f"{i}", 32)[at : at + 4] for at in range(0, 32, 4))
        cell.metadata["colab"] = LOCALHOST
        cell.execution_count = i + 1
        cell.outputs = [
            {"output_type": "stream", "name": "stdout", "text": ["Looking in indexes: …\n"]},
            {"output_type": "execute_result", "data": {"text/plain": ["4"]}, "metadata": {}, "execution_count": i + 1},
            {
                "output_type": "error",
                "ename": "Mismatch",
                "evalue": "no",
                "traceback": ["\u001b[0;31mMismatch\u001b[0m"],
            },
        ]
    return saved(notebook)


@trip
def form_cells(notebook):
    """Cells shown as forms, their titles and fields in comments."""
    for cell in answers(notebook):
        cell.source = (
            f'#@title My answer {{ display-mode: "form" }}\nbatch = 4 #@param {{type:"integer"}}\n{cell.source}'
        )
        cell.metadata["cellView"] = "form"
    return saved(notebook)


@trip
def forms_with_no_metadata(notebook):
    """The same, with a title of the newer kind and nothing else left."""
    for cell in answers(notebook):
        cell.source = f"# @title My answer\n# @markdown It works.\n{cell.source}"
    return saved(notebook, keep=False)


@trip
def saved_to_github(notebook):
    """File > Save a copy in GitHub: a badge in a cell of its own on top."""
    notebook = saved(notebook, colab={"include_colab_link": True, "name": "attention.ipynb"})
    badge = new_text('<a href="https://colab.research.google.com/github/…"><img src="…" alt="Open In Colab"/></a>')
    badge.metadata = {"id": "view-in-github", "colab_type": "text"}
    notebook.cells.insert(0, badge)
    return notebook


@trip
def copied_in_drive(notebook):
    """File > Save a copy in Drive: `Copy of attention.ipynb`, with where it came from."""
    source = {"file_id": "1" + token("drive", 32), "timestamp": 1790000000000}
    return saved(notebook, colab={"name": "Copy of attention.ipynb", "provenance": [source]})


@trip
def sections_collapsed(notebook):
    """Headings folded away."""
    for cell in notebook.cells:
        cell.metadata["collapsed"] = True
    return saved(notebook, colab={"collapsed_sections": [token("section")]})


@trip
def widgets_saved(notebook):
    """A notebook with the state of its widgets, as a progress bar leaves it."""
    first = next(answers(notebook))
    first.outputs = [
        {
            "output_type": "display_data",
            "data": {
                "text/plain": ["  0%|          | 0/10"],
                "application/vnd.jupyter.widget-view+json": {"model_id": token("bar", 32), "version_major": 2},
            },
            "metadata": {},
        }
    ]
    model = {"model_module": "@jupyter-widgets/controls", "model_name": "HBoxModel", "state": {"layout": "IPY_MODEL_1"}}
    return saved(notebook, widgets={STATE: {token("bar", 32): model}})


@trip
def drive_mounted(notebook):
    """A cell on top that mounts Drive and goes there."""
    mount = "from google.colab import drive\ndrive.mount('/content/drive')\n%cd /content/drive/MyDrive/course\n!ls"
    notebook.cells.insert(0, new_code(mount, id=token("mount")))
    return saved(notebook)


@trip
def imports_in_the_answer(notebook):
    """Colab's own modules imported and called in the cell of an answer."""
    for cell in answers(notebook):
        cell.source = (
            "from google.colab import drive, files\nimport google.colab\nfrom google.colab import output as out\n"
            "drive.mount('/content/drive', force_remount=True)\nout.clear()\n" + cell.source
        )
    return saved(notebook)


@trip
def only_on_colab(notebook):
    """Code that asks where it runs, before an answer."""
    for cell in answers(notebook):
        cell.source = (
            "import sys\nif 'google.colab' in sys.modules:\n    !pip install -q einops\n"
            "    from google.colab import userdata\n    key = userdata.get('HF_TOKEN')\n" + cell.source
        )
    return saved(notebook)


@trip
def installs_in_the_answer(notebook):
    """Lines for pip and the shell in the cell of an answer."""
    for cell in answers(notebook):
        cell.source = f"%pip install -q einops\n!nvidia-smi\nfiles = !ls\n%matplotlib inline\n{cell.source}"
    return saved(notebook)


@trip
def timed(notebook):
    """`%%time` on top of each answer."""
    for cell in answers(notebook):
        cell.source = f"%%time\n{cell.source}"
    return saved(notebook)


@trip
def timed_with_no_metadata(notebook):
    """The same, found by its names alone."""
    for cell in answers(notebook):
        cell.source = f"%%time\n{cell.source}"
    return saved(notebook, keep=False)


@trip
def captured(notebook):
    """`%%capture` on top of each answer."""
    for cell in answers(notebook):
        cell.source = f"%%capture quiet\n{cell.source}"
    return saved(notebook)


@trip
def captured_then_the_stubs_again(notebook):
    """Answers under `%%capture` in cells above, the stubs still in their places below, no metadata."""
    above = []
    for cell in answers(notebook):
        above.append(new_code(f"%%capture\n{cell.source}"))
        cell.source = stubs()[cell.metadata.nbgrader.grade_id]
    notebook.cells[3:3] = above
    return saved(notebook, keep=False)


@trip
def written_by_its_assistant(notebook):
    """Code that Colab's assistant wrote keeps the prompt in a comment; a cell that explains an error follows."""
    for cell in list(answers(notebook)):
        cell.source = f"# prompt: write {cell.metadata.nbgrader.grade_id}\n\n{cell.source}"
        cell.metadata["cellView"] = "code"
        explained = new_text("**Reasoning**:\nThe previous command failed.\n\n**Reasoning**:\nTry again.\n")
        notebook.cells.insert(notebook.cells.index(cell) + 1, explained)
    return saved(notebook)


@trip
def other_languages(notebook):
    """Cells of a shell, of HTML, of JavaScript and of a magic that only Colab has."""
    strangers = ["%%shell\nls", "%%bash\nls", "%%html\n<b>hi</b>", "%%javascript\nalert(1)", "%%bigquery\nSELECT 1"]
    notebook.cells[2:2] = [
        new_code(source) for source in [*strangers, "%load_ext tensorboard", "%tensorflow_version 2.x"]
    ]
    return saved(notebook)


@trip
def downloaded_as_py_and_pasted(notebook):
    """File > Download .py, the file pasted into one cell of a new notebook: Markdown in docstrings, lines for the
    shell commented out."""
    head = '# -*- coding: utf-8 -*-\n"""attention.ipynb\n\nAutomatically generated by Colab.\n"""\n\n'
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            parts.append(
                "\n".join(f"# {line}" if line.lstrip()[:1] in "%!" else line for line in cell.source.split("\n"))
            )
        else:
            parts.append('r"""' + cell.source.replace('"""', "'''") + '\n"""')
    return saved(new_notebook([new_code(head + "\n\n".join(parts))]))


@trip
def all_in_one_cell(notebook):
    """All code merged into one cell (Edit > Merge with next cell, again and again)."""
    return saved(new_notebook([new_code(all_code(notebook))]))
