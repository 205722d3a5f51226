"""Run a learner's notebook in this process, in the learner's own trust, and keep the reports of its checks.

The notebook judges itself by its own cells, as in JupyterLab; only who is shown the reports differs.
"""

import contextlib
import io
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from grader.learner.mistake import CourseError
from grader.notebook import AUDIENCE, CheckFailed
from grader.notebook_reader import Unreadable, cells_of
from grader.report import Report

_CHECK = re.compile(r"^check\(\s*(\w+)", re.MULTILINE)


@dataclass
class Outcome:
    """What a notebook's run came to.

    Attributes:
        reports: of each exercise that was checked, by name, in the notebook's order.
        errors: of each cell that ended with an error, its number (the first is 1) and the error in one line.
        unchecked: exercises whose check could not run.
    """

    reports: dict[str, Report] = field(default_factory=dict)
    errors: list[tuple[int, str]] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Every exercise's checks pass."""
        return not self.unchecked and all(report.result.status == "passed" for report in self.reports.values())


def check(notebook: Path) -> Outcome:
    """Run a notebook's code cells from top to bottom, as JupyterLab's Run All Cells would, and return what came of it.

    An error in one cell does not stop the next. What the cells print is not shown.

    Raises:
        CourseError: when there is no such notebook, or it cannot be read, or checks nothing.
        KeyboardInterrupt: when the learner stops a cell.
    """
    sources = [cell["source"] if cell["kind"] == "code" else "" for cell in _cells(notebook)]
    if not any(map(_CHECK.search, sources)):
        raise CourseError(f"{notebook} has no `check(…)` cell; give it an assignment, as work/week01/attention.ipynb")
    outcome = Outcome()
    told = AUDIENCE.set(lambda _, report: outcome.reports.__setitem__(report.result.name, report))
    try:
        with contextlib.chdir(notebook.parent):
            _run(sources, outcome)
    finally:
        AUDIENCE.reset(told)
    named = dict.fromkeys(name for source in sources for name in _CHECK.findall(source))
    outcome.unchecked = [name for name in named if name not in outcome.reports]
    return outcome


def _cells(notebook: Path) -> list[dict]:
    try:
        return cells_of(notebook.read_bytes(), set())
    except FileNotFoundError:
        raise CourseError(f"{notebook} is not there; `ls work` shows your copies") from None
    except IsADirectoryError:
        raise CourseError(f"{notebook} is a folder; name the notebook in it") from None
    except Unreadable as error:
        raise CourseError(f"{notebook} cannot be read: {error}") from None


def _run(sources: list[str], outcome: Outcome) -> None:
    """Run code cells in one IPython without a kernel."""
    os.environ["MPLBACKEND"] = "agg"  # a picture opens no window
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    InteractiveShell._instance = shell  # what get_ipython() gives, in magics and in the cells
    sys.path.insert(0, "")
    try:
        for number, source in enumerate(sources, start=1):
            if source.strip():
                with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                    done = shell.run_cell(source, silent=True)
                _note(done.error_before_exec or done.error_in_exec, number, outcome)
    finally:
        sys.path.remove("")
        InteractiveShell._instance = None


def _note(error: BaseException | None, number: int, outcome: Outcome) -> None:
    if isinstance(error, KeyboardInterrupt):
        raise error
    told = {report.headline() for report in outcome.reports.values()}
    if error is None or (isinstance(error, CheckFailed) and str(error) in told):
        return
    said, line = str(error), ""
    if isinstance(error, SyntaxError):
        said, line = error.msg, f", line {error.lineno}"
    outcome.errors.append((number, f"{type(error).__name__}: {said}{line}"))
