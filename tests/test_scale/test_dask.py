"""A Dask cluster grades as the processes of one machine do, loses nothing with a worker, and leaves nothing behind."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.test_scale.standing import standing

COMMAND = ("autograde", "week01", "--seed", "dask", "--json", "report.json")


@pytest.fixture(scope="module")
def cluster():
    """Two workers, each a process with one thread, restarted when they die."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def local(make_class, run) -> Path:
    """The class as two local processes grade it."""
    course = make_class(8)
    run(course, "grader", *COMMAND, "--jobs", "2")
    return course


def reports(course: Path) -> list[dict]:
    """The submissions' reports, without the time that they took."""
    found = json.loads((course / "report.json").read_text())["submissions"]
    return [{name: value for name, value in one.items() if name != "seconds"} for one in found]


def zygotes(process: int) -> list[int]:
    """The processes that a worker started."""
    children = Path(f"/proc/{process}/task").glob("*/children")
    return [int(one) for path in children for one in path.read_text().split()]


def ended(processes: list[int], seconds: float = 30.0) -> bool:
    """Whether all of some processes are gone in so many seconds."""
    deadline = time.monotonic() + seconds
    while alive := [one for one in processes if Path(f"/proc/{one}").exists()]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return not alive


@pytest.mark.heavy
def test_two_workers_grade_as_two_processes_do(make_class, run, cluster, local):
    course = make_class(8)
    run(course, "grader", *COMMAND, "--scheduler", cluster.scheduler_address)
    assert reports(course) == reports(local)
    assert standing(course) == standing(local)


@pytest.fixture(scope="module")
def survived(make_class, run, cluster) -> tuple[Path, list[int]]:
    """The class as a cluster grades it that loses a worker in the middle, and the lost worker's own processes."""
    course = make_class(8)
    journal = course / ".class/grader/week01.journal"
    lost: list[int] = []

    def kill() -> None:
        while not journal.exists() or journal.read_bytes().count(b"\n") < 2:
            time.sleep(0.01)
        process = next(worker.pid for worker in cluster.workers.values() if zygotes(worker.pid))
        lost.extend(zygotes(process))
        os.kill(process, signal.SIGKILL)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    run(course, "grader", *COMMAND, "--scheduler", cluster.scheduler_address)
    thread.join(1)
    return course, lost


def test_a_killed_worker_loses_nothing(survived, local):
    course, lost = survived
    assert lost, "no worker was killed"
    assert reports(course) == reports(local)
    assert standing(course) == standing(local)
    assert ended(lost)


def test_a_worker_with_another_course_is_refused(run, cluster, survived):
    course, _ = survived
    exercise = course / "solutions/week01/02_causal_mask.py"
    exercise.write_text(exercise.read_text() + "\n# changed after the workers had loaded it\n")
    said = run(course, "grader", *COMMAND, "--scheduler", cluster.scheduler_address, status=1).stderr
    assert "start the workers anew" in said
    assert "Traceback" not in said


def test_no_scheduler_is_one_line(make_class, run):
    course = make_class(1)
    os.environ["DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT"] = "1s"
    try:
        said = run(course, "grader", *COMMAND, "--scheduler", "tcp://127.0.0.1:9", status=1).stderr
    finally:
        del os.environ["DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT"]
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in said
    assert "Traceback" not in said


def test_workers_leave_no_zygote(cluster):
    started = [one for worker in cluster.workers.values() for one in zygotes(worker.pid)]
    assert started, "no worker had a zygote"
    cluster.close()
    assert ended(started)
