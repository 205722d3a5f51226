"""However many submissions were graded, deadly ones among them: no handle, no process and no memory stays behind."""

import contextlib
import gc
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from grader.intake import submissions
from grader.settings import Settings
from grader.worker import Worker

PARTS = {"launcher": "sandbox/launcher.py", "reader": "notebook_reader.py"}


def children(process: int) -> list[int]:
    """The processes that one has started, by any of its threads."""
    found = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(one) for one in path.read_text().split()]
    return found


def descendants(process: int) -> list[int]:
    """The same, and what these have started, and so on."""
    return [found for child in children(process) for found in (child, *descendants(child))]


def handles(process: int) -> int | None:
    """How many files a process has open, or None where that is not ours to see."""
    with contextlib.suppress(PermissionError):
        return len(os.listdir(f"/proc/{process}/fd"))


def resident(process: int) -> int:
    """KB of memory that a process has."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))
    return 0


def parts(worker: int) -> dict[str, int]:
    """The processes behind a worker's: the reader, and the zygote that the launcher started."""
    found = {"worker": worker}
    for child in children(worker):
        line = Path(f"/proc/{child}/cmdline").read_text()
        found |= {name: child for name, script in PARTS.items() if script in line}
    zygote = children(found.pop("launcher", 0))
    return found | ({"zygote": zygote[0]} if zygote else {})


def test_nothing_stays_behind(make_class):
    course = make_class(60)
    others, seen = len(children(os.getpid())), []
    with Worker(Settings(course, "week01", "soak")) as worker:
        for i, one in enumerate(submissions(course / "submitted", "week01", {"attention": []})):
            worker.grade(one)
            if i % 20 == 19:
                gc.collect()
                here = parts(os.getpid())
                assert set(here) == {"worker", "reader", "zygote"}
                print({name: f"{resident(process) >> 10} MB" for name, process in here.items()})
                family = len(descendants(here["zygote"])), len(children(here["worker"])) - others
                seen.append((family, {name: handles(process) for name, process in here.items()}))
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][0] == (0, 2)


def largest(main: int) -> dict[str, int]:
    """Bytes that the largest process of each kind below a batch's main one has; a child is none of them."""
    family = psutil.Process(main).children(recursive=True)
    found = {"main": [psutil.Process(main)], "worker": [], "reader": [], "zygote": []}
    for one in family:
        with contextlib.suppress(psutil.Error):
            line = " ".join(one.cmdline())
            if "notebook_reader.py" in line:
                found["reader"].append(one)
                found["worker"].append(one.parent())
            elif "launcher.py" in line and time.time() - one.create_time() > 5:  # no child lives as long
                found["zygote"].append(one)
    return {kind: max(one.memory_info().rss for one in some) for kind, some in found.items() if some}


@pytest.mark.heavy
def test_memory_is_flat_over_two_thousand_submissions(make_class):
    """Each part's resident memory after 2,000 submissions is what it was after 400, but for the report's own lines."""
    course = make_class(2_000)
    command = [sys.executable, "-m", "grader.cli", "autograde", "week01", "--jobs", "2", "--json", "report.json"]
    journal = course / ".class/grader/week01.journal"
    seen: dict[int, dict[str, int]] = {}
    with (course / "said").open("w") as said:
        main = subprocess.Popen(command, cwd=course, stdout=said, stderr=said)
        while main.poll() is None:
            time.sleep(1.0)
            graded = journal.read_bytes().count(b"\n") if journal.exists() else 0
            with contextlib.suppress(psutil.Error):
                sizes = largest(main.pid)
                if graded // 200 not in seen and len(sizes) == 4:
                    seen[graded // 200] = {"graded": graded, **sizes}
                    print({"graded": graded} | {kind: f"{size >> 20} MB" for kind, size in sizes.items()}, flush=True)
    assert main.returncode == 0, (course / "said").read_text()
    print(f"most that the main process had: {peak_of_children() >> 10} MB")
    early, late = seen[2], seen[max(seen)]
    assert late["graded"] >= 1_600
    for kind in ("worker", "reader", "zygote"):
        assert late[kind] - early[kind] < 16 << 20, kind
    assert late["main"] - early["main"] < (20 << 10) * (late["graded"] - early["graded"])


def peak_of_children() -> int:
    """KB that the largest child which has ended had at most."""
    import resource

    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
