"""What decides a verdict besides the submission. It loads nothing: the command that reads it needs no torch."""

from dataclasses import dataclass, field
from pathlib import Path

from grader.sandbox.limits import Limits


@dataclass(frozen=True)
class Settings:
    """Two runs with equal settings give equal verdicts."""

    root: Path
    week: str
    seed: str
    isolation: str = "full"
    limits: Limits = field(default_factory=Limits)
