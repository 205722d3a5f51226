"""Make .venv and install what requirements.lock pins: torch first and by itself, then the rest, then the course.

Runs before anything is installed, so it uses the standard library alone, in words that an old Python can parse: it
must live long enough to say which Python it needs. A second run compares one hash and ends.
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
CAUSES = [
    (r"No space left on device", "the disk is full. Free 4 GB, then run the same command again."),
    (
        r"NewConnectionError|NameResolutionError|Temporary failure in name|ConnectTimeout|ReadTimeout|ProxyError|SSLError",
        "pip cannot reach the package index. Check the network (or PIP_INDEX_URL), then run the same command again.",
    ),
    (
        r"No matching distribution found for (\S+)",
        r"no {0} is offered for this Python and system. Try Python 3.11 to 3.13: `make PYTHON=python3.12 setup`.",
    ),
    (r"Permission denied", "this folder cannot be written. Clone the course into your home, then run the same command there."),
]


class CannotSetUp(Exception):
    """What is missing and what to do about it, in one line."""


def fingerprint():
    """Return a hash of all that the environment is made from: the lock, the project's metadata, Python's version."""
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
        have = "%d.%d" % sys.version_info[:2]
        raise CannotSetUp(
            "Python 3.11 or later is needed, and %s is %s. Name another: `make PYTHON=python3.12 lab`."
            % (sys.executable, have)
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        install_venv_module()
    free = shutil.disk_usage(ROOT).free
    if not os.path.exists(STAMP) and free < NEEDED:
        raise CannotSetUp(
            "4 GB of disk are needed, and %.1f GB are free here. Free some, then run the same command again." % (free / 2**30)
        )


def install_venv_module():
    """Install Debian's venv module where we are root; raise CannotSetUp elsewhere."""
    try:
        import debian

        done = debian.install(["python3-venv"])
    except Exception:
        done = False
    if not done:
        raise CannotSetUp(
            "this Python has no venv module. On Debian or Ubuntu: `sudo apt-get install python3-venv`, "
            "then run the same command again."
        )


def say(text, end="\n"):
    sys.stdout.write(text + end)
    sys.stdout.flush()


def pip(*arguments, total=0):
    """Run pip in the new environment, counting packages on one line; raise CannotSetUp when it fails."""
    command = [os.path.join(VENV, "bin", "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    environment["PIP_PROGRESS_BAR"] = "off"
    environment["PIP_REQUIRE_VIRTUALENV"] = "0"
    environment["PIP_USER"] = "0"
    lines, count = [], 0
    with open(LOG, "a") as log:
        process = subprocess.Popen(
            command + list(arguments),
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            universal_newlines=True,
        )
        for line in process.stdout:
            log.write(line)
            lines.append(line)
            if re.match(r"(Collecting|Processing|Obtaining) ", line):
                count += 1
            if sys.stdout.isatty() and total:
                writing = line.startswith("Installing collected")
                say("\r      %3d of %d fetched%s" % (count, total, ", now unpacking " if writing else ""), end="")
    if sys.stdout.isatty() and total:
        say("\r" + " " * 60 + "\r", end="")
    if process.wait():
        raise CannotSetUp(explain("".join(lines)))


def explain(output):
    """Return one line on why pip failed, with what to do."""
    for pattern, advice in CAUSES:
        found = re.search(pattern, output)
        if found:
            return advice.format(*found.groups())
    errors = re.findall(r"ERROR: (.+)", output) or ["pip failed"]
    return "%s. All of pip's words are in .venv/install.log." % errors[-1].rstrip(".")


def install():
    """Make .venv anew and fill it; about a minute with a fast network."""
    with open(os.path.join(ROOT, "requirements.lock")) as file:
        pins = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    torch = pins[0]
    steps = [
        ("PyTorch (%s)" % torch, ["--no-input", torch], 0),
        ("%d more packages" % len(pins[1:]), ["--no-deps", "-r", "requirements.lock"], len(pins)),
        ("the course itself", ["--no-deps", "--no-build-isolation", "-e", "."], 0),
    ]
    start = time.time()
    if os.path.exists(STAMP):
        os.remove(STAMP)  # a run that is cut short must not look finished
    say("Setting up the course in .venv: once, a few minutes, about 2 GB.")
    say("[1/4] Python %d.%d environment" % sys.version_info[:2])
    make_venv()
    for number, (what, arguments, total) in enumerate(steps, start=2):
        say("[%d/4] %s" % (number, what))
        pip(*arguments, total=total)
    with open(STAMP, "w") as file:
        file.write(fingerprint())
    say("Done in %.0f s." % (time.time() - start))


def make_venv():
    """Make .venv, or keep the one that the same Python made."""
    python = os.path.join(VENV, "bin", "python")
    if os.path.exists(python):
        ask = "import sys; print(sys.version_info[:2])"
        found = subprocess.run([python, "-c", ask], stdout=subprocess.PIPE, universal_newlines=True)
        if found.returncode == 0 and found.stdout.strip() == str(sys.version_info[:2]):
            return
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", VENV],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
    )
    if made.returncode:
        raise CannotSetUp(explain(made.stdout))


def main():
    try:
        if not is_ready():
            check_machine()
            install()
    except CannotSetUp as problem:
        sys.exit("Cannot set up: %s" % problem)
    except KeyboardInterrupt:
        sys.exit("\nStopped. Run the same command to go on.")
    except OSError as problem:
        sys.exit("Cannot set up: %s" % explain("%s" % problem))


if __name__ == "__main__":
    main()
