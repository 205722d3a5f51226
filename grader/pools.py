"""Where submissions are graded: processes of this machine, or workers of a Dask cluster."""

import contextlib
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import chain, islice
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.util import Finalize
from typing import Any, Protocol

from grader.assignment import libraries_named, libraries_of, released
from grader.classroom import ClassroomError
from grader.intake import Submission
from grader.journal import circumstances
from grader.sandbox.confine import die_with_parent
from grader.sandbox.launch import MODULES, Launch
from grader.settings import Settings
from grader.verdict import Verdict

MAX_TRIES = 3
IN_FLIGHT = 256  # submissions that a cluster holds at once: enough to keep 64 workers busy, few enough for any memory
ORACLES = "GRADER_ORACLES"
_READY = "ready"
_worker: Any = None
_turn = threading.Lock()


class Pool(Protocol):
    """Grades many submissions, in any order. Each is taken from the iterator when there is room for it."""

    def grade(self, submissions: Iterable[Submission]) -> Iterator[tuple[Submission, Verdict]]: ...


class LocalPool:
    """As many processes as `jobs`, each with a warm worker. One that dies takes no submission with it.

    Args:
        settings: what decides a verdict.
        jobs: how many.
        meanwhile: called once the processes are started; they take a while to be warm.
    """

    def __init__(self, settings: Settings, jobs: int, meanwhile: Callable[[], Any] = lambda: None):
        self._settings, self._jobs, self._meanwhile = settings, max(1, jobs), meanwhile

    def grade(self, submissions: Iterable[Submission]) -> Iterator[tuple[Submission, Verdict]]:
        """Yield each submission with its verdict, as they come.

        Raises:
            Exception: what kept a worker from starting, a SandboxError for example.
        """
        waiting = _Queue(submissions)
        first = waiting.next()
        if first is None:
            return
        waiting.put_back(first)
        crew: dict[Connection, _Hand] = {}
        leaving: list[_Hand] = []
        modules = (*MODULES, *libraries_of(*released(self._settings.root, self._settings.week).values()))
        launch = Launch(self._settings.limits, self._settings.isolation, modules, self._jobs)
        controls = list(launch.controls)
        cores = os.sched_getaffinity(0)
        own = cores if len(cores) == self._jobs else set()  # a core for each, where all are used
        meanwhile = self._meanwhile
        try:
            while True:
                while len(crew) < self._jobs and (one := waiting.next()) is not None:
                    free = own - {hand.core for hand in crew.values()}
                    hand = _Hand(self._settings, one, controls.pop() if controls else None, min(free, default=None))
                    crew[hand.line] = hand
                if not crew:
                    break
                while controls:
                    controls.pop().close()
                meanwhile()
                meanwhile = _nothing
                for line in wait(list(crew)):
                    hand = crew[line]
                    one, said = hand.holds, hand.heard()
                    if said == _READY:
                        hand.give(one)
                        continue
                    if said is None:
                        del crew[line]
                        line.close()
                        said = waiting.again(one, hand.ending)
                    elif not hand.give(waiting.next()):
                        leaving.append(crew.pop(line))
                    if said is not None:
                        yield one, said
            for hand in leaving:
                hand.process.join()
        finally:
            for hand in [*crew.values(), *leaving]:
                hand.process.kill()
                hand.process.join()
                hand.line.close()
            launch.end()


class _Queue:
    """What is still to be graded; a submission that a process died on comes back until it was tried often enough."""

    def __init__(self, submissions: Iterable[Submission]):
        self._fresh, self._back, self._tries = iter(submissions), deque(), Counter()

    def next(self) -> Submission | None:
        fresh = next(self._fresh, None)
        return fresh or (self._back.popleft() if self._back else None)

    def put_back(self, one: Submission) -> None:
        """Put back what was taken, as the next one."""
        self._fresh = chain([one], self._fresh)

    def again(self, one: Submission, ending: str) -> Verdict | None:
        """Put `one` back; or return the verdict on it, once it was tried `MAX_TRIES` times."""
        self._tries[one] += 1
        if self._tries[one] == MAX_TRIES:
            return broken(one, ending)
        self._back.append(one)
        return None


class _Hand:
    """A process with a warm worker, and the submission that it has in hand.

    Args:
        settings: what decides a verdict.
        first: the first submission.
        control: the socket to a zygote that was launched for it, if one was.
        core: the one processor that it is to run on, if it is one.
    """

    def __init__(self, settings: Settings, first: Submission, control: socket.socket | None, core: int | None):
        self.core = core
        context = _forking(settings)
        self.line, theirs = context.Pipe()
        self.holds: Submission | None = first
        self.process = context.Process(target=_serve, args=(settings, theirs, control, core), daemon=True)
        self.process.start()
        theirs.close()
        if control is not None:
            control.close()

    @property
    def ending(self) -> str:
        self.process.join()
        return f"exit status {self.process.exitcode}"

    def give(self, one: Submission | None) -> bool:
        """Hand over a submission, or None to end the process. One that is gone already shows when it is heard."""
        self.holds = one
        with contextlib.suppress(OSError):
            self.line.send(one)
        return one is not None

    def heard(self) -> Verdict | str | None:
        """Return a verdict, or that the process is ready, or None when it has died."""
        try:
            said = self.line.recv()
        except (EOFError, OSError):
            return None
        if isinstance(said, Exception):
            raise said
        return said


def _nothing() -> None:
    """There is nothing to do meanwhile, any more."""


@cache
def _forking(settings: Settings) -> BaseContext:
    """Return what makes processes: forks of this one where it has torch, else of one that loads it for all of them."""
    if "torch" in sys.modules:
        return multiprocessing.get_context("fork")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["grader.warm"])
    os.environ[ORACLES] = " ".join(libraries_named(settings.root / "solutions" / settings.week))
    forkserver.ensure_running()
    del os.environ[ORACLES]
    return context


def _serve(settings: Settings, line: Connection, control: socket.socket | None, core: int | None) -> None:
    """Answer each submission with its verdict until None comes. No end of the parent leaves this behind.

    A worker and its children take turns hundreds of times a submission: on one core they find their caches warm.
    """
    from grader.worker import Worker

    die_with_parent()
    if core is not None:
        os.sched_setaffinity(0, {core})
    if not multiprocessing.parent_process().is_alive():
        return
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is the parent's to answer
    try:
        worker = Worker(settings, control)
    except Exception as error:
        line.send(error)
        return
    with worker:
        line.send(_READY)
        while (submission := line.recv()) is not None:
            line.send(worker.grade(submission))


class DaskPool:
    """The workers behind a Dask scheduler; each keeps one warm worker of ours and grades one submission at a time."""

    def __init__(self, settings: Settings, address: str):
        self._settings, self._address = settings, address

    def grade(self, submissions: Iterable[Submission]) -> Iterator[tuple[Submission, Verdict]]:
        """Yield each submission with its verdict, as they come; what a lost worker held is graded by another.

        Raises:
            ClassroomError: when no scheduler answers, or a worker has another course than this machine.
        """
        from distributed import Client, KilledWorker
        from distributed import as_completed as completed

        fresh = iter(submissions)
        first = next(fresh, None)
        if first is None:
            return
        try:
            client = Client(self._address, set_as_default=False)
        except OSError as error:
            raise ClassroomError(f"no Dask scheduler answers at {self._address}; see docs/clusters.md") from error
        with client:
            held = {}

            def send(one: Submission) -> object:
                future = client.submit(_grade_there, self._settings, circumstances(self._settings), one, pure=False)
                held[future.key] = one
                return future

            some = [send(one) for one in [first, *islice(fresh, IN_FLIGHT - 1)]]
            futures = completed(some, loop=client.loop)
            for future in futures:
                error, one = future.exception(), held.pop(future.key)
                if (following := next(fresh, None)) is not None:
                    futures.add(send(following))
                if error is None:
                    yield one, future.result()
                elif isinstance(error, KilledWorker):
                    yield one, broken(one, "Dask's workers died on it")
                else:
                    raise error


def broken(submission: Submission, ending: str) -> Verdict:
    """Return the verdict on a submission that no process could grade: the instructor's to look at, with no score."""
    report = {
        "student": submission.student,
        "notebook": submission.notebook,
        "sha256": submission.sha256,
        "status": "grader_error",
        "score": None,
        "max_score": None,
        "seconds": 0.0,
        "flags": [],
        "error": f"the grading process ended {MAX_TRIES} times: {ending}",
        "exercises": [],
    }
    return Verdict(report, {}, {}, None)


def _grade_there(settings: Settings, expected: str, submission: Submission) -> Verdict:
    """Grade on a Dask worker, whose threads take turns. It ends with its process, and a new one takes its place."""
    from grader.worker import Worker

    global _worker
    with _turn:
        if circumstances(settings) != expected:
            raise ClassroomError(
                f"the Dask worker on {os.uname().nodename} has another course in {settings.root}, or other libraries, "
                "than this machine; make them equal and start the workers anew"
            )
        if _worker is None or _worker.settings != settings:
            if _worker is not None:
                _worker.__exit__()
            _worker = Worker(settings)
            Finalize(None, _worker.__exit__, exitpriority=1)
        return _worker.grade(submission)
