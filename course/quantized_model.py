"""A whole language model in few bits: its matrices exchanged for what a scheme stores, and what that costs.

Quantized are the matrices of the blocks. The embedding, which this family shares with the head, stays in 16 bits, as
GPTQ, AWQ and bitsandbytes leave it. The copy computes in float32 with decoded weights: it errs as the stored model
would, and runs as fast as the original. Left out: kernels that read codes.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass, field
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course import corpus, exam
from course.model import Local
from course.quantized import Inputs, Scheme
from course.world import stories

PARTS = ("passage", "story", "story in a chat", "tool call")


def matrices(model: nn.Module) -> dict[str, nn.Linear]:
    """The linear layers of the model's blocks by name: all but the head."""
    return {
        name: layer
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and not name.endswith("lm_head")
    }


def calibration(tokenizer, rows: int = 24) -> Tensor:
    """Rows of tokens (rows, T) from the last stage of training, of seeds that no exam uses."""
    ids, _ = corpus.shard(list(corpus.STAGES)[-1], 777, tokenizer, n_rows=rows)
    return torch.from_numpy(ids).long()


@torch.no_grad()
def observe(model: nn.Module, ids: Tensor) -> dict[str, Inputs]:
    """What each matrix reads while the model runs over `ids` (rows, T)."""
    layers, read, hooks = matrices(model), {}, []
    for name, layer in layers.items():

        def keep(layer, inputs, name=name):
            x = inputs[0].reshape(-1, inputs[0].shape[-1])
            read[name] = Inputs(x.T @ x / len(x), x.abs().mean(0))

        hooks.append(layer.register_forward_pre_hook(keep))
    model(ids, use_cache=False)
    for hook in hooks:
        hook.remove()
    return read


@torch.no_grad()
def quantize(model: nn.Module, scheme: Scheme, read: dict[str, Inputs], only: str = "") -> tuple[nn.Module, int]:
    """A copy of the model with every matrix (whose name holds `only`) as the scheme stores it, and the model's bytes.

    Bytes are those of a file: what is not quantized counts 2 bytes a number, unless the scheme is float32 throughout.
    """
    small, bits = copy.deepcopy(model), 0.0
    layers = matrices(small)
    for name, layer in layers.items():
        if only in name:
            stored = scheme(layer.weight, read[name])
            layer.weight.copy_(stored.weight)
            bits += stored.bits * layer.weight.numel()
        else:
            bits += 16 * layer.weight.numel()
    rest = sum(p.numel() for p in small.parameters()) - sum(layer.weight.numel() for layer in layers.values())
    whole = bits == 32 * sum(layer.weight.numel() for layer in layers.values())
    return small, round((bits + (32 if whole else 16) * rest) / 8)


@dataclass
class Test:
    """Text and questions that a model is measured on, and what the model in full precision says to the text."""

    local: Local
    texts: list[str] = field(init=False)
    questions: list[exam.Question] = field(init=False)
    n_texts: int = 32
    n_questions: int = 32

    def __post_init__(self):
        rng = Random(exam.EXAM_SEED + 7)
        self.texts = [stories.plain_story(rng).text for _ in range(self.n_texts)]
        self.questions = [exam.PARTS[part](rng) for part in PARTS for _ in range(self.n_questions)]
        encoded = [self.local.tokenizer(text, add_special_tokens=False).input_ids for text in self.texts]
        self.ids = torch.full((len(encoded), max(map(len, encoded))), self.local.tokenizer.eos_token_id)
        for row, ids in zip(self.ids, encoded, strict=True):
            row[: len(ids)] = torch.tensor(ids)
        self.kept = torch.arange(1, self.ids.shape[1]) < torch.tensor([len(ids) for ids in encoded])[:, None]
        self.full = self.log_probabilities(self.local.model)

    @torch.no_grad()
    def log_probabilities(self, model: nn.Module) -> Tensor:
        """log p of every token of the vocabulary at every place of the texts: (places, vocabulary)."""
        return F.log_softmax(model(self.ids, use_cache=False).logits[:, :-1][self.kept].float(), dim=-1)

    def text(self, model: nn.Module) -> tuple[float, float]:
        """Perplexity, and the mean KL divergence from the full model in nats a token."""
        said = self.log_probabilities(model)
        loss = F.nll_loss(said, self.ids[:, 1:][self.kept])
        divergence = F.kl_div(said, self.full, log_target=True, reduction="batchmean").item()
        return math.exp(loss.item()), max(divergence, 0.0)  # rounding of sums may take 0 below 0

    def marks(self, model: nn.Module) -> list[bool]:
        """For each question, whether the model answers it right."""
        return exam.mark(model, self.local.tokenizer, self.questions)


@torch.no_grad()
def tokens_per_second(model: nn.Module, prompt: Tensor, n: int = 48, tries: int = 3) -> float:
    """Tokens a second of greedy decoding with a cache, one reader, the prompt read beforehand: the best of `tries`."""
    best = 0.0
    for _ in range(tries):
        read = model(prompt, use_cache=True)
        cache, token = read.past_key_values, read.logits[:, -1:].argmax(-1)
        start = time.perf_counter()
        for _ in range(n):
            token = model(token, past_key_values=cache, use_cache=True).logits[:, -1:].argmax(-1)
        best = max(best, n / (time.perf_counter() - start))
    return best
