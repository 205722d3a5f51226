"""The cache-memory calculator, the published shapes behind it, and the peak of memory that PyTorch counts."""

import base64
import re

import pytest
import torch

from course import cache_explorer, cache_shapes, model, peak_memory
from course.cache_shapes import shape


def test_every_shape_has_a_source_and_heads_that_divide():
    for one in cache_shapes.SHAPES:
        assert "https://" in one.source
        assert one.heads % one.kv_heads == 0
        assert bool(one.windowed) == bool(one.window)
        assert one.windowed <= one.layers
    with pytest.raises(ValueError, match="There are: GPT-2 XL"):
        shape("GPT-9")


def test_cache_bytes_follow_the_formula():
    assert shape("Llama 2 7B").cache_bytes(1) == 2 * 32 * 32 * 128 * 2
    assert shape("Llama 3.1 8B").cache_bytes(1000, texts=3, bits=8) == 3 * 1000 * 2 * 32 * 8 * 128
    mistral = shape("Mistral 7B")
    assert mistral.cache_bytes(8192) == mistral.cache_bytes(4096) == 2 * mistral.cache_bytes(2048)
    assert shape("DeepSeek-V3").cache_bytes(1) == 61 * 576 * 2
    gemma = shape("Gemma 3 27B")
    assert gemma.cache_bytes(131_072) == (10 * 131_072 + 52 * 1024) * 2 * 16 * 128 * 2


def test_a_loaded_models_shape_says_what_its_cache_takes():
    net = model.load().model
    one = cache_shapes.shape_of(net, "ours")
    with torch.no_grad():
        cache = net(torch.zeros(2, 7, dtype=torch.long), use_cache=True).past_key_values
    assert one.cache_bytes(7, texts=2, bits=32) == sum(
        layer.keys.nbytes + layer.values.nbytes for layer in cache.layers
    )
    assert one.weight_bytes(32) == sum(p.nbytes for p in net.parameters())


def test_the_calculator_adds_up_and_says_which_card_fits():
    figure, alt = cache_explorer.draw(tokens=8192, texts=16)
    assert "131 kB a token; 16 texts of 8192 tokens take 17.2 GB of cache beside 16.1 GB of weights" in alt
    assert "NVIDIA A100 80GB: fits, 59 texts at most" in alt
    assert "NVIDIA T4: does not fit, weights too large" in alt
    assert figure.get_suptitle() == "Llama 3.1 8B: 16 × 8,192 tokens need 33.2 GB"
    figure, _ = cache_explorer.draw(kv_heads=32)
    assert figure.get_suptitle().startswith("Llama 3.1 8B, changed: ")


def test_texts_that_fit_are_counted_to_the_last():
    llama = shape("Llama 3.1 8B")
    most = cache_explorer.texts_that_fit(llama, 80e9, 8192, 16, 16)
    assert llama.weight_bytes() + llama.cache_bytes(8192, most) <= 80e9
    assert llama.weight_bytes() + llama.cache_bytes(8192, most + 1) > 80e9
    assert cache_explorer.texts_that_fit(llama, 16e9, 8192, 16, 16) == -1


def test_choosing_a_model_fills_its_shape_and_draws_it():
    explorer = cache_explorer.explore()
    explorer.knobs["model"].value = "Gemma 3 27B"
    assert explorer.knobs["layers"].value == 62
    assert explorer.knobs["window"].value == 1024
    assert explorer.alt.startswith("Gemma 3 27B: 508 kB a token")
    explorer.knobs["windowed"].value = 0
    assert explorer.alt.startswith("Gemma 3 27B, changed")
    explorer.knobs["windowed"].value = 63
    assert "more than the model's 62 layers" in explorer.message
    explorer.knobs["model"].value = "Qwen2.5 7B"
    assert explorer.alt.startswith("Qwen2.5 7B: 57.3 kB a token")
    shown = base64.b64decode(re.search(r"base64,([^\"]+)", explorer.picture.value)[1])
    assert shown.startswith(b"\x89PNG")


def test_a_window_needs_a_length():
    with pytest.raises(ValueError, match="window of 0 tokens"):
        cache_explorer.draw(windowed=4)


def test_peak_counts_what_lives_at_one_time():
    assert peak_memory.peak_bytes(lambda: torch.zeros(1000)) == 4000

    def one_after_another() -> None:
        for _ in range(5):
            torch.zeros(1000)

    def side_by_side() -> list:
        return [torch.zeros(1000) for _ in range(5)]

    assert peak_memory.peak_bytes(one_after_another) == 4000
    assert peak_memory.peak_bytes(side_by_side) == 20_000


def test_peak_prints_nothing(capfd):
    older = [torch.zeros(10)]
    assert peak_memory.peak_bytes(older.clear) == 0  # older memory that is released earns nothing
    assert capfd.readouterr() == ("", "")
