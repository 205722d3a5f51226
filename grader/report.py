"""What a learner sees after `check(...)`: HTML in a notebook, the same as plain text elsewhere."""

import re
from html import escape
from typing import Any

import torch

from grader.candidate import Candidate
from grader.heatmap import heatmaps
from grader.run import CheckResult, ExerciseResult
from grader.values import Handle

MARKS = {"passed": "✓", "failed": "✗", "error": "✗", "not_run": "–"}
_COLOURS = {"passed": "#2e8b57", "failed": "#d6604d", "error": "#d6604d", "not_run": "#888888"}


class Report:
    """The result of one exercise, ready to be shown; its plain text is the points, which nbgrader reads."""

    def __init__(self, result: ExerciseResult):
        self.result = result

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": f"{self.result.score:g}", "text/html": self.html()}

    def __str__(self) -> str:
        return "\n".join([self.headline(), *self._advice(), *self._lines(), *self._evidence_text()])

    def headline(self) -> str:
        """One line: the exercise and how it stands."""
        result = self.result
        if result.status == "not_attempted":
            return f"{result.name}: not attempted"
        passed = sum(check.outcome == "passed" for check in result.checks)
        if passed == len(result.checks):
            return f"{result.name}: all {passed} checks pass"
        return f"{result.name}: {passed} of {len(result.checks)} checks pass"

    def html(self) -> str:
        """The whole report as HTML with inline styles only, as notebooks keep no other."""
        advice = "".join(
            f'<p style="border-left:4px solid #e6a117;padding:6px 10px;margin:6px 0;font-size:105%">{marked(line)}</p>'
            for line in self._advice()
        )
        items = "".join(_item(check) for check in self.result.checks)
        return (
            f'<div role="group" aria-label="{escape(self.headline())}"><strong>{escape(self.headline())}</strong>'
            f'{advice}<ul style="list-style:none;padding-left:4px;margin:6px 0">{items}</ul>'
            f"{self._evidence_html()}</div>"
        )

    def _advice(self) -> list[str]:
        blocked = [f"Fix `{name}` first: `{self.result.name}` uses it." for name in self.result.blocked_by]
        flags = [f"`{twin}` of a library does this exercise's work: write it yourself." for twin in self.result.flags]
        return blocked + self.result.diagnoses + flags

    def _lines(self) -> list[str]:
        return [
            f"{MARKS[check.outcome]} {check.check.sentence}" + (f": {_told(check)}" if _told(check) else "")
            for check in self.result.checks
        ]

    def _telling(self) -> CheckResult | None:
        """The failed visible check with the smallest input."""
        failed = [c for c in self.result.checks if c.outcome == "failed" and not c.check.hidden and c.call]
        return min(failed, key=lambda check: _size(check.call[1:]), default=None)

    def _evidence_text(self) -> list[str]:
        check = self._telling()
        if check is None:
            return []
        lines = [f"called: {show_call(check.call)}"]
        if check.mismatch and check.mismatch.expected is not None:
            lines += [f"expected: {show(check.mismatch.expected)}", f"yours: {show(check.mismatch.actual)}"]
        return lines

    def _evidence_html(self) -> str:
        lines = self._evidence_text()
        if not lines:
            return ""
        text = "".join(
            f'<pre style="margin:2px 0;white-space:pre-wrap;font-family:monospace">{escape(line)}</pre>'
            for line in lines
        )
        mismatch = self._telling().mismatch
        tensors = mismatch and isinstance(mismatch.expected, torch.Tensor)
        return text + (heatmaps(mismatch.expected, mismatch.actual, mismatch.index) if tensors else "")


def _told(check: CheckResult) -> str:
    """What a student is told of a check that did not pass: of a hidden one, nothing but its sentence."""
    return "" if check.check.hidden else check.message


def _item(check: CheckResult) -> str:
    told = (
        f'<div style="margin-left:1.3em;font-size:90%;opacity:.8">{marked(_told(check))}</div>' if _told(check) else ""
    )
    return (
        f'<li style="margin:2px 0"><span style="color:{_COLOURS[check.outcome]};font-weight:bold" '
        f'aria-label="{check.outcome.replace("_", " ")}">{MARKS[check.outcome]}</span> '
        f"{marked(check.check.sentence)}{told}</li>"
    )


def show_call(call: tuple[str, tuple, dict]) -> str:
    """Return a call as a learner would write it, with long arguments described."""
    label, args, kwargs = call
    return f"{label}({', '.join([show(a) for a in args] + [f'{name}={show(a)}' for name, a in kwargs.items()])})"


def show(value: Any, limit: int = 300) -> str:
    """Return a value as short text: small tensors whole, large ones by shape and dtype."""
    if isinstance(value, torch.Tensor):
        if value.numel() > 12:
            return f"tensor of shape {tuple(value.shape)}, {value.dtype}"
        return " ".join(repr(value.detach()).split())
    if isinstance(value, (Candidate, Handle)):
        return repr(value) if isinstance(value, Candidate) else value.type_name
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {show(item, 60)}" for key, item in list(value.items())[:6]) + "}"
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}…"


def marked(text: str) -> str:
    """Return text as HTML, with `code` between backticks set as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _size(value: Any) -> int:
    if isinstance(value, torch.Tensor):
        return value.numel()
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    return sum(map(_size, value)) if isinstance(value, (list, tuple)) else 1
