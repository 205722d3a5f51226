"""The exam of the course's language model: questions from seeds that no training shard uses, marked by exact match.

An answer is right when greedy decoding would write it whole, with what ends it. That is checked without generating: if
each token of the answer is the likeliest one after the true ones before it, then greedy decoding writes exactly this.
Left out: answers that are right in other words.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import torch
import torch.nn.functional as F

from course import corpus
from course.world import arithmetic, dialogue, instructions, passages, stories, tools
from course.world.document import Document

EXAM_SEED = -20_000  # Random forgets a seed's sign; seeds of training shards are above a million


@dataclass(frozen=True)
class Question:
    """What the model reads, and what it must write."""

    prompt: str
    answer: str


def passage(rng: Random, held_out: bool = False, closed: bool = False) -> Question:
    """A question about a passage of facts of three people; `closed` leaves the passage away."""
    facts = passages.draw_facts(rng, 3, rng.randint(2, 3))
    text = " ".join(passages.state(rng, fact, held_out) for fact in facts)
    question, short, _ = passages.ask(rng, facts, held_out, unknown=0.0)
    begin = "" if closed else f"{text}\n"
    return Question(f"{begin}Question: {question}\nAnswer:", f" {short}\n")


def unknown(rng: Random) -> Question:
    """A question that the passage does not answer."""
    facts = passages.draw_facts(rng, 3, 2)
    text = " ".join(passages.state(rng, fact) for fact in facts)
    question, short, _ = passages.ask(rng, facts, unknown=1.0)
    return Question(f"{text}\nQuestion: {question}\nAnswer:", f" {short}\n")


def story(rng: Random, held_out: bool = False) -> Question:
    """A question about a story."""
    told = stories.draw_story(rng, held_out)
    question, short, _ = rng.choice(told.asked)
    return Question(f"{told.text}\nQuestion: {question}\nAnswer:", f" {short}\n")


def _from_dialogue(document: Document) -> Question:
    """The first message of the assistant in a dialogue, and all before it."""
    (prompt, _), (answer, _) = document.spans[:2]
    return Question(prompt, answer)


def passage_chat(rng: Random) -> Question:
    """A question about a passage, in ChatML, answered in a sentence."""
    return _from_dialogue(dialogue.ask_about_passage(rng, turns=1))


def story_chat(rng: Random) -> Question:
    """A question about a story, in ChatML, answered in a sentence."""
    return _from_dialogue(dialogue.ask_about_story(rng, turns=1))


def tool_call(rng: Random, held_out: bool = False) -> Question:
    """A request, three tools on offer; the call must be the right JSON to the last character."""
    system, request, tool, arguments = tools.draw_request(rng, held_out)
    prompt = f"{dialogue.START}system\n{system}{dialogue.END}\n{dialogue.START}user\n{request}{dialogue.END}\n"
    return Question(f"{prompt}{dialogue.START}assistant\n", tools.call(tool.name, arguments) + dialogue.END)


def addition(rng: Random) -> Question:
    """A sum of two numbers below 100 that no training document holds."""
    while True:
        a, operator, b, result = arithmetic.draw_sum(rng, held_out=True)
        if operator == "+":
            return Question(f"Sums:\n{a} + {b} =", f" {result}\n")


def instruction(rng: Random) -> Question:
    """A small instruction with one right answer."""
    return _from_dialogue(instructions.instruction(rng))


PARTS: dict[str, Callable[[Random], Question]] = {
    "passage": passage,
    "passage, wordings never seen": lambda rng: passage(rng, held_out=True),
    "passage left away": lambda rng: passage(rng, closed=True),
    "passage without the answer": unknown,
    "passage in a chat": passage_chat,
    "story": story,
    "story, wordings never seen": lambda rng: story(rng, held_out=True),
    "story in a chat": story_chat,
    "tool call": tool_call,
    "tool call, wordings never seen": lambda rng: tool_call(rng, held_out=True),
    "two-digit addition": addition,
    "instruction": instruction,
}


def _rows(texts: list[list[int]], pad: int) -> torch.Tensor:
    rows = torch.full((len(texts), max(map(len, texts))), pad)
    for row, ids in zip(rows, texts, strict=True):
        row[: len(ids)] = torch.tensor(ids)
    return rows


@torch.no_grad()
def mark(model, tokenizer, questions: list[Question], batch: int = 32) -> list[bool]:
    """For each question, whether greedy decoding would write its answer."""
    marks = []
    for start in range(0, len(questions), batch):
        part = questions[start : start + batch]
        prompts = [tokenizer(q.prompt, add_special_tokens=False).input_ids for q in part]
        answers = [tokenizer(q.answer, add_special_tokens=False).input_ids for q in part]
        ids = _rows([p + a for p, a in zip(prompts, answers, strict=True)], tokenizer.eos_token_id)
        chosen = model(ids, use_cache=False).logits.argmax(-1)
        for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
            written = chosen[row, len(prompt) - 1 : len(prompt) + len(answer) - 1]
            marks.append(written.tolist() == answer)
    return marks


@torch.no_grad()
def perplexity(model, tokenizer, texts: list[str], batch: int = 32) -> float:
    """exp of the mean loss over all tokens of the texts but their first."""
    total = count = 0.0
    for start in range(0, len(texts), batch):
        encoded = [tokenizer(t, add_special_tokens=False).input_ids for t in texts[start : start + batch]]
        ids = _rows(encoded, tokenizer.eos_token_id)
        logits = model(ids, use_cache=False).logits[:, :-1]
        kept = torch.arange(1, ids.shape[1]) < torch.tensor([len(e) for e in encoded])[:, None]
        total += F.cross_entropy(logits[kept].float(), ids[:, 1:][kept], reduction="sum").item()
        count += kept.sum().item()
    return math.exp(total / count)


def sit(model, tokenizer, n: int = 200) -> dict[str, float]:
    """Share of right answers in every part, over `n` questions each, and the perplexity of text never trained on."""
    model.eval()
    scores = {}
    for number, (name, draw) in enumerate(PARTS.items()):
        rng = Random(EXAM_SEED - number)
        scores[name] = sum(mark(model, tokenizer, [draw(rng) for _ in range(n)])) / n
    rng = Random(EXAM_SEED + 1)
    told = [stories.plain_story(rng).text for _ in range(n)]
    real = [text for index, text in enumerate(corpus.real_text()) if corpus.is_held_out_text(index)][:n]
    scores["perplexity of stories"] = round(perplexity(model, tokenizer, told), 2)
    scores["perplexity of plays and reference"] = round(perplexity(model, tokenizer, real), 2)
    return scores
