"""Install the Debian packages that the tests need, where we are root; elsewhere name them in one line.

Uses the standard library alone: it may run before `make setup`.
"""

import os
import shutil
import subprocess
import sys

# command that shows it is there: package that brings it
NEEDED = {"chromium": "chromium", "ip": "iproute2", "bwrap": "bubblewrap"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def has(command):
    """Return whether a command is installed; any Chromium will do."""
    names = BROWSERS if command == "chromium" else (command,)
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return any(shutil.which(name, path=path) for name in names)


def install(packages):
    """Install Debian packages and return whether that was possible."""
    if not shutil.which("apt-get") or os.geteuid() != 0:
        return False
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    quiet = {"env": environment, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    subprocess.run(["apt-get", "update", "-qq"], **quiet)
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
    return subprocess.run([*command, *packages], **quiet).returncode == 0


def main():
    missing = [package for command, package in NEEDED.items() if not has(command)]
    if "chromium" in missing:
        missing.append("fonts-dejavu-core")  # a bare machine has no font, and pictures would have no letters
    if not missing:
        return
    names = " ".join(missing)
    print(f"Installing what the tests need: {names}", flush=True)
    if not install(missing):
        print(f"Tests that need them are skipped until you run `sudo apt-get install {names}`.")
        if os.environ.get("CI"):
            sys.exit(1)


if __name__ == "__main__":
    main()
