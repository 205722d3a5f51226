"""An n-gram model where a neural one usually stands: behind the `generate` of the transformers library.

`Generating(ngram)` answers as any causal model of that library does, so every search, sampler and stopping rule there
works on it. Left out: gradients, a cache of keys and values (there are none), and loading or saving.
"""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import GenerationConfig, GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

from course.piece_ngrams import PieceNGram


class Generating(PreTrainedModel, GenerationMixin):
    """The n-gram model as a causal language model of the transformers library; its logits are log-probabilities."""

    config_class = PretrainedConfig
    main_input_name = "input_ids"
    _is_stateful = True  # there is no cache to keep

    def __init__(self, ngram: PieceNGram):
        super().__init__(PretrainedConfig(vocab_size=ngram.size, is_encoder_decoder=False, use_cache=False))
        self.ngram = ngram
        self.anchor = torch.nn.Parameter(torch.zeros(()), requires_grad=False)  # the library asks where parameters are
        self.generation_config = GenerationConfig(use_cache=False, pad_token_id=0)

    def forward(self, input_ids: Tensor, **ignored) -> CausalLMOutput:
        """Logits of the next token only, (B, 1, vocabulary), for ids (B, T)."""
        rows = [self.ngram.log_probs(row[-self.ngram.order :].tolist()) for row in input_ids]
        return CausalLMOutput(logits=torch.stack(rows)[:, None])

    def prepare_inputs_for_generation(self, input_ids: Tensor, **ignored) -> dict[str, Tensor]:
        """What `forward` takes: the ids alone."""
        return {"input_ids": input_ids}
