"""Draw a tensor as a small table of coloured cells: plain HTML, legible on light and dark pages, no script."""

from dataclasses import dataclass
from html import escape

import torch

MAX_CELLS = 12  # rows and columns
FEW_CELLS = 6  # where shapes differ, so that cell by cell nothing can be compared
_LOW, _HIGH = (33, 102, 172), (214, 96, 77)  # blue and red-orange: told apart by colour-blind readers


def drawable(value: object) -> bool:
    """Return whether a heat map can show `value`."""
    return isinstance(value, torch.Tensor) and value.dim() > 0 and value.numel() > 0


def heatmaps(expected: torch.Tensor, actual: object, index: tuple[int, ...] | None) -> str:
    """Return heat maps side by side, expected and actual, on one colour scale, cells that differ outlined.

    Tensors of more than two dimensions are shown at the slice of `index`, large ones around it. Where shapes or
    dtypes differ, the captions say so.
    """
    panels = [("expected", expected), ("yours", actual)]
    panels = [(title, value.detach()) for title, value in panels if drawable(value)]
    if not panels:
        return ""
    alike = len(panels) == 2 and expected.shape == actual.shape
    if len(panels) == 2 and (expected.dtype != actual.dtype or not alike):
        panels = [(f"{title}: {tuple(value.shape)}, {value.dtype}", value) for title, value in panels]
    most = FEW_CELLS if len(panels) == 2 and not alike else MAX_CELLS
    windows = [_window(value, index if alike and index else (0,) * value.dim(), most) for _, value in panels]
    wrong = _wrong(windows[0][0], windows[1][0]) if alike else None
    shown = [window for window, _ in windows]
    palette = _palette(shown)
    digits = next((n for n in (3, 4) if wrong is None or _told_apart(shown, wrong, n)), 5)
    outlined = wrong if wrong is not None and not wrong.all() else None
    tables = "".join(
        _table(title + where, window, palette, outlined, digits)
        for (title, _), (window, where) in zip(panels, windows, strict=True)
    )
    return f'<div style="overflow-x:auto;max-width:100%">{tables}</div>{_legend(palette, shown, wrong)}'


@dataclass(frozen=True)
class _Palette:
    """Numbers above `middle` are red, those below are blue, full colour `reach` away from it."""

    middle: float
    reach: float

    def background(self, x: float) -> str:
        strength = min(1.0, abs(x - self.middle) / self.reach) if abs(x) < float("inf") else 0.0
        red, green, blue = _HIGH if x > self.middle else _LOW
        return f"rgba({red},{green},{blue},{0.7 * strength:.2f})"


def _palette(windows: list[torch.Tensor]) -> _Palette:
    """The colours run about 0; about their mean where all expected numbers are alike, which would be one colour."""
    due, shown = _finite(windows[:1]), _finite(windows)
    if due.numel() and windows[0].dtype != torch.bool and due.max() - due.min() < due.abs().min() / 2:
        middle = float(due.mean())
        return _Palette(middle, float((shown - middle).abs().max()) or 1.0)
    numbers = due if due.any() else shown
    return _Palette(0.0, float(numbers.abs().max()) if numbers.any() else 1.0)


def _finite(windows: list[torch.Tensor]) -> torch.Tensor:
    numbers = torch.cat([window.flatten().double() for window in windows])
    return numbers[numbers.isfinite()]


def _window(tensor: torch.Tensor, index: tuple[int, ...], most: int) -> tuple[torch.Tensor, str]:
    """Return what is shown of a tensor, in two dimensions, and where that stands in the whole."""
    lead, shown = index[:-2], index[-2:]
    ranges = []
    for size, i in zip(tensor.shape[-2:], shown, strict=True):
        first = max(0, min(i - most // 2, size - most)) if i >= most else 0
        ranges.append((first, min(size, first + most)))
    window = tensor[lead + tuple(slice(*r) for r in ranges)]
    window = window.abs() if window.is_complex() else window
    cut = any(r != (0, size) for r, size in zip(ranges, tensor.shape[-2:], strict=True))
    names = [*map(str, lead), *(f"{first}:{end}" if cut else ":" for first, end in ranges)]
    return window.reshape(-1, window.shape[-1]), f" at [{', '.join(names)}]" if lead or cut else ""


def _wrong(expected: torch.Tensor, actual: torch.Tensor) -> torch.Tensor:
    if expected.dtype.is_floating_point and actual.dtype.is_floating_point:
        return ~torch.isclose(expected.double(), actual.double(), atol=1e-4, rtol=1e-4, equal_nan=True)
    return expected != actual


def _told_apart(windows: list[torch.Tensor], wrong: torch.Tensor, digits: int) -> bool:
    pairs = zip(*(window[wrong].tolist() for window in windows), strict=True)
    return all(_text(due, digits) != _text(came, digits) for due, came in pairs)


def _table(title: str, window: torch.Tensor, palette: _Palette, wrong: torch.Tensor | None, digits: int) -> str:
    rows = "".join(
        '<tr style="background:none">'
        + "".join(_cell(x, palette, digits, wrong is not None and bool(wrong[i, j])) for j, x in enumerate(row))
        + "</tr>"
        for i, row in enumerate(window.tolist())
    )
    return (
        '<table style="display:inline-table;width:auto;border:0;border-collapse:separate;border-spacing:3px;'
        'margin:4px 16px 4px 0;vertical-align:top">'
        '<caption style="text-align:left;font-size:85%;padding:0;color:inherit;white-space:nowrap">'
        f"{escape(title)}</caption><tbody>{rows}</tbody></table>"
    )


def _cell(x: float, palette: _Palette, digits: int, wrong: bool) -> str:
    outline = "outline:2px solid currentColor;outline-offset:-1px;font-weight:bold;" if wrong else ""
    return (
        f'<td style="background:{palette.background(x)};{outline}border:0;font-family:monospace;font-size:11px;'
        f'padding:2px 5px;text-align:right;white-space:nowrap;color:inherit">{_text(x, digits)}</td>'
    )


def _text(x: float, digits: int) -> str:
    return f"{x:.{digits}g}" if isinstance(x, float) else str(x)


def _legend(palette: _Palette, windows: list[torch.Tensor], wrong: torch.Tensor | None) -> str:
    booleans = all(window.dtype == torch.bool for window in windows)
    said = "Red is True." if booleans else f"Red is above {palette.middle:.3g}, blue below."
    if wrong is not None and wrong.any():
        said += " All of these differ." if wrong.all() else " Outlined cells differ."
    return f'<div style="font-size:85%;opacity:.85">{said}</div>'
