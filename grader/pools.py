"""Where submissions are graded: processes of this machine, or workers of a Dask cluster."""

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Protocol

from grader.intake import Submission
from grader.verdict import Verdict
from grader.worker import Settings, Worker

MAX_TRIES = 3
_worker: Worker | None = None


class Pool(Protocol):
    """Grades many submissions, in any order."""

    def grade(self, submissions: list[Submission]) -> Iterator[tuple[Submission, Verdict]]: ...


class LocalPool:
    """As many processes as `jobs`, each with a warm worker. One that dies takes no submission with it."""

    def __init__(self, settings: Settings, jobs: int):
        self._settings, self._jobs = settings, jobs

    def grade(self, submissions: list[Submission]) -> Iterator[tuple[Submission, Verdict]]:
        """Yield each submission with its verdict, as they come."""
        waiting, tries = dict(enumerate(submissions)), Counter()
        while waiting:
            context = multiprocessing.get_context("fork")
            jobs = min(self._jobs, len(waiting))
            with ProcessPoolExecutor(jobs, context, _warm_up, (self._settings,)) as executor:
                futures = {executor.submit(_grade, one): i for i, one in waiting.items()}
                for future in as_completed(futures):
                    i = futures[future]
                    try:
                        verdict = future.result()
                    except BrokenProcessPool as error:
                        tries[i] += 1
                        if tries[i] < MAX_TRIES:
                            continue
                        verdict = broken(waiting[i], error)
                    yield waiting.pop(i), verdict


class DaskPool:
    """The workers behind a Dask scheduler; each keeps one warm worker of ours. Start them with one thread each."""

    def __init__(self, settings: Settings, address: str):
        from distributed import Client

        self._settings = settings
        self._client = Client(address, set_as_default=False)

    def grade(self, submissions: list[Submission]) -> Iterator[tuple[Submission, Verdict]]:
        """Yield each submission with its verdict, as they come; what a lost worker held is graded by another."""
        from distributed import as_completed as completed

        futures = self._client.map(_grade_with, [self._settings] * len(submissions), submissions, pure=False)
        by_key = {future.key: one for future, one in zip(futures, submissions, strict=True)}
        for future in completed(futures):
            one = by_key[future.key]
            error = future.exception()
            yield one, future.result() if error is None else broken(one, error)


def broken(submission: Submission, error: BaseException) -> Verdict:
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
        "error": f"the grading process ended {MAX_TRIES} times: {error}",
        "exercises": [],
    }
    return Verdict(report, {}, {}, None)


def _warm_up(settings: Settings) -> None:
    global _worker
    _worker = Worker(settings)


def _grade(submission: Submission) -> Verdict:
    return _worker.grade(submission)


def _grade_with(settings: Settings, submission: Submission) -> Verdict:
    if _worker is None or _worker.settings != settings:
        _warm_up(settings)
    return _worker.grade(submission)
