"""The processes that one submission runs in: the child at hand, and those that take its place when it is lost."""

import time
from collections.abc import Callable
from typing import Any, Protocol

from grader.channel import Channel, ChannelLost
from grader.precedents import Precedents
from grader.run import CheckResult
from grader.sandbox import CellOutcome, Child, Limits
from grader.servant import Reply
from grader.values import Callback

MAX_LOSSES = 2
PATIENCE = 2.0  # lifetimes of a child that one submission may take, however many children it loses


class Nursery(Protocol):
    """Whatever opens a fresh child that has run some cells."""

    limits: Limits

    def open(self, cells: list[str]) -> Child: ...


class Children(Channel):
    """A channel to a child that is replaced when it is lost, so that one exercise cannot take another's points.

    Attributes:
        losses: children lost since this was last set to 0; after `MAX_LOSSES` no further one is tried.
        events: kinds and details of suspicious things that the children were seen to try.
        timed_out: a cell or a call was stopped for time.
    """

    def __init__(self, nursery: Nursery, cells: list[str], precedents: Precedents | None = None):
        self._precedents = precedents or Precedents()
        self.losses, self.timed_out = 0, False
        self.events: list[tuple[str, str]] = []
        self._nursery, self._cells, self._extra = nursery, list(cells), ""
        self._child: Child | None = None
        self._end = time.monotonic() + PATIENCE * nursery.limits.total_seconds

    def __enter__(self) -> "Children":
        return self

    def __exit__(self, *_: object) -> None:
        self.replace()

    def outcomes(self) -> list[CellOutcome]:
        """Return what each cell printed or raised.

        Raises:
            ChannelLost: when no child can run the cells at all.
        """
        return self._opened().cells

    def perform(self, operation: str, *details: Any) -> Reply:
        """Have the child perform one operation.

        Raises:
            ChannelLost: when that costs the child, or has cost too many before.
        """
        if self.losses >= MAX_LOSSES:
            raise ChannelLost("exit", "your code ended or outlasted its process too often to be asked again")
        try:
            return self._opened().perform(operation, *details)
        except ChannelLost as error:
            self.losses += 1
            self.timed_out |= error.reason == "time"
            self.replace(self._extra)
            raise

    def lend(self, function: Callable) -> Callback:
        """Give the child a function of this side to call."""
        return self._opened().lend(function)

    def recalled(self, exercise: str, check: str) -> CheckResult | None:
        """Ask the child what the check asks, for as long as it answers as an earlier one did."""
        if self._child is None or self.losses >= MAX_LOSSES:
            return None
        try:
            first = self._precedents.first((exercise, check, self._child.known(exercise)))
        except ChannelLost:
            return None  # the check will meet with the same
        return self._child.retrace(first) if first else None

    def remember(self, exercise: str, check: str, result: CheckResult) -> None:
        """Keep a conversation that its child outlived."""
        if self._child and self._child.conversation and not (result.lost or result.unusable):
            key = exercise, check, self._child.known(exercise)
            self._precedents.add(key, self._child.conversation, result)

    def replace(self, extra: str = "") -> None:
        """End the child, if there is one. The next one runs `extra` after the cells."""
        if self._child is not None:
            self._child.close()
            self.events += self._child.events
            self._child = None
        self._extra = extra

    def _opened(self) -> Child:
        """The child at hand, or a new one. A cell that ends its child is left out when the cells run again."""
        ended: set[int | None] = {None, 0}  # the first cell is the grader's own
        while self._child is None:
            if time.monotonic() > self._end:
                raise ChannelLost("time", "your code took more time than a whole notebook may, all its tries together")
            try:
                self._child = self._nursery.open(self._cells + ([self._extra] if self._extra else []))
            except ChannelLost as error:
                self.timed_out |= error.reason == "time"
                if error.cell in ended or error.cell >= len(self._cells):
                    raise
                ended.add(error.cell)
                self._cells[error.cell] = f"raise RuntimeError({str(error)!r})"
            else:
                self.timed_out |= any(cell.error and cell.error[0] == "TimeLimit" for cell in self._child.cells)
        return self._child
