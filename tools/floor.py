"""The least that grading a submission takes, for `make bench`: its cells and the calls that the checks make, bare.

The cells run as plain Python, and the calls in the same process. What the checks compute themselves is left out, as
are reading the notebook, sending anything anywhere, and the report.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import time

from submissions import submission

from grader.candidate import Link, LocalChannel
from grader.judge import Assignment
from grader.run import run_checks
from grader.servant import Servant

TIMES = 4


def floor(week: Assignment, answers: dict[str, str]) -> tuple[float, float]:
    """Return the processor seconds in this process, once it is warm, and in a process forked from it.

    The second is what one process a submission takes before any wall stands around it.
    """
    import torch

    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()  # a collection in a forked process would copy all that there is
    cells = submission(week, answers)["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["metadata"]["nbgrader"]["grade_id"] in week.loaded]
    here = [_spent(week, sources) for _ in range(TIMES)][1:]
    return statistics.median(here), statistics.median(_forked(week, sources) for _ in range(TIMES - 1))


def _spent(week: Assignment, sources: list[str]) -> float:
    spent = 0.0

    class Timed(Servant):
        def _call(self, *details: object) -> object:
            return self._timed(super()._call, *details)

        def _vjp(self, *details: object) -> object:
            return self._timed(super()._vjp, *details)

        def _timed(self, method: object, *details: object) -> object:
            nonlocal spent
            started = time.process_time()
            try:
                return method(*details)
            finally:
                spent += time.process_time() - started

    namespace: dict[str, object] = {}
    exec(week.imports, namespace)
    started = time.process_time()
    for source in sources:
        exec(source, namespace)
    spent = time.process_time() - started
    for name, one in week.loaded.items():
        channel = LocalChannel(namespace)
        channel.servant.__class__ = Timed
        run_checks(one.exercise.checks, Link(channel), name, one.exercise.points, "bench")
    return spent


def _forked(week: Assignment, sources: list[str]) -> float:
    """Return what forking, the cells, the calls and the process's end take; not what the checks do in between."""
    heard, said = os.pipe()
    started = time.process_time()
    child = os.fork()
    if child == 0:
        begun = time.process_time()
        spent = _spent(week, sources)
        os.write(said, json.dumps([spent, time.process_time() - begun]).encode())
        os._exit(0)
    forking = time.process_time() - started
    _, _, usage = os.wait4(child, 0)
    spent, whole = json.loads(os.read(heard, 200))
    os.close(heard)
    os.close(said)
    return forking + usage.ru_utime + usage.ru_stime - (whole - spent)
