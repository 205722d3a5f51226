"""What carries a check's operations to a candidate, and how it fails."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from grader.run import CheckResult
    from grader.servant import Reply
    from grader.values import Callback


class ChannelLost(Exception):
    """The other end of a channel is gone: its process was stopped, or broke the protocol.

    Args:
        reason: time, memory, exit, output or protocol.
        message: the same for people.
        cell: the index of the cell that was running, where it happened in one.
    """

    def __init__(self, reason: str, message: str, cell: int | None = None):
        super().__init__(message)
        self.reason, self.cell = reason, cell


class ChannelBroken(Exception):
    """The grader's own end of a channel failed: nothing can be said of the candidate."""


class Channel(Protocol):
    """Carries operations to a servant: a direct call in this process, frames on a wire to a child.

    Attributes:
        conversation: what was said and heard since the check began, where that can be retraced with another candidate.
    """

    conversation: list[tuple[bytes, bytes]] | None = None

    def perform(self, operation: str, *details: Any) -> "Reply": ...

    def lend(self, function: Callable) -> "Callback": ...

    def recalled(self, exercise: str, check: str) -> "CheckResult | None":
        """Return the verdict on a candidate that replies to a check as an earlier one did, where that is known."""

    def remember(self, exercise: str, check: str, result: "CheckResult") -> None:
        """Keep the verdict on what the candidate replied since the check began."""
