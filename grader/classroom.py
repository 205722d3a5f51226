"""Where a class lives: nbgrader's folders and gradebook, and the seed that only the instructor has."""

import contextlib
import os
import secrets
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from traitlets.config import Config, PyFileConfigLoader


class ClassroomError(Exception):
    """The class cannot be used as it stands; one line says what to do."""


@dataclass(frozen=True)
class Classroom:
    """A course whose root holds nbgrader_config.py."""

    root: Path

    @cached_property
    def config(self) -> Config:
        """nbgrader's configuration, as its own commands read it."""
        if not (self.root / "nbgrader_config.py").is_file():
            raise ClassroomError(f"{self.root}: no nbgrader_config.py here; run this in the course's folder")
        return Config(PyFileConfigLoader("nbgrader_config.py", str(self.root)).load_config())

    @property
    def db_url(self) -> str:
        """The gradebook's address, any that SQLAlchemy takes."""
        return self.config.CourseDirectory.get("db_url") or f"sqlite:///{self.root / 'gradebook.db'}"

    @property
    def course_id(self) -> str:
        return self.config.CourseDirectory.get("course_id") or ""

    def folder(self, name: str) -> Path:
        """Return nbgrader's folder `name`: submitted, autograded or feedback."""
        return self.root / (self.config.CourseDirectory.get(f"{name}_directory") or name)

    @property
    def private(self) -> Path:
        """The folder of seeds and journals, readable by its owner alone: beside the gradebook where that is a file."""
        folder = self._private
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        return folder

    @property
    def _private(self) -> Path:
        from sqlalchemy.engine import make_url  # late: a worker that knows its settings needs no gradebook

        url = make_url(self.db_url)
        beside = (
            Path(url.database).parent if url.drivername.startswith("sqlite") and url.database else self.root / ".class"
        )
        return beside / "grader"

    def seeds(self) -> list[Path]:
        """Return the files of the seeds that are drawn so far."""
        return sorted(self._private.glob("*.seed"))

    def seed(self, week: str) -> str:
        """Return the assignment's seed, drawn once and kept."""
        path = self.private / f"{week}.seed"
        if not path.exists():
            with tempfile.NamedTemporaryFile("w", dir=path.parent) as draft:
                draft.write(secrets.token_hex(16))
                draft.flush()
                with contextlib.suppress(FileExistsError):
                    os.link(draft.name, path)  # there whole or not at all, and the first of two runs wins
        return path.read_text(encoding="ascii").strip()


def receipts(submission: Path) -> list[Path]:
    """Return what `nbgrader submit` left in a submission's folder: no link, and nothing larger than such a note is."""
    files = submission / "timestamp.txt", submission / "submission_secret.txt"
    return [file for file in files if file.is_file() and not file.is_symlink() and file.stat().st_size < 1000]


def here() -> Classroom:
    """Return the course whose folder this is.

    Raises:
        ClassroomError: anywhere else.
    """
    classroom = Classroom(Path.cwd())
    classroom.config  # noqa: B018 - reading it is the test
    return classroom
