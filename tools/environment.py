"""Make .venv and install what requirements.lock pins: torch first and by itself, the rest, then the course.

Runs before anything is installed, so it uses the standard library alone, in words that Python 3.6 can parse: it must
live long enough to say which Python it needs. A second run compares one hash and ends.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, "installed")
LOG = os.path.join(VENV, "install.log")
OLDEST = (3, 11)
NEEDED = 4 * 2**30  # bytes on disk, with pip's own temporary files
NO_NETWORK = r"ConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError|Network is unreach"
# What pip's output shows: what to say, ended by "then run the same command again".
CAUSES = [
    (r"No space left on device", "the disk is full. Free 4 GB (10 GB for PyTorch with CUDA)"),
    (NO_NETWORK, "pip cannot reach its package index. Check the network"),
    (r"No matching distribution found for (\S+)", "there is no {0} for this Python. Choose one: PYTHON=python3.12"),
    (r"Permission denied|Read-only file system", "this folder cannot be written. Move the course to your home"),
]
AGAIN = ", then run the same command again."


class CannotSetUp(Exception):
    """What is missing and what to do about it, in one line."""


def fingerprint():
    """Return a hash of what the environment is made from: the lock, the project's metadata, Python's version."""
    digest = hashlib.sha256(repr(sys.version_info[:3]).encode())
    for name in ("requirements.lock", "pyproject.toml"):
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def is_ready():
    """Return whether .venv was made from the present lock."""
    if not os.path.exists(STAMP):
        return False
    with open(STAMP) as file:
        return file.read() == fingerprint()


def check_machine():
    """Raise CannotSetUp when Python is too old, has no venv module, or the disk is too full."""
    if sys.version_info < OLDEST:
        raise CannotSetUp(
            f"Python 3.11 or later is needed; {sys.executable} is {sys.version.split()[0]}. "
            "Name another: `make lab PYTHON=python3.12`."
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        install_venv_module()
    free = shutil.disk_usage(ROOT).free
    if not os.path.exists(STAMP) and free < NEEDED:
        raise CannotSetUp(f"4 GB of disk are needed, {free / 2**30:.1f} GB are free here. Free some{AGAIN}")


def install_venv_module():
    """Install Debian's venv module where we are root; raise CannotSetUp elsewhere."""
    try:
        import debian

        done = debian.install(["python3-venv"])
    except (ImportError, OSError):
        done = False
    if not done:
        raise CannotSetUp(f"this Python has no venv module. `sudo apt-get install python3-venv`{AGAIN}")


def say(text, end="\n"):
    sys.stdout.write(text + end)
    sys.stdout.flush()


def pip(*arguments, total=0):
    """Run pip in the new environment, counting packages on one line; raise CannotSetUp when it fails."""
    command = [os.path.join(VENV, "bin", "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    command.append("--no-compile")  # halves the time; Python compiles what is imported, when it is
    environment = dict(os.environ, PIP_PROGRESS_BAR="off", PIP_USER="0")
    for name in ("PYTHONPATH", "PYTHONHOME"):
        environment.pop(name, None)
    lines, count, counts = [], 0, bool(total and sys.stdout.isatty())
    with open(LOG, "a") as log:
        process = subprocess.Popen(
            command + list(arguments),
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for line in process.stdout:
            log.write(line)
            lines.append(line)
            if re.match(r"Collecting |Processing |Requirement already", line):
                count += 1
            if counts:
                unpacking = ", now unpacking" if line.startswith("Installing collected") else ""
                say(f"\r      {count:3d} of {total} fetched{unpacking}", end="")
    if counts:
        say("")
    if process.wait():
        raise CannotSetUp(explain("".join(lines)))


def explain(output):
    """Return one line on why pip failed, with what to do."""
    for pattern, advice in CAUSES:
        found = re.search(pattern, output)
        if found:
            return advice.format(*found.groups()) + AGAIN
    raised, told = re.findall(r"\w+Error: (.+)", output), re.findall(r"(?i)\berror: (.+)", output)
    lines = raised or told or output.split("\n")
    return f"{lines[-1].rstrip('.')}. All of pip's words are in .venv/install.log."


def install():
    """Make .venv anew and fill it; about a minute with a fast network."""
    with open(os.path.join(ROOT, "requirements.lock")) as file:
        pins = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    torch = pins[0]
    steps = [
        (f"PyTorch ({torch})", ["--no-input", torch], 0),
        (f"{len(pins) - 1} more packages", ["--no-deps", "-r", "requirements.lock"], len(pins) - 1),
        ("the course itself", ["--no-deps", "--no-build-isolation", "-e", "."], 0),
    ]
    start = time.time()
    if os.path.exists(STAMP):
        os.remove(STAMP)  # a run that is cut short must not look finished
    say("Setting up the course in .venv: once, a few minutes, about 2 GB.")
    say(f"[1/4] Python {sys.version.split()[0]} environment")
    make_venv()
    for number, (what, arguments, total) in enumerate(steps, start=2):
        say(f"[{number}/4] {what}")
        pip(*arguments, total=total)
    with open(STAMP, "w") as file:
        file.write(fingerprint())
    say(f"Done in {time.time() - start:.0f} s.")


def make_venv():
    """Make .venv, or keep the one that the same Python made."""
    python = os.path.join(VENV, "bin", "python")
    if os.path.exists(python):
        ask = "import sys; print(sys.version_info[:2])"
        found = subprocess.run([python, "-c", ask], stdout=subprocess.PIPE, text=True)
        if found.returncode == 0 and found.stdout.strip() == str(sys.version_info[:2]):
            return
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", VENV],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if made.returncode:
        raise CannotSetUp(explain(made.stdout))


def main():
    try:
        if not is_ready():
            check_machine()
            install()
    except CannotSetUp as problem:
        sys.exit(f"Cannot set up: {problem}")
    except KeyboardInterrupt:
        sys.exit("\nStopped. Run the same command to go on.")
    except OSError as problem:
        sys.exit(f"Cannot set up: {explain(str(problem))}")


if __name__ == "__main__":
    main()
