"""What decides the size of a cache of keys and values, for models that publish it, with sources.

`Shape.cache_bytes` counts the numbers that attention keeps for each token and layer; a layer with a window keeps at
most the window. Left out: what a server wastes between texts (fragments of pages), and the states of models that are no
plain transformers.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """A model as its cache sees it.

    `parameters` in billions; `context` is the longest text in tokens; `windowed` layers look back `window` tokens
    only; `latent` numbers a token and layer take the place of keys and values (0: keys and values are kept).
    """

    name: str
    parameters: float
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    context: int
    source: str
    windowed: int = 0
    window: int = 0
    latent: int = 0

    def numbers(self) -> int:
        """Numbers that one layer keeps for one token: a key and a value for each head that has its own.

        >>> shape("Llama 3.1 8B").numbers()
        2048
        """
        return self.latent or 2 * self.kv_heads * self.head_size

    def cache_bytes(self, tokens: int, texts: int = 1, bits: float = 16) -> float:
        """Bytes kept for `texts` texts of `tokens` tokens each.

        >>> shape("Llama 3.1 8B").cache_bytes(1)
        131072.0
        """
        kept = (self.layers - self.windowed) * tokens + self.windowed * min(tokens, self.window)
        return texts * kept * self.numbers() * bits / 8

    def weight_bytes(self, bits: float = 16) -> float:
        """Bytes of the weights."""
        return self.parameters * 1e9 * bits / 8


SHAPES = (
    Shape("GPT-2 XL", 1.56, 48, 25, 25, 64, 1024,
          "Radford et al., Language models are unsupervised multitask learners, 2019, table 2, "
          "https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf"),
    Shape("Falcon 7B", 7.22, 32, 71, 1, 64, 2048, "Almazrouei et al., 2023, https://arxiv.org/abs/2311.16867"),
    Shape("Llama 2 7B", 6.74, 32, 32, 32, 128, 4096, "Touvron et al., 2023, https://arxiv.org/abs/2307.09288"),
    Shape("Llama 2 70B", 68.98, 80, 64, 8, 128, 4096, "Touvron et al., 2023, https://arxiv.org/abs/2307.09288"),
    Shape("Mistral 7B", 7.24, 32, 32, 8, 128, 8192, "Jiang et al., 2023, table 1, https://arxiv.org/abs/2310.06825",
          windowed=32, window=4096),
    Shape("Llama 3.1 8B", 8.03, 32, 32, 8, 128, 131_072,
          "Dubey et al., 2024, table 3, https://arxiv.org/abs/2407.21783"),
    Shape("Llama 3.1 405B", 405.85, 126, 128, 8, 128, 131_072,
          "Dubey et al., 2024, table 3, https://arxiv.org/abs/2407.21783"),
    Shape("Gemma 2 9B", 9.24, 42, 16, 8, 256, 8192,
          "Gemma Team, 2024, table 1, https://arxiv.org/abs/2408.00118", windowed=21, window=4096),
    Shape("Qwen2.5 7B", 7.62, 28, 28, 4, 128, 131_072, "Qwen Team, 2024, table 1, https://arxiv.org/abs/2412.15115"),
    Shape("DeepSeek-V3", 671, 61, 128, 128, 128, 131_072,
          "DeepSeek-AI, 2024, section 4.2, https://arxiv.org/abs/2412.19437", latent=512 + 64),
    Shape("Gemma 3 27B", 27.0, 62, 32, 16, 128, 131_072,
          "Gemma Team, 2025, https://arxiv.org/abs/2503.19786, and https://github.com/google/gemma_pytorch",
          windowed=52, window=1024),
    Shape("gpt-oss-20b", 20.9, 24, 64, 8, 64, 131_072, "OpenAI, 2025, https://arxiv.org/abs/2508.10925",
          windowed=12, window=128),
)  # fmt: skip


def shape(name: str) -> Shape:
    """The published shape of that name. Raises ValueError, naming those there are."""
    for one in SHAPES:
        if one.name == name:
            return one
    raise ValueError(f"No shape is called {name!r}. There are: {', '.join(one.name for one in SHAPES)}.")


def shape_of(model, name: str) -> Shape:
    """The shape of a loaded model in transformers' format whose layers all look back without limit."""
    config = model.config
    heads = config.num_attention_heads
    return Shape(
        name,
        sum(p.numel() for p in model.parameters()) / 1e9,
        config.num_hidden_layers,
        heads,
        getattr(config, "num_key_value_heads", None) or heads,
        getattr(config, "head_dim", None) or config.hidden_size // heads,
        config.max_position_embeddings,
        "its own configuration",
    )
