"""The untrusted side of grading: a warm zygote that forks one confined child a submission.

with Zygote() as zygote:
    child = zygote.open(["def double(x): return 2 * x"])
    link = Link(child)
    link.look_up("double")(21)  # 42, computed in the child
    child.close()
"""

from grader.sandbox.child import CellOutcome, Child, ChildLost
from grader.sandbox.layers import Layer, probe
from grader.sandbox.limits import Limits
from grader.sandbox.zygote import SandboxError, Zygote

__all__ = ["CellOutcome", "Child", "ChildLost", "Layer", "Limits", "SandboxError", "Zygote", "probe"]
