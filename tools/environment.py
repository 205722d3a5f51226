"""Make .venv and install what requirements.lock pins: torch first and by itself, the rest, then the course.

It stands in two places: as tools/environment.py in a clone, where the course is installed as it stands, and as
install.py in a learner's copy, beside the wheel that is installed there. It runs before anything is installed, so it
uses the standard library alone, in words that Python 3.6 can parse: it must live long enough to say which Python it
needs. A second run compares one hash and ends.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
IN_CLONE = os.path.basename(HERE) == "tools"
ROOT = os.path.dirname(HERE) if IN_CLONE else HERE
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, "installed")
LOG = os.path.join(VENV, "install.log")
PROGRAMS = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin")
OLDEST = (3, 11)
NEEDED = 4 * 2**30  # bytes on disk, with pip's own temporary files
NO_NETWORK = r"ConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError|Network is unreach"
ANOTHER_PYTHON = "`make lab PYTHON=python3.12`" if IN_CLONE else "`python3.12 install.py`"
# What pip's output shows: what to say, ended by "then run the same command again".
CAUSES = [
    (r"No space left on device", "the disk is full. Free 4 GB (10 GB for PyTorch with CUDA)"),
    (NO_NETWORK, "pip cannot reach its package index. Check the network"),
    (r"No matching distribution found for (\S+)", "there is no {0} for this Python. Choose one: " + ANOTHER_PYTHON),
    (r"Permission denied|Read-only file system", "this folder cannot be written. Move the course to your home"),
]
AGAIN = ", then run the same command again."


class CannotSetUp(Exception):
    """What is missing and what to do about it, in one line."""


def fingerprint():
    """Return a hash of what the environment is made from: the lock, the project's metadata, Python's version."""
    digest = hashlib.sha256(repr(sys.version_info[:3]).encode())
    for path in (os.path.join(ROOT, "requirements.lock"), wheel() or os.path.join(ROOT, "pyproject.toml")):
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def wheel():
    """Return the path of the course's wheel in a learner's copy, or nothing in a clone."""
    if IN_CLONE:
        return ""
    try:
        with open(os.path.join(ROOT, ".released.json")) as file:
            found = [os.path.join(ROOT, name) for name in json.load(file) if name.endswith(".whl")]
    except (OSError, ValueError):
        found = []
    if not found or not os.path.exists(found[0]):
        raise CannotSetUp(f"a part of this copy of the course is missing. Unpack the zip again{AGAIN}")
    return found[0]


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
            f"Name another: {ANOTHER_PYTHON}."
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
    command = [os.path.join(PROGRAMS, "python"), "-m", "pip", "install", "--disable-pip-version-check"]
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
    torch, built = pins[0], wheel()
    course = ["--force-reinstall", built] if built else ["-e", "."]
    steps = [
        (f"PyTorch ({torch})", ["--no-input", torch], 0),
        (f"{len(pins) - 1} more packages", ["--no-deps", "-r", "requirements.lock"], len(pins) - 1),
        ("the course itself", ["--no-deps", "--no-build-isolation", *course], 0),
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
    say(f"Done in {time.time() - start:.0f} s." + ("" if IN_CLONE else f" Next: {next_command()}"))


def next_command():
    """Return what a learner types to open the course."""
    place = os.path.relpath(PROGRAMS, ROOT) if os.path.realpath(os.getcwd()) == os.path.realpath(ROOT) else PROGRAMS
    return os.path.join(place, "course") + " lab"


def make_venv():
    """Make .venv, or keep the one that the same Python made."""
    python = os.path.join(PROGRAMS, "python" + (".exe" if os.name == "nt" else ""))
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
        if sys.version_info < OLDEST or not is_ready():
            check_machine()
            install()
        elif not IN_CLONE:
            say(f"Everything is installed. Next: {next_command()}")
    except CannotSetUp as problem:
        sys.exit(f"Cannot set up: {problem}")
    except KeyboardInterrupt:
        sys.exit("\nStopped. Run the same command to go on.")
    except OSError as problem:
        sys.exit(f"Cannot set up: {explain(str(problem))}")


if __name__ == "__main__":
    main()
