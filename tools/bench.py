"""Measure the course against its peers: `make bench`.

Grading: the same 40 submissions of week 1 under nbgrader's stock executor, otter (in an environment of its own) and
this grader, interleaved in one run. Scores must be equal; then seconds a submission, ratios, memory, and the floor:
the answers' cells and the calls that the checks make, bare, in a warm process. The others take as long for each
submission, however many there are; this one takes some seconds to start, so it also grades a class of 400, of which
the 40 are the first.

With --gain, what a second worker brings instead: the rate of one local process, of two, and of two Dask workers.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from floor import floor  # noqa: E402
from submissions import submission  # noqa: E402

from grader.judge import Assignment, assignment  # noqa: E402

WEEK = "week01"
ROUNDS, A_ROUND, CLASS = 4, 10, 400
SUBREAPER = 36
OTTER = ROOT / ".bench" / "otter"
console = Console()


@dataclass
class Peer:
    """What was measured of one grader."""

    seconds: list[float] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)
    peak_mb: float = 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure grading against nbgrader and otter.")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of {A_ROUND} submissions for each peer")
    parser.add_argument("--gain", action="store_true", help="measure what a second worker brings, local and Dask's")
    options = parser.parse_args()
    week = assignment(ROOT, WEEK)
    if options.gain:
        show_gain(make_class(week, ROUNDS * A_ROUND), options.rounds)
        return 0
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)  # so that every process of a run is waited for, and counted
    class_ = make_class(week, CLASS)
    names = list(class_)[: options.rounds * A_ROUND]
    prepare_otter()
    nbgrader, otter, same, whole, one = Peer(), Peer(), Peer(), Peer(), Peer()
    cpu: dict[str, list[float]] = {"same": [], "bookless": [], "alone": [], "one": []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            some = {name: class_[name] for name in names[number * A_ROUND : (number + 1) * A_ROUND]}
            console.print(f"round {number + 1} of {options.rounds}: nbgrader, otter, this grader", style="dim")
            grade_with_nbgrader(nbgrader, course(Path(folder, f"nbgrader{number}"), some, stock=True))
            grade_with_otter(otter, Path(folder, f"otter{number}"), some)
            ours, bookless = course(Path(folder, f"ours{number}"), class_), ("--no-gradebook",)
            cpu["same"].append(grade_with_ours(same, ours, *only(names)))
            cpu["bookless"].append(grade_with_ours(Peer(), ours, *bookless, *only(names)))
            grade_with_ours(whole, ours)
            grade_with_ours(one, ours, *bookless, *only(names[:1]))
            cpu["alone"].append(grade_with_ours(Peer(), ours, *bookless, "--jobs", "1", *only(names)))
            cpu["one"].append(grade_with_ours(Peer(), ours, *bookless, "--jobs", "1", *only(names[:1])))
    if wrong := [n for n in names if not nbgrader.scores[n] == otter.scores[n] == same.scores[n] == whole.scores[n]]:
        for name in wrong:
            scores = [peer.scores[name] for peer in (nbgrader, otter, same, whole)]
            console.print(f"{name}: {scores}", style="red")
        return 1
    show(len(names), nbgrader, otter, same, whole, one)
    show_processor_time(week, names, {name: statistics.median(seconds) for name, seconds in cpu.items()})
    return 0


def make_class(week: Assignment, number: int) -> dict[str, dict]:
    """Return so many students' notebooks, each of other right and wrong answers.

    All are honest, and no grader's rules differ on them: none breaks an exercise that a later one uses.
    """
    draw = random.Random(WEEK)
    return {f"student{i:03}": submission(week, some_answers(week, draw)) for i in range(number)}


def some_answers(week: Assignment, draw: random.Random) -> dict[str, str]:
    """Draw a student: of four answers one is written another way; of the last exercises some are wrong or missing."""
    used = {use for one in week.loaded.values() for use in one.exercise.uses}
    answers = {}
    for name, one in week.loaded.items():
        wrong, right = one.exercise.mutants, one.exercise.variants
        kind = draw.choices(["answer", "variant", "mutant", "stub"], [60, 20, 15, 5])[0]
        if kind == "variant" and right:
            answers[name] = draw.choice(right).__name__
        elif name in used or kind in ("answer", "variant"):
            answers[name] = "answer"
        elif kind == "mutant":
            answers[name] = draw.choice(wrong).name
    return answers


def only(names: list[str]) -> tuple[str, ...]:
    """Return the options that grade only some of a class."""
    return tuple(option for name in names for option in ("--student", name))


def show(number: int, nbgrader: Peer, otter: Peer, same: Peer, whole: Peer, one: Peer) -> None:
    """Print the table and what explains it."""
    slow, slower = (statistics.median(peer.seconds) / A_ROUND for peer in (nbgrader, otter))
    table = Table("", "s a submission", "nbgrader's", "otter's", "peak memory, MB", title=f"{WEEK}, end to end")

    def row(name: str, seconds: float, peer: Peer) -> None:
        ratios = f"{slow / seconds:.1f} x", f"{slower / seconds:.1f} x"
        table.add_row(name, f"{seconds:.3f}", *ratios, f"{peer.peak_mb:,.0f}" if peer.peak_mb else "")

    row("nbgrader, stock", slow, nbgrader)
    row("otter, its API", slower, otter)
    row(f"grader autograde, the same {number}", statistics.median(same.seconds) / number, same)
    row(f"grader autograde, a class of {CLASS}", statistics.median(whole.seconds) / CLASS, whole)
    more = statistics.median(b - a for a, b in zip(same.seconds, whole.seconds, strict=True)) / (CLASS - number)
    row("each further one", more, Peer())
    console.print(table)
    start = statistics.median(one.seconds)
    console.print(f"Scores are equal. Of each batch the start, with one submission, takes {start:.1f} s.")


def show_processor_time(week: Assignment, names: list[str], cpu: dict[str, float]) -> None:
    """Print what a further submission takes, beside the floor of the same submissions."""
    spent = (cpu["alone"] - cpu["one"]) / (len(names) - 1)
    book = (cpu["same"] - cpu["bookless"]) / len(names)
    draw = random.Random(WEEK)
    bare, forked = map(statistics.mean, zip(*(floor(week, some_answers(week, draw)) for _ in names), strict=True))
    console.print(
        f"Processor time with one job: {cpu['one']:.1f} s for the start and one submission, {spent:.3f} s for a "
        f"further one; {book:.3f} s for its part of the gradebook (with loading it). The floor is {bare:.3f} s: the "
        f"same submissions' cells and the calls that the checks make on them, without the checks' own computations, "
        f"in one warm process. Ratio: {spent / bare:.1f}. In a process of its own, forked from the warm one, the same "
        f"takes {forked:.3f} s, with no wall around it and nothing sent: {forked / bare:.1f} times the floor."
    )


def show_gain(class_: dict[str, dict], rounds: int) -> None:
    """Print the rates of one local process, of two, and of two Dask workers: what more submissions take more time."""
    from distributed import LocalCluster

    ways = {"one process": ("--jobs", "1"), "two processes": ("--jobs", "2"), "two Dask workers": ("--scheduler",)}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    few = only(list(class_)[:A_ROUND])
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster,
    ):
        place = course(Path(folder, "gain"), class_)
        address = cluster.scheduler_address
        timed(Peer(), autograde("--no-gradebook", "--scheduler", address), place)  # its workers stay warm
        for _ in range(rounds):
            for name, way in ways.items():
                options = ("--no-gradebook", *way, *([address] if way == ("--scheduler",) else []))
                peer = Peer()
                timed(peer, autograde(*options), place)
                timed(peer, autograde(*options, *few), place)
                seconds[name].append(peer.seconds[0] - peer.seconds[1])
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    local, dask = (medians["one process"] / medians[name] for name in ("two processes", "two Dask workers"))
    console.print(
        f"{len(class_) - A_ROUND} submissions more take two processes {1 / local:.2f} of the time that they take one, "
        f"two Dask workers {1 / dask:.2f}: rates of {local:.2f} and {dask:.2f}, the second {dask / local:.2f} of the "
        f"first (medians of {rounds} rounds)."
    )


def course(folder: Path, class_: dict[str, dict], stock: bool = False) -> Path:
    """Make a course with a class of its own and these submissions."""
    for name in ("solutions", "assignments"):
        shutil.copytree(ROOT / name / WEEK, folder / name / WEEK, ignore=shutil.ignore_patterns("__pycache__"))
    config = (ROOT / "nbgrader_config.py").read_text() + ("\ndel c.Autograde\n" if stock else "")
    (folder / "nbgrader_config.py").write_text(config)
    (folder / ".class").mkdir()
    for student, notebook in class_.items():
        place = folder / "submitted" / student / WEEK / "attention.ipynb"
        place.parent.mkdir(parents=True)
        place.write_text(json.dumps(notebook))
    run([sys.executable, "-m", "nbgrader", "generate_assignment", WEEK, "--force"], folder)
    return folder


def grade_with_nbgrader(peer: Peer, folder: Path) -> None:
    from nbgrader.api import Gradebook

    timed(peer, [sys.executable, "-m", "nbgrader", "autograde", WEEK], folder)
    with Gradebook(f"sqlite:///{folder / '.class/gradebook.db'}") as book:
        peer.scores |= {one.student.id: round(one.score, 2) for one in book.assignment_submissions(WEEK)}


def grade_with_otter(peer: Peer, folder: Path, class_: dict[str, dict]) -> None:
    folder.mkdir()
    for student, notebook in class_.items():
        (folder / f"{student}.ipynb").write_text(json.dumps(notebook))
    script = ROOT / "tools" / "otter_peer.py"
    timed(peer, [str(OTTER / "bin/python"), str(script), str(folder), WEEK], folder)
    peer.scores |= json.loads((folder / "scores.json").read_text())


def grade_with_ours(peer: Peer, folder: Path, *options: str) -> float:
    """Grade, and return the processor seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    timed(peer, autograde(*options), folder)
    wait_for_the_last()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = json.loads((folder / "report.json").read_text())
    peer.scores |= {one["student"]: one["score"] for one in report["submissions"]}
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def autograde(*options: str) -> list[str]:
    """Return the command that grades a class with this grader."""
    fixed = ("--json", "report.json", "--seed", "bench", "--force")
    return [sys.executable, "-m", "grader.cli", "autograde", WEEK, *fixed, *options]


def wait_for_the_last() -> None:
    """Wait until every process that a run left to this one has ended."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def timed(peer: Peer, command: list[str], folder: Path) -> None:
    """Run a command; add its wall time, and the peak of the memory that it and its children held together."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    watch = threading.Thread(target=_watch, args=(peer, process.pid), daemon=True)
    watch.start()
    said, _ = process.communicate()
    peer.seconds.append(time.perf_counter() - started)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{said.decode()[-3000:]}")


def _watch(peer: Peer, pid: int) -> None:
    while psutil.pid_exists(pid):
        total = 0
        try:
            process = psutil.Process(pid)
            for one in [process, *process.children(recursive=True)]:
                total += one.memory_full_info().pss
        except psutil.Error:
            pass
        peer.peak_mb = max(peer.peak_mb, total / 2**20)
        time.sleep(2)  # to look costs each process some milliseconds in which it cannot go on


def run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HF_HUB_OFFLINE": "1",
    }


def prepare_otter() -> None:
    """Make otter's environment, the first time."""
    if (OTTER / "bin" / "otter").exists():
        return
    console.print("Installing otter in an environment of its own (once, some minutes).")
    OTTER.parent.mkdir(exist_ok=True)
    pip = [str(OTTER / "bin" / "python"), "-m", "pip", "install", "-q"]
    constraint = OTTER.parent / "constraint.txt"
    constraint.write_text("torch==2.13.0\n")
    run([sys.executable, "-m", "venv", str(OTTER)], ROOT)
    run([*pip, "torch==2.13.0"], ROOT)
    run([*pip, "-c", str(constraint), "otter-grader==7.0.0", "transformers==5.23.0", "ipywidgets", "ipykernel"], ROOT)
    run([*pip, "--no-deps", "-e", str(ROOT)], ROOT)


if __name__ == "__main__":
    sys.exit(main())
