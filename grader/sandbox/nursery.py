"""The zygote: a process with the libraries loaded that forks a confined child on request and runs nothing itself."""

import gc
import json
import os
import resource
import signal
import socket
from typing import Any

import torch
import torch.fx.experimental.symbolic_shapes  # what the first gradient of a process imports: a third of a second
from IPython.core.interactiveshell import InteractiveShell

from grader.sandbox import confine, inside, wire
from grader.servant import Servant

USER = 1000
_WARMING = """\
import torch as _t
def _f(x, *rest):
    return (x @ x.mT).softmax(-1).masked_fill(_t.eye(4) > 0, 0.0), _t.nn.functional.silu(x), repr(x), x.sum().item()
class _M(_t.nn.Module):
    def __init__(self):
        super().__init__()
        self.a = _t.nn.Linear(4, 4)
    def forward(self, x):
        return self.a(x)
_m = _M()
_m.load_state_dict(_m.state_dict())
_m(_t.randn(2, 4))
_t.nn.functional.scaled_dot_product_attention(*[_t.randn(1, 2, 4)] * 3)
_t.ones(2)
"""


def warm_up() -> None:
    """Use once what every child uses, so that none pays for it. With one thread, gradients too survive the fork."""
    shell = InteractiveShell.instance()
    shell.run_cell(_WARMING, store_history=False)
    servant = Servant(shell.user_ns, lambda *_: None)
    function = servant.perform("look_up", "_f").value
    reply = servant.perform("call", function, (torch.randn(4, 4), 1.5, "x", [1]), {})
    module = servant.perform("look_up", "_m").value
    servant.perform("vjp", module, (torch.randn(4, 4),), torch.ones(4, 4), True)
    for kind, *values in (("do", "call", function, (), {}), ("reply", None, reply.value, *reply.arguments)):
        data = wire.frame(kind, *values, max_body=1 << 20)
        header, body = wire.lengths(data[: wire.HEAD.size], 1 << 20)
        wire.parsed(data[wire.HEAD.size :][:header], data[-body:] if body else b"")
    inside.seed_all(0)
    shell.run_cell("print(1 / 0)", store_history=False)
    for name in ("_t", "_f", "_M", "_m"):
        shell.user_ns.pop(name)
    shell.displayhook.flush()


def run(settings: dict[str, Any], control: socket.socket) -> None:
    """Fork a child for each request until the trusted side closes the socket."""
    full = settings["isolation"] == "full"
    own = None
    try:
        confine.die_with_parent()
        if full:
            own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
            settings["proc"] = _mount_proc()
    except OSError as error:
        control.send(json.dumps({"error": str(error)}).encode())
        return
    settings["space"] = _address_space()
    control.send(json.dumps({"ready": os.getpid()}).encode())
    while True:
        request, inherited, _, _ = socket.recv_fds(control, 4096, 1)
        if not request:
            return
        word, _, rest = request.decode().partition(" ")
        if word == "fork":
            _answer_fork(control, inherited[0], {**settings, "place": rest}, own)
        else:
            _answer_reap(control, int(rest))


def _answer_fork(control: socket.socket, post: int, settings: dict[str, Any], own: int | None) -> None:
    try:
        if settings["isolation"] == "full":
            confine.enter(own, confine.NEW_PID)  # back to this namespace, so that a new one can be made for each child
            confine.unshare(confine.NEW_PID)
        child = os.fork()
    except OSError as error:
        os.close(post)
        control.send(f"no {error}".encode())
        return
    if child == 0:
        control.detach()
        _be_a_child(post, settings)
    os.close(post)
    handle = os.pidfd_open(child)
    socket.send_fds(control, [f"ok {child}".encode()], [handle])
    os.close(handle)


def _answer_reap(control: socket.socket, child: int) -> None:
    try:
        _, status, usage = os.wait4(child, 0)
        control.send(f"{status} {usage.ru_maxrss} {usage.ru_utime + usage.ru_stime}".encode())
    except OSError:
        control.send(b"0 0 0")


def _be_a_child(post: int, settings: dict[str, Any]) -> None:
    """Never returns: a child ends here, whatever happens in it."""
    try:
        confine.die_with_parent()  # in a process namespace it would anyway
        os.dup2(post, 3)
        confine.close_from(4)
        line = inside.Line(3, settings["limits"]["reply_mb"] << 20)
        try:
            _confine(settings)
        except OSError as error:
            line.send("refused", str(error))
            os._exit(1)
        gc.enable()
        inside.serve(line, settings["limits"], settings["watched"])
    except BaseException:
        os._exit(70)
    os._exit(0)


def _confine(settings: dict[str, Any]) -> None:
    """Put every layer on; with isolation "none" those that need no namespace, where they can be had."""
    limits = settings["limits"]
    os.setsid()
    if settings["isolation"] == "full":
        confine.unshare(confine.NEW_NS | confine.NEW_IPC)
        options = f"mode=700,size={limits['disk_mb']}m,nr_inodes={limits['disk_files']},uid={USER},gid={USER}"
        confine.mount("none", settings["work"], "tmpfs", confine.NO_SUID | confine.NO_DEV | confine.NO_EXEC, options)
        if settings["proc"]:
            _mount_own_proc()
    place = settings["place"] or settings["work"]
    os.chdir(place)
    for name, value in _resources(limits, settings["space"]).items():
        confine.limit(name, value)
    if settings["isolation"] == "full":  # elsewhere the user's other processes would count as well
        confine.limit("NPROC", limits["processes"])
    confine.forbid_new_privileges()
    if settings["isolation"] == "full":
        confine.drop_capabilities()
    if confine.landlock_version():
        confine.landlock(settings["readable"], [place, "/dev/null"])
    if settings["filter"]:
        confine.load_filter(settings["filter"])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)


def _resources(limits: dict[str, Any], space: int) -> dict[str, int]:
    return {
        "AS": space + (limits["memory_mb"] << 20),
        "CPU": int(limits["total_seconds"]) * 2 + 5,
        "FSIZE": limits["disk_mb"] << 20,
        "NOFILE": limits["open_files"],
        "CORE": 0,
        "MEMLOCK": 0,
        "MSGQUEUE": 0,
        "SIGPENDING": 256,
    }


def _address_space() -> int:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _mount_proc() -> bool:
    """Put this namespace's processes over the machine's, or nothing where even that is refused."""
    try:
        _mount_own_proc()
    except OSError:
        confine.mount("none", "/proc", "tmpfs", confine.NO_SUID | confine.NO_DEV | confine.READ_ONLY, "size=4k")
        return False
    return True


def _mount_own_proc() -> None:
    flags = confine.NO_SUID | confine.NO_DEV | confine.NO_EXEC | confine.READ_ONLY
    try:
        confine.mount("proc", "/proc", "proc", flags, "subset=pid")
    except OSError:
        confine.mount("proc", "/proc", "proc", flags)
