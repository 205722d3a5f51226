"""Measure the course's model code against its peers: training and generation, tokens a second, medians of rounds.

Training: `course.pretrain` beside transformers' Trainer on the same Llama, and beside a plain loop in the style of
nanoGPT on a GPT of the same layers, width and parameters: same batches, bfloat16 autocast, and all three compiled
where there is a C++ compiler, else none. Generation: `course.model` beside transformers' `generate` on the same
weights, and beside the plain loop, which keeps no cache.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from course import corpus, pretrain  # noqa: E402
from course.model import Local  # noqa: E402

console = Console()


class PlainBlock(nn.Module):
    """LayerNorm, fused attention, GELU: GPT-2's layer."""

    def __init__(self, width: int, heads: int, hidden: int):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.projection = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.rise, self.fall = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.attention(self.norm1(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        x = x + self.projection(attended)
        return x + self.fall(F.gelu(self.rise(self.norm2(x))))


class PlainGPT(nn.Module):
    """Learned positions, tied embeddings, and as many parameters as the Llama of the same size."""

    def __init__(self, size: str):
        super().__init__()
        s = pretrain.SIZES[size]
        wanted = sum(p.numel() for p in pretrain.build(pretrain.Recipe(size=size)).parameters())
        fixed = (corpus.VOCABULARY + 512) * s.width + s.layers * 4 * s.width**2
        hidden = max(s.width, (wanted - fixed) // (2 * s.width * s.layers))
        self.tokens, self.places = nn.Embedding(corpus.VOCABULARY, s.width), nn.Embedding(512, s.width)
        self.blocks = nn.Sequential(*(PlainBlock(s.width, s.heads, hidden) for _ in range(s.layers)))
        self.norm = nn.LayerNorm(s.width)

    def forward(self, ids: Tensor) -> Tensor:
        return self.norm(self.blocks(self.tokens(ids) + self.places.weight[: ids.shape[1]])) @ self.tokens.weight.T


def batches(recipe: pretrain.Recipe, tokenizer, n: int) -> list[tuple[Tensor, Tensor]]:
    """The first batches of a run."""
    source = pretrain.Batches(recipe, tokenizer)
    return [source.at(step) for step in range(n)]


def ours(recipe: pretrain.Recipe) -> Callable[[list], None]:
    """The course's own steps."""
    model = pretrain.build(recipe)
    opts = pretrain.optimizers(model, recipe)
    forward = torch.compile(pretrain.loss_and_accuracy) if recipe.compile else pretrain.loss_and_accuracy

    def run(data: list) -> None:
        for ids, weights in data:
            pretrain.update(model, opts, ids, weights, forward)

    return run


def by_the_trainer(recipe: pretrain.Recipe) -> Callable[[list], None]:
    """The same Llama, trained by transformers' Trainer."""
    from transformers import LlamaForCausalLM, Trainer, TrainingArguments

    model = LlamaForCausalLM(pretrain.config(recipe.size))

    def run(data: list) -> None:
        rows = [{"input_ids": row, "labels": row} for ids, _ in data for row in ids]
        with tempfile.TemporaryDirectory() as folder:
            settings = TrainingArguments(folder, per_device_train_batch_size=len(data[0][0]), num_train_epochs=1,
                                         use_cpu=True, bf16=True, report_to=[], save_strategy="no", disable_tqdm=True,
                                         logging_strategy="no", learning_rate=1e-3,
                                         torch_compile=recipe.compile)  # fmt: skip
            Trainer(model, settings, train_dataset=rows).train()

    return run


def by_a_plain_loop(recipe: pretrain.Recipe) -> Callable[[list], None]:
    """A GPT of the same size and a loop of six lines."""
    model = PlainGPT(recipe.size)
    forward = torch.compile(model) if recipe.compile else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95))

    def run(data: list) -> None:
        for ids, _ in data:
            with torch.autocast("cpu", torch.bfloat16):
                logits = forward(ids[:, :-1])
                loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    return run


def writers(recipe: pretrain.Recipe, tokenizer) -> dict[str, Callable[[int], None]]:
    """Three ways to write n tokens after a prompt of 100."""
    llama, gpt = pretrain.build(recipe).eval(), PlainGPT(recipe.size).eval()
    llama.set_attn_implementation("sdpa")
    llama.generation_config.eos_token_id = None
    # Letters alone: untrained weights would now and then write the end of a text.
    prompt = tokenizer.decode(torch.randint(300, 2000, (100,), generator=torch.Generator().manual_seed(0)))
    local = Endless(llama, tokenizer)
    start = tokenizer(prompt, return_tensors="pt").input_ids

    @torch.no_grad()
    def without_cache(n: int) -> None:
        ids = start
        for _ in range(n):
            ids = torch.cat([ids, gpt(ids)[:, -1:].argmax(-1)], dim=1)

    return {
        "course.model": lambda n: local.complete(prompt, max_new_tokens=n),
        "transformers' generate": lambda n: llama.generate(start, max_new_tokens=n, do_sample=False),
        "plain loop, no cache": without_cache,
    }


class Endless(Local):
    """A model that no token stops, so that all write equally much."""

    def _ends(self) -> set[int]:
        return set()


def medians(runs: dict[str, Callable[[], None]], tokens: int, rounds: int) -> dict[str, float]:
    """Tokens a second of each, the median of interleaved rounds after one to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            if number:
                seconds[name].append(time.perf_counter() - started)
    return {name: tokens / statistics.median(each) for name, each in seconds.items()}


def show(title: str, speeds: dict[str, float]) -> None:
    """Print tokens a second, and how many times as fast the course's own code is."""
    first = next(iter(speeds.values()))
    table = Table("", "tokens/s", "the course's is", title=title)
    for name, speed in speeds.items():
        table.add_row(name, f"{speed:,.0f}", f"{first / speed:.2f}x as fast")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Measure training and generation against transformers and a plain loop."
    )
    parser.add_argument("--size", default="1m", choices=pretrain.SIZES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    logging.getLogger("transformers").setLevel(logging.ERROR)
    torch.set_num_threads(options.threads)
    tokenizer = corpus.train_tokenizer(n_documents=5_000)
    recipe = pretrain.Recipe(size=options.size, phases=(("mixed", 1000),), compile=shutil.which("g++") is not None)
    data = batches(recipe, tokenizer, 8)
    training = {"course.pretrain": ours, "transformers' Trainer": by_the_trainer, "plain loop": by_a_plain_loop}
    prepared = {name: make(recipe) for name, make in training.items()}
    runs = {name: (lambda run=run: run(data)) for name, run in prepared.items()}
    where = f"{options.size}, {options.threads} threads"
    show(f"Training, {where}", medians(runs, sum(ids.numel() for ids, _ in data), options.rounds))
    writing = {name: (lambda write=write: write(150)) for name, write in writers(recipe, tokenizer).items()}
    show(f"Generation after 100 tokens, {where}", medians(writing, 150, options.rounds))


if __name__ == "__main__":
    main()
