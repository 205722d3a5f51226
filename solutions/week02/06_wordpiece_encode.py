"""# WordPiece: encode a word

BERT's tokenizer needs no merges, only a vocabulary. It reads a word from the left and each time takes the *longest* piece that is in
the vocabulary. A piece that does not open the word is written with `##` before it, and must stand so in the vocabulary:

> `unaffable` → `un`, `##aff`, `##able`

`vocab` is a set of pieces or a dict with pieces as its keys: all that you need is `piece in vocab`. The rules to the end:

- A piece once taken stays taken, even where a shorter one would have led further. There is no way back.
- Where no piece fits, the *whole word* is unknown: the result is `["[UNK]"]`, and the pieces found so far are gone.
- An empty word has no pieces: `[]`. A word may be of any length, and it is matched as it is: capitals and accents count.

The tokenizers of `transformers` and `tokenizers` are not answers here.
"""

import unicodedata

import torch
from tokenizers import models

from grader import close, exercise, leaves_alone


@exercise(
    points=2,
    twins=[
        "WordPiece",
        "BertWordPieceTokenizer",
        "BertTokenizer",
        "BertTokenizerFast",
        "AutoTokenizer",
        "WordpieceTokenizer",
    ],
    hints=[
        "Keep one number: how many characters are already covered. From there, which end do you try first if the longest piece "
        "is to win, and which last?",
        "The text to look up is `word[start:end]`, with `##` before it unless `start` is 0. Let `end` go down from `len(word)` to "
        "`start + 1` and stop at the first piece that is in the vocabulary.",
        "If `end` came all the way down and nothing fitted, return `['[UNK]']` at once. Otherwise keep the piece, `##` included, "
        "set `start = end`, and go on while `start < len(word)`.",
    ],
)
def wordpiece_encode(word: str, vocab: dict[str, int] | set[str]) -> list[str]:
    """Return the pieces of `word`, longest match first; `["[UNK]"]` where it cannot be covered.

    >>> wordpiece_encode("unaffable", {"un", "##aff", "##able", "##a"})
    ['un', '##aff', '##able']
    """
    pieces, start = [], 0
    while start < len(word):
        prefix = "##" if start else ""
        ends = range(len(word), start, -1)
        end = next((end for end in ends if prefix + word[start:end] in vocab), None)
        if end is None:
            return ["[UNK]"]
        pieces.append(prefix + word[start:end])
        start = end
    return pieces


def piece_vocabulary():
    """A small vocabulary in BERT's spelling."""
    opening = "[UNK] a b able e er p pl play plays t to tok token u un"
    continuing = "a ab able aff ay e er ers f g i in ing iz ization ize k l le n o p s singer st y ying z"
    return set(opening.split()) | {f"##{piece}" for piece in continuing.split()}


@wordpiece_encode.check
def equals_bert(wordpiece_encode):
    """words come apart as in BERT: the longest piece first, `##` before every piece but the first"""
    for word, pieces in [
        ("unaffable", ["un", "##aff", "##able"]),
        ("play", ["play"]),
        ("players", ["play", "##ers"]),
        ("playing", ["play", "##ing"]),
        ("tokenization", ["token", "##ization"]),
        ("playsinger", ["plays", "##ing", "##er"]),
        ("tokens", ["token", "##s"]),
    ]:
        close(wordpiece_encode(word, piece_vocabulary()), pieces, what=f"what “{word}” gives")


@wordpiece_encode.check
def no_way_back(wordpiece_encode):
    """the longest piece is taken even where it leads nowhere and a shorter one would not"""
    close(
        wordpiece_encode("playst", piece_vocabulary()), ["[UNK]"], what="what “playst” gives (`plays`, then no `##t`)"
    )
    close(wordpiece_encode("plays", piece_vocabulary()), ["plays"], what="what “plays” gives")


@wordpiece_encode.check
def unknown_words(wordpiece_encode):
    """a word with any part that no piece covers is `["[UNK]"]`, whole and once"""
    for word in ("playful", "xplay", "play?play", "中文"):
        close(wordpiece_encode(word, piece_vocabulary()), ["[UNK]"], what=f"what “{word}” gives")


@wordpiece_encode.check
def opening_and_continuing(wordpiece_encode):
    """a piece without `##` opens a word and does nothing else; a piece with `##` never opens one"""
    for word, pieces in [
        ("untoken", ["[UNK]"]),
        ("ization", ["[UNK]"]),
        ("ableing", ["able", "##ing"]),
        ("s", ["[UNK]"]),
    ]:
        close(wordpiece_encode(word, piece_vocabulary()), pieces, what=f"what “{word}” gives")


@wordpiece_encode.check
def as_it_is(wordpiece_encode):
    """capitals and accents count, and so does every character of a long word"""
    close(wordpiece_encode("Play", piece_vocabulary()), ["[UNK]"], what="what “Play” gives")
    close(wordpiece_encode("pláy", piece_vocabulary()), ["[UNK]"], what="what “pláy” gives")
    close(wordpiece_encode(150 * "a", piece_vocabulary()), ["a"] + 149 * ["##a"], what="what 150 times “a” gives")


@wordpiece_encode.check
def empty_word(wordpiece_encode):
    """an empty word gives no pieces at all"""
    close(wordpiece_encode("", piece_vocabulary()), [], what="what an empty word gives")


@wordpiece_encode.check
def leaves_its_vocabulary_alone(wordpiece_encode):
    """the vocabulary may be a dict, and is left as it was"""
    ids = {piece: i for i, piece in enumerate(sorted(piece_vocabulary()))}
    for word, pieces in [("unable", ["un", "##able"]), ("playful", ["[UNK]"])]:
        close(leaves_alone(wordpiece_encode, word, ids), pieces, what=f"what “{word}” gives")


def _oracle(word, vocab):
    """What Hugging Face's WordPiece model gives, with no limit on a word's length."""
    ids = {piece: i for i, piece in enumerate(sorted(set(vocab) | {"[UNK]"}))}
    model = models.WordPiece(vocab=ids, unk_token="[UNK]", max_input_chars_per_word=1_000_000)
    return [token.value for token in model.tokenize(word)] if word else []


def _text(letters, length, rng):
    return "".join(letters[i] for i in torch.randint(len(letters), (length,), generator=rng).tolist())


def _drawn(letters, rng):
    """A vocabulary of drawn pieces, each letter among them but for a few."""
    pieces = {_text(letters, 1 + i % 4, rng) for i in range(25)}
    pieces |= {"##" + _text(letters, 1 + i % 4, rng) for i in range(40)}
    return pieces | {"[UNK]"} | {f"##{letter}" for letter in letters[1:]}


@wordpiece_encode.hidden
def equals_bert_anywhere(wordpiece_encode, rng):
    """words and vocabularies of any letters, with a letter unknown or without, give what Hugging Face's WordPiece gives"""
    for letters in ("abc", "xyz€", "日本語", "🙂é́n"):
        vocab = _drawn(letters, rng)
        for length in range(1, 12):
            word = _text(letters + "?" * (length % 2), length, rng)
            close(wordpiece_encode(word, vocab), _oracle(word, vocab), what="what a word gives")


@wordpiece_encode.hidden
def long_words_anywhere(wordpiece_encode, rng):
    """long words give what Hugging Face's WordPiece gives, whether the vocabulary is a set or a dict"""
    vocab = _drawn("ab", rng) | {"a", "b"}
    for length in (101, 300):
        word = _text("ab", length, rng)
        ids = {piece: i for i, piece in enumerate(sorted(vocab))}
        for form in (vocab, ids):
            close(leaves_alone(wordpiece_encode, word, form), _oracle(word, vocab), what="what a long word gives")


def _match(word, vocab, shortest=False, mark="##", first="", longest=None):
    """Longest match first, with one habit changed."""
    pieces, start = [], 0
    while start < len(word):
        prefix = mark if start else first
        ends = range(min(len(word), start + (longest or len(word))), start, -1)
        end = next((e for e in (reversed(ends) if shortest else ends) if prefix + word[start:e] in vocab), None)
        if end is None:
            return ["[UNK]"]
        pieces.append(prefix + word[start:end])
        start = end
    return pieces


def _covers(word, vocab, start=0):
    """All ways to cover a word, longer pieces first."""
    if start == len(word):
        yield []
    for end in range(len(word), start, -1):
        piece = ("##" if start else "") + word[start:end]
        if piece in vocab:
            for rest in _covers(word, vocab, end):
                yield [piece, *rest]


@wordpiece_encode.mutant(
    "You take the shortest piece that fits. The longest wins: let `end` come down from the word's end."
)
def shortest_first(word, vocab):
    return _match(word, vocab, shortest=True)


@wordpiece_encode.mutant("A piece that does not open the word is looked up with `##` before it; yours never has it.")
def never_marked(word, vocab):
    return _match(word, vocab, mark="")


@wordpiece_encode.mutant(
    "You look pieces up with their `##` but return them without: keep the piece as the vocabulary spells it."
)
def marks_lost(word, vocab):
    return [piece.removeprefix("##") for piece in _match(word, vocab)]


@wordpiece_encode.mutant(
    "You look pieces up as they stand in the word and write `##` before them afterwards. With its `##` a piece must be in the vocabulary."
)
def marked_afterwards(word, vocab):
    pieces = _match(word, vocab, mark="")
    return pieces if pieces == ["[UNK]"] else pieces[:1] + ["##" + piece for piece in pieces[1:]]


@wordpiece_encode.mutant("You put `##` before every piece; the first of a word has none.")
def always_marked(word, vocab):
    return _match(word, vocab, first="##")


@wordpiece_encode.mutant(
    "The first piece is looked up with `##` where it does not fit without. Only a piece without `##` opens a word."
)
def first_marked_in_need(word, vocab):
    pieces = _match(word, vocab)
    return _match(word, vocab, first="##") if pieces == ["[UNK]"] else pieces


@wordpiece_encode.mutant(
    "Where no piece with `##` fits, you take one without. Such a piece opens a word: inside, only `##` pieces count."
)
def opening_pieces_inside(word, vocab):
    pieces, start = [], 0
    while start < len(word):
        found = None
        for end in range(len(word), start, -1):
            found = found or next(
                (m + word[start:end] for m in (["##", ""] if start else [""]) if m + word[start:end] in vocab), None
            )
        if found is None:
            return ["[UNK]"]
        pieces.append(found)
        start += len(found.removeprefix("##"))
    return pieces


@wordpiece_encode.mutant(
    "You go back and try a shorter piece where the longest leads nowhere. WordPiece does not: the word is `[UNK]` then."
)
def goes_back(word, vocab):
    return next(_covers(word, vocab), ["[UNK]"])


@wordpiece_encode.mutant(
    "You look for the fewest pieces. WordPiece takes the longest at each step, whatever comes of it."
)
def fewest_pieces(word, vocab):
    if len(word) > 30:
        return _match(word, vocab)
    return min(_covers(word, vocab), key=len, default=["[UNK]"])


@wordpiece_encode.mutant("You match from the end of the word. Begin at its first character.")
def from_the_end(word, vocab):
    pieces, end = [], len(word)
    while end:
        found = next((s for s in range(end) if ("##" if s else "") + word[s:end] in vocab), None)
        if found is None:
            return ["[UNK]"]
        pieces.insert(0, ("##" if found else "") + word[found:end])
        end = found
    return pieces


@wordpiece_encode.mutant(
    "The pieces found before the gap are still in your result. One gap makes the whole word `['[UNK]']`."
)
def pieces_before_the_gap(word, vocab):
    pieces = _match(word, vocab)
    start = next(n for n in range(len(word), -1, -1) if _match(word[:n], vocab) != ["[UNK]"])
    return pieces if start == len(word) else [*_match(word[:start], vocab), "[UNK]"]


@wordpiece_encode.mutant("You return the pieces found before the gap. One gap makes the whole word `['[UNK]']`.")
def stops_at_the_gap(word, vocab):
    start = next(n for n in range(len(word), -1, -1) if _match(word[:n], vocab) != ["[UNK]"])
    return _match(word[:start], vocab)


@wordpiece_encode.mutant(
    "You write `[UNK]` for each character that does not fit and go on. The whole word is one `[UNK]`."
)
def unknown_by_character(word, vocab):
    pieces, start = [], 0
    while start < len(word):
        prefix = "##" if start else ""
        end = next((e for e in range(len(word), start, -1) if prefix + word[start:e] in vocab), None)
        pieces.append("[UNK]" if end is None else prefix + word[start:end])
        start = end or start + 1
    return pieces


@wordpiece_encode.mutant("You leave out what does not fit and go on. One gap makes the whole word `['[UNK]']`.")
def gaps_left_out(word, vocab):
    return [piece for piece in unknown_by_character(word, vocab) if piece != "[UNK]"]


@wordpiece_encode.mutant("A word that cannot be covered gives `[]` in your answer: it should be `['[UNK]']`.")
def nothing_for_unknown(word, vocab):
    pieces = _match(word, vocab)
    return [] if pieces == ["[UNK]"] else pieces


@wordpiece_encode.mutant(
    "A word that cannot be covered gives the word itself in your answer: it should be `['[UNK]']`."
)
def the_word_for_unknown(word, vocab):
    pieces = _match(word, vocab)
    return [word] if pieces == ["[UNK]"] else pieces


@wordpiece_encode.mutant("You return the text `[UNK]`; the result is a list, with that text in it.")
def unknown_as_text(word, vocab):
    pieces = _match(word, vocab)
    return "[UNK]" if pieces == ["[UNK]"] else pieces


@wordpiece_encode.mutant("You raise an error for a word that cannot be covered. The result is `['[UNK]']` then.")
def raises_for_unknown(word, vocab):
    pieces = _match(word, vocab)
    if pieces == ["[UNK]"]:
        raise ValueError(f"no piece fits {word}")
    return pieces


@wordpiece_encode.mutant("An empty word gives `['']` in your answer. It has no pieces: `[]`.")
def a_piece_of_nothing(word, vocab):
    return _match(word, vocab) or [""]


@wordpiece_encode.mutant("An empty word is unknown in your answer. It has no pieces: `[]`.")
def nothing_is_unknown(word, vocab):
    return _match(word, vocab) or ["[UNK]"]


@wordpiece_encode.mutant(
    "You turn the word to lower case. BERT's models may do that before; here it is matched as it is."
)
def lower_case(word, vocab):
    return _match(word.lower(), vocab)


@wordpiece_encode.mutant(
    "You take accents away. BERT's uncased models do that before; here the word is matched as it is."
)
def without_accents(word, vocab):
    letters = unicodedata.normalize("NFD", word)
    return _match("".join(c for c in letters if unicodedata.category(c) != "Mn"), vocab)


@wordpiece_encode.mutant(
    "Words of more than 100 characters are unknown in your answer, as in BERT's code. Here there is no limit."
)
def at_most_100_characters(word, vocab):
    return ["[UNK]"] if len(word) > 100 else _match(word, vocab)


@wordpiece_encode.mutant(
    "The last character is never part of a longer piece: `word[start:end]` stops before `end`, so begin at `len(word)`."
)
def last_character_alone(word, vocab):
    pieces, start = [], 0
    while start < len(word):
        prefix = "##" if start else ""
        ends = range(max(len(word) - 1, start + 1), start, -1)
        end = next((e for e in ends if prefix + word[start:e] in vocab), None)
        if end is None:
            return ["[UNK]"]
        pieces.append(prefix + word[start:end])
        start = end
    return pieces


@wordpiece_encode.mutant("A piece of a single character is never tried: let `end` go down to `start + 1`.")
def no_single_characters(word, vocab):
    pieces, start = [], 0
    while start < len(word):
        prefix = "##" if start else ""
        end = next((e for e in range(len(word), start + 1, -1) if prefix + word[start:e] in vocab), None)
        if end is None:
            return ["[UNK]"]
        pieces.append(prefix + word[start:end])
        start = end
    return pieces


@wordpiece_encode.mutant("You return ids. The pieces themselves are asked for.")
def ids_instead(word, vocab):
    ids = vocab if isinstance(vocab, dict) else {piece: i for i, piece in enumerate(sorted(vocab))}
    return [ids[piece] for piece in _match(word, vocab)]


@wordpiece_encode.mutant("The pieces are joined into one text. Return them as a list.")
def joined(word, vocab):
    return " ".join(_match(word, vocab))


@wordpiece_encode.mutant(
    "You change the caller's vocabulary. Others still need it: look pieces up, and add and remove nothing."
)
def changes_the_vocabulary(word, vocab):
    pieces = _match(word, vocab)
    (vocab.update if isinstance(vocab, set) else vocab.setdefault)(
        *(["[CLS]"],) if isinstance(vocab, set) else ("[CLS]", 0)
    )
    return pieces


@wordpiece_encode.mutant("You treat the vocabulary as a dict. It may be a set: ask `piece in vocab` and no more.")
def only_dicts(word, vocab):
    vocab.keys()
    return _match(word, vocab)


@wordpiece_encode.mutant("You treat the vocabulary as a set. It may be a dict: ask `piece in vocab` and no more.")
def only_sets(word, vocab):
    return _match(word, vocab | set())


@wordpiece_encode.mutant(
    "Your function returns nothing (None). End it with `return` and the list; `print` shows it only."
)
def nothing_returned(word, vocab):
    _match(word, vocab)


@wordpiece_encode.stand_in
def by_the_library(word, vocab):
    ids = {piece: i for i, piece in enumerate(dict.fromkeys([*vocab, "[UNK]"]))}
    model = models.WordPiece(vocab=ids, unk_token="[UNK]", max_input_chars_per_word=1_000_000)
    return [token.value for token in model.tokenize(word)] if word else []


@wordpiece_encode.variant
def by_calling_itself(word, vocab, opened=False):
    if not word:
        return []
    for end in range(len(word), 0, -1):
        piece = ("##" if opened else "") + word[:end]
        if piece in vocab:
            rest = by_calling_itself(word[end:], vocab, True)
            return ["[UNK]"] if rest == ["[UNK]"] else [piece, *rest]
    return ["[UNK]"]


@wordpiece_encode.variant
def by_a_trie(word, vocab):
    root = {}
    for piece in vocab:
        node = root
        for character in piece:
            node = node.setdefault(character, {})
        node[""] = piece
    pieces, start = [], 0
    while start < len(word):
        node, found, end = root if start == 0 else root.get("#", {}).get("#", {}), None, start
        for place in range(start, len(word)):
            node = node.get(word[place])
            if node is None:
                break
            if "" in node:
                found, end = node[""], place + 1
        if found is None:
            return ["[UNK]"]
        pieces.append(found)
        start = end
    return pieces


@wordpiece_encode.variant
def by_length_of_pieces(word, vocab):
    by_length = sorted(vocab, key=len, reverse=True)
    rest, result = word, []
    while rest:
        for piece in by_length:
            text = piece[2:] if result and piece.startswith("##") else "" if result else piece
            if text and rest.startswith(text):
                result.append(piece)
                rest = rest[len(text) :]
                break
        else:
            return ["[UNK]"]
    return result
