"""Offer an exercise's hints one at a time: a button where there are widgets, a line of text where there are none."""

import sys
from typing import Protocol

from grader.report import marked


class Hinter(Protocol):
    """Whatever gives the next hint of an exercise, and knows how many are left."""

    def hint(self, exercise: str) -> str: ...

    def hints_left(self, exercise: str) -> int: ...


def offer_hints(hinter: Hinter, exercise: str) -> None:
    """Show a “next hint” button below the report, or say in plain text how to ask for a hint."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    try:
        import ipywidgets
    except ImportError:
        ipywidgets = None
    if ipywidgets is None or not hasattr(shell, "kernel"):
        print(f'For a hint: print(check.hint("{exercise}"))')
        return
    shown = ipywidgets.HTML()
    button = ipywidgets.Button(
        description="Next hint", tooltip=f"Show the next hint for {exercise}", icon="lightbulb-o"
    )

    def show_next(_: object) -> None:
        shown.value += f'<p style="margin:4px 0;white-space:normal;line-height:1.5">{marked(hinter.hint(exercise))}</p>'
        if not hinter.hints_left(exercise):
            button.disabled, button.description = True, "No more hints"

    button.on_click(show_next)
    from IPython.display import display

    display(ipywidgets.VBox([shown, button]))
