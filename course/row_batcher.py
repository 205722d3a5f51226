"""Many texts written at once by one model: every request has a row of one cache, and its own place in that row.

`serve` reads a prompt alone (prefill), copies its keys and values into a free row, and then writes one token a step for
every row in use. With `wait_for_all` a new group starts when the last row is done (static batching); without it a row
is filled again as soon as it is free (continuous batching; Yu et al. 2022, Orca). Left out: sampling, arrival times,
prompts that are read in pieces, and pages: a row is as long as the longest text may become.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer


class Rows(DynamicLayer):
    """Keys and values of one layer, (rows, heads, room, d), made once; row r is filled up to `lengths[r]`."""

    def __init__(self, rows: int, heads: int, room: int, d: int, lengths: Tensor):
        super().__init__()
        self.keys, self.values = torch.zeros(2, rows, heads, room, d)
        self.lengths, self.is_initialized = lengths, True

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Write one token a row, (used, heads, 1, d), each at its row's end; give the used part of used rows."""
        used = len(key_states)
        each, longest = torch.arange(used), int(self.lengths[:used].max()) + 1
        self.keys[each, :, self.lengths[:used]] = key_states[:, :, 0]
        self.values[each, :, self.lengths[:used]] = value_states[:, :, 0]
        return self.keys[:used, :, :longest], self.values[:used, :, :longest]


@dataclass
class Written:
    """What became of one request: its tokens, and the seconds from the start to its first and to its last token.

    Seconds are the processor's: on one thread, what the clock shows where no other program disturbs.
    """

    tokens: list[int] = field(default_factory=list)
    first: float = 0.0
    last: float = 0.0


@dataclass
class Report:
    """All requests in the order given; `used[s]` is the number of rows in use in step s; seconds in all."""

    requests: list[Written]
    used: list[int]
    seconds: float


@torch.no_grad()
def serve(model: Any, prompts: list[list[int]], rows: int, most: int, end: int, wait_for_all: bool = False) -> Report:
    """Answer all prompts greedily, at most `rows` at once and `most` tokens each; `end` ends an answer.

    Raises ValueError where a prompt and its answer are longer than the model's context.
    """
    room = max(map(len, prompts)) + most
    settings = model.config
    if room > settings.max_position_embeddings:
        raise ValueError(f"A prompt and {most} tokens take {room}; the model reads {settings.max_position_embeddings}.")
    lengths = torch.zeros(rows, dtype=torch.long)
    shape = rows, settings.num_key_value_heads, room, settings.head_dim
    cache = Cache(layers=[Rows(*shape, lengths) for _ in range(settings.num_hidden_layers)])
    answers, waiting, active, used = [Written() for _ in prompts], deque(range(len(prompts))), [], []
    began = time.process_time()

    def note(request: int, token: int) -> bool:
        """Keep a token; whether the answer goes on."""
        answer = answers[request]
        answer.tokens.append(token)
        answer.last = time.process_time() - began
        answer.first = answer.first or answer.last
        return token != end and len(answer.tokens) < most

    def move(source: list, row: int, length: int) -> None:
        """Copy keys and values of `source`, a pair (heads, T, d) a layer, to a row."""
        for layer, (keys, values) in zip(cache.layers, source, strict=True):
            layer.keys[row, :, :length], layer.values[row, :, :length] = keys[:, :length], values[:, :length]
        lengths[row] = length

    while waiting or active:
        open_rows = 0 if wait_for_all and active else rows
        while waiting and len(active) < open_rows:
            request = waiting.popleft()
            alone = DynamicCache(config=settings)
            logits = model(torch.tensor([prompts[request]]), past_key_values=alone, use_cache=True).logits
            if note(request, int(logits[0, -1].argmax())):
                move([(layer.keys[0], layer.values[0]) for layer in alone.layers], len(active), len(prompts[request]))
                active.append(request)
        if not active:
            continue
        n = len(active)
        ids = torch.tensor([[answers[request].tokens[-1]] for request in active])
        mask = torch.arange(int(lengths[:n].max()) + 1) <= lengths[:n, None]
        logits = model(ids, past_key_values=cache, position_ids=lengths[:n, None],
                       attention_mask=mask[:, None, None], use_cache=True).logits  # fmt: skip
        lengths[:n] += 1
        used.append(n)
        goes_on = [note(*pair) for pair in zip(active, logits[:, -1].argmax(-1).tolist(), strict=True)]
        for row in reversed(
            [row for row in range(n) if not goes_on[row]]
        ):  # the last row takes the place of a done one
            last = len(active) - 1
            if row < last:
                move([(layer.keys[last], layer.values[last]) for layer in cache.layers], row, int(lengths[last]))
            active[row] = active[last]
            active.pop()
    return Report(answers, used, time.process_time() - began)
