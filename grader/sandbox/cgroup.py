"""A control group for one zygote's children, where this machine lets us make one (version 1 or 2)."""

import contextlib
import os
import secrets
from pathlib import Path

from grader.sandbox.limits import Limits

HEADROOM_MB = 64
_ROOT = Path("/sys/fs/cgroup")
_PREFIX = "grader-"


class Cgroup:
    """Bounds the memory, files in memory included, and the number of processes of a zygote's children together."""

    def __init__(self, folders: list[Path]):
        self._folders = folders
        self._killed = self._count()

    @property
    def bounds_processes(self) -> bool:
        """Whether the number of processes is bounded as well."""
        return len(self._folders) > 1 or (self._folders[0] / "pids.max").exists()

    @classmethod
    def make(cls, limits: Limits) -> "Cgroup | None":
        """Return a new group, or None where none can be made."""
        memory = str((limits.memory_mb + limits.disk_mb + HEADROOM_MB) << 20)
        name = f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
        for place in _places("memory"):
            for files in ({"memory.max": memory, "memory.swap.max": "0"}, {"memory.limit_in_bytes": memory}):
                folder = _made(place / name, files)
                if folder:
                    pids = _made_pids(name, folder, str(limits.processes + 16))
                    return cls([folder, *pids])
        return None

    def add(self, process: int) -> None:
        """Put a process, and so all that it starts later, into the group."""
        for folder in self._folders:
            (folder / "cgroup.procs").write_text(str(process))

    def killed_since_asked(self) -> bool:
        """Return whether the kernel ended a process for want of memory since this was last asked."""
        before, self._killed = self._killed, self._count()
        return self._killed > before

    def remove(self) -> None:
        """Remove the group, which nobody is in any more."""
        for folder in self._folders:
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _count(self) -> int:
        for name in ("memory.events", "memory.oom_control"):
            with contextlib.suppress(OSError):
                words = (self._folders[0] / name).read_text().split()
                return int(words[words.index("oom_kill") + 1])
        return 0


def _places(controller: str) -> list[Path]:
    """The folders, nearest first, in which a group of ours may be made."""
    places = []
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            number, controllers, path = line.split(":", 2)
            inner = path.lstrip("/")
            if controller in controllers.split(","):
                places += [_ROOT / controllers / inner, _ROOT / controller / inner]
            elif number == "0":
                places += [_ROOT / inner, (_ROOT / inner).parent, _ROOT / "unified" / inner]
    for place in places:
        _sweep(place)
    return [place for place in dict.fromkeys(places) if os.access(place, os.W_OK) and _ROOT in [place, *place.parents]]


def _made(folder: Path, files: dict[str, str]) -> Path | None:
    try:
        folder.mkdir()
        name, value = next(iter(files.items()))
        if not (folder / name).exists():
            raise FileNotFoundError(name)
        (folder / name).write_text(value)
        for name, value in list(files.items())[1:]:
            with contextlib.suppress(OSError):
                (folder / name).write_text(value)
    except OSError:
        with contextlib.suppress(OSError):
            folder.rmdir()
        return None
    return folder


def _made_pids(name: str, memory: Path, limit: str) -> list[Path]:
    if (memory / "pids.max").exists():
        (memory / "pids.max").write_text(limit)
        return []
    for place in _places("pids"):
        if folder := _made(place / name, {"pids.max": limit}):
            return [folder]
    return []


def _sweep(place: Path) -> None:
    """Remove groups that a grader left behind when it was killed; one in use cannot be removed."""
    with contextlib.suppress(OSError):
        for folder in place.glob(f"{_PREFIX}*"):
            process = folder.name.removeprefix(_PREFIX).partition("-")[0]
            if not Path("/proc", process).exists():
                with contextlib.suppress(OSError):
                    folder.rmdir()
