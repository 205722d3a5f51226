"""Guesses of the next tokens for speculative decoding, and greedy decoding that checks them.

A draft is a function (ids, k) -> at most `k` guessed tokens. Here are four kinds: `Lookup` copies from the text so far
(Saxena 2023, https://github.com/apoorvumang/prompt-lookup-decoding), `Counts` asks an n-gram model, `Layers` a smaller
network, and `nothing` guesses nothing. `write` lets the target check each draft in one step; it counts and times.
Left out: sampling (the lesson works it by hand), several texts at once, and trees of guesses.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import DynamicCache

from course.piece_ngrams import PieceNGram

Draft = Callable[[list[int], int], list[int]]


def nothing(ids: list[int], k: int) -> list[int]:
    """No guess: plain decoding, one token a step."""
    return []


@dataclass(frozen=True)
class Lookup:
    """What followed the last `longest` tokens (or fewer, down to `shortest`) where they stood last before."""

    longest: int = 3
    shortest: int = 1

    def __call__(self, ids: list[int], k: int) -> list[int]:
        for length in range(self.longest, self.shortest - 1, -1):
            ending = ids[-length:]
            for start in range(len(ids) - length - 1, -1, -1):
                if ids[start : start + length] == ending:
                    return ids[start + length : start + length + k]
        return []


@dataclass(frozen=True)
class Counts:
    """The likeliest next token of an n-gram model, then the likeliest after that one, and so on."""

    model: PieceNGram

    def __call__(self, ids: list[int], k: int) -> list[int]:
        context = ids[-self.model.order :]
        for _ in range(k):
            context.append(int(self.model.probabilities(context).argmax()))
        return context[len(context) - k :]


class Layers:
    """The likeliest tokens of a smaller model of transformers, which keeps a cache of its own."""

    def __init__(self, model: Any):
        self.model, self.read, self.cache = model, [], DynamicCache(config=model.config)

    @torch.no_grad()
    def __call__(self, ids: list[int], k: int) -> list[int]:
        known = 0
        while known < min(len(self.read), len(ids) - 1) and self.read[known] == ids[known]:
            known += 1
        forget(self.cache, len(self.read) - known)  # guesses that the target refused
        new, self.read, guesses = ids[known:], ids[:known], []
        for _ in range(k):
            logits = self.model(torch.tensor([new]), past_key_values=self.cache, use_cache=True).logits
            self.read = self.read + new
            new = [int(logits[0, -1].argmax())]
            guesses += new
        return guesses


def forget(cache: DynamicCache, count: int) -> None:
    """Drop the last `count` tokens of a cache."""
    if count:
        cache.crop(-count)


@dataclass
class Report:
    """What a run wrote, how many guesses each step of the target had and kept, and its seconds after the prompt.

    They are seconds of the processor: on one thread, what the clock shows where no other program disturbs.
    """

    tokens: list[int] = field(default_factory=list)
    guessed: list[int] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def tokens_a_step(self) -> float:
        """Tokens written for each step of the target, the one over the prompt not counted."""
        return (len(self.tokens) - 1) / max(1, len(self.guessed))


@torch.no_grad()
def write(
    model: Any, prompt: list[int], most: int, draft: Draft = nothing, k: int = 4, ends: Collection[int] = ()
) -> Report:
    """Greedy decoding of at most `most` tokens, up to one of `ends`: exactly what the model writes with no draft."""
    report, cache = Report(), DynamicCache(config=model.config)
    first = model(torch.tensor([prompt]), past_key_values=cache, use_cache=True).logits[0, -1].argmax()
    report.tokens.append(int(first))
    began = time.process_time()
    while report.tokens[-1] not in ends and len(report.tokens) < most:
        room = most - len(report.tokens) - 1
        guesses = draft(prompt + report.tokens, min(k, room)) if room else []
        step = torch.tensor([[report.tokens[-1], *guesses]])
        said = model(step, past_key_values=cache, use_cache=True).logits[0].argmax(-1).tolist()
        kept = 0
        while kept < len(guesses) and guesses[kept] == said[kept]:
            kept += 1
        forget(cache, len(guesses) - kept)
        new = said[: kept + 1]
        new = new[: next((place for place, token in enumerate(new) if token in ends), kept) + 1]
        report.tokens += new
        report.guessed.append(len(guesses))
        report.kept.append(kept)
    report.seconds = time.process_time() - began
    return report
