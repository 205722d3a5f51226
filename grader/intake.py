"""Find submissions, whatever a class or an LMS made of them.

Nothing in a submission is believed but its cells: paths, metadata and outputs are the student's to forge.
"""

import hashlib
import io
import os
import re
import stat
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

MAX_FILE = 20 << 20
MAX_ZIP_MEMBERS = 20_000
MAX_NAME = 200  # bytes; a file system takes 255
MAX_LETTERS = 128  # what nbgrader's gradebook takes
OF_NAMES = " _.,'@+-()"  # besides letters, digits and the marks that some scripts put on letters
FORMULA = "+-@"  # no name starts with what a table would compute
LMS_MARK = "_assignsubmission_"  # what Moodle puts after a student's name
Notebooks = Mapping[str, Collection[str]]
_ANOTHER_WEEK = re.compile(r"week\d\d")
_OF_ONE = re.compile(r"[_ -]*(week\d\d)(?!\d).*")  # what `course submit` calls its zip, after the LMS's own words
_WORD = re.compile(rb"[A-Za-z_]\w*")


class IntakeError(Exception):
    """The place that submissions should come from cannot be used; one line says why."""


@dataclass(frozen=True)
class Submission:
    """One student's file for one notebook, as bytes, or the reason why there are none.

    Attributes:
        missing: it was not handed in, while another notebook of the assignment was.
    """

    student: str
    notebook: str
    raw: bytes = b""
    problem: str = ""
    missing: bool = False

    @property
    def sha256(self) -> str:
        """The hash of the file, or of nothing where it could not be read."""
        return hashlib.sha256(self.raw).hexdigest()


@dataclass(frozen=True)
class Found:
    """A submission where it lies; it is read when it is needed, so that a large class fits in memory."""

    student: str
    notebook: str
    read: Callable[[], Submission]


@dataclass(frozen=True)
class _File:
    """A student's file.

    Attributes:
        may_be: the notebooks of the assignment that it may be.
        told: it is the first of them, and its cells need not be asked.
        read: returns the submission, given the notebook's name.
    """

    student: str
    may_be: tuple[str, ...]
    told: bool
    read: Callable[[str], Submission]


def submissions(place: Path, assignment: str, notebooks: Notebooks) -> Iterator[Submission]:
    """Yield the submissions under `place`, ordered by student. See `find`."""
    return (one.read() for one in find(place, assignment, notebooks))


def find(place: Path, assignment: str, notebooks: Notebooks) -> list[Found]:
    """Return what was handed in under `place`, one a student and notebook, ordered by student.

    Args:
        place: nbgrader's submitted folder (STUDENT/ASSIGNMENT/NOTEBOOK.ipynb), a flat folder of STUDENT.ipynb, or a
            zip of either, as an LMS makes it. A zip in either is what `course submit` writes: one student's notebooks,
            theirs by its name (ada_week01-2026-01-31.zip, as an LMS calls it) or its folder's. Where there are several
            notebooks, a file in a flat folder is STUDENT_NOTEBOOK.ipynb or told by the exercises that it names; one
            that nobody handed in is left out.
        assignment: for example "week01".
        notebooks: the exercises of each notebook: {"attention": ["softmax", "causal_mask"]}.

    Raises:
        IntakeError: when `place` is none of these.
    """
    if not place.exists():
        raise IntakeError(f"{place} is not there: collect {assignment} first, or name a folder or a zip")
    if place.is_dir():
        files = list(_in_folder(place, assignment, notebooks))
    elif zipfile.is_zipfile(place):
        files = list(_in_zip(place, assignment, notebooks))
    else:
        raise IntakeError(f"{place}: neither a folder of submissions nor a zip of one")
    return _told_apart(sorted(_sorted_out(files, notebooks), key=lambda one: (one.student, one.notebook)))


def _told_apart(found: list[Found]) -> list[Found]:
    """Two files under one student's name are both reported: nobody can take another's place by a name."""
    counts = Counter((one.student, one.notebook) for one in found)
    problem = "several files carry this student's name; keep one"
    return [
        one
        if counts[one.student, one.notebook] == 1
        else Found(one.student, one.notebook, partial(Submission, one.student, one.notebook, problem=problem))
        for one in found
    ]


def _sorted_out(files: list[_File], notebooks: Notebooks) -> list[Found]:
    """Return what each file is, and what is missing of students who handed in another notebook."""
    found, unknown = [], []
    for file in files:
        name = file.may_be[0] if file.told else _told_by_exercises(file.read("").raw, notebooks)
        if name in file.may_be:
            found.append(Found(file.student, name, partial(file.read, name)))
        elif name is None:
            unknown.append(file)
    known = {(one.student, one.notebook) for one in found}
    open_places = [(file, name) for file in unknown for name in file.may_be if (file.student, name) not in known]
    found += [Found(file.student, name, partial(_untold, file, name, notebooks)) for file, name in open_places]
    known |= {(file.student, name) for file, name in open_places}
    due = product({student for student, _ in known}, {notebook for _, notebook in known})
    return found + [Found(*one, partial(_missing, *one)) for one in set(due) - known]


def _told_by_exercises(raw: bytes, notebooks: Notebooks) -> str | None:
    """Return the notebook more of whose exercises a file names than of any other, or None. It is not parsed for it."""
    words = {word.decode() for word in _WORD.findall(raw.replace(b"\\n", b"\n"))}
    counts = {notebook: len(words.intersection(exercises)) for notebook, exercises in notebooks.items()}
    first, second = sorted(counts, key=counts.__getitem__, reverse=True)[:2]
    return first if counts[first] > counts[second] else None


def _untold(file: _File, name: str, notebooks: Notebooks) -> Submission:
    one = file.read(name)
    problem = f"nothing in it says whether it is {' or '.join(notebooks)}: end the file's name with that"
    return one if one.problem else Submission(one.student, name, problem=problem)


def _missing(student: str, notebook: str) -> Submission:
    return Submission(student, notebook, problem=f"no {notebook}.ipynb was handed in", missing=True)


def _in_folder(place: Path, assignment: str, notebooks: Notebooks) -> Iterator[_File]:
    for entry in sorted(os.scandir(place), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            folder = Path(entry.path, assignment)
            if not (folder.is_dir() or folder.is_symlink()):
                continue
            yield from _in_students_folder(entry.name, place, folder, notebooks)
        elif entry.name.endswith(".ipynb"):
            student, may_be, told = _named(entry.name.removesuffix(".ipynb"), notebooks)
            yield _File(_safe(student), may_be, told, partial(from_file, student, place=place, path=Path(entry.path)))
        elif entry.name.endswith(".zip"):
            yield from _zip_of_one((), entry.name, partial(_read, place, Path(entry.path)), assignment, notebooks)


def _in_students_folder(student: str, place: Path, folder: Path, notebooks: Notebooks) -> Iterator[_File]:
    """Yield a student's files; one that was renamed ("Copy of attention.ipynb") counts where the right name is free."""
    try:
        there = [] if folder.is_symlink() else [one.name for one in os.scandir(folder)]
    except OSError:
        there = []
    names = {name.removesuffix(".ipynb") for name in there if name.endswith(".ipynb") and not name.startswith(".")}
    free, renamed = set(notebooks) - names, set()
    for name in sorted(names.difference(notebooks)) if free else ():
        read = partial(from_file, student, place=place, path=folder / f"{name}.ipynb")
        _, may_be, told = _named(name, notebooks)
        notebook = may_be[0] if told else _told_by_exercises(read("").raw, notebooks)
        if notebook in free:
            renamed.add(notebook)
            yield _File(_safe(student), (notebook,), True, read)
    for name in notebooks:
        if name not in renamed:
            read = partial(
                from_file,
                student,
                place=place,
                path=folder / f"{name}.ipynb",
                others=bool(renamed or names.intersection(notebooks)),
            )
            yield _File(_safe(student), (name,), True, read)


def _named(name: str, notebooks: Notebooks) -> tuple[str, tuple[str, ...], bool]:
    """Return whose a file in a flat folder is by its name, the notebooks that it may be, and whether that tells."""
    if len(notebooks) == 1:
        return name, tuple(notebooks), True
    for notebook in sorted(notebooks, key=len, reverse=True):
        student, mark = name[: -len(notebook) - 1], name[-len(notebook) - 1 : -len(notebook)]
        if student and mark in ("_", "-", " ") and name.endswith(notebook):
            return student.split(LMS_MARK)[0], (notebook,), True
    return name, tuple(notebooks), False


def from_file(student: str, notebook: str, place: Path, path: Path, others: bool = False) -> Submission:
    """Return the submission in the file `path` below `place`; no link is followed on the way to it.

    Where there is none, it is missing if the student handed in `others`.
    """
    if student != _safe(student):
        problem = f"the student's name is no name for a file: rename it to letters, digits and {OF_NAMES.strip()}"
        return Submission(_safe(student), notebook, problem=problem)
    try:
        raw = _read(place, path)
    except FileNotFoundError:
        return replace(_missing(student, notebook), missing=others)
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


def _in_zip(place: Path, assignment: str, notebooks: Notebooks) -> Iterator[_File]:
    try:
        archive = _opened(place)
    except zipfile.BadZipFile as error:
        raise IntakeError(f"{place}: a broken zip ({error}); download it again") from error
    members = archive.infolist()
    if len(members) > MAX_ZIP_MEMBERS:
        raise IntakeError(f"{place}: more than {MAX_ZIP_MEMBERS:,} files; split it")
    folders: dict[tuple[str, ...], dict[zipfile.ZipInfo, str]] = {}
    for member in members:
        *folder, name = _steps(member.filename, assignment)
        if _is_strange([*folder, name]):
            continue
        if name.endswith(".ipynb"):
            folders.setdefault(tuple(folder), {})[member] = name.removesuffix(".ipynb")
        elif name.endswith(".zip"):
            yield from _zip_of_one(tuple(folder), name, partial(_bytes_of, archive, member), assignment, notebooks)
    if set(folders) == {()} and set(folders[()].values()) <= set(notebooks):  # one student's own, as they uploaded it
        folders = {(_owner((), place.name)[0],): folders[()]}
    for folder, names in folders.items():
        for member, (student, may_be, told) in _owners(folder, names, notebooks, len(folders) == 1).items():
            yield _File(_safe(student), may_be, told, partial(_from_member, archive, member, _safe(student)))


def _opened(file: Path | io.BytesIO) -> zipfile.ZipFile:
    """Open a zip; whatever zipfile raises for a broken one is a BadZipFile."""
    try:
        return zipfile.ZipFile(file)
    except (OSError, zipfile.BadZipFile):
        raise
    except Exception as error:  # of an unknown version, with names in no encoding
        raise zipfile.BadZipFile(str(error)[:100]) from error


def _is_strange(steps: list[str]) -> bool:
    """Whether a zip's member is of another week, or what an operating system added."""
    return any(step.startswith((".", "__MACOSX")) or _ANOTHER_WEEK.fullmatch(step) for step in steps)


def _zip_of_one(
    folder: tuple[str, ...], name: str, load: Callable[[], bytes], assignment: str, notebooks: Notebooks
) -> Iterator[_File]:
    """Yield the notebooks in the zip that one student handed in; it is opened anew for each, and never kept."""
    owner, week = _owner(folder, name)
    student = _safe(owner)
    if week not in ("", assignment):
        return
    try:
        with _opened(io.BytesIO(load())) as archive:
            members = archive.infolist()[:MAX_ZIP_MEMBERS]
    except (OSError, zipfile.BadZipFile) as error:
        members, problem = [], f"{name} cannot be opened: {error}"
    else:
        problem = f"{name} holds no notebook"
    steps = {member: _steps(member.filename, assignment) for member in members}
    names = {
        member: name.removesuffix(".ipynb")
        for member, (*inner, name) in steps.items()
        if name.endswith(".ipynb") and not _is_strange([*inner, name])
    }
    for member, (_, may_be, told) in _owners((student,), names, notebooks, only=False).items():
        yield _File(student, may_be, told, partial(_from_zip_of_one, load, member, student))
    for notebook in notebooks if not names else ():
        yield _File(student, (notebook,), True, partial(Submission, student, problem=problem))


def _owner(folder: tuple[str, ...], name: str) -> tuple[str, str]:
    """Return whose a zip is by its name or its folder's, and the week in its name: ("ada_17", "week01")."""
    stem = name.removesuffix(".zip")
    found = _OF_ONE.search(stem)
    own, week = (stem[: found.start()], found[1]) if found else (stem, "")
    if folder and (LMS_MARK in folder[-1] or not own):
        own = folder[-1].split(LMS_MARK)[0]
    return own or stem, week


def _bytes_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Return a member of bounded size; whatever stands in the way is an OSError."""
    if member.file_size > MAX_FILE:
        raise OSError(f"it is larger than {MAX_FILE >> 20} MB")
    try:
        with archive.open(member) as stream:
            return stream.read(MAX_FILE + 1)
    except Exception as error:  # zipfile raises half a dozen kinds for a broken member
        raise OSError(str(error)[:100]) from error


def _from_zip_of_one(load: Callable[[], bytes], member: zipfile.ZipInfo, student: str, notebook: str) -> Submission:
    try:
        with _opened(io.BytesIO(load())) as archive:
            return _from_member(archive, member, student, notebook)
    except (OSError, zipfile.BadZipFile) as error:
        return Submission(student, notebook, problem=f"the zip cannot be opened any more: {error}")


def _steps(path: str, assignment: str) -> list[str]:
    """Return the folders and the name of a zip's member; macOS takes letters and their marks apart."""
    steps = unicodedata.normalize("NFC", path).replace("\\", "/").split("/")
    return [step for step in steps if step not in ("", ".", "..", assignment)] or [""]


def _owners(
    folder: tuple[str, ...], names: dict[zipfile.ZipInfo, str], notebooks: Notebooks, only: bool
) -> dict[zipfile.ZipInfo, tuple[str, tuple[str, ...], bool]]:
    """Return of each notebook in one folder of a zip what `_named` does; copies beside the right name do not count.

    A folder is a student's, but for the only one of a zip: that may be the flat folder itself, of STUDENT.ipynb.
    """
    right = set(names.values()) & set(notebooks)
    if not folder or (only and not right and LMS_MARK not in folder[-1]):
        return {member: _named(name, notebooks) for member, name in names.items()}
    student, owned = folder[-1].split(LMS_MARK)[0], {}
    for member, name in names.items():
        _, may_be, told = ("", (name,), True) if name in right else _named(name, notebooks)
        if may_be := tuple(one for one in may_be if one == name or one not in right):
            owned[member] = (student, may_be, told)
    return owned


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
    fits = fits[:MAX_LETTERS].encode()[:MAX_NAME].decode(errors="ignore")
    return fits.rstrip(" .").lstrip(" ." + FORMULA) or "unnamed"
