"""The commands that learners and instructors type, run in a course's root."""

import subprocess
import sys
from pathlib import Path

MODULES = {"course": "grader.learner.cli", "grader": "grader.cli", "nbgrader": "nbgrader"}


def run(course: Path, *command: str) -> str:
    """Run `course`, `grader` or `nbgrader` in a course's root, which must go well; return what it says."""
    line = [sys.executable, "-m", MODULES[command[0]], *command[1:]]
    done = subprocess.run(line, cwd=course, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
