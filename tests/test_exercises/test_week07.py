"""Week 7 with real weights: the answers' bytes beside the gguf package's, a file of them as others read it, layers.

A file that the answers wrote is read by the gguf package and by transformers. llama.cpp, the program, is not at hand in
tests: that it reads such a file rests on the bytes being the package's, which is llama.cpp's own.
"""

import pytest
import torch
from gguf import GGML_QUANT_VERSION, GGMLQuantizationType, GGUFReader, quants
from transformers import AutoModelForCausalLM

from course import encoder, gguf_file, model
from grader.assignment import load

KINDS = {"q8_0_quantize": GGMLQuantizationType.Q8_0, "q4_0_quantize": GGMLQuantizationType.Q4_0}
PROMPTS = ["12 + 35 =", "Once upon a time", "<|im_start|>user\nHello, I am Bo.<|im_end|>\n<|im_start|>assistant\n"]


@pytest.fixture(scope="module")
def answers(root):
    return {name: one.exercise.answer for name, one in load(root / "solutions" / "week07").items()}


@pytest.fixture(scope="module")
def local():
    return model.load()


def matrices(local):
    return {name: weight for name, weight in local.model.state_dict().items() if weight.ndim == 2}


@pytest.mark.parametrize("name", KINDS)
def test_a_thousand_random_blocks_have_the_bytes_of_the_gguf_package(answers, name):
    rng = torch.Generator().manual_seed(0)
    for x in (torch.randn(1000, 32, generator=rng), torch.randint(-16, 17, (1000, 32), generator=rng) / 2):
        x = x * 10.0 ** (6 * torch.rand(1000, 1, generator=rng) - 3)
        assert torch.equal(answers[name](x), torch.from_numpy(quants.quantize(x.numpy(), KINDS[name])))


@pytest.mark.parametrize("name", KINDS)
def test_the_courses_own_model_has_the_bytes_of_the_gguf_package(answers, local, name):
    for tensor, weight in matrices(local).items():
        due = torch.from_numpy(quants.quantize(weight.numpy(), KINDS[name]))
        assert torch.equal(answers[name](weight), due), tensor


def read_back(name, packed):
    """The numbers that Q8_0 or Q4_0 blocks stand for, by the tables of the two exercises' prompts."""
    blocks = packed.unflatten(-1, (-1, 34 if name == "q8_0_quantize" else 18))
    scale, stored = blocks[..., :2].contiguous().view(torch.float16).float(), blocks[..., 2:].contiguous()
    if name == "q8_0_quantize":
        return (scale * stored.view(torch.int8)).flatten(-2)
    return (scale * (torch.cat([stored & 15, stored >> 4], -1).float() - 8)).flatten(-2)


@pytest.mark.parametrize("name", KINDS)
def test_a_file_of_the_answers_bytes_says_what_the_dequantized_model_says(answers, local, name, tmp_path):
    def encode(weight):
        return answers[name](torch.from_numpy(weight)).numpy(), KINDS[name]

    path = tmp_path / "model.gguf"
    gguf_file.write(local, path, encode)
    reader = GGUFReader(path)
    stored = {tensor.name: tensor for tensor in reader.tensors}
    assert reader.fields["general.quantization_version"].contents() == GGML_QUANT_VERSION
    assert {tensor.tensor_type for tensor in stored.values() if len(tensor.shape) == 2} == {KINDS[name]}
    down = local.model.state_dict()["model.layers.0.mlp.down_proj.weight"]
    assert torch.equal(torch.from_numpy(stored["blk.0.ffn_down.weight"].data.copy()), answers[name](down))

    read = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file=path.name).eval()
    ours = AutoModelForCausalLM.from_pretrained(model.SHIPPED, dtype=torch.float32).eval()
    weights = {tensor: read_back(name, answers[name](weight)) for tensor, weight in matrices(local).items()}
    ours.load_state_dict(ours.state_dict() | weights)
    for tensor, weight in ours.state_dict().items():
        assert torch.equal(read.state_dict()[tensor], weight), tensor
    for prompt in PROMPTS:
        texts = [model.Local(one, local.tokenizer).complete(prompt, max_new_tokens=24) for one in (read, ours)]
        assert texts[0] == texts[1]
        assert texts[0].strip()


def test_nf4_values_are_those_of_bitsandbytes(answers):
    bitsandbytes = pytest.importorskip("bitsandbytes.functional", reason="bitsandbytes is not installed")
    for shape in ((64, 64), (5, 320)):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        codes, absmax = answers["nf4_quantize"](x)
        packed, state = bitsandbytes.quantize_4bit(x, blocksize=64, quant_type="nf4")
        due = bitsandbytes.dequantize_4bit(packed, state)
        assert torch.equal(absmax, state.absmax)
        torch.testing.assert_close(answers["nf4_dequantize"](codes, absmax), due, atol=0, rtol=0)


def inputs_of(network, module, ids):
    """What a linear layer inside a network gets, (tokens, in)."""
    seen = []
    hook = module.register_forward_pre_hook(lambda _, args: seen.append(args[0].flatten(0, -2)))
    with torch.no_grad():
        network(ids)
    hook.remove()
    return torch.cat(seen)


def real_layers(local):
    """Weights and inputs of a few layers: the course's own model, and MiniLM."""
    ids = local.tokenizer(" ".join(PROMPTS) + " The cat sat on the mat." * 8, return_tensors="pt").input_ids
    layers = local.model.model.layers
    for module in (layers[0].self_attn.q_proj, layers[1].mlp.up_proj, layers[3].mlp.down_proj):
        yield module.weight.detach()[:64], inputs_of(local.model, module, ids)
    mini = encoder.load()
    ids = torch.tensor([mini.ids(__doc__ * 3)])
    for layer in (0, 5):
        module = mini.model.encoder.layer[layer].intermediate.dense
        yield module.weight.detach()[:64], inputs_of(mini.model, module, ids)


def rounded(w, bits=4):
    """Each row rounded by itself."""
    step = w.abs().amax(1, keepdim=True) / (2 ** (bits - 1) - 1)
    return (w / step).round() * step


def test_gptq_and_awq_beat_rounding_on_real_layers(answers, local):
    """AWQ wins where some inputs are loud; where none is, it may leave the weights as they are."""
    by_awq = []
    for w, x in real_layers(local):
        plain = (x @ (rounded(w) - w).T).norm()
        w_hat = answers["gptq_quantize"](w, x.T @ x)
        assert (x @ (w_hat - w).T).norm() < 0.8 * plain
        s = answers["awq_scales"](w, x)
        by_awq.append(((x @ (rounded(w * s) / s - w).T).norm() / plain).item())
    assert max(by_awq) <= 1
    assert max(by_awq[-2:]) < 0.95, "MiniLM has loud inputs."
    assert sum(ratio < 1 for ratio in by_awq) >= 4, by_awq
