"""Everything that a folder or a file holds, as text: archives, notebooks, Git's objects, base64 and hex, unpacked.

What cannot be looked into (an encrypted archive, compiled Python, a database, a link) is `Sealed`, with the reason.
Left out: pictures of text, ciphers.
"""

import base64
import bz2
import gzip
import html
import io
import json
import lzma
import os
import re
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

DEEPEST = 8  # layers
LARGEST = 1 << 30  # bytes unpacked from one file: more is no course
SEALED = {  # by how a file begins
    b"SQLite format 3": "is a database: a gradebook, as far as anyone can tell",
    b"PACK": "is packed by Git outside a repository",
    b"# v2 git bundle": "is a bundle of Git",
    b"# v3 git bundle": "is a bundle of Git",
    b"7z\xbc\xaf\x27\x1c": "is a 7z archive: make it a zip",
    b"Rar!": "is a RAR archive: make it a zip",
    b"\x28\xb5\x2f\xfd": "is compressed by zstd: make it a zip",
}
COMPRESSED: dict[bytes, Callable[[io.BytesIO], io.BufferedIOBase]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
PYC_FLAGS = [bytes([flags, 0, 0, 0]) for flags in (0, 1, 3)]
BASE64 = re.compile(r"(?<![\w+/-])[\w+/-]{32,}(?:\s+[\w+/-]{32,})*(?:\s+[\w+/-]+)?={0,2}", re.ASCII)
HEX = re.compile(r"(?:[0-9a-fA-F]{2}){24,}")
BROKEN = "cannot be unpacked"
PRINTABLE = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]{24,}")


@dataclass(frozen=True)
class Text:
    """A text, and where it stands: `course.zip, week01/a.ipynb, cell 3, outputs`."""

    place: str
    text: str


@dataclass(frozen=True)
class Sealed:
    """Something that cannot be looked into, and why."""

    place: str
    why: str


Piece = Text | Sealed


def unpacked(path: Path) -> Iterator[Piece]:
    """Yield what the folder or file `path` holds; places are relative to the folder, or begin with the file's name."""
    if path.is_dir():
        yield from _folder(path, "")
    else:
        yield from _file(path, path.name)


def repository(git: Path, place: str) -> Iterator[Piece]:
    """Yield every object of a Git repository: what no branch leads to any more as well."""
    command = ["git", f"--git-dir={git}", "-c", "safe.directory=*", "cat-file", "--batch-all-objects", "--batch"]
    try:
        done = subprocess.run(command, capture_output=True)
    except OSError as error:
        yield Sealed(place, f"is Git's, and git cannot be run: {error.strerror}")
        return
    if done.returncode:
        yield Sealed(place, f"is a Git repository that git cannot read: {done.stderr.decode(errors='replace').strip()}")
        return
    stream = io.BytesIO(done.stdout)
    while line := stream.readline():
        name, kind, size = line.decode().split()
        yield from _bytes(stream.read(int(size)), f"{place}, object {name[:12]} ({kind})", 0)
        stream.read(1)


def _folder(folder: Path, place: str) -> Iterator[Piece]:
    if (folder / "HEAD").is_file() and (folder / "objects").is_dir():
        yield from repository(folder, place or folder.name)
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        here = f"{place}/{entry.name}" if place else entry.name
        yield Text(f"{here} (its name)", entry.name)
        if entry.is_symlink():
            yield Sealed(here, f"is a link to {os.readlink(entry.path)}")
        elif entry.is_dir():
            if not (entry.name == "objects" and (folder / "HEAD").is_file()):
                yield from _folder(Path(entry.path), here)
        elif entry.is_file():
            yield from _file(Path(entry.path), here)
        else:
            yield Sealed(here, "is no plain file")


def _file(path: Path, place: str) -> Iterator[Piece]:
    if path.stat().st_size > LARGEST:
        yield Sealed(place, "is too large to look into")
    else:
        yield from _bytes(path.read_bytes(), place, 0)


def _bytes(data: bytes, place: str, depth: int) -> Iterator[Piece]:
    sealed = next((why for start, why in SEALED.items() if data.startswith(start)), None)
    if _is_compiled(data):
        sealed = "is compiled Python: nobody can read what it holds"
    if depth > DEEPEST:
        sealed = "is packed too deep to look into"
    if sealed:
        yield Sealed(place, sealed)
        return
    try:
        if zipfile.is_zipfile(io.BytesIO(data)):
            yield from _zip(data, place, depth)
        elif data[257:262] == b"ustar":
            yield from _tar(data, place, depth)
        elif opener := next((opener for start, opener in COMPRESSED.items() if data.startswith(start)), None):
            yield from _bytes(_limited(opener(io.BytesIO(data))), f"{place}, decompressed", depth + 1)
        else:
            yield from _plain(data, place, depth)
    except (OSError, EOFError, ValueError, NotImplementedError, zipfile.BadZipFile, tarfile.TarError) as error:
        yield Sealed(place, f"{BROKEN}: {error}")
    except (lzma.LZMAError, zlib.error) as error:
        yield Sealed(place, f"{BROKEN}: {error}")


def _is_compiled(data: bytes) -> bool:
    """Whether these bytes begin as a .pyc of Python 3.7 or later does: the version and a line end, then the flags."""
    return 3390 <= int.from_bytes(data[:2], "little") < 4500 and data[2:4] == b"\r\n" and data[4:8] in PYC_FLAGS


def _limited(file: io.BufferedIOBase) -> bytes:
    data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError("it is larger than any course")
    return data


def _zip(data: bytes, place: str, depth: int) -> Iterator[Piece]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > LARGEST:
            raise ValueError("it is larger than any course")
        before = min((member.header_offset for member in members), default=0)
        yield from _plain(data[:before] + archive.comment, f"{place} (around its members)", depth + 1)
        for member in members:
            here = f"{place}, {member.filename}"
            yield Text(f"{here} (its name)", member.filename)
            yield from _plain(member.comment + member.extra, f"{here} (its comment)", depth + 1)
            if member.flag_bits & 1:
                yield Sealed(here, "is encrypted")
            elif not member.is_dir():
                yield from _bytes(archive.read(member), here, depth + 1)


def _tar(data: bytes, place: str, depth: int) -> Iterator[Piece]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            here = f"{place}, {member.name}"
            yield Text(f"{here} (its name)", f"{member.name}\n{member.linkname}")
            if member.isfile():
                yield from _bytes(archive.extractfile(member).read(), here, depth + 1)


def _plain(data: bytes, place: str, depth: int) -> Iterator[Piece]:
    """Yield a text, or what can be read in other bytes."""
    if data.startswith(ZLIB):
        loose = zlib.decompressobj()
        try:
            yield from _bytes(loose.decompress(data, LARGEST), f"{place}, decompressed", depth + 1)
        except zlib.error:
            pass  # two bytes that mean nothing
        else:
            return
    try:
        text = data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\n".join(run.decode("latin-1") for run in PRINTABLE.findall(data))
    if text[:1] in ("{", "["):
        try:
            yield from _json(json.loads(text), place, depth)
        except (ValueError, RecursionError):
            pass  # it only begins so
        else:
            return
    yield from _text(text, place, depth)


def _json(value: object, place: str, depth: int) -> Iterator[Piece]:
    """Yield every text in a JSON value, a list of lines as one; the cells of a notebook are counted from 1."""
    if isinstance(value, str):
        yield from _text(value, place, depth)
    elif isinstance(value, list) and value and all(isinstance(part, str) for part in value):
        yield from _text("".join(part if part.endswith("\n") else f"{part}\n" for part in value), place, depth)
    elif isinstance(value, list):
        for part in value:
            if not isinstance(part, (int, float, bool)):
                yield from _json(part, place, depth)
    elif isinstance(value, dict):
        for key, part in value.items():
            if len(key) >= 24:
                yield from _text(key, place, depth)
            if key == "cells" and isinstance(part, list):
                for number, cell in enumerate(part, start=1):
                    for name, inside in cell.items() if isinstance(cell, dict) else [("", cell)]:
                        yield from _json(inside, f"{place}, cell {number}, {name}", depth)
            else:
                yield from _json(part, place, depth)


def _text(text: str, place: str, depth: int) -> Iterator[Piece]:
    """Yield a text, as it stands and as it reads without escapes and tags, and what is in it in base64 or hex."""
    readings = {text: None}
    if "<span" in text or "&" in text:
        readings[html.unescape(re.sub(r"<[^>\n]*>", "", text))] = None
    if "\\n" in text or '\\"' in text:
        readings[text.replace("\\n", "\n").replace('\\"', '"').replace("\\'", "'")] = None
    for reading in readings:
        yield Text(place, reading)
        for run in HEX.findall(reading):
            yield from _decoded(bytes.fromhex(run), f"{place}, hex", depth)
        for run in BASE64.findall(reading):
            letters = re.sub(r"\s", "", run).rstrip("=").replace("-", "+").replace("_", "/")
            letters = letters[: len(letters) - (len(letters) % 4 == 1)]
            data = base64.b64decode(letters + "=" * (-len(letters) % 4))
            yield from _decoded(data, f"{place}, base64", depth)


def _decoded(data: bytes, place: str, depth: int) -> Iterator[Piece]:
    """Yield what encoded bytes hold; that a run of letters happens to begin like an archive says nothing."""
    for piece in _bytes(data, place, depth + 1):
        if isinstance(piece, Text) or not piece.why.startswith(BROKEN):
            yield piece
