"""The corpus's rows, the recipe, and a training run that can be killed, resumed and repeated bit for bit."""

import json
import multiprocessing
import signal
import time
from dataclasses import replace
from random import Random

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from course import card, corpus, exam, pretrain
from course.world import dialogue, passages, tools, words

TINY = pretrain.Recipe(size="0.3m", phases=(("recall", 4), ("mixed", 4)), cooldown=2, tokens_per_step=512,
                       warmup=2, held_steps=3, steps_per_shard=3)  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer():
    return corpus.train_tokenizer(n_documents=20_000)


def test_text_comes_back_from_its_tokens(tokenizer):
    rng = Random(1)
    texts = [tools.tool_dialogue(rng).text, dialogue.ask_about_story(rng).text, "Ünïcode → 漢字 12.5\n\n  x"]
    for text in texts:
        assert tokenizer.decode(tokenizer(text).input_ids) == text
    assert len(tokenizer) == corpus.VOCABULARY


def test_a_name_is_one_token_and_so_is_a_digit(tokenizer):
    for word in words.PEOPLE + words.PLACES:
        assert len(tokenizer.tokenize(f" {word}")) == 1, word
    assert tokenizer.tokenize("1774") == list("1774")


def test_tokens_of_the_spans_are_tokens_of_the_whole(tokenizer):
    for stage in corpus.STAGES:
        written = corpus.documents(stage, 400, seed=3)
        for document, (ids, weights) in zip(written, corpus.tokenize(written, tokenizer, 0.5), strict=True):
            assert ids[:-1] == tokenizer(document.text).input_ids, document.kind
            assert ids[-1] == tokenizer.eos_token_id
            assert len(ids) == len(weights)


def test_the_chat_template_writes_what_the_world_writes(tokenizer):
    document = dialogue.ask_about_passage(Random(2), turns=1)
    (prompt, _), (answer, _), _ = document.spans
    question = prompt.removeprefix("<|im_start|>user\n").removesuffix("<|im_end|>\n<|im_start|>assistant\n")
    said = [{"role": "user", "content": question}]
    assert tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True) == prompt
    said.append({"role": "assistant", "content": answer.removesuffix("<|im_end|>")})
    assert tokenizer.apply_chat_template(said, tokenize=False) == document.text


def test_documents_are_placed_whole():
    tokenized = [([7] * n, [1.0] * n) for n in (5, 9, 3, 8, 2, 4, 20)]
    ids, weights = corpus.place(tokenized, length=10, pad=0, open_rows=2)
    assert ids.shape == weights.shape
    assert ids.shape[1] == 10
    assert (ids == 7).sum() == 5 + 9 + 3 + 8 + 2 + 4 + 10
    assert ((weights == 1) == (ids == 7)).all()


def test_a_shard_is_written_again_from_its_index(tokenizer):
    first, again, other = (corpus.shard("recall", index, tokenizer, n_rows=50) for index in (2, 2, 3))
    assert first[0].shape == (50, 128)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_real_text_is_kept_for_the_exam():
    texts = corpus.real_text()
    kept = {text for index, text in enumerate(texts) if corpus.is_held_out_text(index)}
    written = {corpus.paragraph(Random(seed)).text.rstrip("\n") for seed in range(2000)}
    assert len(kept) > 200
    assert not kept & written
    assert len(set(texts)) == len(texts)


def test_the_rate_rises_stays_and_falls():
    recipe = pretrain.Recipe(phases=(("recall", 100),), warmup=10, cooldown=20)
    assert recipe.rate(0) == pytest.approx(0.1)
    assert recipe.rate(50) == 1.0
    assert recipe.rate(90) == pytest.approx(0.5)
    assert 0 < recipe.rate(99) <= 0.05


@torch.no_grad()
def test_the_first_layer_looks_back():
    model = pretrain.build(pretrain.Recipe(size="1m"))
    ids = torch.randint(0, corpus.VOCABULARY, (1, 64), generator=torch.Generator().manual_seed(0))
    model.set_attn_implementation("eager")
    attention = model(ids, output_attentions=True).attentions[0][0]
    for head, weights in enumerate(attention):
        by_distance = [weights.diagonal(-distance)[20:].mean().item() for distance in range(20)]
        assert max(by_distance) == by_distance[max(1, 2 * head)] > 0.25


@torch.no_grad()
def test_attention_in_full_is_attention():
    model = pretrain.build(pretrain.Recipe(size="0.3m", seed=4))
    ids = torch.randint(0, corpus.VOCABULARY, (2, 40), generator=torch.Generator().manual_seed(1))
    ours = model(ids).logits
    model.set_attn_implementation("sdpa")
    torch.testing.assert_close(ours, model(ids).logits, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("lines", [2, 5], ids="after {} steps".format)
def test_killed_and_resumed_equals_not_killed(tokenizer, tmp_path, lines):
    """A process that trains is killed with SIGKILL, wherever it may be then."""
    whole = pretrain.train(TINY, tmp_path / "whole", tokenizer, report_every=1)
    log = tmp_path / "parts" / "log.jsonl"
    process = multiprocessing.get_context("fork").Process(
        target=pretrain.train,
        args=(TINY, tmp_path / "parts", tokenizer),
        kwargs={"report_every": 1, "save_every": 0.0},
    )
    process.start()
    while process.is_alive() and not (log.exists() and len(log.read_text().splitlines()) >= lines):
        time.sleep(0.001)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    parts = pretrain.train(TINY, tmp_path / "parts", tokenizer, report_every=1)
    for (name, a), b in zip(whole.state_dict().items(), parts.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    losses = [torch.load(tmp_path / run / "checkpoint.pt")["log"] for run in ("whole", "parts")]
    figures = [[(e["step"], e["text_loss"], e["answer_loss"]) for e in log] for log in losses]
    assert figures[0] == figures[1]
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == list(range(1, TINY.steps + 1))
    assert figures[0][-1][1] < figures[0][0][1], "Eight steps should lower the loss."


def test_a_run_goes_on_with_anothers_weights(tokenizer, tmp_path):
    recipe = replace(TINY, phases=(("numbers", 2),), look_back=False, adam_rate=0.0, muon_rate=0.0)
    given = pretrain.build(replace(TINY, seed=5)).state_dict()
    trained = pretrain.train(recipe, tmp_path, tokenizer, start=given).state_dict()
    assert all(torch.equal(trained[name], given[name]) for name in given), "At a rate of zero nothing moves."


def test_a_card_counts_the_tokens_of_all_runs():
    log = [{"step": 1, "tokens": 10, "seconds": 2.0, "text_loss": 3.0}]
    entries = card.joined([card.Run({}, log), card.Run({}, log)])
    assert [(e["step"], e["tokens"], e["seconds"], e["text_loss"]) for e in entries] == [(1, 10, 2, 3), (2, 20, 4, 3)]


def test_the_model_loads_with_plain_transformers(tokenizer, tmp_path):
    model = pretrain.build(TINY)
    pretrain.export(model, tokenizer, tmp_path)
    loaded, its_tokenizer = AutoModelForCausalLM.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    assert loaded.dtype == torch.float32
    for parameter in model.parameters():
        parameter.data = parameter.data.bfloat16().float()  # what is stored is rounded
    ids = its_tokenizer("Where is Mara?", return_tensors="pt").input_ids
    assert ids.tolist() == tokenizer("Where is Mara?", return_tensors="pt").input_ids.tolist()
    with torch.no_grad():
        torch.testing.assert_close(loaded(ids).logits, model(ids).logits, atol=1e-4, rtol=1e-4)


def test_an_answer_is_right_when_greedy_decoding_writes_it(tokenizer):
    model = pretrain.build(TINY)
    model.set_attn_implementation("sdpa")
    rng = Random(9)
    prompts = [exam.passage(rng).prompt for _ in range(3)]
    questions = []
    for prompt in prompts:
        ids = tokenizer(prompt, return_tensors="pt").input_ids
        written = model.generate(ids, max_new_tokens=3, do_sample=False, eos_token_id=None)[0, ids.shape[1] :]
        questions.append(exam.Question(prompt, tokenizer.decode(written)))
    kept = [q for q in questions if len(tokenizer(q.answer).input_ids) == 3]
    assert all(exam.mark(model, tokenizer, kept))
    assert kept
    other = [exam.Question(q.prompt, "x" + q.answer) for q in kept]
    assert not any(exam.mark(model, tokenizer, other))


@pytest.mark.parametrize("part", exam.PARTS, ids=str)
def test_an_exam_question_can_be_answered(part):
    rng = Random(21)
    for _ in range(50):
        question = exam.PARTS[part](rng)
        assert question.prompt.endswith((":", "=", "\n"))
        assert question.answer.endswith(("\n", dialogue.END))
        if part in ("passage", "story", "story, wordings never seen"):
            assert question.answer.strip() in question.prompt


def test_the_exam_asks_what_training_does_not(tokenizer):
    asked = {exam.passage(Random(seed)).prompt for seed in range(50)}
    written = "\n".join(d.text for d in corpus.documents("mixed", 2000, corpus.SHARD_SEED))
    assert not any(prompt.split("\nQ")[0] in written for prompt in asked)
    assert passages.UNKNOWN in written
