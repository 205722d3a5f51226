"""Measure the course against its peers: `make bench`.

Grading: the same 40 submissions of week 1 under nbgrader's stock executor, otter (in an environment of its own) and
this grader, interleaved in one run. Scores must be equal; then seconds a submission, ratios, memory, and the floor:
the answers' cells and the calls that the checks make, bare, in a warm process.
"""

from __future__ import annotations

import argparse
import json
import os
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

from submissions import submission  # noqa: E402

from grader.judge import assignment  # noqa: E402

WEEK = "week01"
# Honest submissions on which no grader's rules differ: none breaks an exercise that a later one uses.
PROFILES = [
    {"*": "answer"},
    {"*": 1},
    {"*": 2},
    {},
    {"softmax": "answer", "causal_mask": 0, "scaled_dot_product_attention": 1},
    {"*": "answer", "softmax": "dim_ignored"},
    {"*": "answer", "MultiHeadAttention": "no_output_projection", "TransformerBlock": "not_causal"},
    {"*": 1, "apply_rope": "identity", "TransformerBlock": "by_the_library"},
]
ROUNDS, A_ROUND = 4, 10
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
    options = parser.parse_args()
    week = assignment(ROOT, WEEK)
    class_ = {f"student{i:02}": submission(week, PROFILES[i % len(PROFILES)]) for i in range(options.rounds * A_ROUND)}
    prepare_otter()
    nbgrader, otter, ours, alone = Peer(), Peer(), Peer(), Peer()
    cpu: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        names = list(class_)
        for number in range(options.rounds):
            some = {name: class_[name] for name in names[number * A_ROUND : (number + 1) * A_ROUND]}
            console.print(f"round {number + 1} of {options.rounds}: nbgrader, otter, this grader", style="dim")
            grade_with_nbgrader(nbgrader, course(Path(folder, f"nbgrader{number}"), some, stock=True))
            grade_with_otter(otter, Path(folder, f"otter{number}"), some)
            whole = course(Path(folder, f"ours{number}"), class_)
            cpu.append(grade_with_ours(ours, whole, "--force"))
            cpu_of_one = grade_with_ours(alone, whole, "--force", "--no-gradebook", "--student", names[0])
    wrong = [name for name in class_ if not nbgrader.scores[name] == otter.scores[name] == ours.scores[name]]
    if wrong:
        for name in wrong:
            console.print(f"{name}: {nbgrader.scores[name]} {otter.scores[name]} {ours.scores[name]}", style="red")
        return 1
    show(len(class_), nbgrader, otter, ours, alone, statistics.median(cpu), cpu_of_one)
    return 0


def show(number: int, nbgrader: Peer, otter: Peer, ours: Peer, alone: Peer, cpu: float, cpu_of_one: float) -> None:
    """Print the table and what explains it."""
    each = {
        "nbgrader, stock": statistics.median(nbgrader.seconds) / A_ROUND,
        "otter, its API": statistics.median(otter.seconds) / A_ROUND,
        "grader autograde": statistics.median(ours.seconds) / number,
    }
    last = each["grader autograde"]
    table = Table("", "s a submission", "ratio", "peak memory, MB", title=f"{number} submissions of {WEEK}, end to end")
    for (name, seconds), peer in zip(each.items(), (nbgrader, otter, ours), strict=True):
        table.add_row(name, f"{seconds:.3f}", f"{seconds / last:.1f}", f"{peer.peak_mb:,.0f}")
    console.print(table)
    start = statistics.median(alone.seconds)
    more = (statistics.median(ours.seconds) - start) / (number - 1)
    console.print(f"Scores are equal. Start-up and one submission: {start:.1f} s; each further one: {more:.3f} s")
    console.print(
        f"(against that, nbgrader takes {each['nbgrader, stock'] / more:.0f} times as long, otter "
        f"{each['otter, its API'] / more:.0f})."
    )
    bare = floor()
    spent = (cpu - cpu_of_one) / (number - 1)
    console.print(
        f"Processor time of a further submission, gradebook included: {spent:.3f} s; the floor: {bare:.3f} s."
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
    command = [
        sys.executable,
        "-m",
        "grader.cli",
        "autograde",
        WEEK,
        "--json",
        "report.json",
        "--seed",
        "bench",
        *options,
    ]
    timed(peer, command, folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = json.loads((folder / "report.json").read_text())
    peer.scores |= {one["student"]: one["score"] for one in report["submissions"]}
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


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
        time.sleep(0.5)


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


def floor() -> float:
    """Return the processor seconds of an answered week's cells and of the calls that its checks make, nothing else."""
    import torch

    from grader.candidate import Link, LocalChannel
    from grader.run import run_checks
    from grader.servant import Servant
    from grader.shipping import standing_alone

    torch.set_num_threads(1)
    week = assignment(ROOT, WEEK)
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

    results = []
    for _ in range(4):
        spent, namespace = 0.0, {}
        exec(week.imports, namespace)
        started = time.process_time()
        for name, one in week.loaded.items():
            exec(standing_alone(one, name), namespace)
        cells = time.process_time() - started
        for name, one in week.loaded.items():
            channel = LocalChannel(namespace)
            channel.servant.__class__ = Timed
            result = run_checks(one.exercise.checks, Link(channel), name, one.exercise.points, "bench")
            if result.status != "passed":
                raise SystemExit(f"the answer to {name} does not pass: no floor to measure")
        results.append(cells + spent)
    return statistics.median(results[1:])


if __name__ == "__main__":
    sys.exit(main())
