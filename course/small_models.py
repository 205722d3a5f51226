"""A small language model on the characters of the plays: text as ids, seconds of training, loss by position, writing.

Any causal model of the transformers library will do: it takes `input_ids` (B, T) and answers with logits
(B, T, vocabulary). One thread is used: at this size a second one only waits. Left out: the model itself, and all that
week 3 adds to a training loop (clipping, checkpoints, mixed precision).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from course import plays


@dataclass(frozen=True)
class Characters:
    """Text as one long row of character ids, in a part to learn from and a part (a play of its own) to test on."""

    alphabet: str
    train: Tensor
    test: Tensor

    def write(self, ids: Tensor) -> str:
        """The text that belongs to a row of ids."""
        return "".join(self.alphabet[i] for i in ids.tolist())

    def read(self, text: str) -> Tensor:
        """The ids of a text; raises ValueError for a character that the plays do not have."""
        if strange := sorted(set(text) - set(self.alphabet)):
            raise ValueError(f"The plays have no such characters: {' '.join(strange)}. Leave them out.")
        return torch.tensor([self.alphabet.index(character) for character in text])


@cache
def characters(test: str = "macbeth") -> Characters:
    """All plays as spoken on stage; the play named `test` is held out."""
    spoken = {title: plays.spoken(title) for title in plays.titles()}
    held_out = spoken.pop(test)
    alphabet = "".join(sorted({*"\n".join(spoken.values()), *held_out}))
    place = {character: i for i, character in enumerate(alphabet)}
    train, unseen = ("\n".join(spoken.values()), held_out)
    return Characters(alphabet, *(torch.tensor([place[c] for c in text]) for text in (train, unseen)))


def excerpts(ids: Tensor, length: int, count: int, generator: torch.Generator) -> Tensor:
    """Random stretches of text: (count, length + 1), so that each character has a next one."""
    start = torch.randint(len(ids) - length - 1, (count, 1), generator=generator)
    return ids[start + torch.arange(length + 1)]


def losses(model: nn.Module, text: Tensor) -> Tensor:
    """Cross-entropy in nats of each next character: (B, T) for text (B, T + 1)."""
    logits = model(input_ids=text[:, :-1], use_cache=False).logits
    return cross_entropy(logits.flatten(0, 1), text[:, 1:].flatten(), reduction="none").view(len(text), -1)


@contextmanager
def one_thread():
    """Run the block on one thread, then go back to as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train(
    model: nn.Module,
    ids: Tensor,
    *,
    length: int = 32,
    batch: int = 32,
    steps: int = 250,
    rate: float = 8e-3,
    watch: Callable[[int, float], None] | None = None,
) -> list[float]:
    """Train with AdamW on random excerpts; returns the loss (nats a character) of every step.

    The learning rate climbs for 20 steps, then falls in a straight line to a twentieth. `watch(step, loss)` is called
    after each step.
    """
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=rate)
    history = []
    model.train()
    with one_thread():
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = rate * min(1, (step + 1) / 20) * (1 - 0.95 * step / steps)
            loss = losses(model, excerpts(ids, length, batch, generator)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            history.append(loss.item())
            if watch:
                watch(step, history[-1])
    return history


@torch.no_grad()
def loss_by_position(model: nn.Module, ids: Tensor, length: int, count: int = 128) -> Tensor:
    """Mean loss at each place of a context, over the same `count` random excerpts every time: (length,) in nats."""
    model.eval()
    with one_thread():
        return losses(model, excerpts(ids, length, count, torch.Generator().manual_seed(1))).mean(0)


@torch.no_grad()
def continue_text(model: nn.Module, data: Characters, prompt: str, count: int, window: int, seed: int = 0) -> str:
    """The prompt and `count` characters drawn one by one from the model, which sees the last `window` of them."""
    generator = torch.Generator().manual_seed(seed)
    ids = data.read(prompt)
    model.eval()
    with one_thread():
        for _ in range(count):
            chances = model(input_ids=ids[None, -window:], use_cache=False).logits[0, -1].softmax(-1)
            ids = torch.cat([ids, torch.multinomial(chances, 1, generator=generator)])
    return data.write(ids)
