"""What learners must not see: lines of answers, hidden checks and wrong answers, and the seeds of a class.

A line counts where it is long enough to be its own and stands in nothing that learners are shown. Left out: what a
secret says in other words.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.assignment import Loaded, load
from grader.shown import answer_stub, given_nodes, given_source, visible_source

SHORTEST = 24  # characters; shorter lines of code are anybody's
# Lines of a solution that stand in what learners get, and why they may.
ANYBODYS = {
    "rng = np.random.default_rng(seed)": "how NumPy's documentation makes a generator; of hidden inputs",
    "for j in range(columns):": "the head of any loop over columns; of GPTQ's answer",
    "largest = blocks.abs().amax(-1, keepdim=True)": "the largest of a block, for NF4 in a lesson; of a Q8_0 mutant",
}


@dataclass(frozen=True)
class Secret:
    """A text that must not be found, as `plain` makes it, and what it is, in words."""

    text: str
    what: str


class Withheld:
    """All secrets of a course, to look for in any text."""

    def __init__(self, secrets: Iterable[Secret]):
        self._by_start: dict[str, list[Secret]] = {}
        for secret in secrets:
            self._by_start.setdefault(secret.text[:SHORTEST], []).append(secret)

    def found_in(self, text: str) -> Iterator[tuple[int, Secret]]:
        """Yield each line of `text` that holds a secret: its number, and the secret."""
        for number, line in enumerate(text.splitlines(), start=1):
            line = plain(line)
            for start in range(len(line) - SHORTEST + 1):
                for secret in self._by_start.get(line[start : start + SHORTEST], ()):
                    if line.startswith(secret.text, start):
                        yield number, secret


def plain(line: str) -> str:
    """Return a line as it is compared: one space for each gap, one kind of quotation mark."""
    return " ".join(line.split()).replace("'", '"')


def withheld(root: Path, seeds: Iterable[Path] = ()) -> Withheld:
    """Return the secrets of the course in `root`, and of the files `seeds`."""
    weeks = [load(folder) for folder in sorted((root / "solutions").glob("week[0-9][0-9]"))]
    return Withheld([*secrets_of([one for week in weeks for one in week.values()], root), *_seeds(seeds)])


def secrets_of(exercises: list[Loaded], root: Path) -> list[Secret]:
    """Return the secret lines of exercise files; a line that one of them shows is no secret of another."""
    shown = plain(" ".join(shown_source(one) for one in exercises))
    found = {}
    for one in exercises:
        path = one.path.relative_to(root) if one.path.is_relative_to(root) else one.path
        for number, line in _own_lines(one):
            text = plain(line)
            if len(text) >= SHORTEST and text not in shown and text not in ANYBODYS:
                found.setdefault(text, Secret(text, f"line {number} of {path}: “{text}”"))
    return list(found.values())


def shown_source(one: Loaded) -> str:
    """Return all the code of an exercise file that learners get."""
    given = [given_source(one, node) for node in given_nodes(ast.parse(one.source))]
    return "\n".join([visible_source(one), answer_stub(one), *given])


def _own_lines(one: Loaded) -> Iterator[tuple[int, str]]:
    """Yield the lines of the file's definitions; decorators, with hints and messages, are no secret."""
    lines = one.source.splitlines()
    for node in ast.parse(one.source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            for number in range(node.lineno, node.end_lineno + 1):
                if not lines[number - 1].strip().startswith(("from ", "import ")):
                    yield number, lines[number - 1]


def _seeds(files: Iterable[Path]) -> Iterator[Secret]:
    for path in files:
        text = plain(path.read_text(encoding="utf-8"))
        if len(text) >= SHORTEST:
            yield Secret(text, f"the seed of {path.stem}")
