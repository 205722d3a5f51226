"""A smaller model out of a larger one: keep some layers, then learn from what the larger one says of every token.

`keep_layers` copies layers, embedding and last norm; `learn` trains the layers on the teacher's probabilities (Hinton,
Vinyals and Dean 2015, https://arxiv.org/abs/1503.02531, at temperature 1) or, to compare, on the true next tokens.
Left out: a narrower student, and training to the end: the seconds of a lesson show the direction, not the limit.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def keep_layers(teacher: Any, layers: list[int]) -> Any:
    """A copy of a Llama model with only these of its layers, in this order."""
    config = copy.deepcopy(teacher.config)
    config.num_hidden_layers = len(layers)
    student = type(teacher)(config)
    for name in ("embed_tokens", "norm"):
        getattr(student.model, name).load_state_dict(getattr(teacher.model, name).state_dict())
    for new, old in zip(student.model.layers, layers, strict=True):
        new.load_state_dict(teacher.model.layers[old].state_dict())
    student.tie_weights()
    return student.eval()


def learn(
    student: Any,
    rows: Tensor,
    teacher: Any | None = None,
    steps: int = 60,
    batch: int = 8,
    rate: float = 2e-3,
    seed: int = 0,
) -> list[float]:
    """Train the student's layers on rows of token ids (n, T), and return each step's loss in nats a token.

    With a teacher the loss is the Kullback-Leibler divergence from the teacher's probabilities; without one, the
    cross-entropy of the true next tokens. The embedding, which is the output layer too, stays as it is.
    """
    student.model.embed_tokens.weight.requires_grad_(False)
    learnt = [p for p in student.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learnt, lr=rate)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed)).tolist()
    losses = []
    student.train()
    for step in range(steps):
        chosen = [order[(step * batch + n) % len(order)] for n in range(batch)]
        ids = rows[chosen]
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 10) * (1 - step / steps)
        logits = student(ids, use_cache=False).logits
        if teacher is None:
            loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
        else:
            with torch.no_grad():
                wanted = teacher(ids, use_cache=False).logits.log_softmax(-1).flatten(0, 1)
            said = logits.log_softmax(-1).flatten(0, 1)
            loss = F.kl_div(said, wanted, log_target=True, reduction="batchmean")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    student.eval()
    return losses
