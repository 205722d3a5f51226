"""An append-only journal of verdicts: what was graded once, under equal circumstances, is not graded again."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import grader
from grader.intake import Submission
from grader.verdict import Verdict
from grader.worker import Settings

ENVIRONMENT = ("torch", "numpy", "transformers", "ipython")


def key(settings: Settings, submission: Submission) -> str:
    """Return the hash of all that decides a verdict: submission, exercises, grader, environment and settings."""
    parts = [
        submission.student,
        submission.notebook,
        submission.sha256,
        submission.problem,
        _files(settings.root / "solutions" / settings.week, "*.py"),
        _files(settings.root / "assignments" / settings.week, "*.ipynb"),
        _files(Path(grader.__file__).parent, "**/*.*"),
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

    Args:
        path: the file; it and its folder are readable by their owner alone.
    """

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._known = dict(_lines(path))
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
            os.write(self._file, b"\n")

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def get(self, key: str) -> Verdict | None:
        """Return the verdict recorded under `key`, if there is one."""
        found = self._known.get(key)
        return None if found is None else _verdict(found)

    def add(self, key: str, verdict: Verdict) -> None:
        """Record a verdict; when this returns it is on the disk."""
        line = json.dumps({"key": key, "verdict": asdict(verdict)}).encode() + b"\n"
        while line:
            line = line[os.write(self._file, line) :]
        os.fsync(self._file)


def _lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            try:
                record = json.loads(line)
                yield record["key"], record["verdict"]
            except (ValueError, KeyError, TypeError):
                continue


def _verdict(record: dict[str, Any]) -> Verdict:
    outputs = {int(i): tuple(texts) for i, texts in record["outputs"].items()}
    return Verdict(record["json"], record["pages"], outputs, record["reading"], record["timed_out"])
