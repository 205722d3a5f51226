"""Number formats, matrices in few bits, a whole model in few bits, and the two explorers."""

import math

import pytest
import torch
from gguf import GGMLQuantizationType

from course import bit_explorer, error_explorer, exam, pretrain, quantized, quantized_model
from course.model import Local
from course.number_formats import FORMATS, values, write
from course.quantized import Inputs


@pytest.fixture(scope="module")
def weight():
    return torch.randn(48, 128, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def inputs():
    """Correlated inputs, one of them loud."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2000, 128, generator=generator) @ torch.randn(128, 128, generator=generator) / 8
    x[:, 5] *= 20
    return Inputs(x.T @ x / len(x), x.abs().mean(0))


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.dtype])
@pytest.mark.parametrize("number", [0.0, 1.0, -6.5, 0.1, 300.0, 2.0**-12])
def test_a_float_is_what_its_bits_say(name, number):
    form, written = FORMATS[name], write(number, name)
    sign, exponent, mantissa = (
        written.bits[0],
        int(written.bits[1 : 1 + form.exponent], 2),
        int(written.bits[1 + form.exponent :], 2),
    )
    bias, part = 2 ** (form.exponent - 1) - 1, mantissa / 2**form.mantissa
    size = (1 + part) * 2.0 ** (exponent - bias) if exponent else part * 2.0 ** (1 - bias)
    assert written.value == (-1) ** int(sign) * size
    assert written.value == pytest.approx(number, rel=2.0 ** -(form.mantissa + 1), abs=2.0**-10)


def test_integers_share_a_step_and_are_clipped():
    assert write(-1.0, "int8").bits == "10000001"
    assert write(5.0, "int4", largest=0.7).value == pytest.approx(0.7)
    assert write(0.25, "int4", largest=3.5).value == 0.0  # half a step: to the even neighbour
    assert write(0.75, "int4", largest=3.5).value == 1.0
    assert write(1e6, "fp8 e4m3").value == 448
    assert write(70_000, "fp16").value == math.inf


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ((1.0, "fp7"), "There are: fp32"),
        ((math.nan, "fp16"), "finite number"),
        ((1.0, "int4", 0.0), "above 0"),
    ],
)
def test_writing_says_what_is_wrong(asked, message):
    with pytest.raises(ValueError, match=message):
        write(*asked)


def test_every_byte_is_a_value_of_fp8_or_none():
    assert len(values("fp8 e4m3")) == 256 - 2 - 1  # two NaN, two zeros
    assert len(values("fp8 e5m2")) == 256 - 8 - 1  # six NaN, two infinities, two zeros


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("group", [None, 32, 48 * 128])
def test_integers_err_by_half_a_step_at_most(weight, group, symmetric):
    stored = quantized.integers(weight, 4, group, symmetric)
    blocks, decoded = weight.reshape(-1, group or 128), stored.weight.reshape(-1, group or 128)
    spread = 2 * blocks.abs().amax(-1) / 14 if symmetric else (blocks.amax(-1) - blocks.amin(-1)) / 15
    slack = 1.02 if symmetric else 2.02  # the zero point is rounded too
    assert ((decoded - blocks).abs().amax(-1) <= spread / 2 * slack).all()
    assert max(len(block.unique()) for block in decoded) <= (15 if symmetric else 16)
    assert stored.bits == 4 + (16 if symmetric else 20) / (group or 128)


def test_integers_keep_zeros_and_refuse_groups_that_do_not_divide(weight):
    assert torch.equal(quantized.integers(torch.zeros(4, 32), 4, 32).weight, torch.zeros(4, 32))
    with pytest.raises(ValueError, match="do not divide"):
        quantized.integers(weight, 4, 100)


def test_the_levels_are_the_papers():
    paper = [-1.0, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.09105004, 0.0,
             0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1.0]  # fmt: skip
    torch.testing.assert_close(quantized.nf4_levels(), torch.tensor(paper), atol=1e-6, rtol=0)


def test_nf4_takes_the_nearest_level(weight):
    stored = quantized.nf4(weight)
    largest = weight.reshape(-1, 64).abs().amax(-1, keepdim=True)
    shares = weight.reshape(-1, 64) / largest
    nearest = (shares[..., None] - quantized.nf4_levels()).abs().amin(-1)
    assert torch.allclose((stored.weight.reshape(-1, 64) / largest - shares).abs(), nearest, atol=1e-6)
    double = quantized.nf4(weight, double=True)
    assert (stored.bits, double.bits) == (4.5, 4 + 8 / 64 + 32 / (64 * 256))
    assert quantized.weight_error(stored.weight, double.weight) < 0.01


def test_gguf_blocks_cost_what_the_format_says(weight):
    eight, four = (quantized.gguf_block(weight, GGMLQuantizationType[kind]) for kind in ("Q8_0", "Q4_0"))
    assert (eight.bits, four.bits) == (8.5, 4.5)
    assert quantized.weight_error(weight, eight.weight) < 0.01 < quantized.weight_error(weight, four.weight) < 0.11


def gptq_by_the_book(weight, inputs, bits, group, damp=0.01):
    """Frantar et al. 2022, algorithm 1, one column at a time and with grids fixed beforehand."""
    size, rest, decoded = weight.shape[-1], weight.clone(), torch.empty_like(weight)
    damped = inputs.square + damp * inputs.square.diagonal().mean() * torch.eye(size)
    factor = torch.linalg.cholesky(torch.linalg.inv(damped.double()), upper=True).float()
    high = 2 ** (bits - 1) - 1
    for j in range(size):
        start = j // group * group
        step = (weight[:, start : start + group].abs().amax(-1) / high).half().float()
        decoded[:, j] = (rest[:, j] / step).round().clamp(-high - 1, high) * step
        rest[:, j:] -= ((rest[:, j] - decoded[:, j]) / factor[j, j])[:, None] * factor[j, j:]
    return decoded


def test_gptq_is_the_papers_and_beats_rounding(weight, inputs):
    stored = quantized.gptq(weight, inputs, bits=4, group=32)
    book = gptq_by_the_book(weight, inputs, bits=4, group=32)
    assert (stored.weight - book).abs().gt(1e-4).float().mean() < 0.01  # a tie that rounds the other way moves a row
    plain = quantized.integers(weight, 4, 32).weight
    assert quantized.output_error(weight, stored.weight, inputs) < 0.7 * quantized.output_error(weight, plain, inputs)


def test_awq_is_never_worse_than_rounding_on_its_calibration(weight, inputs):
    best, plain = quantized.awq(weight, inputs, 4, 32), quantized.integers(weight, 4, 32)
    errors = [quantized.output_error(weight, stored.weight, inputs) for stored in (best, plain)]
    assert errors[0] < 0.8 * errors[1]
    curve = quantized.awq_curve(weight, inputs, 4, 32)
    assert torch.allclose(curve[0.0].weight, plain.weight)


def test_output_error_is_that_of_the_outputs(weight, inputs):
    x = torch.randn(300, 128, generator=torch.Generator().manual_seed(2))
    seen = Inputs(x.T @ x / len(x), x.abs().mean(0))
    decoded = quantized.integers(weight, 3).weight
    expected = (x @ (weight - decoded).T).norm() / (x @ weight.T).norm()
    assert quantized.output_error(weight, decoded, seen) == pytest.approx(expected.item(), rel=1e-4)


def test_outliers_in_floats_help(weight):
    x = torch.randn(40, 128, generator=torch.Generator().manual_seed(3))
    x[:, 7] = 60
    exact = x @ weight.T
    whole, apart, floats = (quantized.int8_product(x, weight, t) for t in (math.inf, 6.0, 0.0))
    assert quantized.weight_error(exact, apart) < 0.2 * quantized.weight_error(exact, whole)
    torch.testing.assert_close(floats, exact)


@pytest.fixture(scope="module")
def local():
    from course import corpus

    network = pretrain.build(pretrain.Recipe(size="0.3m")).eval()
    network.set_attn_implementation("sdpa")
    return Local(network, corpus.train_tokenizer(n_documents=2_000))


def test_a_model_in_few_bits(local):
    ids = torch.randint(0, 2000, (2, 40), generator=torch.Generator().manual_seed(0))
    before = {name: p.clone() for name, p in local.model.named_parameters()}
    read = quantized_model.observe(local.model, ids)
    layers = quantized_model.matrices(local.model)
    assert set(read) == set(layers)
    assert not any("lm_head" in name or "embed" in name for name in layers)
    test = quantized_model.Test(local, n_texts=4, n_questions=1)
    assert len(test.questions) == len(quantized_model.PARTS)
    assert test.text(local.model)[1] == pytest.approx(0, abs=1e-6)
    assert test.text(local.model)[0] == pytest.approx(
        exam.perplexity(local.model, local.tokenizer, test.texts), rel=1e-4
    )

    numbers = sum(p.numel() for p in local.model.parameters())
    inside = sum(layer.weight.numel() for layer in layers.values())
    full, size = quantized_model.quantize(local.model, quantized.SCHEMES["fp32"], read)
    assert size == 4 * numbers
    small, size = quantized_model.quantize(local.model, quantized.SCHEMES["Q4_0"], read)
    assert size == 2 * (numbers - inside) + round(4.5 / 8 * inside)
    kl = {name: test.text(one)[1] for name, one in [("fp32", full), ("Q4_0", small)]}
    assert kl["fp32"] < 1e-6 < kl["Q4_0"]
    some, _ = quantized_model.quantize(local.model, quantized.SCHEMES["Q4_0"], read, only="q_proj")
    changed = {name for name, layer in quantized_model.matrices(some).items()
               if not torch.equal(layer.weight, layers[name].weight)}  # fmt: skip
    assert changed == {name for name in layers if "q_proj" in name}
    assert all(torch.equal(p, before[name]) for name, p in local.model.named_parameters())
    assert quantized_model.tokens_per_second(local.model, ids[:1], n=2, tries=1) > 0


def test_the_bit_explorer_says_what_it_draws():
    _, alt = bit_explorer.draw("6.5", largest=6.5)
    assert "fp8 e4m3 01001101 = 6.5 (exact)" in alt
    assert "int4 0111 = 6.5 (exact)" in alt
    _, alt = bit_explorer.draw("1e-9")
    assert "fp16 0000000000000000 = 0 (error 1)" in alt
    for wrong in ("six", "inf", "nan"):
        with pytest.raises(ValueError, match=r"number"):
            bit_explorer.draw(wrong)


def test_the_error_explorer_says_what_it_draws():
    name = "MiniLM, block 0, query"
    figure, alt = error_explorer.draw(name, bits=8)
    assert "8.04 bits a weight, 148 kB" in alt
    assert len(figure.axes[1].lines) == len(error_explorer.GROUPS) + 1
    errors = {s: error_explorer.draw(name, s, 4, "64")[1] for s in error_explorer.SCHEMES}
    off = {s: float(alt.split("outputs ")[1].split("%")[0]) for s, alt in errors.items()}
    assert off[error_explorer.GPTQ] < off[error_explorer.NF4] < off[error_explorer.SYMMETRIC]
    for scheme, bits, group in [(error_explorer.NF4, 3, "64"), (error_explorer.GPTQ, 4, "matrix")]:
        with pytest.raises(ValueError, match=scheme):
            error_explorer.draw(name, scheme, bits, group)
