"""What every test has: the course's own Jupyter settings instead of the user's, one thread a worker, no hub."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

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
