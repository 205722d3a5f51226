"""A class on this machine: gradebook, exchange, assignments released, and the learner's own copies in work/.

nbgrader's own commands do the work. An assignment that has not changed since the last time is left alone, so a
second start takes no time; a learner's copy is never overwritten.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLASS = Path(os.environ.get("CLASS_DIR", ROOT / ".class")).resolve()
WORK = ROOT / "work"


class CannotPrepare(Exception):
    """An nbgrader command failed; its last line and where to read the rest."""


def environment() -> dict[str, str]:
    """Return the environment for Jupyter's programs: the course's own settings, never the user's."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    jupyter = CLASS / "jupyter"
    return kept | {
        "IPYTHONDIR": str(jupyter / "ipython"),
        "JUPYTER_CONFIG_DIR": str(jupyter),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTERLAB_SETTINGS_DIR": str(jupyter / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(jupyter / "workspaces"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}",
    }


def nbgrader(*arguments: str) -> None:
    """Run an nbgrader command in the course's root; its words go to .class/nbgrader.log."""
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
    with (CLASS / "nbgrader.log").open("a") as log:
        log.write(f"$ nbgrader {' '.join(arguments)}\n{done.stdout}{done.stderr}")
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise CannotPrepare(f"`nbgrader {arguments[0]}`: {last} (all of it: {CLASS / 'nbgrader.log'})")


def weeks() -> list[str]:
    """Return the assignments that are built: ["week01", …]."""
    return sorted({path.parent.name for path in (ROOT / "assignments").glob("week*/*.ipynb")})


def fingerprint(week: str) -> str:
    """Return a hash of an assignment's notebooks, the instructor's and the student's."""
    digest = hashlib.sha256()
    for folder in ("solutions", "assignments"):
        for path in sorted((ROOT / folder / week).glob("*.ipynb")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def prepare() -> Iterator[str]:
    """Make the class ready, saying each step before it is done and what could not be done.

    A failure in one week stops neither the others nor the lessons.
    """
    exchange = CLASS / "exchange"
    exchange.mkdir(parents=True, exist_ok=True)
    exchange.chmod(0o777)  # learners with other accounts hand in here
    jupyter_settings()
    WORK.mkdir(exist_ok=True)
    for week in weeks():
        try:
            yield from prepare_week(week)
        except CannotPrepare as problem:
            yield f"{week} is not ready: {problem}"


def prepare_week(week: str) -> Iterator[str]:
    """Release an assignment if it is new or changed, and fetch it for the learner who has none.

    Raises:
        CannotPrepare: when an nbgrader command fails.
    """
    stamp, copy = CLASS / "released" / week, WORK / week
    if not stamp.exists() or stamp.read_text() != fingerprint(week):
        yield f"Releasing {week}"
        release(week)
        stamp.parent.mkdir(exist_ok=True)
        stamp.write_text(fingerprint(week))
        if copy.exists():
            yield f"work/{week} keeps your answers; the new version is assignments/{week}"
    if not copy.exists():
        yield f"Putting your copy of {week} in work/{week}"
        nbgrader("fetch_assignment", week)


def release(week: str) -> None:
    """Put an assignment in the gradebook and in the exchange, as it is built: assignments/ itself is left alone."""
    spare = f"--CourseDirectory.release_directory={CLASS / 'generated'}"
    nbgrader("generate_assignment", week, "--create", "--force", spare)
    nbgrader("release_assignment", week, "--force")


def jupyter_settings() -> None:
    """Write Jupyter's settings for the course: nbgrader's configuration from anywhere, no news pop-up."""
    folder = CLASS / "jupyter"
    (folder / "labconfig").mkdir(parents=True, exist_ok=True)
    (folder / "nbgrader_config.py").write_text(f"load_subconfig({str(ROOT / 'nbgrader_config.py')!r})\n")
    page = '{"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": true}}\n'
    (folder / "labconfig" / "page_config.json").write_text(page)
