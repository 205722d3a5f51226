"""Files that are written whole or not at all."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO


@contextlib.contextmanager
def replacing(path: Path, **opened: Any) -> Iterator[TextIO]:
    """Open a text file that takes the place of `path` when the block ends; if it fails, nothing has changed."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("w", encoding="utf-8", **opened) as file:
            yield file
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
