"""A learner's own copy of the course, as a folder and a zip: lessons, assignments, the wheel, and what installs it.

No solution, hidden check or wrong answer is in it: it is searched for them before it is there. Two runs on the same
course give equal files.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from grader.classroom import Classroom, ClassroomError
from grader.leaks import Leak, leaks, leaks_in
from grader.unpack import unpacked
from grader.withheld import withheld

MANIFEST = ".released.json"  # names the files of a copy, each with its hash: what may be replaced
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # a zip's first moment: no clock is in a copy
TEXT = {"LICENSE": "LICENSE", "requirements.lock": "requirements.lock", "tools/environment.py": "install.py"}


class Leaking(ClassroomError):
    """The copy would give secrets away; nothing was released."""

    def __init__(self, found: list[Leak]):
        lines = "\n".join(f"  {leak}" for leak in found[:20])
        more = f"\n  and {len(found) - 20} more" if len(found) > 20 else ""
        super().__init__(f"nothing was released: it would give away what learners must not see.\n{lines}{more}")


@dataclass(frozen=True)
class Copy:
    """A released copy: its folder, its zip, and how many files each holds."""

    folder: Path
    archive: Path
    files: int


def release_copy(classroom: Classroom, target: Path, weeks: Sequence[str] = (), exchange: str = "") -> Copy:
    """Make the folder `target` and `target`.zip, whole or not at all.

    Args:
        classroom: the instructor's course.
        target: a folder that is empty, not there, or an earlier copy as it was made.
        weeks: which; all by default.
        exchange: the folder in which the class hands in, if learners reach one.

    Raises:
        ClassroomError: when the folder holds anything else, or the course is not built.
        Leaking: when the copy would give secrets away.
    """
    target = target.absolute()
    _demand_replaceable(target)
    files = contents(classroom, weeks, exchange)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as drafts:
        draft, archive = Path(drafts, target.name), Path(drafts, f"{target.name}.zip")
        for name, data in files.items():
            path = draft / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        _write_zip(archive, target.name, files)
        secrets = withheld(classroom.root, classroom.seeds())
        history = leaks_in(unpacked(target / ".git"), secrets) if (target / ".git").exists() else []
        if found := [*leaks(draft, secrets, classroom.root), *history] or [*leaks(archive, secrets)]:
            raise Leaking(found)
        _replace(target, draft, Path(drafts, "earlier"))
        archive.replace(_zip_of(target))
    return Copy(target, _zip_of(target), len(files))


def contents(classroom: Classroom, weeks: Sequence[str], exchange: str) -> dict[str, bytes]:
    """Return what a copy holds: the bytes of each file by its path, in order."""
    root = classroom.root
    there = sorted({path.parent.name for path in root.glob("assignments/week[0-9][0-9]/*.ipynb")})
    if unknown := sorted(set(weeks) - set(there)):
        raise ClassroomError(f"no assignment is built for {', '.join(unknown)}; there is {', '.join(there) or 'none'}")
    chosen = sorted(set(weeks)) or there
    if not chosen:
        raise ClassroomError(f"{root / 'assignments'}: no assignment is built; run `make build`")
    files = {new: (root / old).read_bytes() for old, new in TEXT.items()}
    for week in chosen:
        for folder in (root / week, root / "assignments" / week):
            for path in folder.glob("*.ipynb"):
                files[path.relative_to(root).as_posix()] = path.read_bytes()
    files |= _wheel(root)
    files["nbgrader_config.py"] = _configuration(classroom, exchange)
    start = (root / "start.ipynb").read_text(encoding="utf-8")
    files["start.ipynb"] = _without_dead_links(start, files)
    files["README.md"] = _page(files, chosen, start)
    files = dict(sorted(files.items()))
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    return files | {MANIFEST: (json.dumps(hashes, indent=1) + "\n").encode()}


def _wheel(root: Path) -> dict[str, bytes]:
    """Return the built wheel of the course, by its file name."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True)
        made = list(Path(folder).glob("*.whl"))
        if done.returncode or len(made) != 1:
            last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
            raise ClassroomError(f"the course's wheel cannot be built: {last}")
        return {made[0].name: made[0].read_bytes()}


def _configuration(classroom: Classroom, exchange: str) -> bytes:
    text = _template("nbgrader_config.py")
    text = text.replace('COURSE = ""', f"COURSE = {json.dumps(classroom.course_id)}", 1)
    return text.replace('EXCHANGE = ""', f"EXCHANGE = {json.dumps(exchange)}", 1).encode()


def _page(files: dict[str, bytes], weeks: list[str], start: str) -> bytes:
    """Return the copy's README: how to start, and the weeks that are in it, in the start page's order."""
    order = sorted(files, key=lambda name: (start.find(f"({name})"), name))
    rows = ["| Week | Lessons | Assignment |", "|---|---|---|"]
    for week in weeks:
        lessons, own = (
            [f"[{_title(files[name])}]({name})" for name in order if name.startswith(f"{folder}{week}/")]
            for folder in ("", "assignments/")
        )
        rows.append(f"| {int(week[-2:])} | {', '.join(lessons)} | {', '.join(own)} |")
    first = next(name for name in order if name.startswith(f"assignments/{weeks[0]}/"))
    text = _template("README.md").replace("{weeks}", "\n".join(rows)).replace("{week}", weeks[0])
    return text.replace("{first}", first.removeprefix("assignments/").removesuffix(".ipynb")).encode()


def _title(notebook: bytes) -> str:
    """Return the heading that a notebook begins with."""
    source = json.loads(notebook)["cells"][0]["source"]
    return "".join(source).partition("\n")[0].lstrip("# ").strip()


def _without_dead_links(start: str, files: dict[str, bytes]) -> bytes:
    """Return the start page with the titles alone where a link leads to a week that is not in the copy."""

    def kept(link: re.Match) -> str:
        return link[0] if link[2] in files else link[1]

    return re.sub(r"\[([^\]\[]+)\]\(([\w/]+\.ipynb)\)", kept, start).encode()


def _template(name: str) -> str:
    return (resources.files("grader") / "data" / "learner" / name).read_text(encoding="utf-8")


def _write_zip(path: Path, folder: str, files: dict[str, bytes]) -> None:
    """Write the files below one folder, so that unpacking makes no mess, with no time and no owner."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            member = zipfile.ZipInfo(f"{folder}/{name}", LONG_AGO)
            member.external_attr = 0o100644 << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, data)


def _zip_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.zip")


def _demand_replaceable(target: Path) -> None:
    """Refuse a place that holds anything but an earlier copy as it was made; a repository around it may stay."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    try:
        made = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
        there = {path for path in target.rglob("*") if path.is_file() and ".git" not in path.relative_to(target).parts}
        changed = [path for path in sorted(there) if made.get(_name(path, target)) != _hash(path)]
    except (OSError, ValueError, AttributeError):
        raise ClassroomError(f"{target} is not empty and is no copy of the course: name another folder") from None
    if foreign := [path for path in changed if path.name != MANIFEST]:
        raise ClassroomError(
            f"{foreign[0]} was added or changed since the copy was made: move it, or name a new folder"
        )


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _replace(target: Path, draft: Path, earlier: Path) -> None:
    """Put the draft in the folder's place; a repository that the instructor made in it stays."""
    if target.exists():
        target.rename(earlier)
        if (earlier / ".git").exists():
            shutil.move(earlier / ".git", draft / ".git")
    draft.rename(target)
