"""A model written as GGUF is the same model, read by the gguf package and by transformers' own reader."""

import pytest
import torch
from gguf import GGMLQuantizationType, GGUFReader, quants
from transformers import AutoModelForCausalLM, AutoTokenizer

from course import corpus, gguf_file, pretrain
from course.model import Local

TEXTS = ["Where is Mara?", "<|im_start|>user\nHello, I am Bo.<|im_end|>\n", "12 + 35 = 47\n\n  <tool_call>Ünï 漢字"]


@pytest.fixture(scope="module")
def local():
    model = pretrain.build(pretrain.Recipe(size="0.3m")).eval()
    model.set_attn_implementation("sdpa")
    return Local(model, corpus.train_tokenizer(n_documents=2_000))


@pytest.fixture(scope="module")
def path(local, tmp_path_factory):
    path = tmp_path_factory.mktemp("gguf") / "model.gguf"
    gguf_file.write(local, path)
    return path


def logits(model, ids):
    with torch.no_grad():
        return model(ids).logits


def test_transformers_reads_the_same_model(local, path):
    read = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name)
    ids = torch.randint(0, corpus.VOCABULARY, (2, 40), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(logits(read, ids), logits(local.model, ids), atol=1e-5, rtol=1e-5)


def test_transformers_reads_the_same_tokenizer(local, path):
    read = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    for text in TEXTS:
        assert read(text, add_special_tokens=False).input_ids == local.tokenizer(text).input_ids, text
    assert read.chat_template == local.tokenizer.chat_template


def test_the_gguf_package_reads_settings_and_tensors(local, path):
    reader = GGUFReader(path)
    settings, tensors = reader.fields, {tensor.name: tensor for tensor in reader.tensors}
    assert settings["llama.block_count"].contents() == local.model.config.num_hidden_layers
    assert settings["tokenizer.ggml.tokens"].contents()[0] == corpus.END_OF_TEXT
    embedding = torch.from_numpy(tensors["token_embd.weight"].data.copy())
    assert torch.equal(embedding, local.model.model.embed_tokens.weight)
    assert "output.weight" not in tensors, "tied embeddings are stored once"


def test_matrices_can_be_stored_in_blocks(local, tmp_path):
    def q8_0(weight):
        return quants.quantize(weight, GGMLQuantizationType.Q8_0), GGMLQuantizationType.Q8_0

    whole, small = tmp_path / "whole.gguf", tmp_path / "small.gguf"
    gguf_file.write(local, whole)
    gguf_file.write(local, small, q8_0)
    tensors = {tensor.name: tensor for tensor in GGUFReader(small).tensors}
    assert tensors["blk.0.attn_q.weight"].tensor_type == GGMLQuantizationType.Q8_0
    assert tensors["output_norm.weight"].tensor_type == GGMLQuantizationType.F32
    assert small.stat().st_size < 0.5 * whole.stat().st_size
    read = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file=small.name)
    ids = torch.arange(40)[None]
    expected = logits(local.model, ids)
    assert (logits(read, ids) - expected).norm() < 0.02 * expected.norm()
