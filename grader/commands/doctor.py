"""`grader doctor`: say which isolation layers hold on this machine."""

import argparse

from rich.console import Console
from rich.table import Table

from grader.commands.console import command


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser's."""
    doctor = command(commands, "doctor", "say which isolation layers hold on this machine", "grader doctor")
    doctor.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Show the layers; 1 where one that is required does not hold."""
    from grader.sandbox import probe

    layers = probe()
    table = Table("layer", "holds", "what is known", "to mend it")
    for layer in layers:
        style = None if layer.holds else "red" if layer.required else "yellow"
        table.add_row(layer.name, "yes" if layer.holds else "no", layer.detail, layer.mend, style=style)
    Console().print(table)
    return 1 if any(layer.required and not layer.holds for layer in layers) else 0
