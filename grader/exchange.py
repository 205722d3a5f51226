"""The class's exchange, by nbgrader's own commands: release an assignment, and know what is released."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

from grader.classroom import ClassroomError


def class_folder(root: Path) -> Path:
    """Return where the class of the course in `root` lives: gradebook, exchange, logs."""
    return Path(os.environ.get("CLASS_DIR", root / ".class")).resolve()


def nbgrader(root: Path, *arguments: str) -> str:
    """Run an nbgrader command in the course's root and return its words; the class's nbgrader.log keeps them.

    Raises:
        ClassroomError: when it fails, with its last line and where the rest is.
    """
    log = class_folder(root) / "nbgrader.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    ours = {"PATH": path, "JUPYTER_CONFIG_DIR": str(class_folder(root) / "jupyter"), "JUPYTER_PREFER_ENV_PATH": "1"}
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(command, cwd=root, env=kept | ours, capture_output=True, text=True)
    words = done.stdout + done.stderr
    with log.open("a", encoding="utf-8") as file:
        file.write(f"$ nbgrader {' '.join(arguments)}\n{words}")
    if done.returncode:
        raise ClassroomError(f"`nbgrader {arguments[0]}`: {_reason(words)} (all of it: {log})")
    return words


def _reason(words: str) -> str:
    """Return why an nbgrader command failed: its last critical line, or the last error, or its last line."""
    lines = words.strip().splitlines() or ["no message"]
    critical = [line for line in lines if " | CRITICAL] " in line and "traceback" not in line]
    errors = [line for line in lines if re.match(r"[\w.]+(Error|Exception): ", line)]
    return (critical or errors or lines)[-1].rpartition(" | CRITICAL] ")[2]


def built(root: Path) -> list[str]:
    """Return the assignments that are built: ["week01", …]."""
    return sorted({path.parent.name for path in (root / "assignments").glob("week[0-9][0-9]/*.ipynb")})


def is_released(root: Path, week: str) -> bool:
    """Return whether the exchange has the assignment as it is built now."""
    stamp = _stamp(root, week)
    return stamp.exists() and stamp.read_text() == _fingerprint(root, week)


def release(root: Path, week: str) -> None:
    """Put an assignment in the gradebook and in the exchange, as it is built: assignments/ itself is left alone.

    Raises:
        ClassroomError: when it is not built, or an nbgrader command fails.
    """
    if week not in built(root):
        there = ", ".join(built(root)) or "none"
        raise ClassroomError(f"no assignment is built for {week}; there is {there}. `make build` builds")
    exchange = class_folder(root) / "exchange"
    if not exchange.exists():
        exchange.mkdir(parents=True)
        exchange.chmod(0o777)  # learners with other accounts hand in here
    spare = f"--CourseDirectory.release_directory={class_folder(root) / 'generated'}"
    nbgrader(root, "generate_assignment", week, "--create", "--force", spare)
    nbgrader(root, "release_assignment", week, "--force")
    stamp = _stamp(root, week)
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(_fingerprint(root, week))


def _stamp(root: Path, week: str) -> Path:
    return class_folder(root) / "released" / week


def _fingerprint(root: Path, week: str) -> str:
    """Return a hash of an assignment's notebooks, the instructor's and the student's."""
    digest = hashlib.sha256()
    for folder in ("solutions", "assignments"):
        for path in sorted((root / folder / week).glob("*.ipynb")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
