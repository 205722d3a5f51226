"""What other places do that run notebooks: Kaggle, Databricks, Deepnote, papermill, nbdime. None was run: the keys are
those of notebooks that they saved."""

import json

import nbformat

from tests.round_trips.trip import answers, code, new_code, new_notebook, token, trip, without_ids


@trip
def kaggle(notebook):
    """Kaggle: its own id and times in each cell, what the session had in the notebook's metadata."""
    times = {f"{kind}": "2026-11-02T10:00:00.000000Z" for kind in ("iopub.status.busy", "shell.execute_reply")}
    for cell in notebook.cells:
        cell.metadata = {"_uuid": token(cell.source, 40), "_cell_guid": token(cell.source, 32), "trusted": True}
        if cell.cell_type == "code":
            cell.metadata["execution"] = times
    notebook.metadata["kaggle"] = {"accelerator": "none", "dataSources": [], "isInternetEnabled": True}
    return without_ids(notebook, 4)


@trip
def kaggle_first_cell(notebook):
    """Kaggle's own first cell, which lists its input folder, and a path that is nowhere else."""
    listing = "import os\nfor folder, _, names in os.walk('/kaggle/input'):\n    print(folder, names)"
    notebook.cells.insert(0, new_code(listing, _uuid=token("listing", 40)))
    notebook.cells.insert(1, new_code("import pandas as pd\nframe = pd.read_csv('/kaggle/input/train.csv')"))
    return without_ids(notebook, 4)


@trip
def papermill(notebook):
    """A scheduled run: times, tags and a cell of parameters."""
    for cell in notebook.cells:
        cell.metadata["papermill"] = {"duration": 0.01, "exception": False, "status": "completed"}
        cell.metadata["tags"] = []
    parameters = new_code("# Parameters\nstudent = 'me'\n", tags=["injected-parameters"])
    notebook.cells.insert(1, parameters)
    notebook.metadata["papermill"] = {"duration": 3.2, "input_path": "attention.ipynb", "version": "2.6.0"}
    return without_ids(notebook, 4)


@trip
def databricks(notebook):
    """Databricks: everything else in the metadata is gone."""
    for cell in notebook.cells:
        cell.metadata = {
            "application/vnd.databricks.v1+cell": {
                "cellMetadata": {},
                "inputWidgets": {},
                "nuid": token(cell.source, 36),
            }
        }
    notebook.metadata = {"application/vnd.databricks.v1+notebook": {"language": "python", "widgets": {}}}
    return without_ids(notebook, 0)


@trip
def deepnote(notebook):
    """Deepnote: its own kinds of cell."""
    for cell in notebook.cells:
        cell.metadata = {"cell_id": token(cell.source, 32), "deepnote_cell_type": cell.cell_type, "source_hash": None}
    notebook.metadata = {"deepnote_notebook_id": token("notebook", 32), "deepnote_execution_queue": []}
    return without_ids(notebook, 0)


@trip
def written_in_another_order(notebook):
    """A program that sorts the keys, writes no white space and escapes all that is not ASCII."""
    return json.dumps(notebook, sort_keys=True, separators=(",", ":"))


@trip
def sources_as_one_line_each(notebook):
    """Sources split into lines in different ways in one file, as merges of two versions leave it."""
    for i, cell in enumerate(notebook.cells):
        cell.source = cell.source.splitlines(keepends=True) if i % 2 else cell.source
        if i % 3 == 0 and isinstance(cell.source, list):
            cell.source.append("")
    return notebook


@trip
def stripped_for_git(notebook):
    """nbstripout as a git filter: no outputs, no counts, only what it was told to keep."""
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata = {"language_info": {"name": "python"}}
    return notebook


@trip
def pasted_from_a_page(notebook):
    """Answers copied out of a rendered page: no-break spaces in comments, curly quotes in them, trailing blanks."""
    for cell in answers(notebook):
        cell.source = "# my\u00a0answer, “as planned”   \n" + cell.source + "   \n\n\n"
    return new_notebook([new_code(cell.source) for cell in code(notebook)])


@trip
def two_copies_put_together(notebook):
    """Two people's notebooks joined cell by cell: every id and every mark is there twice."""
    again = nbformat.from_dict(json.loads(json.dumps(notebook)))
    notebook.cells += again.cells
    return json.dumps(notebook)
