"""What the Jupyter tools do to a notebook: each of these runs the real one."""

import asyncio
import tempfile
from pathlib import Path

import jupytext
import nbformat
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from nbconvert.exporters import MarkdownExporter, NotebookExporter, PythonExporter
from nbconvert.preprocessors import ClearMetadataPreprocessor, ClearOutputPreprocessor
from traitlets.config import Config

from tests.round_trips.trip import new_code, new_notebook, token, trip, without_ids


@trip
def saved_by_jupyterlab(notebook):
    """JupyterLab's server opens and saves it: the same code that File > Save reaches."""
    with tempfile.TemporaryDirectory() as folder:
        manager = AsyncLargeFileManager(root_dir=folder)
        model = {"type": "notebook", "format": "json", "content": notebook}
        asyncio.run(manager.save(model, "/attention.ipynb"))
        model["content"] = asyncio.run(manager.get("/attention.ipynb"))["content"]
        asyncio.run(manager.save(model, "/attention.ipynb"))
        return Path(folder, "attention.ipynb").read_bytes()


def older(minor: int):
    """A trip through format 4.`minor`, which knows no ids of cells."""

    def format_4(notebook):
        without_ids(notebook, minor)
        nbformat.validate(notebook, version=4, version_minor=minor)
        return nbformat.writes(notebook)

    format_4.__name__ = f"format_4_{minor}"
    return format_4


for minor in range(5):
    trip(older(minor))


@trip
def format_3_and_back(notebook):
    """IPython's format of 2013, and back by nbformat: ids and some metadata are lost."""
    old = nbformat.convert(without_ids(notebook, 0), 3)
    return nbformat.writes(nbformat.convert(nbformat.reads(nbformat.writes(old, version=3), as_version=3), 4))


@trip
def format_4_5_with_no_ids(notebook):
    """Format 4.5 whose ids a tool forgot."""
    return without_ids(notebook, 5)


@trip
def format_4_5_with_doubled_ids(notebook):
    """Format 4.5 in which copied cells kept their ids."""
    for cell in notebook.cells:
        cell["id"] = "same"
    return notebook


@trip
def format_4_5_with_new_ids(notebook):
    """Format 4.5 with other ids."""
    for i, cell in enumerate(notebook.cells):
        cell["id"] = token(str(i), 8)
    return notebook


@trip
def nbconvert_to_notebook(notebook):
    """`jupyter nbconvert --to notebook`"""
    return NotebookExporter().from_notebook_node(notebook)[0]


@trip
def nbconvert_clears_outputs_and_metadata(notebook):
    """`jupyter nbconvert --clear-output --ClearMetadataPreprocessor.enabled=True --to notebook`"""
    clear = Config({"NotebookExporter": {"preprocessors": [ClearOutputPreprocessor, ClearMetadataPreprocessor]}})
    clear.ClearMetadataPreprocessor.enabled = clear.ClearOutputPreprocessor.enabled = True
    return NotebookExporter(config=clear).from_notebook_node(notebook)[0]


@trip
def nbconvert_to_script_and_pasted(notebook):
    """`jupyter nbconvert --to script`, pasted into one cell: magics are calls of get_ipython() there."""
    return new_notebook([new_code(PythonExporter().from_notebook_node(notebook)[0])])


@trip
def nbconvert_to_markdown_and_back(notebook):
    """`jupyter nbconvert --to markdown`, then `jupytext --to ipynb` on that."""
    return jupytext.writes(jupytext.reads(MarkdownExporter().from_notebook_node(notebook)[0], fmt="md"), fmt="ipynb")


def there_and_back(form: str, name: str, **keep: str):
    """A trip through one of jupytext's text formats."""

    def paired(notebook):
        notebook.metadata["jupytext"] = keep
        return jupytext.writes(jupytext.reads(jupytext.writes(notebook, fmt=form), fmt=form), fmt="ipynb")

    paired.__name__ = f"jupytext_{name}"
    return paired


NOTHING = {"cell_metadata_filter": "-all", "notebook_metadata_filter": "-all"}
for form, name in (("py:percent", "percent"), ("py:light", "light"), ("md", "markdown"), ("Rmd", "r_markdown")):
    trip(there_and_back(form, name))
for form, name in (("py:percent", "percent_bare"), ("md", "markdown_bare")):
    trip(there_and_back(form, name, **NOTHING))
