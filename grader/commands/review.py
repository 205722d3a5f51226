"""`grader review`: read answers, change scores and leave comments, in the formgrader."""

import argparse
from pathlib import Path

from grader.commands.console import command, console


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser's."""
    about = "open the formgrader: read answers, change scores, leave comments"
    review = command(commands, "review", about, "grader review week01")
    review.set_defaults(run=run)
    review.add_argument("assignment", nargs="?", help="for example week01; otherwise all")
    review.add_argument("--port", type=int, help="where to listen; otherwise the first free from 8888")
    review.add_argument("--no-browser", action="store_true", help="print the address and open no browser")


def run(options: argparse.Namespace) -> int:
    """Say where the formgrader is; start JupyterLab for it where none runs on this course."""
    from grader.classroom import here

    classroom = here()
    page = f"formgrader/gradebook/{options.assignment}" if options.assignment else "formgrader/manage_assignments"
    if address := _running(classroom.root, page):
        console.print(f"The formgrader is in the JupyterLab that runs:\n\n    {address}\n", markup=False)
        return 0
    from grader.learner.lab import lab

    return lab(classroom.root, options.port, not options.no_browser, page=page)


def _running(root: Path, page: str) -> str:
    """Return the page's address on a server that runs in the course's folder, or nothing."""
    from jupyter_server.serverapp import list_running_servers

    for server in list_running_servers():
        if server["root_dir"] == str(root):
            return f"{server['url']}{page}?token={server['token']}"
    return ""
