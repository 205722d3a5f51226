"""Draw a tensor as a small table of coloured cells: plain HTML, legible on light and dark pages, no script."""

from html import escape

import torch

MAX_CELLS = 16
_LOW, _HIGH = (33, 102, 172), (214, 96, 77)  # blue and red-orange: told apart by colour-blind readers


def heatmaps(expected: torch.Tensor, actual: torch.Tensor, index: tuple[int, ...] | None) -> str:
    """Return two heat maps side by side, expected and actual, on one colour scale, wrong cells outlined.

    Tensors of more than two dimensions are shown at the slice of `index`, large ones around it.
    """
    if expected.dim() == 0 or expected.numel() == 0:
        return ""
    panels = [("expected", expected)]
    if isinstance(actual, torch.Tensor) and actual.shape == expected.shape:
        panels.append(("yours", actual))
    index = index or (0,) * expected.dim()
    slices = [(title, *_slice(tensor, index)) for title, tensor in panels]
    numbers = torch.cat([tensor.flatten() for _, tensor, _ in slices])
    finite = numbers[numbers.isfinite()]
    scale = float(finite.abs().max()) if finite.numel() else 0.0
    wrong = None
    if len(slices) == 2:
        wrong = ~torch.isclose(slices[0][1], slices[1][1], atol=1e-4, rtol=1e-4, equal_nan=True)
    return "".join(_table(title + where, tensor, scale or 1.0, wrong) for title, tensor, where in slices)


def _slice(tensor: torch.Tensor, index: tuple[int, ...]) -> tuple[torch.Tensor, str]:
    plain = tensor.detach().to(torch.float64) if not tensor.is_complex() else tensor.detach().abs().double()
    if plain.dim() == 1:
        plain, index = plain[None], (0, *index)
    lead = index[:-2]
    row, column = (max(0, i - MAX_CELLS + 1) for i in index[-2:])
    window = plain[lead][row : row + MAX_CELLS, column : column + MAX_CELLS]
    whole = plain.dim() == 2 and window.shape == plain.shape
    corner = "" if whole else f" at [{', '.join([*map(str, lead), f'{row}:', f'{column}:'])}]"
    return window, corner


def _table(title: str, tensor: torch.Tensor, scale: float, wrong: torch.Tensor | None) -> str:
    rows = []
    for i, row in enumerate(tensor.tolist()):
        cells = "".join(_cell(x, scale, wrong is not None and bool(wrong[i, j])) for j, x in enumerate(row))
        rows.append(f"<tr>{cells}</tr>")
    return (
        '<table style="display:inline-table;border-collapse:separate;border-spacing:1px;margin:4px 16px 4px 0">'
        f'<caption style="text-align:left;font-size:85%">{escape(title)}</caption>{"".join(rows)}</table>'
    )


def _cell(x: float, scale: float, wrong: bool) -> str:
    finite = x == x and abs(x) != float("inf")
    strength = min(1.0, abs(x) / scale) if finite else 0.0
    red, green, blue = _HIGH if x > 0 else _LOW
    outline = "outline:2px solid currentColor;" if wrong else ""
    text = f"{x:.3g}" if finite else str(x)
    return (
        f'<td style="background:rgba({red},{green},{blue},{0.75 * strength:.2f});{outline}'
        f'font:11px monospace;padding:1px 4px;text-align:right;color:inherit">{text}</td>'
    )
