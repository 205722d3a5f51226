"""Suspicious things that a child sees its own code try. The code may hide them: they are flags, never verdicts."""

import os
import sys
from typing import Any

MAX_EVENTS = 40
_NETWORK = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
_PROCESSES = ("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.kill")
_INTERNET = (2, 10)  # AF_INET, AF_INET6


class Events:
    """Collects, by an audit hook, files opened outside what is allowed, network use, and programs started.

    Args:
        allowed: prefixes of paths that a cell may well open.
    """

    def __init__(self, allowed: tuple[str, ...]):
        self._allowed, self._new, self._count = allowed, [], 0
        sys.addaudithook(self._saw)

    def taken(self) -> list[tuple[str, str]]:
        """Return what was seen since this was last called."""
        new, self._new = self._new, []
        return new

    def _saw(self, event: str, details: tuple) -> None:
        if event == "open":
            self._saw_file(details[0])
        elif event in _PROCESSES:
            self._add("process", f"{event} {str(details[0])[:100] if details else ''}")
        elif event in _NETWORK or (event == "socket.__new__" and details[1] in _INTERNET):
            self._add("network", f"{event} {str(details[1:])[:100]}")

    def _saw_file(self, path: Any) -> None:
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if type(path) is str and (path.startswith("/") or ".." in path) and not path.startswith(self._allowed):
            self._add("file", path)

    def _add(self, kind: str, detail: str) -> None:
        if self._count < MAX_EVENTS:
            self._count += 1
            self._new.append((kind, detail.encode("ascii", "replace").decode()[:200]))
