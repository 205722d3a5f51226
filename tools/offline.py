"""Run a command with the network off: `python tools/offline.py COMMAND...` (Linux).

The command gets a network namespace of its own that has the loopback interface and nothing else, so a
notebook kernel, which is a child process, cannot reach out either. Only the standard library; no root needed
where user namespaces are allowed. Left out: every other kind of isolation.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from functools import cache

INSIDE = "--inside"
SET_INTERFACE_FLAGS, UP_AND_RUNNING = 0x8914, 0x41


def loopback_up() -> None:
    """Bring `lo` up in the present network namespace (`ip link set lo up`, without needing `ip`)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SET_INTERFACE_FLAGS, struct.pack("16sh", b"lo", UP_AND_RUNNING))


def offline(command: list[str]) -> list[str]:
    """The command that runs `command` with the network off."""
    return [
        "unshare",
        "--map-root-user",
        "--net",
        sys.executable,
        os.path.abspath(__file__),
        INSIDE,
        *command,
    ]


@cache
def refusal() -> str:
    """Why the network cannot be switched off here, in words; empty where it can."""
    if shutil.which("unshare") is None:
        return "the command `unshare` (package util-linux) is missing"
    trial = subprocess.run(offline([sys.executable, "-c", ""]), check=False, capture_output=True, text=True, timeout=60)
    return "" if trial.returncode == 0 else f"network namespaces are refused here ({trial.stderr.strip()[-200:]})"


def main(arguments: list[str]) -> int:
    if not arguments:
        print("usage: python tools/offline.py COMMAND...", file=sys.stderr)
        return 2
    if arguments[0] == INSIDE:
        loopback_up()
        os.execvp(arguments[1], arguments[1:])
    if refusal():
        print(f"Cannot switch the network off: {refusal()}.", file=sys.stderr)
        return 2
    return subprocess.run(offline(arguments), check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
