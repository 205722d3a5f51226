"""One function a layer: use it here and now, look whether it holds, say what was seen. Each in a process of its own."""

import os
import resource
import select
import signal
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from grader.sandbox import calls, confine
from grader.sandbox.cgroup import Cgroup
from grader.sandbox.limits import Limits


class Broken(Exception):
    """The layer can be had, but does not hold."""


def user() -> str:
    confine.unshare(confine.NEW_USER)
    return "a user of its own"


def files() -> str:
    own_user, own_group = os.geteuid(), os.getegid()
    confine.unshare(confine.NEW_USER | confine.NEW_NS)
    for name, text in (("setgroups", "deny"), ("uid_map", f"1000 {own_user} 1"), ("gid_map", f"1000 {own_group} 1")):
        Path("/proc/self", name).write_text(text)
    confine.mount("none", "/", None, confine.RECURSIVE | confine.PRIVATE)
    confine.mount("none", "/tmp", "tmpfs", confine.NO_SUID | confine.NO_DEV, "size=1m,mode=777")
    os.mkdir("/tmp/usr")
    confine.mount("/usr/lib", "/tmp/usr", None, confine.BIND | confine.RECURSIVE)
    confine.make_read_only("/tmp/usr")
    confine.pivot("/tmp")
    seen = os.listdir("/")
    if seen != ["usr"]:
        raise Broken(f"more than was put there is seen: {seen}")
    return "only what is put there is seen"


def processes() -> str:
    confine.unshare(confine.NEW_USER | confine.NEW_PID)
    return _in_child(lambda: "it is process 1" if os.getpid() == 1 else _broken("it sees other processes"))


def network() -> str:
    confine.unshare(confine.NEW_USER | confine.NEW_NET)
    names = [name for _, name in socket.if_nameindex()]
    with socket.socket() as attempt:
        try:
            attempt.connect(("127.0.0.1", 9))
        except ConnectionRefusedError:
            raise Broken("the loopback device is up") from None
        except OSError as error:
            return f"devices {', '.join(names) or 'none'}; {error.strerror}"
    raise Broken("a connection was made")


def ipc() -> str:
    confine.unshare(confine.NEW_USER | confine.NEW_IPC | confine.NEW_UTS)
    socket.sethostname("sandbox")
    return "its own"


def ending() -> str:
    child = os.fork()
    if child == 0:
        signal.pause()
    handle = os.pidfd_open(child)
    signal.pidfd_send_signal(handle, signal.SIGKILL)
    seen = select.select([handle], [], [], 5)[0]
    os.waitpid(child, 0)
    return "an end is seen" if seen else _broken("an end is not seen")


def limits() -> str:
    confine.limit("AS", 1 << 30)
    try:
        bytearray(2 << 30)
    except MemoryError:
        return f"memory, files, time; {resource.getrlimit(resource.RLIMIT_NPROC)[1]} processes at most"
    raise Broken("memory is not bounded")


def rights() -> str:
    confine.forbid_new_privileges()
    confine.unshare(confine.NEW_USER)
    confine.drop_capabilities()
    try:
        confine.unshare(confine.NEW_NET)
    except OSError:
        return "none left"
    raise Broken("a capability is left")


def filtered_calls() -> str:
    confine.forbid_new_privileges()
    confine.load_filter(calls.program(forks=False))
    for attempt in (socket.socket, os.fork, lambda: os.execv("/bin/true", ["true"]), lambda: confine.unshare(0)):
        try:
            attempt()
        except PermissionError:
            continue
        raise Broken("a forbidden call succeeds")
    thread = threading.Thread(target=os.getpid)
    thread.start()
    thread.join()
    return "sockets, programs, processes, namespaces refused; threads allowed"


def proc() -> str:
    confine.unshare(confine.NEW_USER | confine.NEW_PID | confine.NEW_NS)

    def look() -> str:
        confine.mount("none", "/", None, confine.RECURSIVE | confine.PRIVATE)
        confine.mount("proc", "/proc", "proc", confine.NO_SUID | confine.NO_DEV | confine.NO_EXEC | confine.READ_ONLY)
        seen = [name for name in os.listdir("/proc") if name.isdigit()]
        return "one process is seen" if seen == ["1"] else _broken(f"{len(seen)} processes are seen")

    return _in_child(look)


def landlock() -> str:
    version = confine.landlock_version()
    confine.forbid_new_privileges()
    if not version:
        raise Broken("not switched on in this kernel")
    seen: list[str] = []
    with tempfile.TemporaryDirectory() as folder:

        def look() -> None:
            confine.landlock([folder], [])
            try:
                os.listdir("/")
            except PermissionError:
                seen.append("refused")

        confined = threading.Thread(target=look)  # only this thread, so that the folder can be removed after it
        confined.start()
        confined.join()
    return f"version {version}" if seen else _broken("a folder outside is read")


def cgroup() -> str:
    group = Cgroup.make(Limits(memory_mb=64))
    if group is None:
        raise Broken("no group can be made here")
    child = os.fork()
    if child == 0:
        signal.pause()
    try:
        group.add(child)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        group.remove()
    return "memory" + (" and processes" if group.bounds_processes else "")


def _in_child(look: Callable[[], str]) -> str:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, look().encode())
        except Exception as error:
            os.write(write, f"!{error}".encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    said = os.read(read, 500).decode()
    if said.startswith("!") or not said:
        raise Broken(said[1:] or "no process could be started")
    return said


def _broken(what: str) -> str:
    raise Broken(what)


TRIALS = {
    "user": user,
    "files": files,
    "processes": processes,
    "network": network,
    "ipc": ipc,
    "ending": ending,
    "limits": limits,
    "rights": rights,
    "calls": filtered_calls,
    "proc": proc,
    "landlock": landlock,
    "cgroup": cgroup,
}


def run(name: str) -> str:
    """Try the layer of this name; return what was seen, or raise."""
    return TRIALS[name]()
