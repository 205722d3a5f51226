"""Find what learners must not see in what they get: a folder, a zip, a wheel, a Git repository."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.unpack import Piece, Sealed, repository, unpacked
from grader.withheld import Withheld


@dataclass(frozen=True)
class Leak:
    """Something that gives a secret away, or that could and cannot be looked into.

    Attributes:
        place: where it stands; line 0 where lines mean nothing.
        what: what is wrong with it.
    """

    place: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.place}{f', line {self.line}' if self.line else ''} {self.what}"


def leaks(path: Path, secrets: Withheld, course: Path | None = None) -> Iterator[Leak]:
    """Yield each leak in the folder or file `path`, once.

    A folder inside a Git repository leaks what the repository's objects do: who pushes the one pushes the other.

    Args:
        path: what is handed out.
        secrets: what must not be in it.
        course: the instructor's own repository, which holds all secrets and is not handed out.
    """
    yield from leaks_in(unpacked(path), secrets)
    around = next((folder for folder in path.absolute().parents if (folder / ".git").is_dir()), None)
    if path.is_dir() and around and not (course and course.is_relative_to(around)):
        yield from leaks_in(repository(around / ".git", str(around / ".git")), secrets)


def leaks_in(pieces: Iterable[Piece], secrets: Withheld) -> Iterator[Leak]:
    """Yield each leak in some pieces, once."""
    seen = set()
    for piece in pieces:
        if isinstance(piece, Sealed):
            found = [Leak(piece.place, 0, f"{piece.why}; leave it out")]
        else:
            found = [
                Leak(piece.place, line, f"gives away {secret.what}") for line, secret in secrets.found_in(piece.text)
            ]
        for leak in found:
            if (leak.place, leak.what) not in seen:
                seen.add((leak.place, leak.what))
                yield leak
