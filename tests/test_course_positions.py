"""Positions, blocks and the small models of lessons 3 and 4: their numbers against the library's, their pictures."""

import math

import pytest
import torch
from transformers import (
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from course import block_explorer, blocks, plots, position_explorer, positions, small_models


def rotary(method: str, trained: int, factor: float, base: float) -> LlamaRotaryEmbedding:
    setting = {"rope_type": method, "rope_theta": base}
    if method != "default":
        setting["factor"] = factor
    if method == "yarn":
        setting["original_max_position_embeddings"] = trained
    return LlamaRotaryEmbedding(
        LlamaConfig(hidden_size=256, head_dim=64, max_position_embeddings=trained, rope_parameters=setting)
    )


@pytest.mark.parametrize("base", [10000.0, 500000.0])
@pytest.mark.parametrize("trained", [32, 128, 2048])
@pytest.mark.parametrize("factor", [1.0, 2.0, 8.0])
@pytest.mark.parametrize(("ours", "theirs"), [("none", "default"), ("linear", "linear"), ("yarn", "yarn")])
def test_frequencies_equal_the_librarys(ours, theirs, factor, trained, base):
    library = rotary(theirs, trained, factor, base)
    stretched = positions.stretch(ours, 64, base, factor, trained)
    torch.testing.assert_close(stretched.radians, library.inv_freq, rtol=1e-5, atol=0)
    assert stretched.scale == pytest.approx(library.attention_scaling)


def test_ntk_keeps_the_fastest_pair_and_slows_the_slowest_by_the_factor():
    usual, larger = positions.frequencies(64), positions.stretch("ntk", 64, 10000.0, 4.0, 2048).radians
    assert larger[0] == usual[0]
    assert (usual[-1] / larger[-1]).item() == pytest.approx(4.0, rel=1e-4)


def test_agreement_is_the_dot_product_of_clocks():
    speeds, places = positions.frequencies(16), torch.tensor([3.0, 11.0])
    hands = torch.cat([(places[:, None] * speeds).sin(), (places[:, None] * speeds).cos()], 1)
    assert positions.agreement(torch.tensor(8.0), speeds).item() == pytest.approx(
        (hands[0] @ hands[1]).item() / 8, abs=1e-5
    )


def test_alibi_slopes_equal_blooms():
    bloom = build_alibi_tensor(torch.ones(1, 2), num_heads=8, dtype=torch.float32)[:, 0, 1]
    torch.testing.assert_close(torch.tensor(positions.alibi_slopes(8)), bloom)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: positions.frequencies(7), "even"),
        (lambda: positions.alibi_slopes(6), "power of two"),
        (lambda: positions.stretch("magic", 64, 1e4, 2.0, 32), "yarn"),
        (lambda: positions.stretch("yarn", 64, 1e4, 0.5, 32), "at least 1"),
        (lambda: position_explorer.draw("compass"), "RoPE"),
        (lambda: small_models.characters().read("emoji 🙂"), "Leave them out"),
    ],
)
def test_mistakes_are_told_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("scheme", position_explorer.SCHEMES)
@pytest.mark.parametrize("longest", [16, 2048])
def test_position_explorer_draws_every_scheme(scheme, longest):
    figure, alt = position_explorer.draw(scheme, longest=longest, method="yarn", factor=4.0)
    plots.close(figure)
    assert scheme.split()[0].lower() in alt.lower()
    assert all(axes.get_title(loc="left") and axes.get_xlabel() and axes.get_ylabel() for axes in figure.axes)


def test_position_explorer_counts_pairs_on_unknown_ground():
    unchanged, yarn = (
        position_explorer.draw("RoPE", longest=512, method=method, factor=4.0, trained=128)
        for method in ("none", "yarn")
    )
    for figure, _ in (unchanged, yarn):
        plots.close(figure)
    slow = int((128 * positions.frequencies(64) / (2 * math.pi) < 1).sum())
    assert f"{slow} of 32 pairs reach angles never seen" in unchanged[1]
    assert "0 of 32 pairs" in yarn[1]


def test_position_widget_redraws_and_greys_out_what_the_scheme_does_not_use():
    widget = position_explorer.explore()
    before = widget.picture.value
    widget.knobs["scheme"].value = "ALiBi"
    assert widget.picture.value != before
    assert widget.alt.startswith("ALiBi")
    assert not widget.knobs["slope"].disabled
    assert widget.knobs["base"].disabled


@pytest.mark.parametrize(
    ("settings", "make", "config"),
    [
        (blocks.BERT, BertModel, BertConfig),
        (blocks.T5, T5ForConditionalGeneration, T5Config),
        (blocks.GPT2, GPT2LMHeadModel, GPT2Config),
        (blocks.LLAMA, LlamaForCausalLM, LlamaConfig),
    ],
    ids=lambda value: getattr(value, "name", getattr(value, "__name__", "")),
)
def test_parameters_counted_from_settings_equal_the_librarys(settings, make, config):
    with torch.device("meta"):
        library = make(config())
    assert sum(blocks.parts(settings).values()) == sum(weight.numel() for weight in library.parameters())


def test_block_widget_reaches_gpt2_and_llama():
    assert sum(blocks.parts(block_explorer.settings()).values()) == sum(blocks.parts(blocks.GPT2).values())
    llama = block_explorer.settings("pre", "RMSNorm", "SwiGLU", "RoPE", 32, 4096, 32000, tied=False)
    assert sum(blocks.parts(llama).values()) == sum(blocks.parts(blocks.LLAMA).values())


def test_block_widget_draws_what_its_knobs_say():
    widget = block_explorer.explore()
    assert "124.4 million" in widget.alt
    widget.knobs["encoder_decoder"].value = True
    widget.knobs["placement"].value = "post"
    assert widget.alt.startswith("A post-norm block")
    assert not widget.message


def test_small_model_learns_and_writes_within_its_alphabet():
    data = small_models.characters()
    assert data.write(data.read("To be")) == "To be"
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(vocab_size=len(data.alphabet), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
                    num_key_value_heads=2, intermediate_size=64, bos_token_id=None, eos_token_id=None)
    )  # fmt: skip
    threads = torch.get_num_threads()
    history = small_models.train(model, data.train, steps=40)
    assert history[0] == pytest.approx(math.log(len(data.alphabet)), abs=0.2)
    assert sum(history[-5:]) / 5 < 3.5
    assert torch.get_num_threads() == threads
    assert small_models.loss_by_position(model, data.test, 16, count=4).shape == (16,)
    text = small_models.continue_text(model, data, "My lord", 20, window=16)
    assert text.startswith("My lord")
    assert len(text) == len("My lord") + 20
    assert text == small_models.continue_text(model, data, "My lord", 20, window=16)
