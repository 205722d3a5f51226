"""Drafts, the batcher of rows, distillation, and the two widgets of speculative decoding and of serving."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from matplotlib import pyplot
from transformers import LlamaConfig, LlamaForCausalLM

from course import batching_timeline, distillation, drafts, plots, row_batcher, speculation_explorer
from course.batching_timeline import SPREADS, continuous, in_system, requests, static
from course.piece_ngrams import PieceNGram

SIZE = 40


@pytest.fixture(scope="module")
def model():
    """A small Llama with random weights, large enough that its choices vary."""
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=SIZE, hidden_size=32, intermediate_size=64, num_hidden_layers=3,
                         num_attention_heads=4, num_key_value_heads=2, head_dim=8, max_position_embeddings=128,
                         initializer_range=0.4, eos_token_id=0, pad_token_id=0, tie_word_embeddings=True)  # fmt: skip
    return LlamaForCausalLM(config).eval()


@pytest.fixture(scope="module")
def prompts():
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(1, SIZE, (length,), generator=generator).tolist() for length in (3, 9, 5, 14, 1, 7, 4)]


def alone(model, prompt: list[int], count: int) -> list[int]:
    """Greedy decoding by the library."""
    ids = torch.tensor([prompt])
    out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=count, do_sample=False)
    return out[0, len(prompt) :].tolist()


def test_lookup_copies_what_followed_the_longest_ending_last():
    assert drafts.Lookup(2)([1, 2, 3, 9, 2, 7, 1, 2], 3) == [3, 9, 2]
    assert drafts.Lookup(2)([5, 2, 7, 1, 2], 3) == [7, 1, 2]
    assert drafts.Lookup(2)([1, 2, 3], 3) == []


def test_counts_goes_on_from_its_own_guesses():
    text = np.array([1, 2, 3, 4] * 20)
    assert drafts.Counts(PieceNGram(text, 3, 8))([4, 1], 4) == [2, 3, 4, 1]


def test_layers_say_what_the_whole_model_says_whatever_was_refused_before(model, prompts):
    draft = drafts.Layers(model)
    for prompt in prompts:
        assert draft(prompt, 5) == drafts.write(model, prompt, 5).tokens
    draft([1, 2, 3, 4], 6)
    assert draft([1, 2, 9], 4) == drafts.write(model, [1, 2, 9], 4).tokens


def wrong(ids: list[int], k: int) -> list[int]:
    """Guesses that are hardly ever right."""
    return [(ids[-1] * 7 + n) % SIZE for n in range(k)]


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("kind", ["nothing", "wrong", "lookup", "itself", "fewer layers"])
def test_no_draft_changes_what_is_written(model, prompts, kind, k):
    make = {"nothing": lambda: drafts.nothing, "wrong": lambda: wrong, "lookup": drafts.Lookup,
            "itself": lambda: drafts.Layers(model),
            "fewer layers": lambda: drafts.Layers(distillation.keep_layers(model, [0, 2]))}[kind]  # fmt: skip
    for prompt in prompts:
        report = drafts.write(model, prompt, 24, make(), k, ends={0})
        assert report.tokens == alone(model, prompt, 24)
        assert all(kept <= guessed <= k for kept, guessed in zip(report.kept, report.guessed, strict=True))
    if kind == "itself":
        assert report.kept == report.guessed
        assert report.tokens_a_step > min(k, 2)


@pytest.mark.parametrize("wait", [False, True])
@pytest.mark.parametrize("rows", [1, 3, 20])
def test_the_batcher_writes_what_each_request_gets_alone(model, prompts, rows, wait):
    end = alone(model, prompts[1], 12)[5]  # a token that really comes
    report = row_batcher.serve(model, prompts, rows, 12, end, wait)
    for prompt, answer in zip(prompts, report.requests, strict=True):
        expected = alone(model, prompt, 12)
        cut = expected.index(end) + 1 if end in expected else 12
        assert answer.tokens == expected[:cut]
        assert 0 < answer.first <= answer.last <= report.seconds
    assert max(report.used) <= rows
    assert sum(report.used) == sum(len(answer.tokens) - 1 for answer in report.requests)


def test_static_groups_shrink_and_continuous_rows_are_filled_again(model, prompts):
    waiting = row_batcher.serve(model, prompts, 3, 12, -1, wait_for_all=True)
    assert waiting.used == [3] * 22 + [1] * 11
    assert row_batcher.serve(model, prompts, 3, 12, -1).used == waiting.used  # equal lengths: nothing to gain


def test_a_prompt_that_is_too_long_is_refused(model):
    with pytest.raises(ValueError, match="the model reads 128"):
        row_batcher.serve(model, [[1] * 100], 1, 60, 0)


def test_keep_layers_keeps_all_that_it_names(model):
    ids = torch.tensor([[1, 2, 3]])
    assert torch.equal(distillation.keep_layers(model, [0, 1, 2])(ids).logits, model(ids).logits)
    student = distillation.keep_layers(model, [2])
    assert len(student.model.layers) == 1
    assert torch.equal(student.model.layers[0].mlp.up_proj.weight, model.model.layers[2].mlp.up_proj.weight)


@pytest.mark.parametrize("taught", [True, False])
def test_learning_brings_the_loss_down_and_leaves_the_teacher_alone(model, taught):
    before = [p.clone() for p in model.parameters()]
    student = distillation.keep_layers(model, [0, 2])
    embedding = student.model.embed_tokens.weight.clone()
    rows = torch.randint(0, SIZE, (4, 16), generator=torch.Generator().manual_seed(2))
    losses = distillation.learn(student, rows, model if taught else None, steps=40, batch=4, rate=1e-2)
    assert losses[-1] < 0.8 * losses[0]
    assert torch.equal(student.model.embed_tokens.weight, embedding)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_the_lesson_s_four_requests():
    asked = [(0.0, 6), (0.0, 1), (0.0, 2), (0.0, 3)]
    assert [s.done for s in static(asked, 2)] == [6, 1, 8, 9]
    assert [s.done for s in continuous(asked, 2)] == [6, 1, 3, 6]


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("slots", [1, 3])
@pytest.mark.parametrize("load", [0.3, 1.5])
def test_no_slot_serves_two_and_none_begins_before_it_came(spread, slots, load):
    asked = requests(load, slots, spread, 200, seed=3)
    for policy in (static, continuous):
        stays = policy(asked, slots)
        assert [(s.came, s.done - s.start) for s in stays] == [(c, pytest.approx(n)) for c, n in asked]
        assert all(s.start >= s.came and s.done <= s.free for s in stays)
        for slot in range(slots):
            lane = sorted((s.start, s.free) for s in stays if s.slot == slot)
            assert all(later[0] >= earlier[1] - 1e-9 for earlier, later in pairwise(lane))
    mean = {policy: np.mean([s.latency for s in policy(asked, slots)]) for policy in (static, continuous)}
    assert mean[continuous] == pytest.approx(mean[static]) if slots == 1 else mean[continuous] < mean[static]


def test_load_is_the_share_of_the_slots_that_is_asked_for():
    for spread in SPREADS:
        asked = requests(0.8, 4, spread, 20_000)
        assert sum(n for _, n in asked) / asked[-1][0] / 4 == pytest.approx(0.8, rel=0.05)


def test_little_s_law():
    stays = continuous(requests(0.9, 4, SPREADS[1], 500), 4)
    end = max(s.done for s in stays)
    inside = in_system(stays, np.linspace(0, end, 200_001)).mean()
    assert inside == pytest.approx(len(stays) / end * np.mean([s.latency for s in stays]), rel=0.01)


def test_an_unknown_spread_is_refused():
    with pytest.raises(ValueError, match="all the same"):
        requests(1.0, 2, "wild")


@pytest.mark.parametrize("knobs", [{}, {"slots": 1, "spread": SPREADS[0]}, {"slots": 8, "load": 2.0, "seed": 9}])
def test_the_timeline_says_what_it_draws(knobs):
    figure, alt = batching_timeline.draw(**knobs)
    slots = knobs.get("slots", 4)
    assert [len(axes.get_yticks()) for axes in figure.axes[:2]] == [slots, slots]
    assert figure.axes[0].get_title("left").startswith("Static: ")
    assert "static batching writes" in alt
    assert "continuous batching writes" in alt
    plots.close(figure)


@pytest.mark.parametrize(("alpha", "k"), [(0.0, 4), (0.5, 2), (0.8, 5), (1.0, 3)])
def test_expected_tokens_are_those_of_a_simulation(alpha, k):
    kept = np.cumprod(np.random.default_rng(0).random((100_000, k)) < alpha, axis=1).sum(axis=1)
    assert speculation_explorer.expected_tokens(alpha, k) == pytest.approx(1 + kept.mean(), abs=0.02)


def test_speed_up_is_the_theorem_where_checking_is_free():
    assert speculation_explorer.speed_up(0.8, 4, 0.5) == pytest.approx((1 - 0.8**5) / (0.2 * 3))
    assert speculation_explorer.speed_up(0.8, 4, 0.5, 0.1) < speculation_explorer.speed_up(0.8, 4, 0.5)


def test_the_speculation_explorer_says_when_it_is_slower():
    figure, alt = speculation_explorer.draw(alpha=0.3, draft=0.5, k=8)
    assert figure.axes[1].get_title("left").startswith("Slower")
    assert "no k helps" in alt
    plots.close(figure)
    figure, alt = speculation_explorer.draw()
    assert "the best k is 4" in alt
    plots.close(figure)
    assert not pyplot.get_fignums()
