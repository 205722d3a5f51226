"""A notebook's reports in a terminal: the words that JupyterLab shows, with colours where there are some."""

from rich.console import Console
from rich.text import Text

from grader.learner.check import Outcome
from grader.report import Report

STYLES = {"✓": "green", "✗": "red", "–": "dim"}
STANDS = {"passed": "bold green", "failed": "bold red", "not_attempted": "bold"}


def show(outcome: Outcome, console: Console) -> None:
    """Print each exercise's report, then the cells that ended with an error, then the count."""
    for report in outcome.reports.values():
        _show_report(report, console)
    for name in outcome.unchecked:
        console.print(Text(f"{name}: not checked, as its cell ended with an error", style="bold red"))
    for number, error in outcome.errors:
        console.print(Text(f"cell {number} ended with {error}", style="red"))
    passed = sum(report.result.status == "passed" for report in outcome.reports.values())
    total = len(outcome.reports) + len(outcome.unchecked)
    console.print(f"\n{passed} of {total} exercises pass.")


def _show_report(report: Report, console: Console) -> None:
    headline, *lines = str(report).splitlines()
    console.print(Text(headline, style=STANDS.get(report.result.status, "bold")))
    if report.result.status == "not_attempted":
        return
    for line in lines:
        console.print(Text(f"  {line}", style=STYLES.get(line[:1], "")))
