"""A warm process in which the grader's command runs again and again, each time in a fork of its own.

Loading the libraries is what costs when a run is killed two hundred times. Every process that a killed run leaves
behind becomes a child of this one, so that none can hide.
"""

import ctypes
import json
import os
import subprocess
import sys
import time
from pathlib import Path

SUBREAPER = 36


class Stage:
    """The test's end. Use it as a context."""

    def __init__(self, root: Path):
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=dict(os.environ, OMP_NUM_THREADS="1"),
        )
        assert self._answer() == "warm"

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait(60)

    def start(self, course: Path, *arguments: str) -> int:
        """Start `grader ARGUMENTS` in `course`; return the process's number. Its output goes to course/said."""
        return self._ask("start", str(course), *arguments)

    def status(self) -> int:
        """Wait for the end of what was started; return its exit status, negative for a signal."""
        return self._ask("status")

    def left(self, seconds: float) -> list[str]:
        """Return the command lines of the processes that still live after so many seconds at most."""
        return self._ask("left", seconds)

    def _ask(self, *request: str | float) -> object:
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> object:
        line = self._process.stdout.readline()
        assert line, "the stage is gone"
        return json.loads(line)


def main() -> None:
    """Answer requests until there are no more."""
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    from grader import batch, gradebook  # noqa: F401
    from grader.judge import assignment

    assignment(Path(sys.argv[1]), "week01")
    started = 0
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    print(json.dumps("warm"), file=answers, flush=True)
    for line in sys.stdin:
        word, *rest = json.loads(line)
        if word == "start":
            answer = started = os.fork()
            if started == 0:
                _run(*rest)
        elif word == "status":
            answer = os.waitstatus_to_exitcode(os.waitpid(started, 0)[1])
        else:
            answer = _left(*rest)
        print(json.dumps(answer), file=answers, flush=True)


def _run(course: str, *arguments: str) -> None:
    from grader import cli

    try:
        os.setsid()
        os.chdir(course)
        os.environ["CLASS_DIR"] = f"{course}/.class"
        log = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for number in (1, 2):
            os.dup2(log, number)
        sys.argv = ["grader", *arguments]
        code = cli.main()
        sys.stderr.flush()
        os._exit(code)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
        os._exit(70)


def _left(seconds: float) -> list[str]:
    """Reap what has ended; return what has not."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return []
        if time.monotonic() > deadline:
            children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
            return [Path(f"/proc/{one}/cmdline").read_text().replace("\0", " ") for one in children]
        time.sleep(0.01)


if __name__ == "__main__":
    main()
