"""The trusted side of the zygote: start it, have it fork a child a submission, end it."""

import contextlib
import json
import os
import secrets
import select
import signal
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from grader.sandbox.cgroup import Cgroup
from grader.sandbox.child import Child, Ending
from grader.sandbox.launch import MODULES, Launch
from grader.sandbox.limits import Limits, SandboxError

START_SECONDS, FORK_SECONDS = 180.0, 60.0
INSIDE, FIRST_OUTSIDE = 1000, 0x60000000


class Zygote:
    """One warm interpreter that forks confined children.

    Threads may share it: `open` takes turns. Where a cgroup bounds memory, it bounds all living children of one
    zygote together, so a worker that keeps more than one child alive had better have a zygote of its own.

    Args:
        limits: what each child may use, `Limits()` where not said.
        isolation: "full" for every layer, or "none" for a separate process with resource limits alone.
        modules: what is imported before the first child is forked.
        control: the socket to an interpreter that was launched before, to be the first one.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        isolation: Literal["full", "none"] = "full",
        modules: tuple[str, ...] = MODULES,
        control: socket.socket | None = None,
    ):
        if isolation not in ("full", "none"):
            raise ValueError(f"isolation is 'full' or 'none', not {isolation!r}")
        self.limits, self.isolation, self.modules = limits or Limits(), isolation, modules
        self._lock = threading.Lock()
        self._first = control
        self._launch: Launch | None = None
        self._control: socket.socket | None = None
        self._process: int | None = None
        self._handle: int | None = None
        self._cgroup: Cgroup | None = None

    def __enter__(self) -> "Zygote":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the interpreter and wait until it is warm.

        Raises:
            SandboxError: when a layer is missing on this machine, naming it.
        """
        self._control, self._first = self._first, None
        if self._control is None:
            self._launch = Launch(self.limits, self.isolation, self.modules)
            self._control = self._launch.controls[0]
        try:
            while "ready" not in (said := json.loads(self._heard(START_SECONDS, _message))):
                if "error" in said:
                    raise SandboxError(_advice(said["error"]))
                self._process = said["unshared"]
                self._handle = os.pidfd_open(self._process)
                os.sched_setaffinity(self._process, os.sched_getaffinity(0))
                self._place()
                self._control.send(b"mapped")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the interpreter and every child of it."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._handle is not None:
            if not _ended(self._handle, 5.0):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
                _ended(self._handle, 5.0)
            os.close(self._handle)
            self._process = self._handle = None
        if self._launch is not None:
            self._launch.end()
            self._launch = None
        if self._cgroup is not None:
            self._cgroup.remove()
            self._cgroup = None

    def open(self, cells: list[str], seed: int = 0) -> Child:
        """Fork a child and have it run `cells` in order; an error in one does not stop the next.

        Args:
            cells: sources of code cells, as IPython takes them.
            seed: of the random numbers that the cells draw.

        Raises:
            ChildLost: when a cell ended the child; `cell` says which.
            SandboxError: when no child can be had.
        """
        with self._lock:
            child = self._forked()
        try:
            child.run(cells, seed)
        except BaseException:
            child.close()
            raise
        return child

    def reap(self, process: int) -> Ending:
        """Return how a child ended that has ended."""
        with self._lock:
            if self._control is None:
                return Ending()
            try:
                self._control.send(b"reap %d" % process)
                status, peak, seconds = self._heard(FORK_SECONDS, _message).split()
            except (SandboxError, OSError, ValueError):
                return Ending()
            ran_out = self._cgroup is not None and self._cgroup.killed_since_asked()
            return Ending(int(status), int(peak), float(seconds), ran_out)

    def _forked(self) -> Child:
        if self._handle is None or _ended(self._handle, 0.0):
            self.stop()
            self.start()
        ours, theirs = socket.socketpair()
        place = "" if self.isolation == "full" else tempfile.mkdtemp(prefix="grader-")
        try:
            with theirs:
                socket.send_fds(self._control, [f"fork {place}".encode()], [theirs.fileno()])
            message, handles = self._heard(FORK_SECONDS, _message_and_handles)
        except OSError as error:
            ours.close()
            raise SandboxError(f"the zygote cannot be reached: {error}") from error
        said, _, rest = message.decode(errors="replace").partition(" ")
        if said != "ok" or len(handles) != 1:
            ours.close()
            raise SandboxError(_advice(f"no child could be forked: {rest[:200]}"))
        if self._cgroup is not None:
            _be_the_first_to_go(handles[0])
        return Child(self, ours, int(rest), handles[0], self.limits, place)

    def _heard(self, seconds: float, read: Callable) -> Any:
        if not select.select([self._control], [], [], seconds)[0]:
            raise SandboxError(f"the zygote said nothing for {seconds:g} s")
        heard = read(self._control)
        if not heard:
            raise SandboxError("the zygote ended; `grader doctor` says what this machine lacks")
        return heard

    def _place(self) -> None:
        """Give the zygote its user, and its cgroup: all that it takes from now on counts as its children's."""
        if self.isolation == "full":
            _map_users(self._process)
        self._cgroup = Cgroup.make(self.limits)
        if self._cgroup is not None:
            self._cgroup.add(self._process)


def _ended(handle: int, seconds: float) -> bool:
    return bool(select.select([handle], [], [], seconds)[0])


def _be_the_first_to_go(handle: int) -> None:
    """Where memory runs out in the group, the kernel is to end the child, never the zygote."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/self/fdinfo/{handle}").read_text().splitlines()
        process = next(line.split()[1] for line in lines if line.startswith("Pid:"))
        _write(int(process), "oom_score_adj", "1000")


def _map_users(process: int) -> None:
    """Say who user 1000 of the new namespace is: as root a user that nobody is, else whoever runs this."""
    own_user, own_group = os.geteuid(), os.getegid()
    if own_user == 0:
        stranger = FIRST_OUTSIDE + secrets.randbelow(1 << 28)
        with contextlib.suppress(OSError):
            _write(process, "uid_map", f"{INSIDE} {stranger} 1")
            _write(process, "gid_map", f"{INSIDE} {stranger} 1")
            return
    try:
        _write(process, "setgroups", "deny")
        _write(process, "uid_map", f"{INSIDE} {own_user} 1")
        _write(process, "gid_map", f"{INSIDE} {own_group} 1")
    except OSError as error:
        raise SandboxError(_advice(f"user namespace: {error}")) from error


def _write(process: int, name: str, text: str) -> None:
    descriptor = os.open(f"/proc/{process}/{name}", os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _message(control: socket.socket) -> bytes:
    return control.recv(1 << 16)


def _message_and_handles(control: socket.socket) -> tuple[bytes, list[int]] | None:
    message, handles, _, _ = socket.recv_fds(control, 1 << 12, 2)
    return (message, handles) if message else None


def _advice(error: str) -> str:
    return f"{error}; `grader doctor` says what this machine lacks, --isolation=none grades without"
