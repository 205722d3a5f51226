"""Week 3: what the first cell gives is of week 1, and the last exercise runs the course's own checkpoints."""

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, LlamaForCausalLM

from course import pretrain
from course.model import SHIPPED
from grader.assignment import libraries_of, load
from grader.candidate import Link
from grader.judge import assignment
from grader.sandbox import Zygote
from grader.sandbox.launch import MODULES


@pytest.fixture(scope="module")
def first_cell(root):
    """The names that the first cell binds, in a learner's notebook and in a child."""
    names: dict = {}
    exec(assignment(root, "week03").imports, names)
    return names


@pytest.fixture(scope="module")
def week01(root):
    return load(root / "solutions" / "week01")


def test_the_given_pieces_are_those_of_week_1(first_cell, week01):
    x = torch.randn(2, 3, 5, 8, generator=torch.Generator().manual_seed(0))
    for name, args in (
        ("rms_norm", (x, torch.arange(8.0), 1e-2)),
        ("apply_rope", (x, torch.tensor([0, 3, 4, 9, 50]), 500.0)),
        ("causal_mask", (6,)),
        ("scaled_dot_product_attention", (x, x + 1, 2 * x, torch.ones(5, 5, dtype=torch.bool).tril())),
    ):
        assert torch.allclose(first_cell[name](*args), week01[name].exercise.answer(*args), atol=1e-5), name


def test_a_learner_may_put_their_own_pieces_in(first_cell, week01, root):
    """The answer runs on week 1's answers where a cell binds them to the same names."""
    names = dict(first_cell)
    given = ("rms_norm", "apply_rope", "causal_mask", "scaled_dot_product_attention")
    names |= {name: week01[name].exercise.answer for name in given}
    one = load(root / "solutions" / "week03")["LanguageModel"]
    vars(one.module).update({name: names[name] for name in given})
    config = pretrain.config("0.3m")
    theirs = LlamaForCausalLM(config).eval()
    mine = one.exercise.answer(config)
    mine.load_state_dict(theirs.state_dict())
    ids = torch.arange(20).reshape(2, 10)
    assert torch.allclose(mine(ids), theirs(ids).logits, atol=1e-4)


def checkpoint(tmp_path):
    if SHIPPED.exists():
        return SHIPPED
    torch.manual_seed(0)
    LlamaForCausalLM(pretrain.config("0.3m")).save_pretrained(tmp_path)
    return tmp_path


def test_the_answer_says_what_transformers_says_with_the_courses_own_checkpoint(root, tmp_path):
    folder = checkpoint(tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    mine = load(root / "solutions" / "week03")["LanguageModel"].exercise.answer(theirs.config)
    stored = {name: weight.float() for name, weight in load_file(folder / "model.safetensors").items()}
    lacking, extra = mine.load_state_dict(stored, strict=False)
    assert (lacking, extra) == (["lm_head.weight"], [])
    ids = torch.arange(5, 29).reshape(2, 12)
    with torch.no_grad():
        assert torch.allclose(mine(ids), theirs(ids).logits, atol=1e-4)
        due = theirs.generate(ids[:1], max_new_tokens=16, do_sample=False, eos_token_id=None, pad_token_id=0)
        text = ids[:1]
        for _ in range(16):
            text = torch.cat([text, mine(text)[:, -1].argmax(-1, keepdim=True)], 1)
    assert torch.equal(text, due)


def test_what_the_first_cell_imports_is_loaded_before_a_child_is_forked(root):
    named = libraries_of(assignment(root, "week03").template)
    assert {"torch", "transformers.models.llama.modeling_llama"} <= set(named)
    assert not any(name.startswith("grader") for name in named)
    with Zygote(modules=(*MODULES, *named)) as zygote, zygote.open(["import sys\nknown = list(sys.modules)"]) as child:
        assert set(named) <= set(Link(child).look_up("known"))
