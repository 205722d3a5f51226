"""What a byte-pair trainer learnt from plays, played back merge by merge.

`learn` runs the trainer of Hugging Face's `tokenizers` library on words; a `History` then says, for any number of
merges, how a text is cut, which pairs stand side by side how often, and how many symbols a trainer has to look at.
Each token was made from two parts, so the state after fewer merges is the last state taken apart again. Left out: the
trainer itself, which is the assignment of week 2.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import accumulate, pairwise

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from course import plays

BYTES = 256
SPLIT = pre_tokenizers.ByteLevel(add_prefix_space=False)  # GPT-2's pattern, then GPT-2's spelling of bytes
_SPELL = decoders.ByteLevel()


def readable(token: str) -> str:
    """The text of a token in GPT-2's spelling of bytes, with · for a space and ↵ for a line break.

    >>> readable("Ġthe")
    '·the'
    """
    return _SPELL.decode([token]).replace(" ", "·").replace("\n", "↵")


@dataclass(frozen=True, eq=False)
class History:
    """A trained byte-level BPE and the words that it was trained on.

    `merges` are the pairs in the order in which they were learnt and `words` counts the words of the training text,
    both in GPT-2's spelling of bytes; `tokenizer` is the library's, after all merges.
    """

    merges: list[tuple[str, str]]
    words: Counter[str] = field(repr=False)
    tokenizer: Tokenizer = field(repr=False)

    @cached_property
    def made_by(self) -> dict[str, int]:
        """The number of the merge that made each token (0 for the first); no two merges make the same token."""
        return {left + right: number for number, (left, right) in enumerate(self.merges)}

    def parts(self, token: str, merges: int) -> list[str]:
        """The token taken apart into what there was after the first `merges` merges.

        >>> learn_from("macbeth").parts("Ġthe", 0)
        ['Ġ', 't', 'h', 'e']
        """
        number = self.made_by.get(token, -1)
        if number < merges:
            return [token]
        return [part for half in self.merges[number] for part in self.parts(half, merges)]

    def cut(self, text: str, merges: int) -> list[str]:
        """The tokens of a text after the first `merges` merges, in GPT-2's spelling of bytes."""
        return [part for token in self.tokenizer.encode(text).tokens for part in self.parts(token, merges)]

    @cached_property
    def cuts(self) -> dict[str, list[str]]:
        """Each word of the training text as its tokens after all merges."""
        return {word: [token.value for token in self.tokenizer.model.tokenize(word)] for word in self.words}

    def pairs(self, merges: int) -> Counter[tuple[str, str]]:
        """How often each pair of tokens stands side by side in the training text after the first `merges` merges."""
        counts: Counter[tuple[str, str]] = Counter()
        for word, tokens in self.cuts.items():
            for pair in pairwise(part for token in tokens for part in self.parts(token, merges)):
                counts[pair] += self.words[word]
        return counts

    def births(self, token: str) -> list[int]:
        """The numbers of all merges that went into a token, its parts' included."""
        if token not in self.made_by:
            return []
        left, right = self.merges[self.made_by[token]]
        return [self.made_by[token], *self.births(left), *self.births(right)]

    @cached_property
    def work(self) -> dict[str, list[int]]:
        """Symbols that three trainers look at before each merge; all three learn the same merges.

        "whole text" counts all pairs of the text again, "different words" those of each different word again,
        "words with the pair" only those of the words that hold the pair which is merged.
        """
        steps = len(self.merges)
        start = sum(map(len, self.words))
        fewer = {"whole text": [0] * steps, "different words": [0] * steps}
        touched = [0] * steps
        for word, tokens in self.cuts.items():
            length = len(word)
            for number, times in sorted(Counter(n for token in tokens for n in self.births(token)).items()):
                touched[number] += length
                length -= times
                fewer["whole text"][number] += times * self.words[word]
                fewer["different words"][number] += times
        sizes = {"whole text": sum(len(word) * count for word, count in self.words.items()), "different words": start}
        work = {
            name: [size - gone for gone in accumulate(fewer[name], initial=0)][:steps] for name, size in sizes.items()
        }
        return work | {"words with the pair": [start + touched[0], *touched[1:]]}  # each word is read once at the start


def learn(texts: Iterable[str], vocabulary: int) -> History:
    """Train byte-level BPE on the texts, up to `vocabulary` tokens of which 256 are the bytes.

    A pair has to occur twice to be merged. Raises ValueError for a vocabulary below 256.

    >>> learn(["low lower lowest"], 258).merges
    [('l', 'o'), ('lo', 'w')]
    """
    if vocabulary < BYTES:
        raise ValueError(f"The {BYTES} bytes are tokens already: ask for a vocabulary of {BYTES} or more.")
    texts = list(texts)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = SPLIT, decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            min_frequency=2,
            initial_alphabet=SPLIT.alphabet(),
            show_progress=False,
        ),
    )
    merges = [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]
    words = Counter(word for text in texts for word, _ in SPLIT.pre_tokenize_str(text))
    return History(merges, words, tokenizer)


@cache
def learn_from(*titles: str, vocabulary: int = 1024) -> History:
    """What a trainer learns from what is spoken in these plays (in all 38 where none is named)."""
    return learn([plays.spoken(title) for title in titles or plays.titles()], vocabulary)
