"""Find submissions, whatever a class or an LMS made of them, and read each in a limited process.

Nothing in a submission is believed but its cells: paths, metadata and outputs are the student's to forge.
"""

import hashlib
import json
import os
import re
import select
import stat
import struct
import subprocess
import sys
import time
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

MAX_FILE = 20 << 20
MAX_ZIP_MEMBERS = 20_000
SECONDS = 20.0
MAX_NAME = 200  # bytes; a file system takes 255
OF_NAMES = " _.,'@+-()"  # besides letters, digits and the marks that some scripts put on letters
FORMULA = "+-@"  # no name starts with what a table would compute
_ANOTHER_WEEK = re.compile(r"week\d\d")


class IntakeError(Exception):
    """The place that submissions should come from cannot be used; one line says why."""


@dataclass(frozen=True)
class Submission:
    """One student's file, as bytes, or the reason why there are none."""

    student: str
    notebook: str
    raw: bytes = b""
    problem: str = ""

    @property
    def sha256(self) -> str:
        """The hash of the file, or of nothing where it could not be read."""
        return hashlib.sha256(self.raw).hexdigest()


@dataclass(frozen=True)
class Found:
    """One student's submission where it lies; it is read when it is needed, so that a large class fits in memory."""

    student: str
    read: Callable[[], Submission]


def submissions(place: Path, assignment: str, notebook: str) -> Iterator[Submission]:
    """Yield the submissions under `place`, ordered by student. See `find`."""
    return (one.read() for one in find(place, assignment, notebook))


def find(place: Path, assignment: str, notebook: str) -> list[Found]:
    """Return what was handed in under `place`, ordered by student.

    Args:
        place: nbgrader's submitted folder (STUDENT/ASSIGNMENT/NOTEBOOK.ipynb), a flat folder of STUDENT.ipynb, or a
            zip of either, as an LMS makes it.
        assignment: for example "week01".
        notebook: the theme's name, for example "attention".

    Raises:
        IntakeError: when `place` is none of these.
    """
    if not place.exists():
        raise IntakeError(f"{place} is not there: collect {assignment} first, or name a folder or a zip")
    if place.is_dir():
        found = list(_in_folder(place, assignment, notebook))
    elif zipfile.is_zipfile(place):
        found = list(_in_zip(place, assignment, notebook))
    else:
        raise IntakeError(f"{place}: neither a folder of submissions nor a zip of one")
    return _told_apart(sorted(found, key=lambda one: one.student), notebook)


def _told_apart(found: list[Found], notebook: str) -> list[Found]:
    """Two files under one student's name are both reported: nobody can take another's place by a name."""
    counts = Counter(one.student for one in found)
    problem = "several files carry this student's name; keep one"
    return [
        one
        if counts[one.student] == 1
        else Found(one.student, partial(Submission, one.student, notebook, problem=problem))
        for one in found
    ]


def _in_folder(place: Path, assignment: str, notebook: str) -> Iterator[Found]:
    for entry in sorted(os.scandir(place), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            student, path = entry.name, Path(entry.path, assignment, f"{notebook}.ipynb")
            if not (path.parent.is_dir() or path.parent.is_symlink()):
                continue
        elif entry.name.endswith(".ipynb"):
            student, path = entry.name.removesuffix(".ipynb"), Path(entry.path)
        else:
            continue
        yield Found(_safe(student), partial(from_file, student, notebook, place, path))


def from_file(student: str, notebook: str, place: Path, path: Path) -> Submission:
    """Return the submission in the file `path` below `place`; no link is followed on the way to it."""
    if student != _safe(student):
        problem = f"the student's name is no name for a file: rename it to letters, digits and {OF_NAMES.strip()}"
        return Submission(_safe(student), notebook, problem=problem)
    try:
        raw = _read(place, path)
    except FileNotFoundError:
        return Submission(student, notebook, problem=f"no {path.name} was handed in")
    except OSError as error:
        return Submission(student, notebook, problem=f"{path.name} cannot be read: {error.strerror or error}")
    return Submission(student, notebook, raw)


def _read(place: Path, path: Path) -> bytes:
    """Read a regular file of bounded size below `place`, following no link on the way."""
    folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        *parts, last = path.relative_to(place).parts
        for part in parts:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        file = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)
    with os.fdopen(file, "rb") as stream:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is no regular file")
        if status.st_size > MAX_FILE:
            raise OSError(f"it is larger than {MAX_FILE >> 20} MB; clear its outputs")
        return stream.read(MAX_FILE + 1)


def _in_zip(place: Path, assignment: str, notebook: str) -> Iterator[Found]:
    try:
        archive = zipfile.ZipFile(place)
    except zipfile.BadZipFile as error:
        raise IntakeError(f"{place}: a broken zip ({error}); download it again") from error
    members = archive.infolist()
    if len(members) > MAX_ZIP_MEMBERS:
        raise IntakeError(f"{place}: more than {MAX_ZIP_MEMBERS:,} files; split it")
    folders: dict[tuple[str, ...], dict[zipfile.ZipInfo, str]] = {}
    for member in members:
        *folder, name = _steps(member.filename, assignment)
        strange = any(step.startswith((".", "__MACOSX")) or _ANOTHER_WEEK.fullmatch(step) for step in [*folder, name])
        if name.endswith(".ipynb") and not strange:
            folders.setdefault(tuple(folder), {})[member] = name.removesuffix(".ipynb")
    for folder, names in folders.items():
        for member, student in _owners(folder, names, notebook, len(folders) == 1).items():
            yield Found(_safe(student), partial(_from_member, archive, member, _safe(student), notebook))


def _steps(path: str, assignment: str) -> list[str]:
    """Return the folders and the name of a zip's member; macOS takes letters and their marks apart."""
    steps = unicodedata.normalize("NFC", path).replace("\\", "/").split("/")
    return [step for step in steps if step not in ("", ".", "..", assignment)] or [""]


def _owners(
    folder: tuple[str, ...], names: dict[zipfile.ZipInfo, str], notebook: str, only: bool
) -> dict[zipfile.ZipInfo, str]:
    """Return the student of each notebook in one folder of a zip; copies beside the right name do not count.

    A folder is a student's, but for the only one of a zip: that may be the flat folder itself, of STUDENT.ipynb.
    """
    right = [member for member, name in names.items() if name == notebook]
    if not folder or (only and not right and "_assignsubmission_" not in folder[-1]):
        return names
    return dict.fromkeys(right or names, folder[-1].split("_assignsubmission_")[0])


def _from_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, student: str, notebook: str) -> Submission:
    if stat.S_ISLNK(member.external_attr >> 16):
        return Submission(student, notebook, problem="the zip holds a link in the place of a file")
    if member.file_size > MAX_FILE:
        return Submission(student, notebook, problem=f"it unpacks to more than {MAX_FILE >> 20} MB")
    try:
        with archive.open(member) as stream:
            raw = stream.read(MAX_FILE + 1)
    except Exception as error:  # zipfile raises half a dozen kinds for a broken member
        return Submission(student, notebook, problem=f"the zip is broken here: {str(error)[:100]}")
    if len(raw) > MAX_FILE:
        return Submission(student, notebook, problem=f"it unpacks to more than {MAX_FILE >> 20} MB")
    return Submission(student, notebook, raw)


def _safe(name: str) -> str:
    """Return a student's name as it may stand in a path, a page and a table."""
    fits = "".join(c if c.isalnum() or c in OF_NAMES or unicodedata.category(c)[0] == "M" else "_" for c in name)
    fits = fits.encode()[:MAX_NAME].decode(errors="ignore")
    return fits.rstrip(" .").lstrip(" ." + FORMULA) or "unnamed"


class Reader:
    """The limited process that parses notebooks; started anew whenever a notebook kills it."""

    def __init__(self, template: dict):
        self._template = json.dumps(template).encode()
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def read(self, raw: bytes) -> dict:
        """Return the reading of one notebook, or {"unreadable": reason}. See `grader.notebook_reader.read`."""
        try:
            if self._process is None:
                self._start()
            self._send(raw)
            return json.loads(self._receive(time.monotonic() + SECONDS))
        except (OSError, ValueError, TimeoutError):
            self._stop()
            return {"unreadable": "reading the notebook took more time or memory than any notebook should"}

    def _start(self) -> None:
        script = Path(__file__).with_name("notebook_reader.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "HOME": "/nonexistent"},
            bufsize=0,
        )
        os.set_blocking(self._process.stdout.fileno(), False)
        self._send(self._template)

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _send(self, data: bytes) -> None:
        view = memoryview(struct.pack(">Q", len(data)) + data)
        while view:
            view = view[self._process.stdin.write(view) :]

    def _receive(self, deadline: float) -> bytes:
        (size,) = struct.unpack(">Q", self._exactly(8, deadline))
        if size > 8 * MAX_FILE:
            raise ValueError("an answer out of all proportion")
        return self._exactly(size, deadline)

    def _exactly(self, size: int, deadline: float) -> bytes:
        pieces = bytearray()
        while len(pieces) < size:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            piece = self._process.stdout.read(min(size - len(pieces), 1 << 20))
            if not piece:
                raise OSError("the reader ended")
            pieces += piece
        return bytes(pieces)
