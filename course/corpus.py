"""The corpus of the course's language model: what it is mixed from, its tokenizer, and its rows of tokens.

`STAGES` says what is mixed and how long a row is. `shard(stage, index, tokenizer)` writes the documents of one shard
from their seed, tokenizes them and places them in rows; the same arguments give the same arrays, so nothing has to be
stored to reproduce or to resume a training run. Left out: near-duplicate removal (documents written from a seed are
not crawled; the exact copies among them are dropped here).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from random import Random

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from course import plays
from course.world import arithmetic, dialogue, instructions, passages, stories, tools
from course.world.document import Document

VOCABULARY = 2048
END_OF_TEXT = "<|endoftext|>"
SPECIAL = (END_OF_TEXT, dialogue.START, dialogue.END)
TAGS = ("<tool_call>", "</tool_call>")

# Qwen2's pattern: words keep the character before them, every digit stands alone.
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

SHARD_SEED = 1_000_003  # seeds of training shards are (index + 1) * SHARD_SEED + n; a test's are smaller


@cache
def real_text() -> tuple[str, ...]:
    """Paragraphs of the plays and of the Python language reference, of 200 to 600 characters, exact copies dropped."""
    from pydoc_data.topics import topics

    sources = [plays.spoken(title) for title in plays.titles()] + [topics[name] for name in sorted(topics)]
    paragraphs: dict[str, None] = {}
    for source in sources:
        kept: list[str] = []
        for line in source.splitlines():
            if line := " ".join(line.split()):
                kept.append(line)
            if sum(map(len, kept)) > 400:
                paragraphs["\n".join(kept)[:600]] = None
                kept = []
    return tuple(paragraphs)


def is_held_out_text(index: int) -> bool:
    """Whether a paragraph of `real_text` is kept for the test: one in twenty."""
    return index % 20 == 7


def paragraph(rng: Random) -> Document:
    """A paragraph of real text that is not held out."""
    while is_held_out_text(index := rng.randrange(len(real_text()))):
        pass
    return Document("real text").add(real_text()[index] + "\n")


def _recall(
    rng: Random, people: tuple[int, int], relations: tuple[int, int], questions: int, reverse: float = 0.4
) -> Document:
    return passages.recall(rng, rng.randint(*people), rng.randint(*relations), questions, reverse=reverse)


def _short_story(rng: Random) -> Document:
    return stories.story_with_questions(rng, n_questions=6, sentences=rng.randint(2, 4))


def _passage_chat(rng: Random) -> Document:
    return dialogue.ask_about_passage(rng, rng.randint(2, 4), rng.randint(1, 3), rng.randint(1, 4), reverse=0.4)


@dataclass(frozen=True)
class Stage:
    """A mixture: `(share of documents, writer)`, the row's length in tokens, and what a token of plain text weighs.

    A token of an answer weighs 1.
    """

    length: int
    text_weight: float
    mixture: tuple[tuple[float, Callable[[Random], Document]], ...]


STAGES = {
    "names": Stage(
        128,
        0.05,
        (
            (1, passages.echo),
            (3, lambda rng: passages.retold(rng, rng.randint(2, 5), 2, plain=True)),
            (3, lambda rng: passages.told_back(rng, rng.randint(2, 4))),
            (4, lambda rng: passages.recall(rng, rng.randint(2, 4), 1, 10, plain=True, reverse=0.5)),
        ),
    ),
    "recall": Stage(
        128,
        0.1,
        (
            (2, passages.echo),
            (3, lambda rng: passages.retold(rng, rng.randint(2, 5), rng.randint(1, 2))),
            (4, partial(_recall, people=(2, 4), relations=(1, 1), questions=6)),
            (1, partial(_recall, people=(2, 3), relations=(2, 2), questions=6)),
            (0.5, _short_story),
            (0.3, instructions.instruction),
            (0.3, arithmetic.sums),
        ),
    ),
    "mixed": Stage(
        256,
        0.3,
        (
            (0.5, passages.echo),
            (0.5, passages.retold),
            (10, partial(_recall, people=(2, 4), relations=(1, 3), questions=8)),
            (3, stories.story_with_questions),
            (1, _short_story),
            (5, _passage_chat),
            (3, dialogue.ask_about_story),
            (1, stories.plain_story),
            (2, dialogue.ask_for_story),
            (8, tools.tool_dialogue),
            (4, instructions.instruction),
            (3, arithmetic.sums),
            (1, paragraph),
        ),
    ),
}
# The last stage: as before, with more of what is still hard.
STAGES["numbers"] = Stage(256, 0.3, (*STAGES["mixed"].mixture, (8, passages.recall_numbers)))


def documents(stage: str, n: int, seed: int) -> list[Document]:
    """`n` documents of a stage's mixture, exact copies dropped; the same seed gives the same documents."""
    rng = Random(seed)
    shares, writers = zip(*STAGES[stage].mixture, strict=True)
    written: dict[str, Document] = {}
    for writer in rng.choices(writers, shares, k=n):
        document = writer(rng)
        written.setdefault(document.text, document)
    return list(written.values())


def train_tokenizer(n_documents: int = 40_000, seed: int = -1) -> PreTrainedTokenizerFast:
    """A byte-level BPE of `VOCABULARY` tokens, trained on documents of the last stage and on the real text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(TAGS),
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [document.text for document in documents("mixed", n_documents, seed)]
    texts += [text for index, text in enumerate(real_text()) if index % 4 == 0]
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens(list(TAGS))
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END_OF_TEXT,
        pad_token=END_OF_TEXT,
        additional_special_tokens=list(SPECIAL[1:]),
        clean_up_tokenization_spaces=False,
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


def tokenize(written: list[Document], tokenizer: PreTrainedTokenizerFast, text_weight: float):
    """`(ids, weights)` of each document, an end-of-text token at its end."""
    spans = [text for document in written for text, _ in document.spans]
    encoded = iter(tokenizer.backend_tokenizer.encode_batch_fast(spans, add_special_tokens=False))
    for document in written:
        ids: list[int] = []
        weights: list[float] = []
        for _, is_answer in document.spans:
            piece = next(encoded).ids
            ids += piece
            weights += [1.0 if is_answer else text_weight] * len(piece)
        yield [*ids, tokenizer.eos_token_id], [*weights, text_weight]


def place(tokenized, length: int, pad: int, open_rows: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Place whole documents in rows, so that no question is cut off from its passage.

    Each goes into the fullest of `open_rows` rows that has room; what stays empty is `pad`, of weight 0. A document
    longer than a row is cut. Gives ids (uint16) and weights (float16), both (rows, length).
    """
    rows: list[tuple[list[int], list[float]]] = []
    opened: list[tuple[list[int], list[float]]] = []
    for ids, weights in tokenized:
        ids, weights = ids[:length], weights[:length]
        fitting = [row for row in opened if len(row[0]) + len(ids) <= length]
        if fitting:
            row = max(fitting, key=lambda row: len(row[0]))
        else:
            if len(opened) == open_rows:
                fullest = max(range(open_rows), key=lambda i: len(opened[i][0]))
                rows.append(opened.pop(fullest))
            row = ([], [])
            opened.append(row)
        row[0].extend(ids)
        row[1].extend(weights)
    rows += opened
    placed_ids = np.full((len(rows), length), pad, dtype=np.uint16)
    placed_weights = np.zeros((len(rows), length), dtype=np.float16)
    for number, (ids, weights) in enumerate(rows):
        placed_ids[number, : len(ids)] = ids
        placed_weights[number, : len(weights)] = weights
    return placed_ids, placed_weights


def shard(stage: str, index: int, tokenizer: PreTrainedTokenizerFast, n_rows: int = 4096):
    """`n_rows` rows of ids and weights: shard `index` of a stage; the same arguments give the same arrays."""
    settings = STAGES[stage]
    seed = SHARD_SEED * (index + 1)
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    while sum(len(ids) for ids, _ in parts) < n_rows:
        written = documents(stage, 2 * n_rows, seed + len(parts))
        tokenized = tokenize(written, tokenizer, settings.text_weight)
        parts.append(place(tokenized, settings.length, tokenizer.eos_token_id))
    ids, weights = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    order = np.random.default_rng(seed).permutation(len(ids))[:n_rows]
    return ids[order], weights[order]
