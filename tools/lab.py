"""Open JupyterLab on Week 1's first lesson, with a class ready behind it. Ctrl-C ends it.

Only this machine can reach the server (127.0.0.1), and only with the token in the address that is printed. The
user's own Jupyter settings are left alone and are not used.
"""

import argparse
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path

import classroom
from rich.console import Console

FIRST_LESSON = "week01/from_text_to_numbers.ipynb"
FIRST_PORT = 8888
PATIENCE = 90  # seconds until a server that does not answer is given up
console = Console(highlight=False, soft_wrap=True)


class CannotStart(Exception):
    """Why JupyterLab is not there, and what to do about it, in one line."""


def is_free(port: int) -> bool:
    """Return whether a server could listen on `port` of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def choose_port(wanted: int | None) -> int:
    """Return `wanted` if it is free, else the next free port, and say so when the user had named one.

    Raises:
        CannotStart: when 50 ports in a row are taken.
    """
    start = wanted or FIRST_PORT
    port = next((port for port in range(start, min(start + 50, 65536)) if is_free(port)), None)
    if port is None:
        raise CannotStart(f"ports {start} to {start + 49} are taken. Name another: `make lab PORT=9999`.")
    if port != start:
        console.print(f"Port {start} is taken; using {port}. (`make lab PORT=9999` names another.)")
    return port


def start_server(port: int, token: str) -> subprocess.Popen:
    """Start JupyterLab in a session of its own, so that Ctrl-C reaches this program alone."""
    options = [
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={classroom.ROOT}",
        f"--LabApp.default_url=/lab/tree/{FIRST_LESSON}",
        f"--LabApp.extra_labextensions_path={classroom.ROOT / 'grader' / 'learner' / 'labextensions'}",
    ]
    with log_file().open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            cwd=classroom.ROOT,
            env=classroom.environment() | {"JUPYTER_TOKEN": token},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def log_file() -> Path:
    return classroom.CLASS / "lab.log"


def wait_for(server: subprocess.Popen, port: int, token: str) -> None:
    """Return when the server answers.

    Raises:
        CannotStart: when it ends, or does not answer in time.
    """
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/status", headers={"Authorization": f"token {token}"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(PATIENCE * 5):
        if server.poll() is not None:
            lines = log_file().read_text().strip().splitlines() or ["no message"]
            raise CannotStart(f"JupyterLab ended at once: {lines[-1]} (the rest is in {log_file()})")
        try:
            with direct.open(request, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise CannotStart(f"JupyterLab did not answer within {PATIENCE} s. What it says is in {log_file()}.")


def stop(server: subprocess.Popen) -> None:
    """End the server and the notebooks' kernels."""
    server.terminate()
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def open_browser(address: str) -> None:
    """Open the user's browser where there is a screen."""
    if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(address)


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def lab(port: int | None, browser: bool) -> None:
    """Prepare the class, serve the course until Ctrl-C.

    Raises:
        CannotStart: with one line for the user.
    """
    if shutil.disk_usage(classroom.ROOT).free < 100 * 2**20:
        raise CannotStart("the disk is full: notebooks could not be saved. Free some, then `make lab`.")
    with console.status("Preparing your class"):
        for step in classroom.prepare():
            console.print(step)
    port, token = choose_port(port), secrets.token_hex(16)
    server = start_server(port, token)
    try:
        with console.status("Starting JupyterLab"):
            wait_for(server, port, token)
        address = f"http://127.0.0.1:{port}/lab/tree/{FIRST_LESSON}?token={token}"
        console.print("JupyterLab is ready, with Week 1's first lesson open:\n")
        console.print(f"    {address}\n")
        console.print("Your copies of the assignments are in work/. Ctrl-C ends JupyterLab.")
        if browser:
            open_browser(address)
        if server.wait():
            raise CannotStart(f"JupyterLab ended by itself. What it says is in {log_file()}.")
        console.print("JupyterLab was shut down from its menu.")
    finally:
        if server.poll() is None:
            stop(server)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, help="where to listen; otherwise the first free from 8888")
    parser.add_argument("--no-browser", action="store_true", help="print the address and open no browser")
    arguments = parser.parse_args()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), interrupted)
    try:
        lab(arguments.port, browser=not arguments.no_browser)
    except CannotStart as problem:
        sys.exit(f"Cannot start: {problem}")
    except PermissionError as problem:
        sys.exit(f"Cannot start: {problem.filename} is not yours to write. `sudo chown -R $USER .`, then `make lab`.")
    except KeyboardInterrupt:
        console.print("\nJupyterLab has ended. Your work is saved in work/.")


if __name__ == "__main__":
    main()
