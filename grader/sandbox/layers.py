"""Which layers of the sandbox this machine offers, found out by trying each one in a process of its own."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_NAMESPACES = (
    "allow user namespaces: `sysctl user.max_user_namespaces=10000`; Ubuntu 24.04 and later also "
    "`sysctl kernel.apparmor_restrict_unprivileged_userns=0`; in Docker `--security-opt seccomp=unconfined "
    "--security-opt apparmor=unconfined --cap-add SYS_ADMIN`"
)
_KERNEL = "use Linux 5.12 or later"
# What is tried (a function of grader.sandbox.trials): required, what people call it, how to mend it.
LAYERS = {
    "user": (True, "user namespace", _NAMESPACES),
    "files": (True, "mount namespace, small read-only file system", f"{_NAMESPACES}; {_KERNEL}"),
    "processes": (True, "process namespace", _NAMESPACES),
    "network": (True, "network namespace without a network", _NAMESPACES),
    "ipc": (True, "ipc and host name namespaces", _NAMESPACES),
    "ending": (True, "processes ended by handle (pidfd)", _KERNEL),
    "limits": (True, "resource limits", "raise the hard limits of this session (`ulimit -H -a`)"),
    "rights": (True, "capabilities dropped, no new privileges", _KERNEL),
    "calls": (True, "system call filter (seccomp)", "`pip install pyseccomp`; `apt install libseccomp2`"),
    "proc": (False, "own /proc", "without it a child has no /proc; in Docker `--security-opt systempaths=unconfined`"),
    "landlock": (False, "Landlock", "Linux 5.13 or later with `lsm=landlock,…` among the kernel's parameters"),
    "cgroup": (
        False,
        "control group for memory",
        "run as root, or under `systemd-run --user --scope -p Delegate=yes`; without it address space is bounded",
    ),
}


@dataclass(frozen=True)
class Layer:
    """One layer of the sandbox on this machine.

    Attributes:
        name: what people call it.
        required: the sandbox refuses to start without it.
        holds: it was tried, and held.
        detail: what was seen.
        mend: what to install or switch on where it does not hold.
    """

    name: str
    required: bool
    holds: bool
    detail: str
    mend: str


def probe() -> list[Layer]:
    """Try each layer on this machine and say which hold; takes about a second."""
    return [_tried(trial, *words) for trial, words in LAYERS.items()]


def _tried(trial: str, required: bool, name: str, mend: str) -> Layer:
    launcher = Path(__file__).with_name("launcher.py")
    try:
        tried = subprocess.run(
            [sys.executable, "-I", "-B", str(launcher), "try", trial],
            capture_output=True,
            cwd="/",
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Layer(name, required, False, str(error)[:200], mend)
    said = (tried.stdout if tried.returncode == 0 else tried.stderr).strip().splitlines()
    return Layer(name, required, tried.returncode == 0, said[-1][:200] if said else "", mend)
