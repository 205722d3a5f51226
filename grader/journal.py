"""An append-only journal of verdicts: what was graded once, under equal circumstances, is not graded again."""

import contextlib
import fcntl
import hashlib
import json
import os
import platform
from dataclasses import asdict
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import grader
from grader.classroom import ClassroomError
from grader.intake import Submission
from grader.settings import Settings
from grader.verdict import Verdict

_START = b'{"key": "'
ENVIRONMENT = ("torch", "numpy", "transformers", "tokenizers", "regex", "gguf", "ipython")


def key(settings: Settings, submission: Submission) -> str:
    """Return the hash of all that decides a verdict: the submission and the circumstances."""
    one = [submission.student, submission.notebook, submission.sha256, submission.problem, submission.missing]
    parts = [circumstances(settings), *one]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@cache
def circumstances(settings: Settings) -> str:
    """Return the hash of all that decides a verdict besides the submission: exercises, grader, libraries, settings."""
    parts = [
        _files(settings.root / "solutions" / settings.week, "*.py"),
        _files(settings.root / "assignments" / settings.week, "*.ipynb"),
        _files(Path(grader.__file__).parent, "**/*.*"),
        platform.python_version(),
        {name: metadata.version(name) for name in ENVIRONMENT},
        settings.seed,
        settings.isolation,
        asdict(settings.limits),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@cache
def _files(folder: Path, pattern: str) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.glob(pattern)):
        if path.suffix in (".py", ".ipynb", ".json"):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


class Journal:
    """One line a verdict: its key, then the verdict. A line that a crash cut short is ignored and graded again.

    Only the places of lines are kept in memory. One process at a time may have a journal open.

    Args:
        path: the file; it and its folder are readable by their owner alone.

    Raises:
        ClassroomError: while another run has it.
    """

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a process's own: workers forked from it have none
        except OSError as error:
            os.close(self._file)
            raise ClassroomError(f"{path.stem} is being graded by another run; wait for its end") from error
        self._places: dict[str, tuple[int, int]] = {}
        self._end = 0
        with os.fdopen(self._file, "rb", closefd=False) as lines:  # closing another handle would end the lock
            for line in lines:
                self._note(line)
        if self._end and os.pread(self._file, 1, self._end - 1) != b"\n":
            self._note(b"\n")
            os.write(self._file, b"\n")

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def get(self, key: str) -> Verdict | None:
        """Return the verdict recorded last under `key`, if there is one that is whole."""
        start, size = self._places.get(key, (0, 0))
        with contextlib.suppress(ValueError, KeyError):
            return _verdict(json.loads(os.pread(self._file, size, start))["verdict"])
        return None

    def add(self, key: str, verdict: Verdict) -> None:
        """Record a verdict; when this returns it is on the disk."""
        line = json.dumps({"key": key, "verdict": vars(verdict)}).encode() + b"\n"
        rest = line
        while rest:
            rest = rest[os.write(self._file, rest) :]
        os.fsync(self._file)
        self._note(line)

    def _note(self, line: bytes) -> None:
        if line.startswith(_START):
            self._places[line[len(_START) : len(_START) + 64].decode("ascii", "replace")] = (self._end, len(line))
        self._end += len(line)


def _verdict(record: dict[str, Any]) -> Verdict:
    outputs = {int(i): tuple(texts) for i, texts in record["outputs"].items()}
    return Verdict(record["json"], record["pages"], outputs, record["reading"], record["timed_out"])
