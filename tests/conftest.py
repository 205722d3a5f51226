"""What every test has: the course's own Jupyter settings instead of the user's, one thread a worker, no hub."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAB = (sys.executable, "-m", "grader.learner.cli", "lab")
PORT = 9100 + 100 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))  # tests beside have others
EMPTY = MappingProxyType({})

# Before any test imports torch or starts a kernel. Kernels and commands that tests start inherit them.
os.environ.update(
    HF_HUB_OFFLINE="1",
    IPYTHONDIR=tempfile.mkdtemp(prefix="ipython-"),
    JUPYTER_CONFIG_DIR=tempfile.mkdtemp(prefix="jupyter-"),
    JUPYTER_PREFER_ENV_PATH="1",
    OMP_NUM_THREADS="1",
    PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    """No test finds the figures that another one left open."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def clone(tmp_path) -> Path:
    """A copy of the repository as it stands, uncommitted changes and all, with no class and no learner's work yet."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    folder = tmp_path / "course"
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


class Lab:
    """A running `course lab`: its port and address, what it said, and a way to end it."""

    def __init__(self, root: Path, *options: str, program: Sequence[str] = LAB, variables: Mapping[str, str] = EMPTY):
        self.said = ""
        self._output = Path(tempfile.mkstemp(prefix="lab-")[1])
        self._process = subprocess.Popen(
            [*program, "--no-browser", *options],
            cwd=root,
            env=os.environ | variables,
            stdin=subprocess.DEVNULL,
            stdout=self._output.open("w"),
            stderr=subprocess.STDOUT,
        )
        self.address = self._wait_for_address()
        self.port = int(re.search(r":(\d+)/", self.address)[1])

    def _wait_for_address(self, seconds: int = 120) -> str:
        for _ in range(seconds * 10):
            self.said = self._output.read_text()
            found = re.search(r"http://127\.0\.0\.1:\d+/\S+", self.said)
            if found:
                return found[0]
            if self._process.poll() is not None:
                break
            time.sleep(0.1)
        self.stop(signal.SIGTERM)
        raise AssertionError(f"no address was printed:\n{self.said}")

    def get(self, address: str) -> str:
        """Return what the server answers, past any proxy."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor())
        return opener.open(address, timeout=30).read().decode()

    def stop(self, by: signal.Signals) -> int:
        """End it by a signal and return its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(by)
        code = self._process.wait(timeout=30)
        self.said = self._output.read_text()
        return code


@pytest.fixture
def start_lab() -> Iterator[Callable[..., Lab]]:
    """Start JupyterLab by `course lab`: `start_lab(root, *options)`; ended with the test.

    program: another `course lab` than this environment's; variables: what its environment has beside ours.
    """
    labs = []

    def start(root: Path, *options: str, program: Sequence[str] = LAB, variables: Mapping[str, str] = EMPTY) -> Lab:
        if program[-1] == "lab" and "--port" not in options:
            options = (*options, "--port", str(PORT))
        labs.append(Lab(root, *options, program=program, variables=variables))
        return labs[-1]

    yield start
    for lab in labs:
        lab.stop(signal.SIGTERM)
