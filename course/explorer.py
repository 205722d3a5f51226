"""A picture with knobs: the one frame in which every interactive widget of the course lives.

`Explorer(draw, knob=widget, ...)` redraws when a knob moves. `draw` is a plain function that can be tested
without a browser. Where no kernel runs (GitHub, a saved notebook, an HTML page) the reader sees the first
picture. Left out: animation and anything that needs a front-end extension beyond ipywidgets.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from html import escape

import ipywidgets
from matplotlib.figure import Figure

from course import plots

SHORT = 18  # letters of a description beside which a slider has room in the usual width of ipywidgets


class Explorer(ipywidgets.VBox):
    """Knobs above, picture below.

    `draw(**values)` takes each knob's value under its name and returns (figure, alternative text). A
    ValueError that it raises is shown to the reader as its message. Every knob needs a `description`: it is
    the label that a screen reader speaks.
    """

    def __init__(self, draw: Callable[..., tuple[Figure, str]], **knobs: ipywidgets.ValueWidget):
        for name, knob in knobs.items():
            if not knob.description:
                raise ValueError(f"The knob {name!r} has no description: give it one, a screen reader speaks it.")
            knob.style.description_width = "initial"
            if len(knob.description) > SHORT and knob.layout.width is None:
                knob.layout.width = f"{len(knob.description) // 2 + 14}em"
        self.draw, self.knobs = draw, knobs
        self.alt, self.first, self.message = "", b"", ""
        self.picture = ipywidgets.HTML()
        for knob in knobs.values():
            knob.observe(self.redraw, names="value")
        row = ipywidgets.HBox(list(knobs.values()), layout=ipywidgets.Layout(flex_flow="row wrap"))
        super().__init__([row, self.picture])
        self.redraw()

    def redraw(self, change=None) -> None:
        """Draw the picture for the knobs' present values."""
        try:
            figure, alt = self.draw(**{name: knob.value for name, knob in self.knobs.items()})
        except ValueError as mistake:
            self.message = str(mistake)
            self.picture.value = f'<p role="alert">{escape(self.message)}</p>'
            return
        image = plots.png(figure)
        plots.close(figure)
        self.alt, self.message, self.first = " ".join(alt.split()), "", self.first or image
        source = base64.b64encode(image).decode()
        self.picture.value = (
            f'<img alt="{escape(self.alt)}" style="max-width:100%" src="data:image/png;base64,{source}">'
        )

    def _repr_mimebundle_(self, **options):
        """The live widget, and beside it the first picture for readers without a kernel."""
        bundle = super()._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        image = base64.b64encode(self.first).decode()
        data = {**data, "image/png": image, "text/plain": f"Picture with knobs: {self.alt}"}
        return data, {**metadata, "image/png": {"alt": self.alt}}
