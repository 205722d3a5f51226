"""Start the interpreter that becomes a zygote, or several. This loads nothing, so that a batch can do it first."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from grader.sandbox import room
from grader.sandbox.limits import Limits, SandboxError

MODULES = ("torch", "torch.nn.functional", "math", "numpy", "IPython")
_PACKAGE = Path(__file__).resolve().parent.parent
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "MALLOC_ARENA_MAX": "2",
    "MKL_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TERM": "dumb",
}
_HOMES = ("HOME", "IPYTHONDIR", "MPLCONFIGDIR", "TMPDIR")


class Launch:
    """An interpreter on its way to become `number` zygotes. It loads the libraries once and forks.

    Attributes:
        controls: one socket a zygote; whoever holds its other end, ends that zygote by closing it.
    """

    def __init__(self, limits: Limits, isolation: str, modules: tuple[str, ...] = MODULES, number: int = 1):
        if not sys.platform.startswith("linux"):
            raise SandboxError("the sandbox needs Linux: grade on Linux, in a virtual machine or on WSL 2")
        self.controls: list[socket.socket] = []
        libraries = room.libraries()
        with contextlib.ExitStack() as opened:
            theirs = []
            for _ in range(number):
                ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                self.controls.append(ours)
                theirs.append(opened.enter_context(its).fileno())
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-B", str(_PACKAGE / "sandbox" / "launcher.py"), *map(str, theirs)],
                cwd="/",
                env=_ENVIRONMENT | dict.fromkeys(_HOMES, room.work(libraries)),
                pass_fds=theirs,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        settings = json.dumps(_settings(limits, isolation, modules, libraries)).encode()
        for control in self.controls:
            with contextlib.suppress(BrokenPipeError):  # it shows when its first word is waited for
                control.send(settings)

    def end(self) -> None:
        """Close the sockets that are still here, and wait until the interpreter has ended."""
        for control in self.controls:
            control.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, 9)
            self._process.wait()


def _settings(limits: Limits, isolation: str, modules: tuple[str, ...], libraries: list[str]) -> dict[str, Any]:
    return {
        "isolation": isolation,
        "libraries": libraries,
        "limits": asdict(limits),
        "modules": list(modules),
        "package": str(_PACKAGE),
    }
