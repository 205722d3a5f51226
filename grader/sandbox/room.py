"""The file system that a child sees: Python and its libraries, read-only; a few devices; one small place to write.

Everything else of this machine, the course and home folders included, is not hidden but absent.
"""

import os
import stat
import sys
import sysconfig
from pathlib import Path

from grader.sandbox import confine

SYSTEM = ("/lib", "/lib64", "/lib32", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo")
FILES = ("/etc/ld.so.cache", "/etc/localtime")
DEVICES = ("null", "zero", "full", "random", "urandom")
WORKPLACES = ("/tmp", "/scratch")
PEOPLE = "student:x:{user}:{user}::{home}:/nonexistent\n"
OURS = ("grader", "course")


def libraries() -> list[str]:
    """Return the folders that Python's own and installed modules lie in, none of the course's."""
    paths = sysconfig.get_paths()
    known = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return [
        path
        for path in dict.fromkeys(os.path.abspath(path) for path in sys.path if path)
        if os.path.isdir(path)
        and (path in known or Path(path).name in ("site-packages", "dist-packages", "lib-dynload"))
    ]


def readable(libraries: list[str]) -> list[str]:
    """Return all that a child may read on a machine whose file system it shares."""
    devices = [f"/dev/{name}" for name in DEVICES]
    return list(dict.fromkeys([*SYSTEM, _base(), *libraries, *map(os.path.realpath, libraries), *FILES, *devices]))


def _base() -> str:
    return str(Path(sys.base_prefix).resolve() / "lib")


def work(libraries: list[str]) -> str:
    """Return the folder that a child may write in: /tmp, unless Python or its libraries lie beneath it."""
    needed = [_base(), *libraries, *map(os.path.realpath, libraries)]
    return next(place for place in WORKPLACES if not any(path.startswith(place + "/") for path in needed))


def build(libraries: list[str], package: str, user: int) -> None:
    """Build the file system in this process's own mount namespace and make it the root.

    Raises:
        OSError: naming the step that this machine refuses.
    """
    confine.mount("none", "/", None, confine.RECURSIVE | confine.PRIVATE)
    sources = _opened(libraries)
    root = next(path for path in ("/tmp", "/var", "/mnt", "/usr") if os.path.isdir(path))
    confine.mount("none", root, "tmpfs", confine.NO_SUID | confine.NO_DEV, "mode=755,size=1m")
    for path, place in sources.items():
        _bind(place, root + path)
    for path in sources:
        if path.startswith("/dev/"):
            confine.make_read_only(root + path, devices=True)
    _hide(root, libraries, package)
    for path in sources:
        if not path.startswith("/dev/"):
            confine.make_read_only(root + path)
    _furnish(root, user, work(libraries))
    for place in sources.values():
        os.close(place)
    confine.pivot(root)


def close() -> None:
    """Make the root itself read-only, once nothing more is to be put there."""
    confine.mount(
        "none", "/", None, confine.REMOUNT | confine.BIND | confine.READ_ONLY | confine.NO_SUID | confine.NO_DEV
    )


def _opened(libraries: list[str]) -> dict[str, int]:
    """Open what is to be bound, before the new root can hide it: no path twice, none beneath another."""
    wanted = [*SYSTEM, _base(), *libraries, *(os.path.realpath(path) for path in libraries), *FILES]
    sources: dict[str, int] = {}
    for path in sorted(dict.fromkeys(wanted)):
        if os.path.exists(path) and not any(path.startswith(above + "/") for above in sources):
            sources[path] = os.open(path, os.O_PATH | os.O_CLOEXEC)
    for name in DEVICES:
        sources[f"/dev/{name}"] = os.open(f"/dev/{name}", os.O_PATH | os.O_CLOEXEC)
    if os.path.isdir("/proc/self"):
        sources["/proc"] = os.open("/proc", os.O_PATH | os.O_CLOEXEC)
    return sources


def _bind(place: int, target: str) -> None:
    if stat.S_ISDIR(os.fstat(place).st_mode):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        Path(target).touch()
    confine.mount(f"/proc/self/fd/{place}", target, None, confine.BIND | confine.RECURSIVE)


def _hide(root: str, libraries: list[str], package: str) -> None:
    """Cover what an installed copy of the course, or a course kept among the libraries, would show."""
    installed = [f"{path}/{name}" for path in [*libraries, *map(os.path.realpath, libraries)] for name in OURS]
    course = os.path.dirname(os.path.realpath(package))
    beside = [] if course in map(os.path.realpath, libraries) else [course]
    for path in dict.fromkeys(installed + beside):
        if os.path.isdir(root + path) and not any(library.startswith(path + "/") for library in libraries):
            confine.mount("none", root + path, "tmpfs", confine.NO_SUID | confine.NO_DEV, "mode=755,size=4k")


def _furnish(root: str, user: int, home: str) -> None:
    os.makedirs(root + home, exist_ok=True)
    os.makedirs(root + "/etc", exist_ok=True)
    Path(root, "etc/passwd").write_text(PEOPLE.format(user=user, home=home))
    Path(root, "etc/group").write_text(f"student:x:{user}:\n")
    for name, target in (("shm", home), ("fd", "/proc/self/fd")):
        os.symlink(target, f"{root}/dev/{name}")
