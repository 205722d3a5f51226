"""JupyterLab's own process: a free port, a start, an answer, an end."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from grader.exchange import class_folder
from grader.learner.desk import environment
from grader.learner.mistake import CourseError

FIRST_PORT = 8888
PATIENCE = 90  # seconds until a server that does not answer is given up


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
    """Return `wanted` if it is free, else the next free port.

    Raises:
        CourseError: when 50 ports in a row are taken.
    """
    start = wanted or FIRST_PORT
    port = next((port for port in range(start, min(start + 50, 65536)) if is_free(port)), None)
    if port is None:
        raise CourseError(f"ports {start} to {start + 49} are taken. Name another: `course lab --port 9999`.")
    return port


def start(root: Path, ip: str, port: int, token: str, page: str) -> subprocess.Popen:
    """Start JupyterLab in a session of its own, so that Ctrl-C reaches this program alone."""
    options = [
        "--no-browser",
        "--allow-root",
        f"--ServerApp.ip={ip}",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={root}",
        f"--LabApp.default_url=/lab/tree/{page}",
        f"--LabApp.extra_labextensions_path={Path(__file__).parent / 'labextensions'}",
    ]
    with log_file(root).open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            cwd=root,
            env=environment(root) | {"JUPYTER_TOKEN": token},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def log_file(root: Path) -> Path:
    """Return where the server's words go."""
    return class_folder(root) / "lab.log"


def wait_for(server: subprocess.Popen, port: int, token: str, log: Path) -> None:
    """Return when the server answers.

    Raises:
        CourseError: when it ends, or does not answer in time.
    """
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/status", headers={"Authorization": f"token {token}"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(PATIENCE * 5):
        if server.poll() is not None:
            lines = log.read_text().strip().splitlines() or ["no message"]
            raise CourseError(f"JupyterLab ended at once: {lines[-1]} (the rest is in {log})")
        try:
            with direct.open(request, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise CourseError(f"JupyterLab did not answer within {PATIENCE} s. What it says is in {log}.")


def stop(server: subprocess.Popen) -> None:
    """End the server and the notebooks' kernels."""
    server.terminate()
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
