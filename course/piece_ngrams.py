"""A language model of pieces of words: byte-pair pieces of the plays, and counts of up to four of them in a row.

`load()` trains both in a few seconds. A longer context is believed where it was seen, and falls back on shorter ones by
interpolated Kneser-Ney smoothing (Chen and Goodman 1999, https://doi.org/10.1006/csla.1999.0128), so every piece has a
chance everywhere, as in a neural model. Left out: gradients, and any context beyond three pieces.
"""

from __future__ import annotations

from functools import cache, cached_property

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor

from course import plays

HELD_OUT = "macbeth"
VOCABULARY = 4096
ORDER = 4
DISCOUNT = 0.75  # what each count lends to pieces that were not seen; the usual value


class PieceNGram:
    """An n-gram model over token ids.

    `ids` is the training text (T,), `order` the length of the longest run that is counted, `size` the number of
    different tokens; `size` to the power `order` must fit into 63 bits, since a run is packed into one number.
    """

    def __init__(self, ids: np.ndarray, order: int, size: int):
        if size**order > 2**63:
            raise ValueError(f"{order} tokens of {size} kinds do not fit into 64 bits: make one of them smaller.")
        self.order, self.size = order, size
        ids = ids.astype(np.int64)
        packed = np.zeros(len(ids) + 1, dtype=np.int64)
        self.runs: list[tuple[np.ndarray, np.ndarray]] = []  # for each length: the different runs, sorted; their counts
        for length in range(1, order + 1):
            # `packed[i]` becomes the run of `length` tokens that begins at i, its first token in the highest place.
            packed = packed[1:] + ids[: len(packed) - 1] * size ** (length - 1)
            self.runs.append(np.unique(packed, return_counts=True))
        # Kneser-Ney: a shorter run counts by how many different tokens stand before it, not by how often it stands.
        for length in range(1, order):
            runs, _ = self.runs[length - 1]
            before = np.bincount(np.searchsorted(runs, self.runs[length][0] % size**length), minlength=len(runs))
            self.runs[length - 1] = runs, np.maximum(before, 1)

    @cached_property
    def shortest(self) -> np.ndarray:
        """The chance of each token with no context: (size,), none of them zero."""
        runs, counts = self.runs[0]
        chances = np.full(self.size, DISCOUNT * len(runs) / counts.sum() / self.size)
        chances[runs] += (counts - DISCOUNT) / counts.sum()
        return chances

    def probabilities(self, context: list[int]) -> np.ndarray:
        """The chance of each token after `context`, of which the last `order` - 1 tokens are used: (size,)."""
        chances = self.shortest
        packed = 0
        for length, token in enumerate(reversed(context[-(self.order - 1) :]), start=1):
            packed += int(token) * self.size ** (length - 1)
            runs, counts = self.runs[length]
            first, last = np.searchsorted(runs, [packed * self.size, (packed + 1) * self.size])
            if first == last:
                break  # never seen, so nothing longer was
            here = counts[first:last]
            chances = chances * (DISCOUNT * len(here) / here.sum())
            chances[runs[first:last] % self.size] += (here - DISCOUNT) / here.sum()
        return chances

    def log_probs(self, context: list[int]) -> Tensor:
        """The natural logarithm of `probabilities`, for use as logits: (size,) in float32."""
        return torch.from_numpy(np.log(self.probabilities(context))).float()


def tokenizer(text: str, size: int) -> Tokenizer:
    """A byte-level BPE tokenizer of `size` tokens, trained on the text by the library."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bpe.train_from_iterator(
        [text], trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    )
    return bpe


@cache
def load() -> tuple[PieceNGram, Tokenizer]:
    """(model, tokenizer), both trained on all plays but Macbeth, once a process."""
    texts = [plays.spoken(title) + "\n" for title in plays.titles() if title != HELD_OUT]
    bpe = tokenizer("".join(texts), VOCABULARY)
    ids = [encoded.ids for encoded in bpe.encode_batch_fast(texts)]
    return PieceNGram(np.concatenate(ids), ORDER, VOCABULARY), bpe
