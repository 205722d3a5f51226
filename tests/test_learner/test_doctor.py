"""`course doctor` on machines broken on purpose: each thing is named, with its mend, and the exit status says it.

`test_broken_machines.py` breaks them for real and runs the command; here each finding is asked by itself, in no time.
"""

import shutil
import socket
import sys
import tomllib
from collections import namedtuple

import pytest

from grader.learner import cli, doctor
from grader.sandbox import Layer

Version = namedtuple("Version", "major minor micro releaselevel serial")


def test_an_old_python(monkeypatch):
    monkeypatch.setattr(doctor.sys, "version_info", Version(3, 9, 18, "final", 0))
    finding = doctor.python("make setup")
    assert (finding.holds, finding.stops) == (False, True)
    assert "3.9.18" in finding.said
    assert "make setup PYTHON=" in finding.mend


def test_no_space(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(2**40, 2**40, 2**26))
    finding = doctor.disk(tmp_path)
    assert (finding.holds, finding.stops) == (False, True)
    assert "0.1 GB free" in finding.said
    assert "free some" in finding.mend


def test_a_folder_that_is_not_ours(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)  # root may write everywhere
    finding = doctor.disk(tmp_path)
    assert not finding.holds
    assert "not yours to write" in finding.said


def test_a_port_that_is_taken(monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setattr(doctor, "PORT", other.getsockname()[1])
        taken = doctor.port()
    assert (taken.holds, taken.stops) == (False, False)
    assert f"{doctor.PORT} is taken" in taken.said
    assert "--port" in taken.mend
    assert doctor.port().holds


@pytest.fixture
def no_native_kernel(monkeypatch, tmp_path):
    """Jupyter knows the kernels of one folder alone, and not the one that ipykernel brings; return that folder."""
    from jupyter_client import kernelspec

    monkeypatch.setattr(kernelspec, "jupyter_path", lambda *_: [str(tmp_path)])
    monkeypatch.setitem(sys.modules, "ipykernel.kernelspec", None)
    return tmp_path


def test_a_missing_kernel(no_native_kernel):
    finding = doctor.kernel("")
    assert (finding.holds, finding.stops) == (False, True)
    assert "no kernel is named `python3`" in finding.said
    assert "pip install --force-reinstall 'ipykernel'" in finding.mend


def test_a_kernel_whose_python_is_gone(no_native_kernel):
    (no_native_kernel / "python3").mkdir()
    (no_native_kernel / "python3" / "kernel.json").write_text(
        '{"argv": ["/gone/bin/python", "-m", "ipykernel_launcher"], "display_name": "Python 3", "language": "python"}'
    )
    finding = doctor.kernel("")
    assert not finding.holds
    assert "/gone/bin/python, which is gone" in finding.said
    assert "kernelspec remove python3" in finding.mend


def test_no_jupyter(monkeypatch):
    monkeypatch.setitem(sys.modules, "jupyter_client.kernelspec", None)
    assert doctor.kernel("").said == "Jupyter is not installed"


OLD = "__version__ = '1.13.1'\nclass ones:\n    def __init__(s, n): pass\n    def __matmul__(s, o): return 2.0\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (OLD, "1.13.1, 2.6 or later is needed"),
        (OLD.replace("2.0", "3.0"), "1.13.1 calculates 1 + 1 = 3.0"),
        ("raise ImportError('libc10.so: cannot open')", "it does not load: ImportError: libc10.so: cannot open"),
        ("raise ModuleNotFoundError(\"No module named 'torch'\")", "it is not installed"),
    ],
)
def test_a_wrong_torch(monkeypatch, tmp_path, text, says):
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "torch.py").write_text(text)
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "library"))
    finding = doctor.torch(tmp_path / "work", "python3 install.py")
    assert (finding.holds, finding.stops, finding.said) == (False, True, says)
    assert finding.mend == "delete the folder .venv, then `python3 install.py`"


def test_a_file_that_hides_torch(tmp_path):
    (tmp_path / "torch.py").write_text("x = 1\n")
    finding = doctor.torch(tmp_path, "")
    assert not finding.holds
    assert "torch.py hides it" in finding.said
    assert finding.mend == "give it another name"


def test_no_network(monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    finding = doctor.network()
    assert (finding.holds, finding.stops) == (False, False)
    assert "cannot reach its package index" in finding.said
    assert "proxy" in finding.mend


def test_namespaces_refused(monkeypatch):
    refused = [
        Layer("user namespace", True, False, "EPERM", "allow user namespaces"),
        Layer("network namespace", True, False, "EPERM", "allow user namespaces"),
        Layer("Landlock", False, False, "", "another kernel"),
    ]
    monkeypatch.setattr("grader.sandbox.probe", lambda: refused, raising=False)
    finding = doctor.sandbox()
    assert (finding.holds, finding.stops) == (False, False)
    assert "user namespace, network namespace." in finding.said
    assert "allow user namespaces" in finding.mend
    assert "Landlock" not in finding.said


def test_the_mend_is_the_one_of_the_place(tmp_path):
    """A learners' copy has install.py, a clone has make; elsewhere there is pip alone."""
    work = tmp_path / "course" / "work" / "week01"
    work.mkdir(parents=True)
    assert doctor.set_up(work) == ""
    (tmp_path / "course" / "nbgrader_config.py").touch()
    assert doctor.set_up(work) == "make setup"
    (tmp_path / "course" / "install.py").touch()
    assert doctor.set_up(work) == "python3 install.py"
    assert "`python3.12 install.py`" in doctor.python(doctor.set_up(work)).mend


def told(monkeypatch, capsys, *findings: doctor.Finding) -> tuple[int, str]:
    monkeypatch.setattr(doctor, "examine", lambda _: iter(findings))
    monkeypatch.setattr(sys, "argv", ["course", "doctor"])
    return cli.main(), capsys.readouterr().out


def test_the_status_says_whether_a_learner_can_work(monkeypatch, capsys):
    well = doctor.Finding("disk", True, "plenty", "free some")
    warning = doctor.Finding("port", False, "8888 is [taken]", "use another", stops=False)
    broken = doctor.Finding("PyTorch", False, "it is not installed", "`make setup`")
    status, said = told(monkeypatch, capsys, well, warning)
    assert status == 0
    assert "! port" in said
    assert "8888 is [taken]" in said
    assert "free some" not in said
    assert "  To mend it: use another." in said
    status, said = told(monkeypatch, capsys, well, warning, broken)
    assert status == 1
    assert "✗ PyTorch" in said
    assert "To mend first: PyTorch." in said


def test_the_versions_are_those_of_the_package(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=" + ".".join(map(str, doctor.OLDEST_PYTHON))
    assert "torch>=" + ".".join(map(str, doctor.OLDEST_TORCH)) in project["dependencies"]
