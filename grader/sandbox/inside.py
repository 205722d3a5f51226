"""What runs in a child: the student's cells, then the servant that answers the trusted side's questions.

Nothing that this side says is believed by the other.
"""

import builtins
import os
import random
import socket
import warnings
from typing import Any

import numpy as np
import torch

from grader.sandbox import wire
from grader.sandbox.cells import Runner
from grader.sandbox.events import Events
from grader.servant import MAX_MESSAGE, Reply, Servant
from grader.values import Callback, arguments_of, unchanged


class Line:
    """The child's end of the wire: blocking, one message after another."""

    def __init__(self, descriptor: int, max_body: int):
        self._socket = socket.socket(fileno=descriptor)
        self._max_body = max_body
        self._buffer = bytearray()

    def send(self, kind: str, *values: Any) -> None:
        """Send a message, or raise `WireError` with nothing sent."""
        self._socket.sendall(wire.frame(kind, *values, max_body=self._max_body))

    def receive(self) -> tuple[str, list]:
        """Wait for the next message; the end of the wire is the end of this process."""
        header, body = wire.lengths(self._exactly(wire.HEAD.size), 1 << 40)
        return wire.parsed(self._exactly(header), self._exactly(body))

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            piece = self._socket.recv(max(1 << 16, min(size - len(self._buffer), 1 << 22)))
            if not piece:
                os._exit(0)
            self._buffer += piece
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data


def serve(line: Line, limits: dict[str, Any], allowed: list[str]) -> None:
    """Run the cells that the first message brings, then perform operations until the wire ends."""
    torch.set_num_threads(1)
    _, (cells, seed) = line.receive()
    seed_all(seed)
    runner = Runner(limits["output_kb"] << 10)
    events = Events(tuple(allowed))
    for cell in cells:
        line.send("cell", *runner.run(cell, limits["cell_seconds"]), events.taken())
    runner.be_quiet()
    warnings.simplefilter("ignore")
    channel = _Answers(line, runner.shell.user_ns, events)
    line.send("ready")
    while True:
        kind, values = line.receive()
        channel.answer(kind, values)


def seed_all(seed: int) -> None:
    """Make the random numbers of Python, NumPy and torch start anew."""
    random.seed(seed)
    np.random.seed(seed % (1 << 32))  # noqa: NPY002
    torch.default_generator.manual_seed(seed)


class _Answers:
    """Performs operations on the student's namespace; functions of the trusted side are called over the wire."""

    def __init__(self, line: Line, namespace: dict[str, Any], events: Events):
        self._line, self._events = line, events
        self._servant = Servant(namespace, self._call_back)

    def answer(self, kind: str, values: list) -> None:
        """Perform one operation and, unless it is a note, send its reply; one that cannot pass becomes an error."""
        if kind == "note":
            self._servant.perform(*values)
            return
        if kind != "do":
            raise wire.WireError(f"no message of kind {kind}")
        try:
            reply = self._servant.perform(*values)
        except KeyboardInterrupt as error:
            reply = Reply(["KeyboardInterrupt", "BaseException", "object"], str(error)[:MAX_MESSAGE])
        asked = arguments_of(*values)
        try:
            self._send(reply, asked)
        except Exception as error:
            names = ["TypeError", "Exception", "BaseException", "object"]
            self._send(Reply(names, str(error)[:MAX_MESSAGE]), asked)

    def _send(self, reply: Reply, asked: tuple[tuple, dict]) -> None:
        """Send a reply, with None for arguments that were left alone: the other side has them."""
        arguments = (None, None) if unchanged(asked, reply.arguments) else reply.arguments
        self._line.send("reply", reply.raised, reply.value, *arguments, self._events.taken())

    def _call_back(self, callback: Callback, args: tuple, kwargs: dict) -> Any:
        self._line.send("call", callback.number, args, kwargs)
        while True:
            kind, values = self._line.receive()
            if kind == "result":
                return values[0]
            if kind == "raised":
                raise _exception(*values)
            self.answer(kind, values)


def _exception(names: list[str], message: str) -> BaseException:
    """Return an exception that has the names of the one which the trusted side's function raised."""
    known = getattr(builtins, names[0], None)
    if isinstance(known, type) and issubclass(known, BaseException):
        try:
            return known(message)
        except TypeError:
            pass
    base = next((getattr(builtins, name) for name in names[1:] if hasattr(builtins, name)), Exception)
    return type(names[0], (base,), {})(message)
