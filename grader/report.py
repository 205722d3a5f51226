"""What a learner sees after `check(...)`: HTML in a notebook, the same as plain text elsewhere."""

import re
from html import escape
from typing import Any

import torch

from grader.candidate import Candidate
from grader.heatmap import drawable, heatmaps
from grader.run import CheckResult, ExerciseResult
from grader.values import Handle

MARKS = {"passed": "✓", "failed": "✗", "error": "✗", "not_run": "–"}
MAX_TOLD = 400  # characters of one message; the rest of a longer one helps nobody
_BADGES = {"passed": "#1a7f37", "failed": "#c0392b", "error": "#c0392b", "not_run": "#6e7781"}  # white on it is legible
_BADGE = (
    "flex:none;align-self:flex-start;width:1.5em;margin:.15em .6em 0 0;border-radius:.3em;color:#fff;"
    "font-weight:bold;font-size:85%;line-height:1.5;text-align:center"
)
_ADVICE = "border-left:4px solid #e6a117;background:rgba(230,161,23,.12);padding:6px 10px;margin:6px 0;font-size:105%"
_CODE = "font-family:monospace;white-space:pre-wrap;overflow-wrap:anywhere"


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

    def html(self, folded: bool = False) -> str:
        """The whole report as HTML with inline styles only, as notebooks keep no other.

        Args:
            folded: failed checks alone are in sight, the others one click away.
        """
        headline = escape(self.headline())
        advice = "".join(f'<p style="{_ADVICE}">{marked(line)}</p>' for line in self._advice())
        checks = self._folded() if folded else _list(self._items())
        return (
            f'<div role="group" aria-label="{headline}" style="line-height:1.5;overflow-wrap:anywhere">'
            f"<strong>{headline}</strong>{advice}{checks}</div>"
        )

    def _advice(self) -> list[str]:
        result = self.result
        if result.status == "passed" and result.blocked_by:
            names = [f"`{name}`" for name in result.blocked_by]
            blocked = [f"Right, once {' and '.join(names)} {'is' if len(names) == 1 else 'are'}."]
        else:
            blocked = [f"`{name}` does not pass yet, and `{result.name}` uses it." for name in result.blocked_by]
        flags = [f"`{twin}` of a library does this exercise's work: write it yourself." for twin in result.flags]
        stub = ["Once your answer stands, delete the line `raise NotImplementedError`."]
        return result.diagnoses + blocked + flags + stub * (result.status == "not_attempted")

    def _told(self) -> list[str]:
        """For each check what a learner is told of its failure: of a hidden one nothing, the same words but once."""
        told: list[str] = []
        said: list[str] = []
        for check in self.result.checks:
            words = "" if check.check.hidden else _short(check.message)
            if not words or words not in said:
                told.append(words)
            else:
                told.append("the same as above" if words == said[-1] else _short(words, 80))
            said += [words] if words else []
        return told

    def _lines(self) -> list[str]:
        return [
            f"{MARKS[check.outcome]} {check.check.sentence}" + (f": {told}" if told else "")
            for check, told in zip(self.result.checks, self._told(), strict=True)
        ]

    def _items(self) -> list[str]:
        telling = self._telling()
        return [
            _item(check, told, self._evidence_html() if check is telling else "")
            for check, told in zip(self.result.checks, self._told(), strict=True)
        ]

    def _folded(self) -> str:
        """The failed checks, then the others in boxes that open."""
        items: dict[str, list[str]] = {}
        for check, item in zip(self.result.checks, self._items(), strict=True):
            items.setdefault(check.outcome, []).append(item)
        passed, waiting = items.pop("passed", []), items.pop("not_run", [])
        title = f"{_checks(waiting)} more: they count once the first passes" if items else "What it must do"
        all_passed = len(passed) == len(self.result.checks)
        return (
            "".join(map(_list, items.values()))
            + _box(title, waiting)
            + _box("What was checked" if all_passed else f"{_checks(passed)} passed", passed)
        )

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
        """The call, and what is not in the heat map below it."""
        called, *values = self._evidence_text()
        mismatch, drawn = self._telling().mismatch, ""
        if mismatch and isinstance(mismatch.expected, torch.Tensor):
            drawn = heatmaps(mismatch.expected, mismatch.actual, mismatch.index)
            both = zip(values, (mismatch.expected, mismatch.actual), strict=True)
            values = [line for line, value in both if not drawable(value)]
        text = "".join(f'<div style="{_CODE}">{escape(line)}</div>' for line in [called, *values])
        return f'<div style="margin:4px 0 10px">{text}{drawn}</div>'


def _short(text: str, limit: int = MAX_TOLD) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"


def _checks(items: list[str]) -> str:
    return f"{len(items)} check{'' if len(items) == 1 else 's'}"


def _list(items: list[str]) -> str:
    return f'<ul style="list-style:none;padding:0;margin:6px 0">{"".join(items)}</ul>'


def _box(title: str, items: list[str]) -> str:
    if not items:
        return ""
    style = "display:list-item;margin:6px 0;cursor:pointer"
    return f'<details><summary style="{style}">{escape(title)}</summary>{_list(items)}</details>'


def _item(check: CheckResult, told: str, evidence: str) -> str:
    if told:
        told = f'<div style="font-size:90%;opacity:.85;white-space:pre-wrap">{marked(told)}</div>'
    return (
        f'<li style="display:flex;margin:4px 0"><span role="img" aria-label="{check.outcome.replace("_", " ")}" '
        f'style="background:{_BADGES[check.outcome]};{_BADGE}">{MARKS[check.outcome]}</span>'
        f'<div style="flex:1;min-width:0">{marked(check.check.sentence)}{told}{evidence}</div></li>'
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
        dtype = "" if value.dtype in (torch.float32, torch.int64, torch.bool) else f", dtype={value.dtype}"
        return f"tensor({_rounded(value.tolist())}{dtype})"
    if isinstance(value, (Candidate, Handle)):
        return repr(value) if isinstance(value, Candidate) else value.type_name
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {show(item, 60)}" for key, item in list(value.items())[:6]) + "}"
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}…"


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def marked(text: str) -> str:
    """Return text as HTML, with `code` between backticks set as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _size(value: Any) -> int:
    if isinstance(value, torch.Tensor):
        return value.numel()
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    return sum(map(_size, value)) if isinstance(value, (list, tuple)) else 1
