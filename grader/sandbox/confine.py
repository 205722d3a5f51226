"""The kernel's means of confining a process, one function each, as the C library and raw system calls offer them.

Everything here needs Linux on x86-64 or 64-bit ARM and raises `OSError` naming the call that was refused.
"""

import ctypes
import os
import platform
import resource
import struct

NEW_NS, NEW_CGROUP, NEW_UTS, NEW_IPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
NEW_USER, NEW_PID, NEW_NET = 0x10000000, 0x20000000, 0x40000000

READ_ONLY, NO_SUID, NO_DEV, NO_EXEC, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)
_ARM = platform.machine() in ("aarch64", "arm64")
_PIVOT_ROOT = 41 if _ARM else 155
_MOUNT_SETATTR, _CLOSE_RANGE = 442, 436
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_SET_PDEATHSIG, _SET_DUMPABLE, _CAPBSET_DROP, _SET_NO_NEW_PRIVS, _CAP_AMBIENT, _SET_SECCOMP = 1, 4, 24, 38, 47, 22
_FILTER_MODE = 2


def _demand(result: int, call: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    """Give this process (for NEW_PID: its next children) namespaces of its own."""
    _demand(_libc.unshare(flags), "unshare")


def enter(namespace: int, kind: int) -> None:
    """Enter the namespace behind a file descriptor."""
    _demand(_libc.setns(namespace, kind), "setns")


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    """Mount as mount(2) does."""
    encoded = [text.encode() if text else None for text in (source, target, kind)]
    _demand(_libc.mount(*encoded, ctypes.c_ulong(flags), options.encode() or None), f"mount {kind or ''} on {target}")


def unmount(target: str) -> None:
    """Detach what is mounted at `target`."""
    _demand(_libc.umount2(target.encode(), DETACH), "umount")


def make_read_only(path: str, devices: bool = False) -> None:
    """Make the mount at `path`, and those beneath it, read-only and free of set-uid programs and devices."""
    attributes = struct.pack("=QQQQ", READ_ONLY | NO_SUID | (0 if devices else NO_DEV), 0, 0, 0)
    at_cwd, recursive = -100, 0x8000
    call = _libc.syscall(_MOUNT_SETATTR, at_cwd, path.encode(), recursive, attributes, ctypes.c_size_t(32))
    _demand(call, f"mount_setattr {path}")


def pivot(root: str) -> None:
    """Make `root` this mount namespace's root and let go of the old one."""
    os.chdir(root)
    _demand(_libc.syscall(_PIVOT_ROOT, b".", b"."), "pivot_root")
    unmount(".")
    os.chdir("/")


def die_with_parent() -> None:
    """Let the kernel kill this process when its parent ends."""
    _demand(_libc.prctl(_SET_PDEATHSIG, 9, 0, 0, 0), "prctl")


def become(user: int) -> None:
    """Become an ordinary user for good, in no group but one of the same number."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def drop_capabilities() -> None:
    """Give up every capability, and every way to gain one."""
    _libc.prctl(_CAP_AMBIENT, 4, 0, 0, 0)
    for capability in range(64):
        if _libc.prctl(_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            break
    header, none = struct.pack("=Ii", 0x20080522, 0), bytes(24)
    _demand(_libc.capset(header, none), "capset")


def forbid_new_privileges() -> None:
    """No program that this process starts gains rights by set-uid bits or file capabilities."""
    _demand(_libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


def load_filter(program: bytes) -> None:
    """Let the kernel judge each system call from here on by a seccomp program."""
    instructions = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(instructions))
    _demand(_libc.prctl(_SET_SECCOMP, _FILTER_MODE, header, 0, 0), "seccomp")


def landlock_version() -> int:
    """Return the version of Landlock that this kernel has switched on, 0 for none."""
    return max(0, _libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1))


def landlock(readable: list[str], writable: list[str]) -> None:
    """Leave this process files beneath the given folders only: no programs, no network, no signals outwards."""
    version = landlock_version()
    if not version:
        raise OSError("Landlock is not switched on")
    files = (1 << (13 + (version >= 2) + (version >= 3) + (version >= 5))) - 1
    attributes = struct.pack("=QQQ", files, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = _demand(_libc.syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(size), 0), "landlock_create_ruleset")
    read_file, read_folder, run = 4, 8, 1
    for paths, rights in ((readable, read_file | read_folder), (writable, files & ~run)):
        for path in paths:
            _allow(rules, path, rights)
    _demand(_libc.syscall(_LANDLOCK_RESTRICT, rules, 0), "landlock_restrict_self")
    os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    if not os.path.isdir(path):
        rights &= 1 | 2 | 4 | (1 << 14) | (1 << 15)  # what there is to do with a file
    rule = struct.pack("=Qi", rights, place)
    _demand(_libc.syscall(_LANDLOCK_ADD, rules, 1, rule, 0), f"landlock_add_rule {path}")
    os.close(place)


def limit(name: str, value: int) -> None:
    """Set a resource limit, soft and hard, to `value` or to what is left of it."""
    kind = getattr(resource, f"RLIMIT_{name}")
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def close_from(first: int) -> None:
    """Close every file descriptor from `first` on."""
    _demand(_libc.syscall(_CLOSE_RANGE, ctypes.c_uint(first), ctypes.c_uint(0xFFFFFFFF), 0), "close_range")
