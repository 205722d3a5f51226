"""Every attack, by name."""

import exhausting  # noqa: F401
import forging  # noqa: F401
import lingering  # noqa: F401
import lying  # noqa: F401
import reaching  # noqa: F401
import wiring  # noqa: F401
from attack import CATALOGUE, Attack

__all__ = ["CATALOGUE", "Attack"]
