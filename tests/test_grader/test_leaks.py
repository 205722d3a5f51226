"""A secret planted anywhere in what is handed out is found and named; what is no secret is not."""

import base64
import bz2
import gzip
import io
import json
import marshal
import sqlite3
import subprocess
import sys
import tarfile
import zipfile
import zlib

import pytest

from grader import cli
from grader.assignment import load
from grader.leaks import leaks
from grader.withheld import ANYBODYS, Withheld, plain, secrets_of, withheld

SOURCE = '''"""# Double

Twice as much.
"""

import torch

from grader import close, exercise


@exercise(points=2, hints=["add the number to itself, and nothing else"])
def double(number):
    """Return twice the number."""
    return number + number.clone().detach()


@double.check
def doubles(double):
    """1 becomes 2"""
    close(double(torch.tensor([1.0])), torch.tensor([2.0]))


@double.hidden
def doubles_more(double, rng):
    """any number is doubled"""
    numbers = torch.rand(4321, generator=rng)
    close(double(numbers), numbers + numbers.contiguous())


@double.mutant("You triple: add the number once.")
def triple(number):
    return number + number + number.clone()


@double.variant
def by_the_library(number):
    return torch.add(number, number, alpha=1)
'''
ANSWER = "return number + number.clone().detach()"
HIDDEN = "numbers = torch.rand(4321, generator=rng)"
MUTANT = "return number + number + number.clone()"
VARIANT = "return torch.add(number, number, alpha=1)"
SHOWN = "close(double(torch.tensor([1.0])), torch.tensor([2.0]))\nadd the number to itself, and nothing else"
SEED = "5eed5eed5eed5eed5eed5eed5eed5eed"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course of one exercise, with a seed."""
    root = tmp_path_factory.mktemp("course")
    (root / "solutions" / "week01").mkdir(parents=True)
    (root / "solutions" / "week01" / "00_first.md").write_text("# Week 1\n")
    (root / "solutions" / "week01" / "01_double.py").write_text(SOURCE)
    (root / "week01.seed").write_text(SEED)
    return root


@pytest.fixture(scope="module")
def secrets(course) -> Withheld:
    """What the course withholds."""
    return withheld(course, [course / "week01.seed"])


def zipped(**members: bytes) -> bytes:
    """Return a zip of the members."""
    with zipfile.ZipFile(file := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def tarred(name: str, data: bytes) -> bytes:
    """Return a tar.gz of one member."""
    with tarfile.open(fileobj=(file := io.BytesIO()), mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


def encrypted(data: bytes) -> bytes:
    """Return a zip whose member says that it is encrypted."""
    archive = bytearray(zipped(secret=data))
    for start, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        archive[archive.index(start) + flags] |= 1
    return bytes(archive)


def database() -> bytes:
    """Return an SQLite file."""
    book = sqlite3.connect(":memory:")
    book.execute("create table grade (score)")
    return book.serialize()


def compiled(source: str) -> bytes:
    """Return a .pyc as another Python would have written it."""
    return (3571).to_bytes(2, "little") + b"\r\n" + bytes(12) + marshal.dumps(compile(source, "x", "exec"))


def notebook(**cell: object) -> bytes:
    """Return a notebook of two cells, the second with these parts."""
    cells = [{"cell_type": "markdown", "source": "# A lesson"}, {"cell_type": "code", "source": [], **cell}]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def b64(text: str) -> str:
    """Return text in base64."""
    return base64.b64encode(text.encode()).decode()


DEEP = zlib.compress(b64(zipped(inner=ANSWER.encode()).hex()).encode())
WHOLE = f"def double(number):\n    {ANSWER}\n"
PLANTS = {
    "an answer in a text": (
        "notes.txt",
        f"Look:\n{ANSWER}".encode(),
        "notes.txt, line 2 gives away line 14 of solutions",
    ),
    "a hidden check": ("a.py", HIDDEN.encode(), "a.py, line 1 gives away line 26"),
    "a wrong answer": ("a.py", MUTANT.encode(), "line 32 of solutions/week01/01_double.py: “return number +"),
    "another right answer": ("a.py", VARIANT.encode(), "a.py, line 1 gives away line 37"),
    "a seed": ("a.json", json.dumps({"seed": SEED}).encode(), "a.json, line 1 gives away the seed of week01"),
    "a line with more around it": ("a.py", f"x = 1;  {ANSWER.replace(' + ', '  +  ')}  # so".encode(), "line 14"),
    "Windows' encoding": ("a.txt", ANSWER.encode("utf-16"), "a.txt, line 1 gives away line 14"),
    "among other bytes": ("a.bin", b"\x00\xff\xfe\x81" + ANSWER.encode() + b"\x00\x81", "a.bin, line 1 gives away"),
    "in HTML, coloured": (
        "a.html",
        f"<b>{ANSWER.replace(' ', '</b> <span>').replace('+', '&#43;')}".encode(),
        "a.html",
    ),
    "a file's name": (f"{VARIANT}.txt", b"", "(its name), line 1 gives away line 37"),
    "a cell's source": ("a.ipynb", notebook(source=["x = 1\n", ANSWER]), "a.ipynb, cell 2, source, line 2 gives away"),
    "an output": ("a.ipynb", notebook(outputs=[{"data": {"text/plain": [ANSWER]}}]), "cell 2, outputs, line 1"),
    "metadata": ("a.ipynb", notebook(metadata={"was": ANSWER}), "a.ipynb, cell 2, metadata, line 1"),
    "an attachment": ("a.ipynb", notebook(attachments={"a.txt": {"text/plain": b64(ANSWER)}}), "attachments, base64"),
    "a picture's bytes in an output": (
        "a.ipynb",
        notebook(outputs=[{"data": {"image/png": b64("\x89PNG\x00\x01" + WHOLE) + "\n"}}]),
        "a.ipynb, cell 2, outputs, base64",
    ),
    "a wheel": ("a.whl", zipped(**{"course/a.py": WHOLE.encode()}), "a.whl, course/a.py, line 2 gives away line 14"),
    "a zip in a zip": ("a.zip", zipped(b=zipped(c=ANSWER.encode())), "a.zip, b, c, line 1 gives away line 14"),
    "a tar": ("a.tgz", tarred("b.py", ANSWER.encode()), "a.tgz, decompressed, b.py, line 1"),
    "gzip": ("a.gz", gzip.compress(ANSWER.encode()), "a.gz, decompressed, line 1"),
    "bzip2": ("a.bz2", bz2.compress(ANSWER.encode()), "a.bz2, decompressed, line 1"),
    "zlib": ("a.bin", zlib.compress(ANSWER.encode()), "a.bin, decompressed, line 1"),
    "hex": ("a.txt", ANSWER.encode().hex().encode(), "a.txt, hex, line 1"),
    "base64 in a string in JSON": (
        "a.py",
        json.dumps({"a": "x\n" + b64(ANSWER)}).replace("{", "({").encode(),
        "base64",
    ),
    "all of these": ("a.bin", DEEP, "a.bin, decompressed, base64, hex, inner, line 1 gives away line 14"),
    "compiled Python": (
        "a.pyc",
        compiled(WHOLE),
        "a.pyc is compiled Python",
    ),
    "an encrypted zip": ("a.zip", encrypted(ANSWER.encode()), "a.zip, secret is encrypted; leave it out"),
    "a gradebook": ("a.db", database(), "a.db is a database: a gradebook, as far as"),
    "a broken zip": (
        "a.zip",
        zipped(b=ANSWER.encode() * 9).replace(b"PK\x03\x04", b"PKPK"),
        "a.zip cannot be unpacked",
    ),
}


@pytest.mark.parametrize("kind", PLANTS)
def test_a_planted_leak_is_named(kind, tmp_path, secrets):
    name, data, says = PLANTS[kind]
    (tmp_path / name).write_bytes(data)
    found = [str(leak) for leak in leaks(tmp_path, secrets)]
    assert any(says in leak for leak in found), found


def test_what_learners_are_shown_is_no_leak(tmp_path, secrets):
    (tmp_path / "shown.md").write_text(SHOWN)
    (tmp_path / "stub.py").write_text("def double(number):\n    raise NotImplementedError\nimport torch\n")
    (tmp_path / "numbers.json").write_text(json.dumps({"a": [1, 2.5, None, True, "x"]}))
    (tmp_path / "picture.png").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "letters.txt").write_text(b64("nothing to see here, and no more of it" * 9))
    assert list(leaks(tmp_path, secrets)) == []


def test_a_link_is_not_followed_and_not_handed_out(tmp_path, secrets):
    (tmp_path / "out").symlink_to("/etc/hostname")
    (leak,) = leaks(tmp_path, secrets)
    assert str(leak) == "out is a link to /etc/hostname; leave it out"


def git(folder, *arguments: str) -> None:
    """Run git with an author of the test's own."""
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def pushed(tmp_path):
    """A repository that had an answer once, in a commit that no branch leads to any more."""
    git(tmp_path, "init", "-q")
    (tmp_path / "a.py").write_text("x = 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    (tmp_path / "a.py").write_text(WHOLE)
    git(tmp_path, "commit", "-qam", "answer")
    git(tmp_path, "reset", "-q", "--hard", "HEAD~1")
    return tmp_path


def test_an_object_of_git_that_is_forgotten_is_found(pushed, secrets):
    found = [str(leak) for leak in leaks(pushed, secrets)]
    assert any(".git, object" in leak and "(blob), line 2 gives away line 14" in leak for leak in found), found
    assert not any(leak.startswith("a.py") for leak in found)


def test_packed_objects_are_found_and_a_repository_around_counts(pushed, secrets):
    git(pushed, "repack", "-qad", "--keep-unreachable")
    (pushed / "copy").mkdir()
    (pushed / "copy" / "a.txt").write_text("nothing")
    found = [str(leak) for leak in leaks(pushed / "copy", secrets)]
    assert any("gives away line 14" in leak for leak in found), found
    assert list(leaks(pushed / "copy", secrets, course=pushed)) == []


def test_a_line_that_one_exercise_shows_is_no_secret_of_another(course, tmp_path):
    folder = tmp_path / "solutions" / "week01"
    folder.mkdir(parents=True)
    (folder / "00_first.md").write_text("# Week 1\n")
    (folder / "01_double.py").write_text(SOURCE)
    shown = SOURCE.replace("double", "twice").replace(
        "    close(twice(torch.tensor([1.0]))", f"    {HIDDEN}\n    close(x"
    )
    (folder / "02_twice.py").write_text(shown)
    texts = {secret.text for secret in secrets_of(list(load(folder).values()), tmp_path)}
    assert plain(HIDDEN) not in texts
    assert plain(ANSWER) in texts


@pytest.mark.parametrize("line", ANYBODYS)
def test_a_line_that_is_anybodys_stands_in_both(root, line):
    """An entry that is not needed any more goes."""
    for places in ("course/*.py", "solutions/week*/*.py"):
        texts = [plain(path.read_text(encoding="utf-8")) for path in root.glob(places)]
        assert any(line in text for text in texts), places


@pytest.mark.parametrize(
    ("name", "status", "says"),
    [("a.txt", 1, "gives away line 14"), ("b.txt", 0, "b.txt: no leak."), ("c", 1, "is not there")],
)
def test_the_command_names_a_leak_and_ends_with_1(course, tmp_path, monkeypatch, capsys, name, status, says):
    gradebook = f"c = get_config()\nc.CourseDirectory.db_url = 'sqlite:///{tmp_path}/gradebook.db'\n"
    (course / "nbgrader_config.py").write_text(gradebook)
    (tmp_path / "a.txt").write_text(ANSWER)
    (tmp_path / "b.txt").write_text("nothing")
    monkeypatch.chdir(course)
    monkeypatch.setattr(sys, "argv", ["grader", "leaks", str(tmp_path / name)])
    assert cli.main() == status
    assert says in capsys.readouterr().err
    assert not (tmp_path / "grader").exists()
