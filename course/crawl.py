"""A small crawl to practise on: real text, soiled as the web soils it, and a note on each page of what was done.

The words are real (plays, the Python language reference) or written by the course's own world. The damage is planted:
menus and banners, broken encodings, copies and near copies, spam, questions of the exam. Because each page says what
was planted in it, a filter's mistakes can be counted. Left out: fetching, HTML, robots.txt and the law.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from random import Random
from textwrap import shorten

from course import exam, plays
from course.world import stories, words

PLAYS = ("hamlet", "macbeth", "henry-v", "twelfth-night", "the-tempest", "julius-caesar")
MENUS = {
    "plays": (
        ["Home | Plays | Sonnets | Search", "We use cookies to improve your visit.  [Accept all]"],
        ["Share this page", "Back to top", "All rights reserved. Terms of use."],
    ),
    "reference": (
        ["Docs » Language reference", "Skip to content", "Choose a version: 3.10 3.11 3.12"],
        ["Previous topic | Next topic", "Report a bug", "Show source"],
    ),
    "stories": (
        ["STORYTIME * new every day", "Log in or sign up to comment"],
        ["Share this page", "Related: ten stories you will love", "We use cookies to improve your visit."],
    ),
}


@dataclass(frozen=True)
class Page:
    """A page: its address, what came from there, the site, and what was planted in it.

    `planted` is empty for an ordinary page; otherwise "copy" or "near copy" (of the page whose address is `origin`),
    "spam" or "exam". Ordinary pages have menus and, some of them, broken characters, too: those are not a planting
    but the weather.
    """

    address: str
    text: str
    site: str
    planted: str = ""
    origin: str = ""


def _cut(text: str, size: int = 1200) -> list[str]:
    """Whole lines, in pieces of at least `size` characters; a short rest is dropped."""
    pieces, kept = [], []
    for line in text.splitlines():
        kept.append(line)
        if sum(map(len, kept)) >= size:
            pieces.append("\n".join(kept))
            kept = []
    return pieces


def _bodies() -> list[Page]:
    from pydoc_data.topics import topics

    found = [
        Page(f"plays/{title}/{n}", text, "plays") for title in PLAYS for n, text in enumerate(_cut(plays.spoken(title)))
    ]
    found += [
        Page(f"reference/{name}/{n}", text, "reference")
        for name in sorted(topics)
        for n, text in enumerate(_cut(topics[name]))
    ]
    rng = Random(-41)
    found += [
        Page(f"stories/{n}", "\n".join(stories.plain_story(rng).text.strip() for _ in range(3)), "stories")
        for n in range(80)
    ]
    return found


def reword(text: str, share: float, rng: Random) -> str:
    """The text with about this share of its words replaced by words of the world, and lines as they were."""
    others = words.THINGS + words.PLACES + words.JOBS
    lines = [
        " ".join(rng.choice(others) if rng.random() < share else word for word in line.split())
        for line in text.splitlines()
    ]
    return "\n".join(lines)


def _spam(rng: Random) -> str:
    kind = rng.randrange(4)
    if kind == 0:  # one phrase, over and over
        phrase = f"buy {rng.choice(words.COLOURS)} {rng.choice(words.THINGS)} {rng.choice(words.TOWNS)} cheap"
        return "\n".join([phrase] * 40)
    if kind == 1:  # key words for a search engine
        return " ".join(rng.choices(words.THINGS + words.TOWNS + words.FOODS + words.COLOURS, k=220))
    if kind == 2:  # a table of numbers
        return "\n".join(" ".join(f"{rng.random() * 1000:.2f}" for _ in range(8)) for _ in range(25))
    letters = "abcdefghijklmnopqrstuvwxyz      {}[]<>#$%&*;=0123456789"
    return "".join(rng.choices(letters, k=1200))  # what is left of a file that was no text


def _soil(text: str, rng: Random) -> str:
    """What happens to characters on their way through editors, databases and wrong encodings."""
    if rng.random() < 0.4:
        text = text.replace("'", "\u2019")
    if rng.random() < 0.2:
        text = text.replace("fi", "\ufb01").replace("fl", "\ufb02")
    if rng.random() < 0.2:
        text = text.replace(", ", ",\u00a0")
    if rng.random() < 0.15:
        text = text.replace("tion", "ti\u00adon").replace("ing ", "ing\u200b ")
    if rng.random() < 0.2:
        text = text.encode("utf-8").decode("latin-1")  # the classic: UTF-8 read as Latin-1
    return text


def _wrap(page: Page, rng: Random) -> Page:
    before, after = MENUS[page.site]
    return replace(page, text="\n".join([*before, _soil(page.text, rng), *after]))


@cache
def pages(seed: int = 0) -> tuple[Page, ...]:
    """The crawl, in random order; the same seed gives the same pages."""
    rng = Random(seed)
    bodies = _bodies()
    found = list(bodies)
    for number, body in enumerate(rng.sample(bodies, 110)):
        copied = number < 40
        share = 0.0 if copied else rng.choice([0.01, 0.02, 0.05, 0.1, 0.2])
        text = body.text if copied else reword(body.text, share, rng)
        kind = "copy" if copied else "near copy"
        found.append(Page(f"mirror/{number}", text, body.site, kind, body.address))
    for number in range(60):
        found.append(Page(f"spam/{number}", _spam(rng), rng.choice(list(MENUS)), "spam"))
    asked = Random(exam.EXAM_SEED)
    for number, body in enumerate(rng.sample(bodies, 12)):
        question = exam.passage(asked)
        text = f"{body.text}\n{question.prompt}{question.answer}"
        found.append(Page(f"forum/{number}", text, body.site, "exam", body.address))
    rng.shuffle(found)
    return tuple(_wrap(page, rng) for page in found)


def glance(page: Page, width: int = 100) -> str:
    """The page's address and the beginning of its text, on one line."""
    return f"{page.address:24} {shorten(page.text, width, placeholder=' …')!r}"
