"""What is wrong with this machine, in plain words, and what mends it. Each fact is found out by trying it."""

import errno
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

OLDEST_PYTHON, OLDEST_TORCH = (3, 11), (2, 6)
NEEDED = 500 * 2**20  # bytes: room to save notebooks, small models and their checkpoints
PORT = 8888
_TORCH = "import torch; print(torch.__version__, float(torch.ones(2) @ torch.ones(2)), torch.__file__, sep='\\n')"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what was looked at.
        holds: it is as it should be.
        said: what was seen.
        mend: what to do where it does not hold.
        stops: where it does not hold, a learner cannot work.
    """

    name: str
    holds: bool
    said: str
    mend: str
    stops: bool = True


def diagnose(folder: Path, console: Console) -> int:
    """Print what a learner's work in `folder` needs and how it stands; 1 where something stops the work."""
    stopped = []
    with console.status("Looking at this machine"):
        for finding in examine(folder):
            mark, style = ("✓", "") if finding.holds else ("✗", "red") if finding.stops else ("!", "yellow")
            console.print(Text(f"{mark} {finding.name}: {finding.said}", style))
            if not finding.holds:
                console.print(Text(f"  To mend it: {finding.mend}."))
            stopped += [finding.name] if finding.stops and not finding.holds else []
    console.print(f"To mend first: {', '.join(stopped)}." if stopped else "You can work on this machine.")
    return 1 if stopped else 0


def examine(folder: Path) -> Iterator[Finding]:
    """Look at each thing that a learner's work in `folder` needs; takes some seconds, most of them torch's."""
    again = set_up(folder)
    yield python(again)
    yield disk(folder)
    yield torch(folder, again)
    yield kernel(again)
    yield port()
    yield network()
    yield sandbox()


def set_up(folder: Path) -> str:
    """Return the command that sets the course up where it lies: a learners' copy, a clone, or nothing but a package."""
    for place in (folder, *folder.parents):
        if (place / "install.py").is_file():
            return "py install.py" if os.name == "nt" else "python3 install.py"
        if (place / "nbgrader_config.py").is_file():
            return "make setup"
    return ""


def _anew(again: str, package: str) -> str:
    """Return how a broken environment is made again: set-up leaves one alone whose versions are the present ones."""
    return f"delete the folder .venv, then `{again}`" if again else f"`pip install --force-reinstall '{package}'`"


def python(again: str) -> Finding:
    """The running Python is new enough."""
    oldest = ".".join(map(str, OLDEST_PYTHON))
    command = {"": "", "make setup": ": `make setup PYTHON=python3.12`"}.get(again, ": `python3.12 install.py`")
    mend = f"install Python {oldest} or later and set up again{command}"
    said = f"{'.'.join(map(str, sys.version_info[:3]))}, {oldest} or later is needed"
    return Finding("Python", sys.version_info[:2] >= OLDEST_PYTHON, said, mend)


def disk(folder: Path) -> Finding:
    """Notebooks can be saved in `folder`: it is ours to write and has room."""
    if not os.access(folder, os.W_OK):
        return Finding("disk", False, f"{folder} is not yours to write", "move the course to your home folder")
    free = shutil.disk_usage(folder).free
    mend = "free some: empty the bin, `pip cache purge`, old folders in `runs/`"
    return Finding("disk", free >= NEEDED, f"{free / 2**30:.1f} GB free, 0.5 GB are needed", mend)


def torch(folder: Path, again: str) -> Finding:
    """PyTorch loads in a Python started in `folder`, calculates, and is new enough."""
    mend = _anew(again, "torch>=2.6")
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
    try:
        command = [sys.executable, "-c", _TORCH]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        return Finding("PyTorch", False, "it did not load within 5 minutes", f"restart the machine, then {mend}")
    for hiding in (folder / "torch.py", folder / "torch"):
        if hiding.exists():
            return Finding("PyTorch", False, f"{hiding} hides it: Python finds your file first", "give it another name")
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"Python ended with status {done.returncode}"])[-1][:300]
        missing = "No module named 'torch'" in said
        return Finding("PyTorch", False, "it is not installed" if missing else f"it does not load: {said}", mend)
    version, product, _ = done.stdout.strip().splitlines()[-3:]
    if product != "2.0":
        return Finding("PyTorch", False, f"{version} calculates 1 + 1 = {product}", mend)
    oldest = ".".join(map(str, OLDEST_TORCH))
    new_enough = tuple(map(int, re.findall(r"\d+", version)[:2])) >= OLDEST_TORCH
    return Finding("PyTorch", new_enough, f"{version}, {oldest} or later is needed", mend)


def kernel(again: str) -> Finding:
    """Notebooks find a Python to run in: the kernel `python3`, and its program is there."""
    mend = _anew(again, "ipykernel")
    try:
        from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
    except ImportError:
        return Finding("kernel", False, "Jupyter is not installed", _anew(again, "jupyterlab"))
    try:
        program = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        return Finding("kernel", False, "no kernel is named `python3`: notebooks cannot run", mend)
    if program not in ("python", "python3") and not shutil.which(program):  # these two are the running Python
        gone = f"the kernel `python3` starts {program}, which is gone"
        return Finding("kernel", False, gone, f"`jupyter kernelspec remove python3`, then {mend}")
    return Finding("kernel", True, f"python3 ({program})", mend)


def port() -> Finding:
    """JupyterLab's usual port is free; where it is not, the next one is used."""
    mend = "end the other JupyterLab, or do nothing: `course lab` takes the next free port, `--port 9999` names one"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError as error:
            how = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
            return Finding("port", False, f"{PORT} {how}", mend, stops=False)
    return Finding("port", True, f"{PORT} is free", mend, stops=False)


def network() -> Finding:
    """pip reaches the package index that it is told to use."""
    mend = "check cable, Wi-Fi and proxy (`HTTPS_PROXY`). It is needed to set up and to update, not to work"
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--retries", "0", "--timeout", "10"]
    try:
        done = subprocess.run([*command, "index", "versions", "rich"], capture_output=True, text=True, timeout=60)
        reached = done.returncode == 0
    except subprocess.TimeoutExpired:
        reached = False
    said = "packages can be fetched" if reached else "pip cannot reach its package index"
    return Finding("network", reached, said, mend, stops=False)


def sandbox() -> Finding:
    """This machine lets a program shut itself in, which grading a class needs and a learner does not."""
    from grader.sandbox import probe

    refused = [layer for layer in probe() if layer.required and not layer.holds]
    if not refused:
        return Finding("sandbox", True, "all that grading a class needs", "", stops=False)
    said = f"refused here: {', '.join(layer.name for layer in refused)}. Your own checks work without"
    mends = list(dict.fromkeys(layer.mend for layer in refused))
    return Finding(
        "sandbox", False, said, f"only to grade others' work: {mends[0]}. `grader doctor` has all", stops=False
    )
