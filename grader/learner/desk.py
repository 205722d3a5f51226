"""What a learner's JupyterLab needs on its disk: own copies of the assignments in work/, a start page, settings.

A learner's copy is never overwritten. In the instructor's course, which has solutions/, the class behind it is made
ready too; an assignment that has not changed since the last time is left alone.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from grader.classroom import ClassroomError
from grader.exchange import built, class_folder, is_released, nbgrader, release

FIRST_LESSON = "week01/from_text_to_numbers.ipynb"
START = "work/start.ipynb"
# What the file browser hides: all but notebooks, the folders that hold them, and feedback pages.
FOLDERS = ["binder", "course", "docs", "exported", "grader", "runs", "solutions", "tests", "tools", "kept"]
FILES = ["*.csv", "*.db", "*.json", "*.lock", "*.log", "*.md", "*.py", "*.pyc", "*.toml", "*.txt", "*.whl", "*.yml"]
OTHERS = ["*.zip", "*~", ".*", "__pycache__", "Dockerfile", "LICENSE", "Makefile"]


def environment(root: Path) -> dict[str, str]:
    """Return the environment for Jupyter's programs: the course's own settings, never the user's."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    jupyter = class_folder(root) / "jupyter"
    return kept | {
        "IPYTHONDIR": str(jupyter / "ipython"),
        "JUPYTER_CONFIG_DIR": str(jupyter),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTERLAB_SETTINGS_DIR": str(jupyter / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(jupyter / "workspaces"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}",
    }


def prepare(root: Path) -> Iterator[str]:
    """Make everything ready, saying each step before it is done and what could not be done.

    A failure in one week stops neither the others nor the lessons.
    """
    (root / "work").mkdir(exist_ok=True)
    _write_settings(root)
    fetch = _from_class if (root / "solutions").is_dir() else _from_copy
    if fetch is _from_class:
        exchange = class_folder(root) / "exchange"
        exchange.mkdir(parents=True, exist_ok=True)
        exchange.chmod(0o777)  # learners with other accounts hand in here
    for week in built(root):
        try:
            yield from fetch(root, week)
        except ClassroomError as problem:
            yield f"{week} is not ready: {problem}"


def _from_class(root: Path, week: str) -> Iterator[str]:
    """Release an assignment if it is new or changed, and fetch it for the learner who has none."""
    copy = root / "work" / week
    if not is_released(root, week):
        yield f"Releasing {week}"
        release(root, week)
        if copy.exists():
            yield f"work/{week} keeps your answers; the new version is assignments/{week}"
    if not copy.exists():
        yield f"Putting your copy of {week} in work/{week}"
        nbgrader(root, "fetch_assignment", week)


def _from_copy(root: Path, week: str) -> Iterator[str]:
    """Copy an assignment for the learner who has none."""
    copy = root / "work" / week
    if not copy.exists():
        yield f"Putting your copy of {week} in work/{week}"
        draft = root / "work" / f".{week}"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(root / "assignments" / week, draft)
        draft.rename(copy)


def first_page(root: Path) -> tuple[str, str]:
    """Write the start page with the learner's progress in it; return what to open, and why it is not that page."""
    if not (root / "start.ipynb").exists():
        return FIRST_LESSON, ""
    command = [sys.executable, "-m", "course.progress", str(root)]
    done = subprocess.run(command, cwd=root, env=environment(root), capture_output=True, text=True)
    if done.returncode == 0:
        return START, ""
    return FIRST_LESSON, (done.stderr.strip() or "no message").splitlines()[-1]


def _write_settings(root: Path) -> None:
    """Write Jupyter's settings for the course: nbgrader's from anywhere, notebooks alone in sight, no news pop-up."""
    folder = class_folder(root) / "jupyter"
    (folder / "labconfig").mkdir(parents=True, exist_ok=True)
    (folder / "nbgrader_config.py").write_text(f"load_subconfig({str(root / 'nbgrader_config.py')!r})\n")
    page = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (folder / "labconfig" / "page_config.json").write_text(json.dumps(page))
    zips = [] if (root / "solutions").is_dir() else ["submitted"]
    server: dict[str, dict] = {"ContentsManager": {"hide_globs": [*FOLDERS, *zips, *FILES, *OTHERS]}}
    if os.name == "posix":  # a login shell, which a server without a terminal starts, would forget where `course` is
        server["ServerApp"] = {"terminado_settings": {"shell_command": [os.environ.get("SHELL") or "sh"]}}
    (folder / "jupyter_server_config.json").write_text(json.dumps(server))
