# ruff: noqa: E501 - one wording, one line
"""What can be said of a person, in how many ways, and how it can be asked.

Each relation has several statements and several questions; the last of each is *held out*: no training document uses
it, and the scores of the model card are given with and without it. `{p}` is the person, `{x}` the value. Leaves out
what happens in a story (`stories`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from course.world import words


@dataclass(frozen=True)
class Relation:
    """One kind of fact: its values and its wordings."""

    name: str
    values: Callable[[Random, int], list[str]]
    statements: tuple[str, ...]
    questions: tuple[str, ...]
    reverse: tuple[str, ...]
    sentence: str


def _from(pool: list[str]) -> Callable[[Random, int], list[str]]:
    return lambda rng, n: rng.sample(pool, n)


def _things(rng: Random, n: int) -> list[str]:
    things = rng.sample(words.THINGS, n)
    if rng.random() < 0.7:
        return things
    return [f"{rng.choice(words.COLOURS)} {thing}" for thing in things]


def _towns(rng: Random, n: int) -> list[str]:
    if rng.random() < 0.6:
        return rng.sample(words.TOWNS, n)
    return distinct(rng, n, words.made_up)


def _ages(rng: Random, n: int) -> list[str]:
    return [str(age) for age in rng.sample(range(6, 99), n)]


def _codes(rng: Random, n: int) -> list[str]:
    return [str(code) for code in rng.sample(range(100, 10_000), n)]


PLAIN = ("place", "job", "food", "pet", "colour", "day")  # relations whose values are single words of a list

NUMBERS = ("age", "code")  # relations whose values are digits, a token each


def distinct(rng: Random, n: int, draw: Callable[[Random], str]) -> list[str]:
    """`n` different draws, in the order drawn."""
    seen: dict[str, None] = {}
    while len(seen) < n:
        seen[draw(rng)] = None
    return list(seen)


RELATIONS = (
    Relation(
        "place", _from(words.PLACES),
        ("{p} is in the {x}.", "{p} went to the {x}.", "{p} walked into the {x}.", "{p} waits in the {x}.",
         "You can find {p} in the {x}.", "In the {x} sits {p}.", "{p} has gone to the {x}.",
         "Right now {p} stands in the {x}."),
        ("Where is {p}?", "In which place is {p}?", "Where can you find {p}?", "What place is {p} in?",
         "Tell me where {p} is.", "Where would you look for {p}?"),
        ("Who is in the {x}?", "Which person is in the {x}?", "Who can be found in the {x}?"),
        "{p} is in the {x}.",
    ),
    Relation(
        "thing", _things,
        ("{p} has a {x}.", "{p} bought a {x}.", "{p} found a {x}.", "{p} carries a {x}.", "A {x} belongs to {p}.",
         "{p} got a {x} as a present.", "{p} never goes out without a {x}.", "{p} owns a {x}."),
        ("What does {p} have?", "What thing does {p} have?", "What belongs to {p}?", "Which thing has {p} got?",
         "Tell me what {p} has.", "What is it that {p} has?"),
        ("Who has the {x}?", "Whose is the {x}?", "Who is the one with the {x}?"),
        "{p} has a {x}.",
    ),
    Relation(
        "job", _from(words.JOBS),
        ("{p} is a {x}.", "{p} works as a {x}.", "The {x} is called {p}.", "Everyone knows {p} the {x}.",
         "{p} became a {x}.", "For years {p} has been a {x}.", "{p} earns money as a {x}."),
        ("What is the job of {p}?", "What does {p} do for a living?", "What work does {p} do?", "As what does {p} work?",
         "Tell me the job of {p}.", "What job has {p}?"),
        ("Who is the {x}?", "Who works as a {x}?", "What is the name of the {x}?"),
        "{p} is a {x}.",
    ),
    Relation(
        "food", _from(words.FOODS),
        ("{p} likes {x}.", "{p} loves {x}.", "{p} likes to eat {x}.", "The favourite food of {p} is {x}.",
         "For lunch {p} always wants {x}.", "Nothing tastes better to {p} than {x}.", "{p} is very fond of {x}."),
        ("What does {p} like to eat?", "What food does {p} like?", "What is the favourite food of {p}?",
         "What does {p} eat?", "Tell me what {p} likes to eat.", "Which food is loved by {p}?"),
        ("Who likes {x}?", "Who likes to eat {x}?", "Whose favourite food is {x}?"),
        "{p} likes {x}.",
    ),
    Relation(
        "pet", _from(words.PETS),
        ("{p} keeps a {x}.", "{p} has a pet {x}.", "The pet of {p} is a {x}.", "At home {p} has a {x}.",
         "{p} takes care of a {x}.", "{p} lives with a {x}."),
        ("What animal does {p} keep?", "What pet does {p} have?", "Which animal lives with {p}?", "What is the pet of {p}?",
         "Tell me which animal {p} has.", "Which pet has {p}?"),
        ("Who keeps a {x}?", "Whose pet is the {x}?", "Who has a pet {x}?"),
        "{p} keeps a {x}.",
    ),
    Relation(
        "colour", _from(words.COLOURS),
        ("{p} wears a {x} coat.", "{p} is dressed in {x}.", "The coat of {p} is {x}.", "{p} put on a {x} coat.",
         "{p} came in a {x} coat.", "Today the clothes of {p} are {x}."),
        ("What colour does {p} wear?", "What colour is the coat of {p}?", "In which colour is {p} dressed?",
         "Tell me the colour of the coat of {p}.", "Which colour has {p} on?"),
        ("Who wears a {x} coat?", "Who is dressed in {x}?", "Whose coat is {x}?"),
        "The coat of {p} is {x}.",
    ),
    Relation(
        "day", _from(words.DAYS),
        ("{p} came on {x}.", "{p} arrived on {x}.", "On {x} {p} came.", "It was on {x} that {p} came.",
         "{p} was not here before {x}.", "Since {x} {p} has been here."),
        ("When did {p} come?", "On which day did {p} come?", "What day did {p} arrive?", "Tell me when {p} came.",
         "Which was the day that {p} came?"),
        ("Who came on {x}?", "Who arrived on {x}?", "Which person came on {x}?"),
        "{p} came on {x}.",
    ),
    Relation(
        "town", _towns,
        ("{p} lives in {x}.", "{p} comes from {x}.", "{p} was born in {x}.", "The home of {p} is {x}.",
         "{p} has a house in {x}.", "{p} grew up in {x}."),
        ("Which town is the home of {p}?", "What town does {p} come from?", "In what town does {p} live?",
         "Tell me the town of {p}.", "From which town is {p}?"),
        ("Who lives in {x}?", "Who comes from {x}?", "Who is from {x}?"),
        "{p} lives in {x}.",
    ),
    Relation(
        "age", _ages,
        ("{p} is {x} years old.", "{p} turned {x} this year.", "At {x}, {p} is still curious.", "The age of {p} is {x}."),
        ("How old is {p}?", "What age is {p}?", "Tell me the age of {p}.", "How many years old is {p}?"),
        ("Who is {x} years old?", "Who turned {x}?", "Who is {x}?"),
        "{p} is {x} years old.",
    ),
    Relation(
        "code", _codes,
        ("The number of {p} is {x}.", "{p} has the number {x}.", "You reach {p} at number {x}.", "{p} wrote down {x}."),
        ("What is the number of {p}?", "Which number has {p}?", "Tell me the number of {p}.", "What number belongs to {p}?"),
        ("Who has the number {x}?", "Whose number is {x}?", "To whom belongs the number {x}?"),
        "The number of {p} is {x}.",
    ),
)  # fmt: skip
