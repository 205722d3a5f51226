"""What a new user meets when something is missing: one line that says what to do, and no traceback."""

import ast
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from grader.learner import server
from grader.learner.mistake import CourseError

ROOT = Path(__file__).resolve().parent.parent


def tool(name: str) -> ModuleType:
    """Load tools/NAME.py as the make targets do."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def environment(monkeypatch):
    """tools/environment.py on a machine that has never seen the course."""
    module = tool("environment")
    monkeypatch.setattr(module, "is_ready", lambda: False)
    monkeypatch.setattr(module, "STAMP", "/nonexistent")
    return module


def one_line(environment: ModuleType) -> str:
    """Run the set-up, which must end by itself, and return the one line that it says."""
    with pytest.raises(SystemExit) as end:
        environment.main()
    text = str(end.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("name", ["environment", "debian"])
def test_set_up_parses_on_an_old_python(name):
    ast.parse((ROOT / "tools" / f"{name}.py").read_text(), feature_version=(3, 6))


def test_python_too_old(environment, monkeypatch):
    monkeypatch.setattr(environment, "OLDEST", (4, 0))
    assert "make lab PYTHON=" in one_line(environment)


def test_no_venv_module(environment, monkeypatch):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    monkeypatch.setitem(sys.modules, "debian", None)
    assert "apt-get install python3-venv" in one_line(environment)


def test_no_space(environment, monkeypatch):
    usage = shutil.disk_usage(ROOT)._replace(free=3 * 2**30)
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda _: usage)
    assert "4 GB of disk are needed, 3.0 GB are free" in one_line(environment)


def test_disk_fills_up_on_the_way(environment):
    assert "disk is full" in environment.explain("ERROR: Could not install: [Errno 28] No space left on device: 'x'")


def test_unknown_failures_say_where_to_look(environment):
    assert "install.log" in environment.explain("Collecting x\nERROR: something new\n")


def test_no_network(tmp_path):
    """A real run of the set-up in an empty folder, with nothing to download from."""
    for name in ("tools/environment.py", "tools/debian.py", "requirements.lock", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    alone |= {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1", "PIP_CONFIG_FILE": os.devnull}
    run = subprocess.run(
        [sys.executable, tmp_path / "tools" / "environment.py"], env=alone, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert run.stderr.strip() == (
        "Cannot set up: pip cannot reach its package index. Check the network, then run the same command again."
    )
    assert not (tmp_path / ".venv" / "installed").exists()


def test_second_set_up_takes_no_time():
    start = time.monotonic()
    done = subprocess.run([sys.executable, ROOT / "tools" / "environment.py"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    assert time.monotonic() - start < 2


def is_answered(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.skipif(not list(ROOT.glob("assignments/week01/*.ipynb")), reason="no assignment is built yet")
def test_lab_from_start_to_ctrl_c(clone, start_lab):
    """The class is made, the start page's address is printed and answers, Ctrl-C ends it cleanly."""
    first = start_lab(clone)
    assert "/lab/tree/work/start.ipynb?token=" in first.address
    assert (clone / "work" / "week01" / "attention.ipynb").exists()
    assert (clone / ".class" / "gradebook.db").exists()
    assert (clone / ".class" / "exchange" / "attention-to-agents" / "outbound" / "week01").is_dir()
    assert "<title>JupyterLab" in first.get(first.address)

    second = start_lab(clone, "--port", str(first.port))  # the port is taken, the class is made
    assert second.port != first.port
    assert f"Port {first.port} is taken; using {second.port}." in second.said
    assert "Releasing" not in second.said

    for lab in (first, second):
        assert lab.stop(signal.SIGINT) == 0
        assert "JupyterLab has ended" in lab.said
        assert "Traceback" not in lab.said
        assert not is_answered(lab.port)


def test_lab_says_which_ports_are_taken(monkeypatch):
    monkeypatch.setattr(server, "is_free", lambda _: False)
    with pytest.raises(CourseError, match="course lab --port"):
        server.choose_port(None)


def test_lab_says_why_the_server_ended(tmp_path):
    """A server that ends at once: its last line, and where the rest is."""
    log = tmp_path / "lab.log"
    log.write_text("starting\nno such option\n")
    ended = subprocess.Popen([sys.executable, "-c", "raise SystemExit(1)"])
    ended.wait()
    with pytest.raises(CourseError, match=r"ended at once: no such option \(the rest is in .*lab\.log\)"):
        server.wait_for(ended, 1, "token", log)


def test_a_week_that_cannot_be_released_does_not_stop_the_lessons(clone, start_lab):
    (clone / "solutions" / "week01" / "attention.ipynb").write_text("not a notebook")
    lab = start_lab(clone)
    assert "week01 is not ready" in lab.said
    assert lab.stop(signal.SIGTERM) == 0
