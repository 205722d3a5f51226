# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Why subwords
#
# *Week 2, lesson 1 of 5*
#
# **You will be able to**
# - weigh characters, bytes, words and pieces of words against each other, in numbers;
# - read how GPT-2, GPT-4, GPT-4o, Qwen and DeepSeek cut a text, and say why they differ;
# - compute what a text costs, in tokens, in money and in room, in English, Chinese, code and numbers;
# - explain unknown words, glitch tokens, and why a model may be unable to count letters.
#
# **Time** about 45 minutes. **You need first** *From text to numbers* (week 1): tokens, ids, embeddings.
#
# In week 1 you used a tokenizer that others had made. This week you build one. Before you do, this lesson asks what a
# good one is, and looks at five that the world runs on. They are the real files, read from packages on your machine.
#
# Run each cell with Shift+Enter. Where you see **Before you run**, say your answer aloud first.

# %% [markdown]
# ## 1. The question: how large is a piece?
#
# A model sees ids. Something must cut the text into pieces and give each piece an id. Small pieces or large ones?
# Here is a text of six words. Cut it three ways, by hand.
#
# **Before you run:** for letters (a space counts), for words, and for the pieces `low`, `new`, `er`, `est`: how many
# tokens has the text, and how many *different* ones?

# %%
text = "low lower lowest new newer newest"
cuts = {
    "letters": list(text),
    "words": text.split(),
    "pieces": ["low", "low", "er", "low", "est", "new", "new", "er", "new", "est"],
}
for name, tokens in cuts.items():
    print(f"{name:8} {len(tokens):3} tokens, {len(set(tokens)):2} different: {tokens[:9]}")

# %% [markdown]
# Pieces need the smallest table of ids and are nearly as short as words. And they say something that words hide: that
# *lower* and *newer* share an ending.
#
# Now a new word arrives.
#
# **Before you run:** which of the three cuts can write *lownewest*? Which can write *slower*? Which can write *newish*?

# %%
for word in ["lownewest", "slower", "newish"]:
    letters = set(word) <= set(cuts["letters"])
    print(f"{word:10} letters: {letters!s:6} words: {word in cuts['words']}")

# %% [markdown]
# The pieces can write *lownewest* (`low`, `new`, `est`), and not the other two: they have no `s` and no `ish`. Letters
# do better, yet even they fail on *newish*, because no `i` and no `h` was ever seen. So there are three things to
# measure for every way of cutting:
#
# 1. **length**: how many tokens a text becomes;
# 2. **size**: how many different tokens the model must know;
# 3. **holes**: what cannot be written at all.

# %% [markdown]
# ## 2. Words have holes
#
# Take a vocabulary of words from 37 plays, most frequent first, and open the 38th, *Macbeth*.
#
# **Before you run:** you keep the 1,000 most frequent words. What share of Macbeth's words is then unknown? And with
# 10,000?

# %%
import re
from collections import Counter

from course import plays


def words(text: str) -> list[str]:
    """Lower-case words."""
    return re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower())


seen = Counter(word for title in plays.titles() if title != "macbeth" for word in words(plays.spoken(title)))
macbeth = words(plays.spoken("macbeth"))
ranked = [word for word, _ in seen.most_common()]
sizes = [100, 300, 1_000, 3_000, 10_000, len(ranked)]
unknown = []
for size in sizes:
    known = set(ranked[:size])
    unknown.append(sum(word not in known for word in macbeth) / len(macbeth))
    print(f"{size:6,} words known: {unknown[-1]:6.1%} of Macbeth unknown")

# %%
from matplotlib import pyplot

from course import plots

figure, axes = pyplot.subplots()
axes.semilogx(sizes, [100 * share for share in unknown], "o-", color=plots.BLUE)
axes.set(xlabel="words in the vocabulary", ylabel="words of Macbeth unknown (%)", ylim=(0, None))
axes.set_title("Ten times the words buy less each time, and never all")
plots.show(
    figure,
    alt="Share of Macbeth's words that a vocabulary does not know, against the size of the vocabulary on a logarithmic "
    "axis. It falls from almost half at 100 words to a few per cent at 10,000 words and does not reach zero.",
)

# %% [markdown]
# A word model gives every unknown word the same id, `[UNK]`. What it cannot see it cannot use, and it cannot write it
# either. This happens in real systems. BERT's tokenizer (week 1) falls back to letters, but only to those it knows.
#
# **Before you run:** which of these six will be `[UNK]`?

# %%
from course import encoder

bert = encoder.load().tokenizer
bert.tokenize("the Zürich 1234567 書 館 🙂")

# %% [markdown]
# *Zürich* lost its accent and its capital: this tokenizer writes all in lower case and drops accents. One of the two
# Chinese characters is known, the other one and the emoji are not. Two different texts that become the same ids are the
# same text for the model, for good.
#
# Words have a second problem: not every script puts spaces between them.
#
# **Before you run:** into how many "words" does `split` cut two Chinese sentences?

# %%
from course import samples

chinese = samples.MESSAGE["Chinese"]
print(chinese)
print(len(chinese), "characters,", len(chinese.split()), "word by split()")

# %% [markdown]
# ## 3. Characters, then bytes: no holes, at a price
#
# One id for each character of Unicode would do. How many are there? Python knows.
#
# **Before you run:** guess the number of characters to which Unicode has given a meaning: 5,000? 30,000? more?

# %%
import unicodedata

assigned = sum(unicodedata.category(chr(code)) not in ("Cn", "Co", "Cs") for code in range(0x110000))
print("more than 140,000:", assigned > 140_000)

# %% [markdown]
# (The exact number depends on your Python, since Unicode grows every year. That is a hole of its own: a character
# added tomorrow has no id today.)
#
# Most of them are rare. Computers store them in one to four **bytes** with the code UTF-8. A byte has 256 values.
#
# **Before you run:** how many bytes has each of `e`, `é`, `你`, `🙂`?

# %%
for character in "eé你🙂":
    print(character, list(character.encode()))

# %% [markdown]
# 256 ids, and nothing in the world is unknown: no language, no emoji, no broken file. That is the floor on which all
# modern vocabularies stand. Why not stop here? Because of length. Take all of *Hamlet* in different units, and recall
# from week 1 that attention compares every token with every other.
#
# **Before you run:** bytes make the text some 3.5 times longer than GPT-2's tokens. How many times more comparisons?

# %%
from course import vocabularies

gpt2 = vocabularies.load("gpt2")
hamlet = plays.spoken("hamlet")
lengths = {
    "bytes": len(hamlet.encode()),
    "characters": len(hamlet),
    "GPT-2 tokens": len(gpt2.encode(hamlet)),
    "words and marks": len(re.findall(r"\w+(?:'\w+)?|[^\w\s]", hamlet)),
}
for name, length in lengths.items():
    ratio = length / lengths["GPT-2 tokens"]
    room = 1024 / length
    print(f"{name:16} {length:8,}   comparisons x {ratio**2:4.1f}   1,024 of them hold {room:.1%} of the play")

# %% [markdown]
# GPT-2 had room for 1,024 tokens ([Radford et al., 2019](https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf)),
# its **context window**. In bytes that window is a third as wide, and filling it takes as much work.
#
# So: large pieces for what is frequent, bytes for the rest. These are **subwords**. Sennrich, Haddow and Birch brought
# them to neural models in 2016, for translation; since GPT-2 the letters at the bottom are bytes. How the pieces are
# chosen is the next lesson. First, look at the result.

# %% [markdown]
# ## 4. Pieces in the wild
#
# GPT-2's vocabulary holds 256 bytes, 50,000 pieces that were frequent in its training text, and one special token.
#
# **Before you run:** which of these stay whole: *question*, *unfriendliness*, *incarnadine*, *1234567*, *書*?

# %%
for word in ["question", " question", "Question", "QUESTION", " unfriendliness", " incarnadine", "1234567", "書"]:
    print(f"{word!r:18}", list(zip(gpt2.encode(word), gpt2.pieces(word), strict=True)))

# %% [markdown]
# Four things to notice, which hold for all five vocabularies of this lesson.
#
# - **The space belongs to the word after it.** `question` and ` question` are two tokens with two ids.
# - **Case is part of the piece.** The model must learn by itself that `Question` and `question` mean the same.
# - **Cuts follow frequency, not grammar**: `unf|riend|liness`.
# - **Below the letters are bytes.** `書` is rare in GPT-2's text, so it comes as pieces of its three bytes. None of
#   these tokens is a character. A model that stops between them has written half a character.
#
# Nothing is lost, whatever you type:

# %%
strange = "naïve 書館 🙂\n\t\x00 <|endoftext|>"
ids = gpt2.encode(strange)
print(len(ids), "tokens;", "came back whole:", gpt2.decode(ids) == strange)
print("the first half of a character:", gpt2.decode(gpt2.encode("書")[:1]))

# %% [markdown]
# `�` is what decoders write for bytes that are no character. You have perhaps seen it flash by while a chatbot streams
# Chinese or emoji: a token had arrived, the rest of its character had not.
#
# **Try it:** put your own name into `strange`, then your name in another script.

# %% [markdown]
# ### Five vocabularies
#
# | name here | used by | file |
# |---|---|---|
# | `gpt2` | GPT-2, GPT-3 | published with GPT-2 |
# | `cl100k` | GPT-3.5, GPT-4 | tiktoken's `cl100k_base` |
# | `qwen` | Qwen | published with Qwen |
# | `o200k` | GPT-4o and later | tiktoken's `o200k_base` |
# | `deepseek` | DeepSeek-V3 and V4 | published with DeepSeek |

# %%
five = [vocabularies.load(name) for name in vocabularies.names()]
for vocabulary in five:
    print(f"{vocabulary.year}  {vocabulary.name:9} {vocabulary.size:8,} ids   {vocabulary.family}")

# %% [markdown]
# **Before you run:** the sentence below has a rare word and a number. Will the oldest and smallest vocabulary need the
# most tokens for it? Where will the number be cut? (In the picture `·` is a space.)

# %%
from course import tokenizer_playground as playground

sentence = "The librarian's antidisestablishmentarianism was unbelievable: 12345 books!"
figure, alt = playground.picture(sentence, vocabularies.names(), "Five vocabularies cut English almost alike")
plots.show(figure, alt=alt)

# %% [markdown]
# On English four times the vocabulary buys little. Look at the number, though: GPT-2 has ` 123` and `45`, Qwen cuts
# every digit apart, the others make groups of three from the left. Someone *decided* that. We come to it in section 6.

# %% [markdown]
# ## 5. What it costs in other languages
#
# Here is one short message, written seven times: a library says when it opens.

# %%
for language, message in samples.MESSAGE.items():
    print(f"{language:8} {len(message):4} characters {len(message.encode()):4} bytes   {message[:34]} ...")

# %% [markdown]
# **Before you run:** Chinese needs the fewest characters. Will it need the fewest tokens? And which language is the
# most expensive in GPT-2?

# %%
import numpy as np

languages = list(samples.MESSAGE)
tokens = np.array([[len(v.encode(samples.MESSAGE[language])) for v in five] for language in languages])
premium = tokens / tokens[languages.index("English")]

figure, axes = pyplot.subplots(figsize=(7.5, 4.2))
names = [vocabulary.name for vocabulary in five]
image = plots.heatmap(axes, premium, languages, names, numbers=".1f", limit=5)
axes.tick_params(axis="x", rotation=0)
axes.set_title("The same message: tokens, as multiples of English")
figure.colorbar(image, ax=axes, label="tokens / tokens in English")
lowest, highest = premium[1:, 0].min(), premium[1:, 0].max()
plots.show(
    figure,
    alt=f"Table of seven languages by five vocabularies: tokens for the same message, divided by those for English. In "
    f"GPT-2 the other languages need {lowest:.1f} to {highest:.1f} times as many tokens; in o200k all are near one.",
)

# %%
print("tokens in English:", dict(zip(names, tokens[languages.index("English")].tolist(), strict=True)))
print("tokens in Hindi:  ", dict(zip(names, tokens[languages.index("Hindi")].tolist(), strict=True)))

# %% [markdown]
# Read a column from top to bottom: in GPT-2 the same message costs a Hindi speaker many times what it costs in English,
# in money and in room and in waiting time. Read the rows from left to right: English did not change at all, and
# every other language fell, most of all in the vocabularies that were made with it in mind.
#
# One paragraph proves little. Two studies counted over whole translated corpora and found the same: for some
# languages up to 15 times as many tokens ([Petrov et al., 2023](https://arxiv.org/abs/2305.15425); [Ahia et al.,
# 2023](https://arxiv.org/abs/2305.13707)).
#
# ### How the vocabularies grew
#
# What are the new ids for? Sort every token of every vocabulary by the script of its first letter.
#
# **Before you run:** GPT-2 has 50,000 pieces. How many contain a Chinese character: 5,000? 500? 50?

# %%
SCRIPTS = {"LATIN": "Latin", "CJK": "Chinese", "CYRILLIC": "Cyrillic", "ARABIC": "Arabic", "DEVANAGARI": "Devanagari"}


def script(token: bytes) -> str:
    """The script of the token's first letter; "no letter" for digits, marks and parts of characters."""
    for character in token.decode(errors="ignore"):
        if character.isalpha():
            name = unicodedata.name(character, "?").split()[0].split("-")[0]
            return SCRIPTS.get(name, "other scripts")
    return "no letter"


kinds = [*SCRIPTS.values(), "other scripts", "no letter"]
census = [Counter(map(script, vocabulary.tokens.values())) for vocabulary in five]
print(f"{'':13}", *(f"{name:>9}" for name in names))
for kind in kinds:
    print(f"{kind:13}", *(f"{found[kind]:9,}" for found in census))

# %%
figure, axes = pyplot.subplots(figsize=(8.5, 3.9))
bottom = np.zeros(len(five))
fills = [plots.BLUE, plots.ORANGE, plots.GREEN, plots.PURPLE, plots.SKY, plots.YELLOW, "#b9c0c7"]
hatches = ["", "//", "", "..", "", "\\\\", ""]
for kind, colour, hatch in zip(kinds, fills, hatches, strict=True):
    heights = np.array([found[kind] for found in census]) / 1000
    axes.bar(names, heights, bottom=bottom, color=colour, hatch=hatch, edgecolor=plots.PAPER, label=kind)
    bottom += heights
axes.set(ylabel="tokens (thousands)")
axes.set_title("New ids went to other scripts, each maker to its own readers")
handles, labels = axes.get_legend_handles_labels()
axes.legend(handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1, 0.5))
plots.show(
    figure,
    alt="Stacked bars: tokens of each vocabulary by script. GPT-2 and cl100k are almost all Latin. Qwen and DeepSeek "
    "add a large Chinese part, o200k adds Cyrillic, Arabic, Devanagari and many other scripts.",
)

# %% [markdown]
# A few dozen. GPT-2's pieces were counted on web pages from which other languages than English had been removed. A
# vocabulary is a statistic of a corpus. Qwen and DeepSeek counted on text with much Chinese, OpenAI's o200k on many
# languages.
#
# Qwen's authors started from `cl100k` and added to it
# ([Bai et al., 2023](https://arxiv.org/abs/2309.16609)). You can see it.
#
# **Before you run:** how many tokens does *Hamlet* have in each of the two?

# %%
for vocabulary in five[1:3]:
    print(f"{vocabulary.name:9} {len(vocabulary.encode(hamlet)):,} tokens")
left_out = set(five[1].tokens.values()) - set(five[2].tokens.values())
print(f"{len(left_out):,} of cl100k's tokens are not in Qwen's vocabulary;", end=" ")
print(f"{sum(token.isdigit() for token in left_out):,} of these are digits")

# %% [markdown]
# What Qwen left out are the tokens of two and three digits, on purpose: section 6. Its other tokens moved up to
# close the gap.
#
# **Try it:** compare `five[1].encode(" librarian")` with `five[2].encode(" librarian")`, and subtract.

# %% [markdown]
# ## 6. Code and numbers
#
# **Before you run:** GPT-2 spends far more on Python code than cl100k does. On which characters?

# %%
code = samples.CODE
for vocabulary in five:
    spaces = sum(piece.strip(b" ") == b"" for piece in vocabulary.pieces(code))
    print(f"{vocabulary.name:9} {len(vocabulary.encode(code)):3} tokens, of which {spaces} are nothing but spaces")

# %%
line = "            yield title, days"
figure, alt = playground.picture(line, ["gpt2", "cl100k"], "GPT-2 pays for every space of an indentation")
plots.show(figure, alt=alt)

# %% [markdown]
# GPT-2 has one token of spaces, a single one. The later four have tokens for runs of spaces:

# %%
for vocabulary in five:
    runs = [len(token) for token in vocabulary.tokens.values() if token.strip(b" ") == b""]
    print(f"{vocabulary.name:9} {len(runs):2} tokens of spaces alone, the longest has {max(runs)}")

# %% [markdown]
# ### Numbers
#
# GPT-2 treats digits like letters: what was frequent stays whole. Look at all four-digit numbers. A dark cell is one
# token.
#
# **Before you run:** which four-digit numbers are frequent on the web?

# %%
whole = np.array([[len(gpt2.encode(f" {100 * row + column}")) == 1 for column in range(100)] for row in range(10, 100)])
figure, axes = pyplot.subplots(figsize=(8.5, 4.3))
axes.imshow(whole, cmap="Blues", aspect="auto", extent=(-0.5, 99.5, 99.5, 9.5), interpolation="nearest")
axes.grid(False)
axes.set(xlabel="last two digits", ylabel="first two digits")
axes.annotate("the years 1900 to 2020", (22, 20.4), (40, 30), arrowprops={"arrowstyle": "->", "color": plots.INK})
axes.annotate("round numbers", (0.6, 50), (12, 55), arrowprops={"arrowstyle": "->", "color": plots.INK})
axes.set_title(f"GPT-2 keeps {whole.sum()} of 9,000 four-digit numbers whole: years")
plots.show(
    figure,
    alt="Map of the numbers 1000 to 9999, rows by the first two digits, columns by the last two. Dark cells are single "
    "tokens of GPT-2. The rows 19 and 20 and part of 18 are dark: years; so is the column 00: round numbers.",
)

# %% [markdown]
# So for GPT-2 1999 is a name like *Rome*, and 1997 + 1 is a fact to be learnt by heart. The next table shows how each
# vocabulary cuts neighbours.

# %%
for number in ["999", "1000", "1999", "9999", "10000", "1234567", "3.14159"]:
    cuts = [" ".join(piece.decode() for piece in vocabulary.pieces(number)) for vocabulary in five]
    print(f"{number:9}", *(f"{name}: {cut:14}" for name, cut in zip(names, cuts, strict=True)))

# %% [markdown]
# Qwen's single digits are the longest and the most regular: the last digit is always the ones. Groups of three from
# the left move when a number gets one digit longer: `999|9` and `100|00`. Models do better at sums when the groups are
# counted from the right ([Singh and Strouse, 2024](https://arxiv.org/abs/2402.14903)). The next lesson returns to
# arithmetic.

# %% [markdown]
# ## 7. The playground
#
# Type, and see your text in the tokens of all five. Hover over a token to see its id and its bytes, or tick *Show ids*.
# `·` is a space and `⏎` the end of a line; a dashed frame holds a part of a character, written as bytes. The colours
# tell neighbours apart, no more.
#
# **Try it**
# 1. Your own name, with and without a space before it, and in capitals.
# 2. A sentence in your first language. What is its price in GPT-2, what in o200k?
# 3. Choose the sample *Emoji*. How many tokens is one family?
# 4. Find a word of more than ten letters that is one token, and a word of five letters that is three.
# 5. `strawberry`, then ` strawberry`.

# %%
playground.explore()

# %% [markdown]
# About the fifth: with a space before it the word is one token. The model is given one number. How many times the
# letter *r* is in it cannot be read off that number; a model can only have learnt it, word by word, from texts that
# spell.

# %% [markdown]
# ## 8. Room and price
#
# Tokens are the unit of the trade: windows are measured in them, and so are bills. Count how much fits.
#
# **Before you run:** a window of 128,000 tokens (as in Llama 3.1,
# [Grattafiori et al., 2024](https://arxiv.org/abs/2407.21783)) holds how many plays of Hamlet's length?

# %%
window = 128_000
print(f"{window / len(five[3].encode(hamlet)):.1f} Hamlets in {window:,} tokens of o200k")
print(f"{window / len(hamlet.encode()):.1f} Hamlets in {window:,} bytes")

# %% [markdown]
# Prices change from month to month, so take a round one, a dollar for a million tokens, and put in today's yourself.
# A service reads the library's message a million times. By hand: 36 tokens a million times are 36 million tokens, at a
# dollar a million.
#
# **Before you run:** what will the Hindi message cost in GPT-2's tokens?

# %%
price = 1.00  # dollars for a million tokens
table = zip(languages, tokens, strict=True)
print(f"{'':9}", *(f"{name:>9}" for name in names))
for language, row in table:
    print(f"{language:9}", *(f"{f'${count * price:.0f}':>9}" for count in row))

# %% [markdown]
# A chat costs more than its words. At each turn the model reads the whole talk again. By hand, three turns of 100
# tokens: it reads 100, then 200, then 300, together 600 for a text of 300.
#
# **Before you run:** twenty turns of 100 tokens are a text of 2,000. How many tokens are read?

# %%
turns, each = 20, 100
read = sum(turn * each for turn in range(1, turns + 1))
print(f"{turns * each:,} tokens written, {read:,} read; by the formula n(n+1)/2: {turns * (turns + 1) // 2 * each:,}")

# %% [markdown]
# (Providers keep the state of a talk's beginning and charge less for it; week 7 shows how, with the KV cache.)
#
# ### Then why not a million tokens?
#
# A larger vocabulary makes texts shorter. It also makes the model larger: each id has a row in the embedding table, and
# the output computes a score for each id at every step. Take a small model: 12 blocks of width 768, which have about
# 12 · 12 · 768² numbers in them (week 1: four matrices of attention and eight of the MLP).
#
# **Before you run:** which is larger with o200k, the blocks or the table?

# %%
width, blocks = 768, 12
body = 12 * blocks * width**2
texts = [*samples.MESSAGE.values(), samples.CODE, samples.NUMBERS]
print(f"blocks: {body / 1e6:.0f} million numbers")
for vocabulary in five:
    table = vocabulary.size * width
    length = sum(len(vocabulary.encode(text)) for text in texts)
    print(
        f"{vocabulary.name:9} table {table / 1e6:4.0f} million = {table / (body + table):.0%} of the model, "
        f"{length:5,} tokens for our nine samples"
    )

# %%
figure, axes = pyplot.subplots()
for vocabulary, colour, marker in zip(five, plots.COLOURS, "osD^v", strict=False):
    length = sum(len(vocabulary.encode(text)) for text in texts)
    share = vocabulary.size * width / (body + vocabulary.size * width)
    axes.plot(100 * share, length, marker, color=colour, markersize=9)
    axes.annotate(vocabulary.name, (100 * share, length), (8, 4), textcoords="offset points")
axes.set(xlabel="share of the model that is the table (%)", ylabel="tokens for the nine samples", ylim=(0, 1100))
axes.set(xlim=(25, 72))
axes.set_title("Shorter texts are paid for with a larger table")
plots.show(
    figure,
    alt="Five vocabularies: tokens for nine samples against the share of a small model that its embedding table takes. "
    "GPT-2 has the most tokens and the smallest table, o200k the fewest tokens and the largest table, the others lie "
    "between.",
)

# %% [markdown]
# In a small model two thirds would be table. In a large one the blocks grow with the square of the width and the table
# only with the width, so large models can afford large vocabularies, and gain by them
# ([Tao et al., 2024](https://arxiv.org/abs/2407.13623)). The model that you keep in this course is small. Its
# vocabulary will be, too.

# %% [markdown]
# ## 9. Glitch tokens
#
# A vocabulary is counted on one text, a model is trained on another. What if a piece is frequent in the first and
# absent from the second? Here are four pieces, each a single token somewhere.
#
# **Before you run:** what might ` SolidGoldMagikarp` be, and why would it earn an id of its own?

# %%
for piece in [" SolidGoldMagikarp", " petertodd", "useRalativeImagePath", "天天中彩票"]:
    print(f"{piece:22}", {vocabulary.name: len(vocabulary.encode(piece)) for vocabulary in five})

# %% [markdown]
# The first is a name of a user on Reddit, who posted often in a thread in which people count. That thread was in the
# text on which GPT-2's pieces were counted, and hardly in the text on which the models were trained. Asked to repeat
# the token, models of that time said another word, or were rude
# ([Rumbelow and Watkins, 2023](https://www.lesswrong.com/posts/aPeJE8bSo6rAFoLqg/solidgoldmagikarp-plus-prompt-generation)).
# The third looks like a programmer's typing error, copied often enough to become one token of cl100k. The fourth means
# "win the lottery every day": advertising from pages that nobody cleaned away, one token of o200k
# ([Yang, 2024](https://www.technologyreview.com/2024/05/17/1092649/gpt-4o-chinese-token-polluted/)).
#
# You can make glitch tokens yourself. Count a vocabulary of 500 words on *Hamlet*. Train a small model (an embedding of
# the last word, then scores for the next, as in week 1) on *Macbeth*.
#
# **Before you run:** which words of Hamlet's vocabulary will become glitch tokens?

# %%
import torch
import torch.nn.functional as F

common = [word for word, _ in Counter(words(hamlet)).most_common(500)]
id_of = {word: i for i, word in enumerate(common)}
ids = torch.tensor([id_of[word] for word in macbeth if word in id_of])
occurrences = torch.bincount(ids, minlength=len(common))
print(f"{(occurrences == 0).sum()} of {len(common)} words never occur in the training text:")
print([word for word, count in zip(common, occurrences.tolist(), strict=True) if count == 0][:14])

# %%
torch.manual_seed(2)
embedding = torch.nn.Embedding(len(common), 16)
output = torch.nn.Linear(16, len(common))
start = embedding.weight.detach().clone()
optimizer = torch.optim.Adam([*embedding.parameters(), *output.parameters()], lr=0.01)
for _ in range(300):
    chosen = torch.randint(len(ids) - 1, (512,))
    loss = F.cross_entropy(output(embedding(ids[chosen])), ids[chosen + 1])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
moved = (embedding.weight.detach() - start).norm(dim=1)
print("rows that never moved:", (moved == 0).sum().item())

# %%
figure, axes = pyplot.subplots()
glitch = occurrences == 0
axes.semilogx(occurrences[~glitch], moved[~glitch], "o", color=plots.BLUE, markersize=4, alpha=0.6, label="trained")
axes.semilogx(
    torch.full((int(glitch.sum()),), 0.5),
    moved[glitch],
    "D",
    color=plots.ORANGE,
    markersize=6,
    label=f"never seen ({glitch.sum()} words)",
)
axes.set_xticks([0.5, 1, 10, 100, 1000], ["0", "1", "10", "100", "1000"])
axes.set(xlabel="occurrences in the training text", ylabel="how far the embedding moved")
axes.set_title("A token that training never shows keeps its random vector")
axes.legend(loc="lower right")
plots.show(
    figure,
    alt="How far each word's embedding moved in training, against how often the word occurs in the training text. "
    "Words that occur moved by some distance; those that never occur stand at exactly zero.",
)

# %% [markdown]
# The names, and a few words that Macbeth happens to do without. *hamlet* and *horatio* have ids and rows, and what is
# in their rows is the noise from the start. Put such
# an id into the model and the blocks receive a vector of a kind that training never showed them.
#
# This gives a method for finding glitch tokens with no knowledge of the training text: look for rows that training left
# where it found them, or that lie close together because nothing but the optimizer's decay touched them.
# [Land and Bartolo (2024)](https://arxiv.org/abs/2405.05417) did that for many open models, and found such tokens in
# nearly all.

# %% [markdown]
# ## 10. What industry uses, and the limits
#
# All that `course.vocabularies` does is find the files. The work is done by two libraries, both written in Rust:
# `tiktoken` (OpenAI's) and `tokenizers` (Hugging Face's). With a network, each fetches what it needs:
#
# ```python
# tiktoken.get_encoding("o200k_base").encode("Hello")
# transformers.AutoTokenizer.from_pretrained("Qwen/Qwen3-0.6B").encode("Hello")
# ```
#
# A last trap, which costs people quality every day. You build a prompt that ends in a space.
#
# **Before you run:** is a text cut in two and encoded in halves the same as the text encoded whole?

# %%
whole_text = five[3].pieces("The answer is yes")
in_halves = five[3].pieces("The answer is ") + five[3].pieces("yes")
print(whole_text)
print(in_halves)

# %% [markdown]
# The same characters, other ids. In training the space came with the word after it; a prompt that ends in a space asks
# for a continuation that the model has hardly seen. End prompts without one.
#
# **The limits of subwords**
# - **Letters are hidden.** Spelling, rhymes, reversing and counting letters must be learnt token by token.
# - **Frequency is not meaning.** ` unf|riend|liness` puts the cut where it hurts.
# - **Fixed for life.** A model's ids are baked into its weights. A better vocabulary means training again.
# - **Unequal.** Whoever writes in a language that the corpus lacked pays more and gets less room.
#
# Models that read bytes have none of these troubles. ByT5 ([Xue et al., 2022](https://arxiv.org/abs/2105.13626)) did it
# at the price of length; the Byte Latent Transformer ([Pagnoni et al., 2024](https://arxiv.org/abs/2412.09871))
# groups bytes into patches as it reads. Subwords may pass. For now every model that you are likely to use has them.

# %% [markdown]
# ## Three questions
#
# **1.** A colleague reports that model A has a perplexity of 12 a token and model B of 15, so A is better. Their
# vocabularies differ. What do you ask for?
#
# <details><summary>Answer</summary>
#
# The loss in bits a character (or a byte), on the same text. With larger tokens there are fewer predictions and each is
# harder, so perplexity a token compares nothing. Total bits divided by characters does. Week 1 had this rule, for words
# and letters.
#
# </details>
#
# **2.** You double a vocabulary from 100,000 to 200,000 ids by adding Thai, Hindi and Georgian pieces. What changes for
# an English text, what for the size of the model, what for a Hindi reader?
#
# <details><summary>Answer</summary>
#
# English tokens stay nearly the same in number. The embedding table (and the output layer, where it is not
# the same table) doubles. The Hindi text becomes several times shorter: cheaper, faster, and more of it fits in the
# window.
#
# </details>
#
# **3.** A byte-level vocabulary has no unknown words. Can it have a token that the model does not understand?
#
# <details><summary>Answer</summary>
#
# Yes. *Can be written* is not *has been learnt*. A token that the training text hardly contains keeps an embedding that
# is mostly noise: a glitch token. The same holds for rare sequences of byte tokens.
#
# </details>

# %% [markdown]
# ## Where this comes from
#
# - Subwords for neural models: Sennrich, Haddow, Birch, *Neural Machine Translation of Rare Words with Subword
#   Units*, 2016. https://arxiv.org/abs/1508.07909
# - Bytes at the bottom: Radford et al., *Language Models are Unsupervised Multitask Learners* (GPT-2), 2019.
#   https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf
# - Price by language: Petrov et al., *Language Model Tokenizers Introduce Unfairness Between Languages*, 2023.
#   https://arxiv.org/abs/2305.15425
# - The same, with prices: Ahia et al., *Do All Languages Cost the Same?*, 2023. https://arxiv.org/abs/2305.13707
# - Qwen's vocabulary: Bai et al., *Qwen Technical Report*, 2023. https://arxiv.org/abs/2309.16609
# - Digits: Singh, Strouse, *Tokenization counts: the impact of tokenization on arithmetic in frontier LLMs*, 2024.
#   https://arxiv.org/abs/2402.14903
# - How many tokens: Tao et al., *Scaling Laws with Vocabulary: Larger Models Deserve Larger Vocabularies*, 2024.
#   https://arxiv.org/abs/2407.13623
# - Glitch tokens, found: Rumbelow, Watkins, *SolidGoldMagikarp (plus, prompt generation)*, 2023.
#   https://www.lesswrong.com/posts/aPeJE8bSo6rAFoLqg/solidgoldmagikarp-plus-prompt-generation
# - Glitch tokens, searched for: Land, Bartolo, *Fishing for Magikarp: Automatically Detecting Under-trained Tokens in
#   Large Language Models*, 2024. https://arxiv.org/abs/2405.05417
# - Spam in a vocabulary: Yang, *GPT-4o's Chinese token-training data is polluted by spam and porn websites*, MIT
#   Technology Review, 2024. https://www.technologyreview.com/2024/05/17/1092649/gpt-4o-chinese-token-polluted/
# - Without tokens: Xue et al., *ByT5: Towards a Token-Free Future with Pre-trained Byte-to-Byte Models*, 2022.
#   https://arxiv.org/abs/2105.13626
# - Without tokens, newer: Pagnoni et al., *Byte Latent Transformer: Patches Scale Better Than Tokens*, 2024.
#   https://arxiv.org/abs/2412.09871
#
# **Next:** *Byte-pair encoding*. You train a vocabulary yourself, one merge at a time.
