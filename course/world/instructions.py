"""Small instructions that have one right answer: repeat, count, sort, first, last, reverse, choose, compare, add."""

from random import Random

from course.world import words
from course.world.arithmetic import draw_sum
from course.world.dialogue import turn
from course.world.document import Document
from course.world.passages import draw_people, pick

KINDS = {"fruit or other food": words.FOODS, "animal": words.PETS, "place": words.PLACES, "job": words.JOBS,
         "colour": words.COLOURS, "day": words.DAYS, "thing": words.THINGS}  # fmt: skip


def _some(rng: Random, least: int = 3, most: int = 5) -> list[str]:
    pool = rng.choice((words.THINGS, words.FOODS, words.PLACES, words.PETS, words.COLOURS))
    if rng.random() < 0.3:
        return draw_people(rng, rng.randint(least, most), made_up=0.3)
    return rng.sample(pool, rng.randint(least, most))


def _repeat(rng: Random) -> tuple[str, str]:
    line = " ".join(_some(rng))
    return pick(rng, ("Repeat: {}", "Say this again: {}", "Copy these words: {}", "Write once more: {}"), False).format(
        line
    ), line


def _count(rng: Random) -> tuple[str, str]:
    some = _some(rng, 2, 6)
    return f"How many words are these? {', '.join(some)}", str(len(some))


def _first(rng: Random) -> tuple[str, str]:
    some = _some(rng)
    where, index = rng.choice((("first", 0), ("second", 1), ("last", -1)))
    return f"Which is the {where} of these words? {', '.join(some)}", some[index]


def _reverse(rng: Random) -> tuple[str, str]:
    some = _some(rng, 2, 4)
    return f"Write these words in reverse order: {', '.join(some)}", ", ".join(reversed(some))


def _sort(rng: Random) -> tuple[str, str]:
    numbers = rng.sample(range(100), 3)
    return f"Sort these numbers: {', '.join(map(str, numbers))}", ", ".join(map(str, sorted(numbers)))


def _larger(rng: Random) -> tuple[str, str]:
    a, b = rng.sample(range(100), 2)
    if rng.random() < 0.5:
        return f"Which number is larger, {a} or {b}?", str(max(a, b))
    return f"Which number is smaller, {a} or {b}?", str(min(a, b))


def _odd_one(rng: Random) -> tuple[str, str]:
    kind, *others = rng.sample(list(KINDS), 3)
    answer = rng.choice(KINDS[kind])
    some = [answer, *(rng.choice(KINDS[other]) for other in others)]
    rng.shuffle(some)
    return f"Which of these is a {kind}? {', '.join(some)}", answer


def _kind(rng: Random) -> tuple[str, str]:
    kind = rng.choice([k for k in KINDS if k != "fruit or other food"])
    return f"What kind of word is {rng.choice(KINDS[kind])}?", f"It is a {kind}."


def _sum(rng: Random) -> tuple[str, str]:
    a, operator, b, result = draw_sum(rng)
    return rng.choice(("What is {}?", "Calculate {}.", "How much is {}?")).format(f"{a} {operator} {b}"), str(result)


def _greet(rng: Random) -> tuple[str, str]:
    (name,) = draw_people(rng, 1, made_up=0.4)
    return rng.choice(
        (f"Hello, I am {name}.", f"Hi! My name is {name}.", f"Good morning, {name} here.")
    ), f"Hello {name}, how can I help you?"


INSTRUCTIONS = (_repeat, _count, _first, _reverse, _sort, _larger, _odd_one, _kind, _sum, _greet)


def instruction(rng: Random) -> Document:
    """One or two instructions, each with its answer."""
    document = Document("instruction")
    for _ in range(rng.randint(1, 2)):
        request, answer = rng.choice(INSTRUCTIONS)(rng)
        turn(turn(document, "user", request), "assistant", answer)
    return document
