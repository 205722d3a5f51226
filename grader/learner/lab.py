"""`course lab`: open JupyterLab on the start page, with your own copies ready. Ctrl-C ends it.

Only this machine can reach the server (127.0.0.1), and only with the token in the address that is printed. The
user's own Jupyter settings are left alone and are not used.
"""

import argparse
import os
import secrets
import shutil
import signal
import sys
import webbrowser
from pathlib import Path

from rich.console import Console

from grader.learner.mistake import CourseError

console = Console(highlight=False, soft_wrap=True)


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser("lab", help="open JupyterLab on the start page, with your copies in work/")
    parser.set_defaults(run=run)
    parser.add_argument("--port", type=int, help="where to listen; otherwise the first free from 8888")
    parser.add_argument("--ip", default="127.0.0.1", help="0.0.0.0 in a container; otherwise this machine alone")
    parser.add_argument("--no-browser", action="store_true", help="print the address and open no browser")


def run(options: argparse.Namespace) -> int:
    """Serve the course that this folder is in."""
    from grader.learner.place import course_root

    return lab(course_root(Path.cwd()), options.port, not options.no_browser, options.ip)


def lab(root: Path, port: int | None = None, browser: bool = True, ip: str = "127.0.0.1", page: str = "") -> int:
    """Make everything ready, serve the course until Ctrl-C; return the exit status.

    Args:
        root: the course.
        port: where to listen; the next free one where that is taken.
        browser: open one where there is a screen.
        ip: on which of the machine's addresses.
        page: what to show instead of the start page: an address below the server's.

    Raises:
        CourseError: with one line for the user.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _interrupted)
    try:
        _serve(root, port, browser, ip, page)
    except PermissionError as problem:
        raise CourseError(f"{problem.filename} is not yours to write. `sudo chown -R $USER .`, then again.") from None
    except KeyboardInterrupt:
        console.print("\nJupyterLab has ended. Your work is saved in work/.")
    return 0


def _serve(root: Path, wanted: int | None, browser: bool, ip: str, page: str) -> None:
    from grader.learner import desk, server

    if shutil.disk_usage(root).free < 100 * 2**20:
        raise CourseError("the disk is full: notebooks could not be saved. Free some, then again.")
    with console.status("Preparing your course"):
        for step in desk.prepare(root):
            console.print(step, markup=False)
        first, problem = desk.first_page(root)
    if problem:
        console.print(f"The start page could not be made ({problem}); the first lesson opens.", markup=False)
    port, token = server.choose_port(wanted), secrets.token_hex(16)
    if port != (wanted or server.FIRST_PORT):
        console.print(f"Port {wanted or server.FIRST_PORT} is taken; using {port}. (`--port 9999` names another.)")
    process = server.start(root, ip, port, token, first)
    try:
        with console.status("Starting JupyterLab"):
            server.wait_for(process, port, token, server.log_file(root))
        address = f"http://127.0.0.1:{port}/{page or f'lab/tree/{first}'}?token={token}"
        console.print(f"JupyterLab is ready:\n\n    {address}\n", markup=False)
        console.print("Your copies of the assignments are in work/. Ctrl-C ends JupyterLab.")
        if browser and (
            sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        ):
            webbrowser.open(address)
        if process.wait():
            raise CourseError(f"JupyterLab ended by itself. What it says is in {server.log_file(root)}.")
        console.print("JupyterLab was shut down from its menu.")
    finally:
        if process.poll() is None:
            server.stop(process)


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt
