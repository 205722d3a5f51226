"""Read notebooks in a limited process: parsing what a student made may take any time or memory."""

import json
import os
import select
import struct
import subprocess
import sys
import time
from pathlib import Path

from grader.intake import MAX_FILE

SECONDS = 20.0
TOO_MUCH = "reading the notebook took more time or memory than any notebook should"


class Reader:
    """The limited process that parses notebooks.

    It is started anew after one that it broke on, or that took much memory: an interpreter that has run out of memory
    may read the next one wrongly.
    """

    def __init__(self, template: dict):
        self._template = json.dumps(template).encode()
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def read(self, raw: bytes) -> dict:
        """Return the reading of one notebook, or {"unreadable": reason}. See `grader.notebook_reader.read`.

        Where it took too long, "timed_out" stands beside the reason.

        Raises:
            OSError: when this machine cannot start a process.
        """
        if self._process is None:
            self._start()
        try:
            self._send(raw)
            reading = json.loads(self._receive(time.monotonic() + SECONDS))
        except (OSError, ValueError) as error:  # a TimeoutError is an OSError
            late = isinstance(error, TimeoutError)
            reading = {"unreadable": TOO_MUCH, "worn": True} | ({"timed_out": True} if late else {})
        if reading.pop("worn"):
            self._stop()
        return reading

    def _start(self) -> None:
        script = Path(__file__).with_name("notebook_reader.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "HOME": "/nonexistent"},
            bufsize=0,
        )
        os.set_blocking(self._process.stdout.fileno(), False)
        try:
            self._send(self._template)
        except OSError:
            self._stop()
            raise

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _send(self, data: bytes) -> None:
        view = memoryview(struct.pack(">Q", len(data)) + data)
        while view:
            view = view[self._process.stdin.write(view) :]

    def _receive(self, deadline: float) -> bytes:
        (size,) = struct.unpack(">Q", self._exactly(8, deadline))
        if size > 8 * MAX_FILE:
            raise ValueError("an answer out of all proportion")
        return self._exactly(size, deadline)

    def _exactly(self, size: int, deadline: float) -> bytes:
        pieces = bytearray()
        while len(pieces) < size:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            piece = self._process.stdout.read(min(size - len(pieces), 1 << 20))
            if not piece:
                raise OSError("the reader ended")
            pieces += piece
        return bytes(pieces)
