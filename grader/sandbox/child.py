"""The trusted side's end of the wire to one child: it asks, waits no longer than it must, and believes nothing."""

import os
import select
import shutil
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from grader.channel import Channel, ChannelBroken, ChannelLost
from grader.precedents import Turn, digest
from grader.run import CheckResult
from grader.sandbox import wire
from grader.sandbox.events import MAX_EVENTS
from grader.sandbox.limits import Limits, SandboxError
from grader.servant import MAX_MESSAGE, Reply
from grader.values import Callback, Handle, arguments_of, copied, data_kept

GRACE = 2.0
MAX_QUESTION = 1 << 32
MAX_NESTING = 20
NOTES = ("begin",)  # nothing comes of it that is worth waiting for: it goes with the next operation
WITHIN = (b'["result"', b'["raised"')  # how what is said in the middle of an operation begins


@dataclass(frozen=True)
class CellOutcome:
    """What came of one cell.

    Attributes:
        stdout, stderr: what it printed, up to a limit.
        error: None, or the exception's name, its message and a short traceback. All of it is the student's text.
    """

    stdout: str
    stderr: str
    error: tuple[str, str, str] | None


class ChildLost(ChannelLost):
    """A child is gone: it died, outlasted its time, or broke the protocol, and was ended.

    Attributes:
        reason: "time", "memory", "exit", "protocol" or "output".
        cell: the index of the cell that was running, or None when all had run.
    """

    def __init__(self, reason: str, message: str, cell: int | None = None):
        super().__init__(reason, message)
        self.cell = cell


@dataclass(frozen=True)
class Ending:
    """How a child ended: wait status (None: nobody knows), peak resident KB, processor seconds, memory used up."""

    status: int | None = None
    peak_kb: int = 0
    cpu_seconds: float = 0.0
    out_of_memory: bool = False


class Parent(Protocol):
    """Whoever forked a child, and so learns how it ended."""

    def reap(self, process: int) -> Ending: ...


class Child(Channel):
    """A confined process that has run a student's cells and answers questions about what they defined.

    Not thread-safe: one thread talks to a child.

    Attributes:
        cells: what came of each cell.
        conversation: since the last check began, pairs of what was said and the digest of what was heard; None where
            something suspicious was reported meanwhile.
        events: kinds and details of suspicious things that the child was seen to try; it may hide some.
        ending: how it ended, once it has.
    """

    def __init__(self, parent: Parent, post: socket.socket, process: int, handle: int, limits: Limits, place: str):
        self.cells: list[CellOutcome] = []
        self.events: list[tuple[str, str]] = []
        self.ending: Ending | None = None
        self._parent, self._post, self._process, self._handle = parent, post, process, handle
        self._limits, self._place = limits, place
        self._left, self._asked, self._nesting, self._calls = limits.total_seconds, 0.0, 0, 0
        self._notes: list[tuple] = []
        self._known: dict[str, Handle | None] = {}
        self.conversation: list[tuple[bytes, bytes]] | None = None
        self._said = b""
        self._ahead: deque[tuple[bytes, tuple[bytes, bytes] | ChildLost]] = deque()
        self._lent: dict[int, Callable] = {}
        self._lost: ChildLost | None = None
        self._cell: int | None = 0
        self._buffer = bytearray()
        self._post.setblocking(False)
        self._polls = {event: select.poll() for event in (select.POLLIN, select.POLLOUT)}
        for event, poll in self._polls.items():
            poll.register(handle, select.POLLIN)
            poll.register(post, event)

    def run(self, cells: list[str], seed: int) -> None:
        """Have the child run the cells; return when all have run.

        Raises:
            ChildLost: naming the cell that ended it.
            SandboxError: when it could not be confined.
        """
        self._asked = started = time.monotonic()
        self._send("cells", list(cells), seed, deadline=started + self._limits.total_seconds)
        for number in range(len(cells) + 1):
            self._cell = number if number < len(cells) else None
            now = time.monotonic()
            seconds = self._limits.cell_seconds + GRACE
            kind, values = self._receive(min(now + seconds, started + self._left), "a cell")
            if kind == "refused" and number == 0:  # later, a cell may be saying it
                self.close()
                raise SandboxError(f"a child could not be confined: {_short(values)}")
            if kind != ("ready" if self._cell is None else "cell"):
                self._end("protocol", "it sent something else than the outcome of its cell")
            if kind == "cell":
                self.cells.append(self._outcome(values))
        self._left -= time.monotonic() - started

    def perform(self, operation: str, *details: Any) -> Reply:
        """Have the child perform one operation and return its reply.

        Raises:
            ChildLost: when the child is gone, or is ended for what it did.
        """
        if self._nesting >= MAX_NESTING:
            self._end("protocol", "calls and calls back were nested too deeply")
        if operation in NOTES:
            if self._lost and not self._ahead:
                raise self._lost
            self._notes = [(operation, *details)]
            self._lent.clear()
            self.conversation = []
            return Reply(None, None)
        if operation == "look_up" and len(self._notes) == 1 and (handle := self.known(*details)):
            self._notes.append((operation, *details))
            return Reply(None, handle)
        return self._performed(operation, *details)

    def known(self, name: str) -> Handle | None:
        """Return what stands for `name` where a check looks it up first, or None where that is a value or nothing.

        The child is asked once: with each check its numbers begin anew.
        """
        if name not in self._known:
            notes, conversation = self._notes, self.conversation
            self._notes, self.conversation = [("begin", 0)], None
            value = self._performed("look_up", name).value
            self._known[name] = value if type(value) is Handle else None
            self._notes, self.conversation = notes, conversation
        return self._known[name]

    def _performed(self, operation: str, *details: Any) -> Reply:
        started = time.monotonic()
        deadline = started + min(self._limits.call_seconds, self._left)
        if self._nesting == 0:
            self._asked, self._calls = started, 0
        self._nesting += 1
        try:
            notes, self._notes = self._notes, []
            self._send("do", operation, *details, deadline=deadline, before=notes)
            while True:
                kind, values = self._receive(deadline, "a call")
                if kind == "reply":
                    return self._reply(values, arguments_of(operation, *details))
                if kind != "call":
                    self._end("protocol", "it sent something else than a reply")
                self._called_back(values, deadline)
        except BaseException as error:
            if self._nesting == 1 and not isinstance(error, (ChildLost, wire.WireError)):
                self.close()  # this side gave up in the middle of a conversation: nobody can go on with it
            raise
        finally:
            self._nesting -= 1
            if self._nesting == 0:
                self._left -= time.monotonic() - started

    def retrace(self, turn: Turn) -> CheckResult | None:
        """Say what the check has said to candidates that answered as this one does, and return their verdict.

        Where this one's answers part from all earlier ones, or where it is lost, return None: what was said and heard
        up to there is kept, and the check that is then run hears it first.
        """
        self._ahead.clear()
        started = deadline = time.monotonic()
        try:
            while True:
                if not turn.said.startswith(WITHIN, wire.HEAD.size):
                    self._asked = time.monotonic()
                    deadline = self._asked + min(self._limits.call_seconds, self._left - (self._asked - started))
                try:
                    self._transmit(turn.said, deadline)
                    heard = self._frame(deadline, "a call")
                except ChildLost as lost:
                    self._ahead.append((turn.said, lost))
                    return None
                self._ahead.append((turn.said, heard))
                match turn.next.get(digest(*heard)):
                    case Turn() as following:
                        turn = following
                    case result:
                        if result:
                            self._ahead.clear()
                        return result
        finally:
            self._left -= time.monotonic() - started

    def lend(self, function: Callable) -> Callback:
        """Give the child a function of this side to call."""
        callback = Callback(len(self._lent))
        self._lent[callback.number] = function
        return callback

    def close(self) -> None:
        """End the child and everything that it started, and wait until all of it is gone."""
        if self.ending is not None:
            return
        self._kill()
        self.ending = self._parent.reap(self._process)
        os.close(self._handle)
        self._post.close()
        if self._place:
            shutil.rmtree(self._place, ignore_errors=True)
        if self._lost is None:
            self._lost = ChildLost("exit", "the child was closed", self._cell)

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "ending", self) is None:
            self.close()

    def _kill(self) -> None:
        """Kill the first process of the child's namespace; the kernel kills the rest before that one's end shows."""
        try:
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            if self._place:
                os.killpg(self._process, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        if not select.select([self._handle], [], [], 10.0)[0]:
            raise SandboxError(f"process {self._process} does not end although it was killed; the machine needs a look")

    def _end(self, reason: str | None, message: str) -> None:
        """End the child and raise what became of it; with no reason given, find it in how it ended."""
        self.close()
        if reason is None:
            if self.ending.status is None:
                raise SandboxError("the zygote ended, and its children with it; grade this submission again")
            reason, message = self._cause()
        self._lost = ChildLost(reason, f"your code's process was lost: {message}", self._cell)
        raise self._lost

    def _cause(self) -> tuple[str, str]:
        ending = self.ending
        if ending.out_of_memory:
            return "memory", f"it used more than {self._limits.memory_mb:,} MB of memory"
        if os.WIFSIGNALED(ending.status):
            number = os.WTERMSIG(ending.status)
            if number == signal.SIGKILL and ending.cpu_seconds >= self._limits.total_seconds:
                return "time", f"it used {ending.cpu_seconds:.0f} s of processor time"
            return "exit", f"it was ended by {signal.Signals(number).name}"
        return "exit", f"it ended by itself, with status {os.WEXITSTATUS(ending.status)}"

    def _called_back(self, values: list, deadline: float) -> None:
        if not (len(values) == 3 and [type(value) for value in values] == [int, tuple, dict]):
            self._end("protocol", "it called back in an unknown way")
        number, args, kwargs = values
        self._calls += 1
        if number not in self._lent or any(type(name) is not str for name in kwargs):
            self._end("protocol", "it called a function that it was not given")
        if self._calls > self._limits.callbacks:
            self._end("protocol", f"it called back more than {self._limits.callbacks:,} times in one call")
        try:
            result = copied(self._lent[number](*args, **kwargs), _no_other)
        except ChannelLost:
            raise
        except Exception as error:
            names = [kind.__name__[:100] for kind in type(error).__mro__[:20]]
            self._send("raised", names, str(error)[:MAX_MESSAGE], deadline=deadline)
        else:
            self._send("result", result, deadline=deadline)

    def _reply(self, values: list, asked: tuple[tuple, dict]) -> Reply:
        if len(values) != 5:
            self._end("protocol", "it sent a reply of another form")
        raised, value, args, kwargs, events = values
        if args is None and kwargs is None:  # they were left alone
            args, kwargs = data_kept(asked)
        plain = type(args) is tuple and type(kwargs) is dict and all(type(name) is str for name in kwargs)
        if raised is None:
            named = True
        else:
            named = type(raised) is list and 0 < len(raised) <= 20 and type(value) is str
            named = named and len(value) <= MAX_MESSAGE and all(type(n) is str and len(n) <= 100 for n in raised)
        if not plain or not named:
            self._end("protocol", "it sent a reply of another form")
        self._note(events)
        if events:
            self.conversation = None
        return Reply(raised, value, (args, kwargs))

    def _outcome(self, values: list) -> CellOutcome:
        limit = self._limits.output_kb << 10
        if len(values) != 4 or not all(type(text) is str and len(text) <= limit for text in values[:2]):
            self._end("protocol", "it sent the outcome of a cell in another form")
        stdout, stderr, error, events = values
        self._note(events)
        if error is not None and not (
            type(error) is list and len(error) == 3 and all(type(text) is str and len(text) <= 5000 for text in error)
        ):
            self._end("protocol", "it sent the outcome of a cell in another form")
        return CellOutcome(stdout, stderr, None if error is None else tuple(error))

    def _note(self, events: Any) -> None:
        if type(events) is not list or len(events) > MAX_EVENTS:
            self._end("protocol", "it reported events in another form")
        for event in events:
            if type(event) is not tuple or len(event) != 2 or not all(type(t) is str and len(t) <= 200 for t in event):
                self._end("protocol", "it reported events in another form")
            if len(self.events) < MAX_EVENTS:
                self.events.append(event)

    # ---- frames, with deadlines ----

    def _send(self, kind: str, *values: Any, deadline: float, before: Sequence[tuple] = ()) -> None:
        frames = [wire.frame("note", *note, max_body=MAX_QUESTION) for note in before]
        frames.append(wire.frame(kind, *values, max_body=MAX_QUESTION))
        self._said = b"".join(frames)
        if not self._ahead:
            self._transmit(self._said, deadline)
        elif self._ahead[0][0] != self._said:
            raise ChannelBroken("a check asks two candidates that answer alike for different things")

    def _transmit(self, said: bytes, deadline: float) -> None:
        if self._lost:
            raise self._lost
        data = memoryview(said)
        while data:
            try:
                data = data[self._post.send(data) :]
            except BlockingIOError:
                self._wait(select.POLLOUT, deadline, "reading what it is sent")
            except OSError:
                self._end(None, "")

    def _receive(self, deadline: float, what: str) -> tuple[str, list]:
        heard = self._ahead.popleft()[1] if self._ahead else self._frame(deadline, what)
        if isinstance(heard, ChildLost):
            raise heard
        if self.conversation is not None:
            self.conversation.append((self._said, digest(*heard)))
        try:
            return wire.parsed(*heard, lends=False)
        except wire.WireError as error:
            self._end("protocol", str(error))

    def _frame(self, deadline: float, what: str) -> tuple[bytes, bytes]:
        """Return the header and the body of the next frame."""
        try:
            header, body = wire.lengths(self._exactly(wire.HEAD.size, deadline, what), self._limits.reply_mb << 20)
        except wire.WireError as error:
            self._end("output", str(error))
        return self._exactly(header, deadline, what), self._exactly(body, deadline, what)

    def _exactly(self, size: int, deadline: float, what: str) -> bytes:
        while len(self._buffer) < size:
            self._wait(select.POLLIN, deadline, what)
            try:
                piece = self._post.recv(max(1 << 16, min(size - len(self._buffer), 1 << 22)))
            except BlockingIOError:
                continue
            except OSError:
                piece = b""
            if not piece:
                select.select([self._handle], [], [], 1.0)
                self._end(None, "")
            self._buffer += piece
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _wait(self, event: int, deadline: float, what: str) -> None:
        """Wait until the wire is ready; a child that ended, or that takes too long, is lost."""
        left = deadline - time.monotonic()
        ready = dict(self._polls[event].poll(left * 1000)) if left > 0 else {}
        if self._post.fileno() in ready:
            return  # perhaps its last words
        if self._handle in ready:
            self._end(None, "")
        if time.monotonic() - self._asked >= self._left:
            self._end("time", f"cells and calls together took more than {self._limits.total_seconds:g} s")
        seconds = self._limits.cell_seconds if what == "a cell" else self._limits.call_seconds
        self._end("time", f"{what} took more than {seconds:g} s")


def _no_other(item: Any) -> Any:
    if isinstance(item, (Handle, Callback)):
        return item
    raise TypeError(f"a check cannot pass a {type(item).__name__} to a candidate")


def _short(values: list) -> str:
    return str(values[0])[:200] if values else ""
