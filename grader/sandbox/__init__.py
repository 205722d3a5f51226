"""The untrusted side of grading: a warm zygote that forks one confined child a submission.

with Zygote() as zygote:
    child = zygote.open(["def double(x): return 2 * x"])
    link = Link(child)
    link.look_up("double")(21)  # 42, computed in the child
    child.close()

Each name is loaded when it is asked for: finding out which layers hold, or starting a zygote's interpreter, needs no
torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grader.sandbox.child import CellOutcome, Child, ChildLost
    from grader.sandbox.layers import Layer, probe
    from grader.sandbox.limits import Limits, SandboxError
    from grader.sandbox.zygote import Zygote

_HOMES = {
    "child": ("CellOutcome", "Child", "ChildLost"),
    "layers": ("Layer", "probe"),
    "limits": ("Limits", "SandboxError"),
    "zygote": ("Zygote",),
}
__all__ = ["CellOutcome", "Child", "ChildLost", "Layer", "Limits", "SandboxError", "Zygote", "probe"]


def __getattr__(name: str) -> Any:
    home = next((home for home, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"grader.sandbox.{home}"), name)
