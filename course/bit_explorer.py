"""The bit explorer: one number of yours in seven formats, its bits drawn, what they stand for and how far off that is.

`draw` is the picture, `explore` the widget. Left out: infinities and NaN, which float formats spend bits on too.
"""

from __future__ import annotations

import ipywidgets
from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course import plots
from course.explorer import Explorer
from course.number_formats import FORMATS, write

FIELDS = {"sign": plots.ORANGE, "exponent": plots.GREEN, "mantissa": plots.BLUE, "integer": plots.PURPLE}


def _fields(name: str) -> list[str]:
    form = FORMATS[name]
    if form.dtype is None:
        return ["sign"] + ["integer"] * form.mantissa
    return ["sign"] + ["exponent"] * form.exponent + ["mantissa"] * form.mantissa


def _error(number: float, value: float) -> str:
    if value == number:
        return "exact"
    return f"{abs(value - number) / abs(number):.2g}" if number else f"{abs(value):.2g} off"


def draw(number: str, largest: float = 1.0) -> tuple[Figure, str]:
    """The bits of `number` in every format, its value there and its relative error; returns (figure, alt).

    `largest` is the largest magnitude of the group that the integers share a step with. Raises ValueError for what is
    no number.
    """
    try:
        wanted = float(number)
    except ValueError:
        raise ValueError(f"{number!r} is no number. Write one such as 0.1, -3e-5 or 65504.") from None
    figure, axes = pyplot.subplots(figsize=(11, 3.9))
    said = []
    for row, name in enumerate(FORMATS):
        written = write(wanted, name, largest)
        for place, (bit, field) in enumerate(zip(written.bits, _fields(name), strict=True)):
            on = bit == "1"
            axes.add_patch(
                Rectangle((place, row - 0.38), 0.9, 0.76, facecolor=FIELDS[field] if on else "none",
                          edgecolor=FIELDS[field], linewidth=1.2)
            )  # fmt: skip
            axes.text(place + 0.45, row, bit, ha="center", va="center", fontsize=9,
                      color="white" if on else plots.INK)  # fmt: skip
        off = _error(wanted, written.value)
        axes.text(33, row, f"{written.value:.9g}", va="center", family="monospace")
        axes.text(40.2, row, off, va="center", family="monospace", color=plots.MUTED)
        said.append(f"{name} {written.bits} = {written.value:.9g} ({'error ' if off != 'exact' else ''}{off})")
    axes.text(33, -0.9, "value", weight="bold")
    axes.text(40.2, -0.9, "relative error", weight="bold")
    for place, (field, colour) in enumerate(FIELDS.items()):
        axes.text(place * 5.2, -0.9, f"■ {field}", color=colour, weight="bold")
    axes.set(xlim=(-0.2, 45.5), ylim=(6.6, -1.3), xticks=[])
    axes.set_yticks(range(len(FORMATS)), FORMATS)
    axes.tick_params(length=0)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_title(f"{wanted:.9g} in seven formats (integers: the largest of the group is {largest:g})")
    return figure, f"{wanted:.9g} in bits. " + "; ".join(said) + "."


def explore(number: str = "0.1", largest: float = 1.0) -> Explorer:
    """The widget: any number, and the largest magnitude of the group that the integers share a step with."""
    return Explorer(
        draw,
        number=ipywidgets.Text(number, description="Number", continuous_update=False),
        largest=ipywidgets.FloatLogSlider(
            largest, min=-2, max=3, step=0.25, description="Largest of the group", readout_format=".3g"
        ),
    )
