"""Start a zygote: load the libraries, move into the sandbox, fork the process that will fork every child.

Run by the trusted side as a process of its own, with a socket as its one inheritance; with several, it forks once the
libraries are loaded, and becomes a zygote for each. It reads its settings from there, and holds no secret: no path of
a solution, no seed, no environment but the one it is given.
"""

import gc
import importlib
import json
import os
import socket
import sys
import types
from pathlib import Path
from typing import Any


def main() -> None:
    """Read the settings, start the zygotes, wait for the end of one."""
    controls = [socket.socket(fileno=int(number)) for number in sys.argv[1:]]
    *_, settings = [json.loads(control.recv(1 << 16)) for control in controls]
    try:
        _import_only_what_children_need(settings)
        _demand_one_thread()
        controls = [_one_each(controls)]
        _move_in(settings, controls[0])
        end = _forked(settings, controls[0])
    except Exception as error:
        for control in controls:
            control.send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
        sys.exit(1)
    controls[0].close()
    os.waitpid(end, 0)


def _one_each(controls: list[socket.socket]) -> socket.socket:
    """Fork for every socket but one; return the one that this process is to serve."""
    gc.collect()
    gc.disable()
    gc.freeze()
    while len(controls) > 1:
        control = controls.pop()
        if os.fork() == 0:
            for other in controls:
                other.close()
            os.setsid()
            return control
        control.close()
    return controls[0]


def _import_only_what_children_need(settings: dict[str, Any]) -> None:
    """Import the libraries, and the modules that a child runs."""
    sys.path[:] = settings["libraries"]
    for name in settings["modules"]:
        importlib.import_module(name)
    from grader.sandbox import cells, nursery

    sys.modules["torch"].set_num_threads(1)
    cells.prepare()
    nursery.warm_up()


def _stand_for_the_packages() -> None:
    """Let modules of this package be imported one by one, without what `import grader` brings."""
    sandbox = Path(__file__).resolve().parent
    for name, path in (("grader", sandbox.parent), ("grader.sandbox", sandbox)):
        module = types.ModuleType(name)
        module.__path__ = [str(path)]
        sys.modules[name] = module


def _demand_one_thread() -> None:
    count = len(os.listdir("/proc/self/task"))
    if count > 1:
        raise RuntimeError(f"the libraries started {count - 1} threads; a process with threads cannot be forked safely")


def _move_in(settings: dict[str, Any], control: socket.socket) -> None:
    """Enter namespaces and the small file system. Root builds that first; others must own a namespace to do so."""
    from grader.sandbox import calls, confine, nursery, room

    full = settings["isolation"] == "full"
    settings["readable"] = ["/"] if full else room.readable(settings["libraries"])
    settings["work"] = room.work(settings["libraries"])
    settings["watched"] = [*room.readable(settings["libraries"]), settings["work"], "/dev/", "/proc/self/", "<"]
    settings["filter"] = calls.program(settings["limits"]["forks"]) if full else _filter_if_any(settings)
    if not full:
        _ask_to_be_placed(control)
        return
    inner = confine.NEW_NS | confine.NEW_PID | confine.NEW_NET | confine.NEW_IPC | confine.NEW_UTS
    if _owns_the_machine():
        room.build(settings["libraries"], settings["package"], nursery.USER)
        room.close()
        confine.unshare(confine.NEW_USER | inner)
        _ask_to_be_placed(control)
        confine.become(nursery.USER)
    else:
        confine.unshare(confine.NEW_USER | inner)
        _ask_to_be_placed(control)
        if os.geteuid() != nursery.USER:
            confine.become(nursery.USER)
        room.build(settings["libraries"], settings["package"], nursery.USER)
        room.close()
    socket.sethostname("sandbox")
    for path in settings["libraries"]:
        if not os.access(path, os.R_OK | os.X_OK):
            raise PermissionError(f"{path} must be readable for every user (`chmod -R o+rX`)")


def _owns_the_machine() -> bool:
    """Take a mount namespace as root, where root may; root in a container is often like anybody else."""
    from grader.sandbox import confine

    if os.geteuid() != 0:
        return False
    try:
        confine.unshare(confine.NEW_NS)
    except PermissionError:
        return False
    return True


def _filter_if_any(settings: dict[str, Any]) -> bytes:
    from grader.sandbox import calls

    try:
        return calls.program(settings["limits"]["forks"])
    except (ImportError, OSError, RuntimeError):
        return b""


def _ask_to_be_placed(control: socket.socket) -> None:
    """The trusted side, outside the new user namespace, says which user of the machine its one user is."""
    control.send(json.dumps({"unshared": os.getpid()}).encode())
    if control.recv(64) != b"mapped":
        raise RuntimeError("the trusted side could not place this process")


def _forked(settings: dict[str, Any], control: socket.socket) -> int:
    from grader.sandbox import nursery

    gc.freeze()
    child = os.fork()
    if child == 0:
        nursery.run(settings, control)
        os._exit(0)
    return child


def try_layer(name: str) -> None:
    """Try one layer and print what was seen; the exit status says whether it holds."""
    from grader.sandbox import trials

    try:
        print(trials.run(name))
    except Exception as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    _stand_for_the_packages()
    try_layer(sys.argv[2]) if sys.argv[1] == "try" else main()
