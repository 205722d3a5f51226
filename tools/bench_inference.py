"""Measure week 7's inference against its peers: `make bench`.

Generation: the course's model writes after a prompt by four means, `course.model`, the answer of the exercise
`generate_with_cache`, transformers' `generate`, and the same without a cache. Same weights, ids and threads; they take
turns, and must write the same text. Attention: the peak of memory that a process gains over its inputs, against
length, of plain attention, the answer of `online_softmax_attention`, and PyTorch's fused one; each in a fresh process.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from torch import Tensor

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from course import model as course_model  # noqa: E402
from grader.assignment import load  # noqa: E402

PROMPT = "The kitchen is north of the garden. Ada goes to the garden and takes the lamp. " * 4
LENGTHS, WIDTH, BLOCK = (512, 1024, 2048, 4096), 64, 128


# ---- generation ----


class Endless(course_model.Local):
    """The course's model, which no token stops: all write equally much."""

    def _ends(self) -> set[int]:
        return set()


@torch.no_grad()
def without_cache(model: torch.nn.Module, ids: Tensor, n: int) -> Tensor:
    for _ in range(n):
        ids = torch.cat([ids, model(ids, use_cache=False).logits[:, -1:].argmax(-1)], dim=1)
    return ids


def writers(generate_with_cache: Callable, n: int) -> dict[str, Callable[[], str]]:
    """Four ways to write n tokens after the prompt; each returns the new text."""
    local = course_model.load()
    model, tokenizer = local.model, local.tokenizer
    ids = tokenizer(PROMPT, return_tensors="pt", add_special_tokens=False).input_ids
    settings = {"max_new_tokens": n, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    ways = {
        "transformers' generate": lambda: model.generate(ids, attention_mask=torch.ones_like(ids), **settings),
        "the exercise's answer": lambda: generate_with_cache(model, ids, n),
        "without a cache": lambda: without_cache(model, ids, n),
    }
    endless = Endless(model, tokenizer)
    return {"course.model": lambda: endless.complete(PROMPT, max_new_tokens=n)} | {
        name: lambda way=way: tokenizer.decode(way()[0, ids.shape[1] :]) for name, way in ways.items()
    }


def taking_turns(runs: dict[str, Callable[[], str]], rounds: int) -> dict[str, list[float]]:
    """Processor seconds of each in every round, after one round to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        texts = set()
        for name, run in runs.items():
            started = time.process_time()
            texts.add(run())
            if number:
                seconds[name].append(time.process_time() - started)
        if len(texts) > 1:
            raise SystemExit("the ways to generate write different texts: nothing to compare")
    return seconds


def show_generation(console: Console, seconds: dict[str, list[float]], n: int, threads: int) -> None:
    """Print tokens a second, and the median over rounds of how many times as fast as transformers' each is."""
    peer = seconds["transformers' generate"]
    table = Table(
        "", "tokens a processor second", "times transformers' generate", title=f"{n} tokens, {threads} thread(s)"
    )
    for name, each in seconds.items():
        ratio = statistics.median(theirs / mine for theirs, mine in zip(peer, each, strict=True))
        table.add_row(name, f"{n / statistics.median(each):,.0f}", f"{ratio:.2f}")
    console.print(table)


# ---- attention ----


def plain_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) @ v


def gained(attention: Callable, length: int, answer: Connection) -> None:
    """Send by how many bytes this process's peak grew in a call, over what its inputs had taken."""
    q, k, v = (torch.randn(1, 1, length, WIDTH) for _ in range(3))
    attention(*(x[..., :16, :] for x in (q, k, v)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    attention(q, k, v)
    answer.send(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))


def peak_bytes(attention: Callable, length: int) -> int:
    """The same in a process of its own."""
    forks = multiprocessing.get_context("fork")
    mine, its = forks.Pipe()
    process = forks.Process(target=gained, args=(attention, length, its))
    process.start()
    its.close()
    taken = mine.recv()
    process.join()
    return taken


def show_memory(console: Console, attentions: dict[str, Callable]) -> None:
    """Print megabytes against length."""
    table = Table(
        "length", *attentions, "scores alone", title=f"Peak memory in MB, one head of {WIDTH}, blocks of {BLOCK}"
    )
    for length in LENGTHS:
        peaks = [
            statistics.median(peak_bytes(attention, length) for _ in range(3)) for attention in attentions.values()
        ]
        table.add_row(f"{length:,}", *(f"{peak / 1e6:.1f}" for peak in peaks), f"{4 * length**2 / 1e6:.1f}")
    console.print(table)


def main() -> int:
    if not sys.platform.startswith("linux"):
        raise SystemExit("peaks of memory are measured as Linux counts them: run this benchmark on Linux")
    parser = argparse.ArgumentParser(description="Measure cached generation and online softmax beside their peers.")
    parser.add_argument("--tokens", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    console = Console(width=None if sys.stdout.isatty() else 120)
    answers = {name: one.exercise.answer for name, one in load(ROOT / "solutions" / "week07").items()}
    online = answers["online_softmax_attention"]
    attentions = {
        "plain": plain_attention,
        "the exercise's answer": lambda q, k, v: online(q, k, v, BLOCK),
        "PyTorch's fused": F.scaled_dot_product_attention,
    }
    show_memory(console, attentions)  # first: a process that has computed in threads must not fork
    seconds = taking_turns(writers(answers["generate_with_cache"], options.tokens), options.rounds)
    show_generation(console, seconds, options.tokens, options.threads)
    return 0


if __name__ == "__main__":
    sys.exit(main())
