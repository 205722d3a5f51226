"""Name the mistake in a wrong answer by comparing what it does with what known wrong answers do.

A fingerprint is what a candidate returned, call by call, in one visible check: shapes, dtypes, rounded numbers,
names of exceptions. The builder stores the fingerprints of every mutant, check by check, where the mutant fails.
"""

import math
import re
from typing import Any

import numpy as np
import torch

from grader.run import CheckResult
from grader.values import Handle

KEPT = 16
_RTOL, _RTOL_OF_HALVES, _ATOL = 2e-3, 2e-2, 2e-4


def fingerprint(trace: list[tuple]) -> list:
    """Return the JSON-ready fingerprint of one check's trace."""
    return [
        {"raised": raised, "message": re.sub(r"[^A-Za-z0-9 ]+", " ", value)[:120]}
        if raised
        else {"value": _canonical(value)} | ({} if untouched else {"changed": True})
        for raised, value, untouched in trace
    ]


def diagnose(results: list[CheckResult], mutants: list[dict[str, Any]]) -> list[str]:
    """Return the messages of the mistakes that explain the failures in `results`; empty when none does.

    A mutant explains a candidate when, in every visible check that the mutant fails, the candidate does what the
    mutant does. The one that explains most comes first; a further one is named only for failures not yet explained.
    Where the gate, the first check, fails and nothing explains that, nothing is named: the rest may follow from it.

    Args:
        results: the outcomes of the visible checks.
        mutants: one dict a mutant: its `message`, and under `failing` its fingerprint by the name of each check.
    """
    failed = {r.check.name: fingerprint(r.trace) for r in results if r.outcome == "failed" and not r.check.hidden}
    explaining = [
        mutant
        for mutant in mutants
        if mutant["failing"]
        and all(name in failed and alike(failed[name], print_) for name, print_ in mutant["failing"].items())
    ]
    gate = results[0].check.name
    if gate in failed and not any(gate in mutant["failing"] for mutant in explaining):
        return []
    messages, explained = [], set()
    for mutant in sorted(explaining, key=lambda m: (gate not in m["failing"], -len(m["failing"]))):
        if not set(mutant["failing"]) <= explained:
            explained |= set(mutant["failing"])
            messages.append(mutant["message"])
    return messages


def _canonical(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        try:
            value = torch.from_numpy(value.copy())
        except (TypeError, ValueError):  # texts, dates, foreign byte orders
            return {"dtype": str(value.dtype), "shape": list(value.shape)}
    if isinstance(value, torch.Tensor):
        flat = value.flatten()
        step = max(1, flat.numel() // KEPT)
        numbers = flat[::step][:KEPT]
        kept = [_number(x) for x in (numbers.tolist() if not numbers.is_complex() else numbers.real.tolist())]
        return {"dtype": str(value.dtype), "shape": list(value.shape), "numbers": kept}
    if isinstance(value, Handle) or value is None:
        return None
    if isinstance(value, (list, tuple)):
        more = [f"{len(value)} items"] if len(value) > KEPT else []
        return [_canonical(item) for item in value[:KEPT]] + more
    if isinstance(value, dict):
        more = {"": f"{len(value)} items"} if len(value) > KEPT else {}
        return {_text(key): _canonical(item) for key, item in list(value.items())[:KEPT]} | more
    if isinstance(value, (set, frozenset)):  # in an order of its own in each process
        return [f"{len(value)} items", *sorted(map(_text, value))[:KEPT]]
    if isinstance(value, (bool, int, float)):
        return _number(value)
    return _text(value)


def _text(value: Any) -> str:
    try:
        return str(value)[:200]
    except ValueError:  # somewhere in it is an integer of more digits than Python writes
        return type(value).__name__


def _number(x: float) -> Any:
    if isinstance(x, bool):
        return x
    if isinstance(x, int) and x.bit_length() > 1000:
        return f"an integer of {x.bit_length()} bits"
    if not math.isfinite(x):
        return str(float(x))
    return x if isinstance(x, int) and abs(x) < 2**53 else float(f"{x:.4g}")


def alike(left: Any, right: Any, rtol: float = _RTOL) -> bool:
    """Return whether two fingerprints, or two JSON values that hold some, are equal but for rounding.

    Integers are ids and counts: they are equal or not. So are booleans.
    """
    kinds = {type(left), type(right)}
    if float in kinds and kinds <= {int, float}:
        return math.isclose(left, right, rel_tol=rtol, abs_tol=_ATOL)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(alike(a, b, rtol) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        halves = left.get("dtype") in ("torch.float16", "torch.bfloat16")
        rtol = _RTOL_OF_HALVES if halves else rtol
        return left.keys() == right.keys() and all(alike(left[key], right[key], rtol) for key in left)
    return len(kinds) == 1 and left == right
