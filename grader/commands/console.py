"""Where the commands say what they do: standard error, so that standard output stays a report's."""

import argparse

from rich.console import Console

console = Console(stderr=True, highlight=False, soft_wrap=True)


def command(commands: argparse._SubParsersAction, name: str, about: str, *examples: str) -> argparse.ArgumentParser:
    """Add a command with a line on what it does and examples."""
    return commands.add_parser(
        name,
        help=about,
        description=f"{about[0].upper()}{about[1:]}.",
        epilog="\n  ".join(["examples:" if len(examples) > 1 else "example:", *examples]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
