"""Write a Llama model and its tokenizer as one GGUF file, which llama.cpp and Ollama read.

The format is llama.cpp's (ggml-org/ggml, docs/gguf.md): settings as keys and values, then the tensors. Two things
differ from a model hub's files: tensors have other names, and the rows of query and key are in another order, since
llama.cpp turns neighbouring pairs of numbers where transformers turns one half against the other. Left out: other
architectures, and tokenizers other than byte-level BPE.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, TokenType

from course.model import Local

Encode = Callable[[np.ndarray], tuple[np.ndarray, GGMLQuantizationType]]


def neighbours(weight: np.ndarray, heads: int) -> np.ndarray:
    """Reorder the rows of a query or key matrix (heads · d, in): the halves of each head are interleaved.

    >>> neighbours(np.arange(8)[:, None], heads=2).ravel().tolist()
    [0, 2, 1, 3, 4, 6, 5, 7]
    """
    return weight.reshape(heads, 2, -1, weight.shape[-1]).swapaxes(1, 2).reshape(weight.shape)


def in_full(weight: np.ndarray) -> tuple[np.ndarray, GGMLQuantizationType]:
    """Four bytes a number."""
    return weight, GGMLQuantizationType.F32


def write(local: Local, path: Path, encode: Encode = in_full, name: str = "attention-to-agents") -> None:
    """Write `local` to `path`.

    Args:
        local: a Llama model and its byte-level BPE tokenizer, as `course.model.load` gives them.
        path: the file to write.
        encode: turns a matrix (out, in) into the numbers or bytes to be stored and their GGUF type; vectors stay whole.
        name: what llama.cpp shows.
    """
    settings = local.model.config
    writer = GGUFWriter(path, "llama")
    writer.add_name(name)
    writer.add_context_length(settings.max_position_embeddings)
    writer.add_embedding_length(settings.hidden_size)
    writer.add_block_count(settings.num_hidden_layers)
    writer.add_feed_forward_length(settings.intermediate_size)
    writer.add_head_count(settings.num_attention_heads)
    writer.add_head_count_kv(settings.num_key_value_heads)
    writer.add_key_length(settings.head_dim)
    writer.add_value_length(settings.head_dim)
    writer.add_rope_dimension_count(settings.head_dim)
    writer.add_rope_freq_base(settings.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(settings.rms_norm_eps)
    writer.add_vocab_size(settings.vocab_size)
    _add_tokenizer(writer, local.tokenizer, settings.vocab_size)
    _add_tensors(writer, local.model, encode)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer: GGUFWriter, tokenizer, size: int) -> None:
    book = json.loads(tokenizer.backend_tokenizer.to_str())
    special = {token["content"]: token["special"] for token in book["added_tokens"]}
    by_id = {number: token for token, number in tokenizer.get_vocab().items()}
    tokens = [by_id.get(number, f"[PAD{number}]") for number in range(size)]
    kinds = {None: TokenType.NORMAL, True: TokenType.CONTROL, False: TokenType.USER_DEFINED}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")  # the name of the split pattern of course.corpus
    writer.add_token_list(tokens)
    writer.add_token_types([
        kinds[special.get(token)] if number in by_id else TokenType.UNUSED for number, token in enumerate(tokens)
    ])  # fmt: skip
    writer.add_token_merges([pair if isinstance(pair, str) else " ".join(pair) for pair in book["model"]["merges"]])
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_add_bos_token(False)
    if tokenizer.chat_template:
        writer.add_chat_template(tokenizer.chat_template)


def _add_tensors(writer: GGUFWriter, model, encode: Encode) -> None:
    settings = model.config
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, settings.num_hidden_layers)
    kinds: set[GGMLQuantizationType] = set()
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and settings.tie_word_embeddings:
            continue
        weight = tensor.float().numpy()
        if name.endswith("q_proj.weight"):
            weight = neighbours(weight, settings.num_attention_heads)
        elif name.endswith("k_proj.weight"):
            weight = neighbours(weight, settings.num_key_value_heads)
        stored, kind = encode(weight) if weight.ndim == 2 else in_full(weight)
        kinds.add(kind)
        writer.add_tensor(names.get_name(name, (".weight",)), stored, raw_dtype=kind)
    if any(gguf.GGML_QUANT_SIZES[kind][0] > 1 for kind in kinds):  # stored in blocks
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
