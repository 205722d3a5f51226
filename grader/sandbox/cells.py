"""Run a student's cells in IPython, one after another, and keep a bounded record of what they printed and raised."""

import ast
import io
import signal
import sys
import traceback
import types
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.text import SList
from traitlets.config import Config

MAX_MESSAGE, MAX_TRACE = 2_000, 4_000


class TimeLimit(BaseException):
    """A cell that ran too long is interrupted with this; it is no `Exception`, so that cells do not catch it."""


class BoundedText(io.TextIOBase):
    """A text stream that keeps its beginning and drops the rest."""

    encoding, errors = "utf-8", "replace"

    def __init__(self, limit: int):
        self._limit, self._size, self._parts = limit, 0, []

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> int:
        kept = text[: self._limit - self._size]
        if kept:
            self._parts.append(kept)
            self._size += len(kept)
        return len(text)

    def taken(self) -> str:
        """Return what was kept, and begin anew."""
        text = "".join(self._parts)
        self._parts, self._size = [], 0
        return text


def prepare() -> None:
    """Make the one IPython shell, in the zygote, before any child is forked."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "NoColor"
    config.InteractiveShell.xmode = "Minimal"
    config.BaseIPythonApplication.ipython_dir = "/tmp/.ipython"
    main = types.ModuleType("__main__")
    shell = InteractiveShell.instance(config=config, user_module=main)
    sys.modules["__main__"] = main
    sys.argv = [""]
    shell.showtraceback = shell.showsyntaxerror = shell.showindentationerror = lambda *_, **__: None
    shell.enable_gui = lambda *_: None
    for name in ("system", "system_raw", "system_piped"):
        setattr(shell, name, _not_run)
    shell.getoutput = lambda command, *_, **__: _not_run(command) or SList()
    transform = shell.transform_cell
    shell.transform_cell = lambda cell: f"{cell}\n" if _is_python(cell) else transform(cell)
    shell.run_cell("1", store_history=False, silent=True)


class Runner:
    """The namespace that a child's cells share."""

    def __init__(self, output_limit: int):
        self.shell = InteractiveShell.instance()
        self._out, self._err = BoundedText(output_limit), BoundedText(output_limit)
        sys.stdout, sys.stderr = self._out, self._err
        signal.signal(signal.SIGALRM, _interrupt)

    def run(self, cell: str, seconds: float) -> tuple[str, str, list[str] | None]:
        """Run one cell; return its output, its standard error, and its exception's name, message and short trace."""
        error: Any = None
        self.shell.autoawait = "await" in cell or "async" in cell  # what has neither need not be compiled to find out
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            result = self.shell.run_cell(cell, store_history=False)
            error = result.error_before_exec or result.error_in_exec
        except BaseException as escaped:
            error = escaped
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        described = None if error is None else _described(error, seconds)
        return self._out.taken(), self._err.taken(), described

    def be_quiet(self) -> None:
        """Drop whatever is printed from here on."""
        self._out._limit = self._err._limit = 0


def _is_python(cell: str) -> bool:
    """Whether a cell is plain Python, which IPython's own syntax (magics, `!`, `?`, prompts) never is."""
    try:
        ast.parse(cell)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _described(error: BaseException, seconds: float) -> list[str]:
    name = type(error).__name__[:100]
    try:
        message = f"the cell ran for more than {seconds:g} s" if name == "TimeLimit" else str(error)[:MAX_MESSAGE]
    except Exception:
        message = "(its message could not be read)"
    try:
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if "ipython-input" in frame.filename][-6:]
        lines = [f"line {frame.lineno}, in {frame.name}: {frame.line}" for frame in own]
    except Exception:
        lines = []
    return [name, message, "\n".join(lines)[:MAX_TRACE]]


def _interrupt(*_: Any) -> None:
    raise TimeLimit


def _not_run(command: str) -> None:
    print(f"(not run here: !{str(command)[:200]})")
