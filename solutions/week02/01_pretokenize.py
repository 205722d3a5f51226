"""# Cut the text first

Byte-pair encoding joins what often stands side by side. Left to itself it would also join `dog` with the full stop after it,
and learn `dog.`, `dog!` and `dog?` as three words. GPT-2 forbids that: it cuts the text into pre-tokens first, and no token
ever reaches across a cut.

Read from left to right, the next pre-token is what the *first* of these rules that fits takes, as much of it as possible:

1. one of `'s` `'t` `'re` `'ve` `'m` `'ll` `'d`, small letters after a straight apostrophe;
2. letters of any script, and one space before them if there is one;
3. numerals of any script (`7`, `٣`, `²`, `Ⅳ`), and one space before them if there is one;
4. characters that are neither white space nor letters nor numerals, and one space before them if there is one;
5. white space, but not its last character if something else follows: that one is left for the word behind it;
6. white space.

Write the rules as one pattern of the package `regex` (`import regex`), which knows letters as `\\p{L}` and numerals as `\\p{N}`;
Python's own `re` does not. Nothing is lost: joined, the pre-tokens are the text. The library's pre-tokenizer is not an answer here.
"""

import itertools
import unicodedata

import regex
import torch
from tokenizers import pre_tokenizers

from grader import close, exercise


@exercise(
    points=1,
    twins=["pre_tokenize_str", "pre_tokenize", "ByteLevel", "get_encoding", "encoding_for_model"],
    hints=[
        "`regex.findall(pattern, text)` returns all that a pattern finds, from left to right. Rules become one pattern by `|`, and "
        "the first one that fits is taken: keep their order. A group that only gathers is written `(?:…)`, as `findall` returns "
        "what stands in `(…)` alone.",
        "“One space before them if there is one” is ` ?`, a space and a question mark. “Neither … nor …” is a class that is turned "
        "round: `[^\\s…]`, with `\\p{L}` and `\\p{N}` inside.",
        "Rule 5 looks ahead without taking: `(?!\\S)` holds where no other character than white space follows. `\\s+` in front of it "
        "takes as much as it can, then gives characters back until that holds.",
    ],
)
def pretokenize(text: str) -> list[str]:
    """Return the pre-tokens of `text`, in order, as GPT-2 cuts it; joined they are `text`.

    >>> pretokenize("I'll see 2 dogs!")
    ['I', "'ll", ' see', ' 2', ' dogs', '!']
    """
    return regex.findall(r"'(?:[smtd]|re|ve|ll)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)


def _library_cut(text):
    cut = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return [text[start:end] for _, (start, end) in cut.pre_tokenize_str(text)]


@pretokenize.check
def equals_the_library(pretokenize):
    """words keep the space before them, and numerals and signs stand apart, as GPT-2's tokenizer cuts them"""
    for text in (
        "Friends, Romans, countrymen, lend me your ears;",
        "In 1599 it cost 1d., or 2d. (seated).",
        "a+b == c2",
    ):
        close(pretokenize(text), _library_cut(text))


@pretokenize.check
def contractions(pretokenize):
    """'s, 't, 're, 've, 'm, 'll and 'd are cut off, in small letters and after a straight apostrophe"""
    for text in (
        "I'll, he'd, we're, you've: what's mine isn't, I'm sure",
        "'tis don'ts 'round",
        "IT'S WE'LL",
        "it’s 'quoted'",
    ):
        close(pretokenize(text), _library_cut(text))


@pretokenize.check
def white_space(pretokenize):
    """of more than one white space, the last is left for what follows; tabs and line ends are white space too"""
    for text in (
        "if x:\n    return  1\n\n",
        "so\r\nso \r\n",
        "a   b",
        "a\n\n\nb\t\tc \n",
        "   ",
        " \n",
        "end   ",
        "1  2   !",
    ):
        close(pretokenize(text), _library_cut(text))


@pretokenize.check
def any_script(pretokenize):
    """letters, numerals and white space of any script are what they are; a mark that stands on a letter is no letter"""
    for text in (
        "Zoë naïve straße",
        "今天 12月 5² (½) ٣٤%",
        "हिन्दी",
        "cafe\u0301 5\u212b",
        "a\u3000\u3000b\u00a0c \x1cd",
        "snake_case_1",
    ):
        close(pretokenize(text), _library_cut(text))


@pretokenize.check
def nothing_in_nothing_out(pretokenize):
    """the empty text has no pre-tokens; emoji and control characters are kept"""
    close(pretokenize(""), [])
    close(pretokenize("\x00\x07👩‍🚀🏳️‍🌈 ok"), _library_cut("\x00\x07👩‍🚀🏳️‍🌈 ok"))


_SCRAPS = [
    "Rome", "don't", "'s", "'LL", "’ve", "éàü", "Δelta", "слово", "漢字", "かな", "한글", "עברית", "العربية", "हिन्दी", "ไทย",
    "42", "1234567", "٤٢", "½", "Ⅷ", "3.14", "_", "--", "…", "“", "#!/", "->", "::", "👍🏽", "🇨🇭", "e\u0301", "\u200d", "\x00", "\x1f", "\x85",
    " ", " ", " ", "  ", "\n", "\t", "\r\n", "\u00a0", "\u2003", "\u3000",
]  # fmt: skip


@pretokenize.hidden
def equals_the_library_anywhere(pretokenize, rng):
    """words, numerals, signs, emoji and white space of many scripts, in any order, are cut as the library cuts them"""
    for length in (1, 2, 10, 100):
        text = "".join(_SCRAPS[i] for i in torch.randint(len(_SCRAPS), (length,), generator=rng).tolist())
        close(pretokenize(text), _library_cut(text))


@pretokenize.hidden
def any_character(pretokenize, rng):
    """whatever character of Unicode stands between spaces and letters, the text is cut as the library cuts it"""
    for planes in (0x80, 0x3000, 0x20000):
        numbers = torch.randint(planes, (200,), generator=rng).tolist()
        assigned = [chr(n) for n in numbers if unicodedata.category(chr(n)) not in ("Cn", "Cs")]
        text = "".join(c + " a1"[n % 4 : n % 4 + 1] for c, n in zip(assigned, numbers, strict=False))
        close(pretokenize(text), _library_cut(text))


@pretokenize.mutant(
    "You split at white space, and it is lost: joined, the pieces must give back the text. Find the pieces instead."
)
def split_at_white_space(text):
    return text.split()


@pretokenize.mutant(
    "You split at spaces, and they are lost: joined, the pieces must give back the text. A space belongs to the word behind it."
)
def split_at_spaces(text):
    return text.split(" ")


@pretokenize.mutant(
    "You strip the pieces, so spaces are lost. A space belongs to the word behind it: joined, the pieces give back the text."
)
def stripped(text):
    return [piece.strip() for piece in regex.findall(_GPT2, text)]


@pretokenize.mutant("Your pattern finds no white space that stands alone, so it is lost. Rules 5 and 6 keep it.")
def white_space_lost(text):
    return regex.findall(r"'(?:[smtd]|re|ve|ll)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+", text)


@pretokenize.mutant(
    "Your last rule is missing: one white space before a word that is no space, such as a line end, is lost."
)
def last_rule_missing(text):
    return regex.findall(r"'(?:[smtd]|re|ve|ll)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)", text)


@pretokenize.mutant(
    "Several spaces are taken as one piece, the last one too. It belongs to the word behind it: that is the rule with `(?!\\S)`."
)
def last_space_taken(text):
    return regex.findall(r"'(?:[smtd]|re|ve|ll)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+", text)


@pretokenize.mutant("You cut off every white space by itself. Several of them are one piece, but for the last.")
def white_space_one_by_one(text):
    return regex.findall(r"'(?:[smtd]|re|ve|ll)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s", text)


@pretokenize.mutant("Words take all spaces before them. They take one: the others are a piece of their own.")
def all_spaces_before_words(text):
    return regex.findall(r"'(?:[smtd]|re|ve|ll)| *\p{L}+| *\p{N}+| *[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)


@pretokenize.mutant("Words take a tab or a line end before them too. It is a space, and nothing else, that they take.")
def any_white_space_before_words(text):
    return regex.findall(r"'(?:[smtd]|re|ve|ll)|\s?\p{L}+|\s?\p{N}+|\s?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)


@pretokenize.mutant("The space goes with the word before it. It goes with the word behind it: ` ?` stands in front.")
def space_behind(text):
    return regex.findall(r"'(?:[smtd]|re|ve|ll)|\p{L}+ ?|\p{N}+ ?|[^\s\p{L}\p{N}]+ ?|\s+(?!\S)|\s+", text)


@pretokenize.mutant(
    "Spaces stand alone. The space before a word, a numeral or a sign belongs to it: ` ?` in front of each."
)
def space_alone(text):
    return regex.findall(r"'(?:[smtd]|re|ve|ll)|\p{L}+|\p{N}+|[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)


@pretokenize.mutant("Signs leave the space before them alone. They take it, as words do.")
def signs_without_space(text):
    return regex.findall(r"'(?:[smtd]|re|ve|ll)| ?\p{L}+| ?\p{N}+|[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)


@pretokenize.mutant("Each sign is a piece of its own. Signs side by side are one piece, as letters are: `+`.")
def signs_one_by_one(text):
    return regex.findall(r"'(?:[smtd]|re|ve|ll)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]|\s+(?!\S)|\s+", text)


@pretokenize.mutant(
    "`'ll` and the like are not cut off. Their rule comes first: behind the rule of signs, the apostrophe is gone before it is tried."
)
def no_contractions(text):
    return regex.findall(r" ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)


@pretokenize.mutant(
    "Your letters take the apostrophe along (`don't` in one piece). Letters are letters: `'t` is the first rule's."
)
def apostrophe_is_a_letter(text):
    return regex.findall(r" ?[\p{L}']+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)


@pretokenize.mutant(
    "`'LL` is cut off like `'ll`. GPT-2's rule knows small letters only (later models' patterns ignore the case)."
)
def case_ignored(text):
    return regex.findall(r"(?i:'(?:[smtd]|re|ve|ll))| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)


@pretokenize.mutant(
    "The curly apostrophe ’ counts as an apostrophe in your rule. GPT-2's knows the straight one (') only."
)
def curly_apostrophe(text):
    return regex.findall(r"['’](?:[smtd]|re|ve|ll)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)


@pretokenize.mutant("You cut off `'t` only where the word ends. The rule does not look on: `'tis` is `'t` and `is`.")
def contraction_at_the_end_of_a_word(text):
    return regex.findall(r"'(?:[smtd]|re|ve|ll)\b| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)


@pretokenize.mutant(
    "Your numerals are the digits 0 to 9. Those of other scripts, and ², ½ and Ⅳ, are numerals too: `\\p{N}`."
)
def digits_of_one_script(text):
    return regex.findall(r"'(?:[smtd]|re|ve|ll)| ?\p{L}+| ?[0-9]+| ?[^\s\p{L}0-9]+|\s+(?!\S)|\s+", text)


@pretokenize.mutant("`\\d` is decimal digits only: ², ½ and Ⅳ are numerals too, which `\\p{N}` knows.")
def decimal_digits(text):
    return regex.findall(r"'(?:[smtd]|re|ve|ll)| ?\p{L}+| ?\d+| ?[^\s\p{L}\d]+|\s+(?!\S)|\s+", text)


@pretokenize.mutant("Your letters are a to z. Those of all scripts are letters, é and 天 too: `\\p{L}`.")
def letters_of_english(text):
    return regex.findall(r"'(?:[smtd]|re|ve|ll)| ?[A-Za-z]+| ?\p{N}+| ?[^\sA-Za-z\p{N}]+|\s+(?!\S)|\s+", text)


@pretokenize.mutant(
    "`\\w` is letters, numerals and the underscore in one: `c2` and `snake_case` must be cut. Use `\\p{L}` and `\\p{N}`."
)
def word_characters(text):
    return regex.findall(r"'(?:[smtd]|re|ve|ll)| ?\w+| ?[^\s\w]+|\s+(?!\S)|\s+", text)


@pretokenize.mutant("Letters and numerals are one piece in your pattern: `c2` is two. Each has a rule of its own.")
def letters_with_numerals(text):
    return regex.findall(r"'(?:[smtd]|re|ve|ll)| ?[\p{L}\p{N}]+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)


@pretokenize.mutant(
    "Marks on letters (accents, vowel signs) count as letters in your pattern. GPT-2's cuts them off: `\\p{L}` alone."
)
def marks_are_letters(text):
    return regex.findall(r"'(?:[smtd]|re|ve|ll)| ?[\p{L}\p{M}]+| ?\p{N}+| ?[^\s\p{L}\p{M}\p{N}]+|\s+(?!\S)|\s+", text)


@pretokenize.mutant("Numerals are cut into threes, as GPT-4's pattern has it. GPT-2 takes all that stand side by side.")
def numerals_in_threes(text):
    return regex.findall(r"'(?:[smtd]|re|ve|ll)| ?\p{L}+| ?\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)


@pretokenize.mutant("Each numeral is a piece of its own. GPT-2 takes all that stand side by side: `+`.")
def numerals_one_by_one(text):
    return regex.findall(r"'(?:[smtd]|re|ve|ll)| ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)


@pretokenize.mutant(
    "Characters U+001C to U+001F are white space to `str.isspace` and to `re`, but not to Unicode, nor to `regex`'s `\\s`."
)
def separators_are_white_space(text):
    white = r"[\s\x1c-\x1f]"
    return regex.findall(
        rf"'(?:[smtd]|re|ve|ll)| ?\p{{L}}+| ?\p{{N}}+| ?[^\s\x1c-\x1f\p{{L}}\p{{N}}]+|{white}+(?![^\s\x1c-\x1f])|{white}+",
        text,
    )


@pretokenize.mutant(
    "With a group `(…)` in the pattern, `findall` returns what the group took, mostly nothing. Write `(?:…)`."
)
def capturing_group(text):
    return regex.findall(r"'([smtd]|re|ve|ll)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)


@pretokenize.mutant("You return matches. Return their texts: `findall` does, and so does `match.group()`.")
def matches(text):
    return list(regex.finditer(_GPT2, text))


@pretokenize.mutant(
    "Your function returns no list: without `return` it gives None, and an iterator can be read only once. Return a list."
)
def an_iterator(text):
    return (match.group() for match in regex.finditer(_GPT2, text))


@pretokenize.mutant(
    "Your pieces are spelled as in GPT-2's files (`Ġ` for a space). Here they are parts of the text itself."
)
def in_spelling(text):
    return [piece for piece, _ in pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text)]


@pretokenize.mutant("The text is made small first. Capitals are kept: GPT-2 has tokens of its own for them.")
def in_small_letters(text):
    return regex.findall(_GPT2, text.lower())


@pretokenize.mutant(
    "The text is normalised first (NFC and the like), which makes one letter of a letter and its mark. Cut it as it is."
)
def normalised(text):
    return regex.findall(_GPT2, unicodedata.normalize("NFC", text))


@pretokenize.mutant(
    "Line ends are made alike first (`splitlines`, `replace`): \\r\\n is two characters, and both are kept."
)
def line_ends_alike(text):
    return regex.findall(_GPT2, text.replace("\r\n", "\n"))


@pretokenize.mutant(
    "That is the pattern of GPT-4 (cl100k): numerals in threes, signs and tabs before letters. GPT-2's is the one described."
)
def of_gpt4(text):
    return regex.findall(
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
        text,
    )


@pretokenize.mutant(
    "In `re` no class is just the letters: `[^\\W\\d_]` holds ² and ½ as well. Use `regex` with `\\p{L}` and `\\p{N}`."
)
def letters_of_re(text):
    return regex.findall(r"'(?:[smtd]|re|ve|ll)| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+", text)


@pretokenize.mutant("White space at the ends of the text is stripped. It is text too: joined, the pieces give it back.")
def ends_stripped(text):
    return regex.findall(_GPT2, text.strip())


@pretokenize.mutant(
    "You add a space before the text, as some tokenizers do. Joined, the pieces must be the text as it was."
)
def prefix_space(text):
    return regex.findall(_GPT2, " " + text) if text else []


@pretokenize.mutant("You return single characters. A piece is as many letters as stand side by side: `+`.")
def characters_alone(text):
    return list(text)


@pretokenize.mutant(
    "Your function returns no list: without `return` it gives None, and an iterator can be read only once. Return a list."
)
def nothing_returned(text):
    regex.findall(_GPT2, text)


_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


@pretokenize.stand_in
def by_the_library(text):
    cut = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return [text[start:end] for _, (start, end) in cut.pre_tokenize_str(text)]


@pretokenize.variant
def match_by_match(text):
    pattern = regex.compile(r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s")
    pieces, place = [], 0
    while place < len(text):
        match = pattern.match(text, place)
        pieces.append(match[0])
        place = match.end()
    return pieces


def _kind(character):
    if character.isspace() and character not in "\x1c\x1d\x1e\x1f":
        return "space"
    letter = unicodedata.category(character)[0]
    return letter if letter in "LN" else "sign"


def _next_length(text):
    for ending in ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d"):
        if text.startswith(ending):
            return len(ending)
    start = 1 if text[0] == " " and len(text) > 1 and _kind(text[1]) != "space" else 0
    runs = [list(run) for _, run in itertools.groupby(text[start:], _kind)]
    if _kind(text[start]) == "space" and len(runs) > 1 and len(runs[0]) > 1:
        return len(runs[0]) - 1
    return start + len(runs[0])


@pretokenize.variant
def rule_by_rule(text):
    pieces = []
    while text:
        length = _next_length(text)
        pieces, text = [*pieces, text[:length]], text[length:]
    return pieces
