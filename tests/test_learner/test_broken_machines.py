"""`course doctor` on machines that are broken for real: the command runs in each, names what is broken, and its mend.

A machine is a virtual environment whose packages are links to this one's, some left out, in a learners' copy's folder.
A full disk, a missing network and refused namespaces are the kernel's own doing, in namespaces of the test's.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

SITE = Path(sys.prefix, "lib", f"python{sys.version_info.major}.{sys.version_info.minor}", "site-packages")
OLD = [(3, minor) for minor in range(6, 11)]


@dataclass
class Told:
    """What the command said, and its exit status."""

    status: int
    text: str

    def of(self, name: str) -> str:
        """Return what was said of one thing: the line with its mark, and the mend."""
        found = re.search(rf"^[✓✗!] {name}: .*(?:\n  To mend it: .*)?", self.text, re.MULTILINE)
        assert found, self.text
        return found[0]


@pytest.fixture
def copy(tmp_path) -> Path:
    """What `course doctor` sees of a learners' copy."""
    folder = tmp_path / "copy"
    folder.mkdir()
    (folder / "install.py").touch()
    (folder / "nbgrader_config.py").touch()
    return folder


@pytest.fixture
def doctor(root, copy, tmp_path) -> Callable[..., Told]:
    """Return a function that runs the command: `doctor(python=…, within=[…], **environment)`."""

    def call(
        python: Path | str = sys.executable, within: tuple[str, ...] = (), folder: Path = copy, **more: str
    ) -> Told:
        ours = ("PIP_", "PYTHON", "JUPYTER")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        kept |= {"HOME": str(tmp_path), "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", **more}
        command = [*within, str(python), "-m", "grader.learner.cli", "doctor"]
        done = subprocess.run(command, cwd=copy, env=kept, capture_output=True, text=True, timeout=300)
        assert "Traceback" not in done.stderr, done.stderr
        return Told(done.returncode, done.stdout)

    return call


@pytest.fixture
def machine(tmp_path) -> Callable[..., Path]:
    """Return a function that makes an environment without some packages, and returns its Python."""

    def make(*left_out: str) -> Path:
        place = tmp_path / "environment"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
        packages = place / SITE.relative_to(sys.prefix)
        for one in SITE.iterdir():
            if not any(one.name == name or one.name.startswith(f"{name}-") for name in left_out):
                (packages / one.name).symlink_to(one)
        return place / "bin" / "python"

    return make


def can(*command: str) -> bool:
    """Whether this machine lets us do that."""
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


needs_mounts = pytest.mark.skipif(not can("unshare", "-m", "true"), reason="no mount namespace to be had here")
needs_users = pytest.mark.skipif(not can("unshare", "-rn", "true"), reason="no user and network namespace here")


@pytest.mark.heavy
def test_a_sound_machine(doctor, machine):
    told = doctor(machine())
    assert told.status == 0, told.text
    assert "✗" not in told.text
    assert "You can work on this machine." in told.text


def test_no_torch(doctor, machine):
    told = doctor(machine("torch"))
    assert told.status == 1
    assert "it is not installed\n  To mend it: delete the folder .venv, then `python3 install.py`." in told.of(
        "PyTorch"
    )
    assert "To mend first: PyTorch." in told.text


@pytest.mark.heavy
def test_a_torch_that_lost_a_library(doctor, machine):
    """The package is there, one of its shared libraries is gone: what a full disk or a virus scanner leaves."""
    python = machine("torch")
    library = next(python.parent.parent.glob("lib/python*/site-packages")) / "torch"
    library.mkdir()
    for one in (SITE / "torch").iterdir():
        if one.name not in ("lib", "__pycache__"):
            (library / one.name).symlink_to(one)
    told = doctor(python)
    assert told.status == 1
    assert "it does not load: " in told.of("PyTorch")
    assert "cannot open shared object file" in told.of("PyTorch")


@pytest.mark.heavy
def test_another_torch(doctor, machine):
    """An old version. A file of its name stands for it: the real one has no build for this Python."""
    python = machine("torch")
    text = "__version__ = '1.13.1'\nclass ones:\n    def __init__(s, n): pass\n    def __matmul__(s, o): return 2.0\n"
    (next(python.parent.parent.glob("lib/python*/site-packages")) / "torch.py").write_text(text)
    told = doctor(python)
    assert told.status == 1
    assert "✗ PyTorch: 1.13.1, 2.6 or later is needed\n  To mend it: delete the folder .venv" in told.of("PyTorch")


@pytest.mark.heavy
def test_a_file_that_hides_torch(doctor, copy):
    (copy / "torch.py").write_text("print('mine')\n")
    told = doctor()
    assert told.status == 1
    assert "torch.py hides it" in told.of("PyTorch")
    assert "give it another name" in told.of("PyTorch")


@pytest.mark.heavy
def test_no_kernel(doctor, machine, tmp_path):
    """ipykernel is gone, and no folder that Jupyter looks in knows a kernel."""
    told = doctor(machine("ipykernel", "ipykernel_launcher.py"), JUPYTER_PATH=str(tmp_path))
    assert told.status == 1
    assert "no kernel is named `python3`" in told.of("kernel")
    assert "then `python3 install.py`" in told.of("kernel")


@pytest.mark.heavy
def test_a_port_that_is_taken(doctor):
    with socket.socket() as other:
        try:
            other.bind(("127.0.0.1", 8888))
            other.listen()
        except OSError:
            pass  # somebody else has it: as good
        told = doctor()
    assert told.status == 0, told.text
    assert "! port: 8888 is taken\n" in told.of("port")
    assert "--port 9999" in told.of("port")


@pytest.mark.heavy
@needs_mounts
def test_a_full_disk(doctor, copy):
    """A file system of 8 MB is mounted where the course lies."""
    mount = f"mount -t tmpfs -o size=8m none '{copy}' && cd '{copy}' && touch install.py && exec \"$@\""
    told = doctor(within=("unshare", "-m", "sh", "-c", mount, "sh"))
    assert told.status == 1
    assert "✗ disk: 0.0 GB free, 0.5 GB are needed\n  To mend it: free some" in told.of("disk")


@pytest.mark.heavy
@needs_mounts
def test_a_disk_that_cannot_be_written(doctor, copy):
    mount = f"mount -t tmpfs -o ro none '{copy}' && cd '{copy}' && exec \"$@\""
    told = doctor(within=("unshare", "-m", "sh", "-c", mount, "sh"))
    assert told.status == 1
    assert "is not yours to write" in told.of("disk")
    assert "move the course to your home folder" in told.of("disk")


@pytest.mark.heavy
@needs_users
def test_no_network(doctor):
    """A network namespace has no network; pip's settings on this machine, which may name a folder, are left out."""
    told = doctor(within=("unshare", "-rn"), PIP_CONFIG_FILE=os.devnull)
    assert told.status == 0, told.text
    assert "! network: pip cannot reach its package index" in told.of("network")
    assert "HTTPS_PROXY" in told.of("network")


@pytest.mark.heavy
@needs_users
def test_no_namespaces(doctor):
    """The kernel grants none: their number is 0 for whoever is in here."""
    none = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    told = doctor(within=("unshare", "-rU", "sh", "-c", none, "sh"))
    assert told.status == 0, told.text
    assert "! sandbox: refused here: user namespace" in told.of("sandbox")
    assert "Your own checks work without" in told.of("sandbox")
    assert "sysctl user.max_user_namespaces=10000" in told.of("sandbox")


REFUSE = """\
import errno, os, sys
import pyseccomp as seccomp
rules = seccomp.SyscallFilter(seccomp.ALLOW)
rules.add_rule(seccomp.ERRNO(errno.EPERM), "unshare")
rules.add_rule(seccomp.ERRNO(errno.EPERM), "mount")
rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
rules.add_rule(seccomp.ERRNO(errno.EPERM), "clone", seccomp.Arg(0, seccomp.MASKED_EQ, 0x10000000, 0x10000000))
rules.load()
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.heavy
@pytest.mark.skipif(not can("bwrap", "--version"), reason="bubblewrap is not installed")
def test_namespaces_refused_as_in_a_container(doctor, tmp_path):
    """A system call filter refuses what Docker's refuses; bubblewrap is refused too, and `course doctor` says why."""
    (tmp_path / "refuse.py").write_text(REFUSE)
    within = (sys.executable, str(tmp_path / "refuse.py"))
    refused = subprocess.run([*within, shutil.which("bwrap"), "--ro-bind", "/", "/", "true"], capture_output=True)
    assert refused.returncode != 0
    told = doctor(within=within)
    assert told.status == 0, told.text
    assert "! sandbox: refused here: user namespace" in told.of("sandbox")
    assert "in Docker `--security-opt seccomp=unconfined" in told.of("sandbox")


@cache
def olds() -> dict[tuple[int, int], str]:
    """Return the old Pythons of this machine: on the path, or where pyenv keeps them."""
    found = {}
    for version in OLD:
        name = f"python{version[0]}.{version[1]}"
        kept = sorted(Path(os.path.expanduser("~/.pyenv/versions")).glob(f"{version[0]}.{version[1]}.*/bin/{name}"))
        path = str(kept[-1]) if kept else shutil.which(name)
        if path and can(path, "--version"):
            found[version] = path
    return found


@pytest.mark.heavy
def test_an_old_python(doctor):
    """3.10 is the newest that is too old, and the oldest in which the command itself can speak."""
    if (3, 10) not in olds():
        pytest.skip("no Python 3.10 on this machine")
    told = doctor(olds()[3, 10], PYTHONPATH=f"{Path(__file__).parents[2]}{os.pathsep}{SITE}")
    assert told.status == 1
    assert "✗ Python: 3.10." in told.of("Python")
    assert "install Python 3.11 or later and set up again: `python3.12 install.py`" in told.of("Python")


@pytest.mark.parametrize("version", OLD, ids=lambda version: f"{version[0]}.{version[1]}")
def test_an_older_python_is_told_before_anything_is_installed(root, tmp_path, version):
    """Real old Pythons run what a learner runs first."""
    if version not in olds():
        pytest.skip(f"no Python {version[0]}.{version[1]} on this machine")
    shutil.copy(root / "tools" / "environment.py", tmp_path / "install.py")
    (tmp_path / ".released.json").write_text('{"course.whl": ""}')
    (tmp_path / "course.whl").touch()
    (tmp_path / "requirements.lock").touch()
    done = subprocess.run([olds()[version], tmp_path / "install.py"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "Python 3.11 or later is needed" in done.stderr
    assert "python3.12 install.py" in done.stderr
    assert "\n" not in done.stderr.strip()
