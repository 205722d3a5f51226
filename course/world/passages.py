"""Short passages of facts about a few people, and many questions about each.

Every passage is a world of its own: its facts are drawn anew, so nothing but reading it can answer the questions.
"""

from dataclasses import dataclass
from random import Random

from course.world import words
from course.world.document import Document
from course.world.relations import NUMBERS, PLAIN, RELATIONS, Relation, distinct

UNKNOWN = "unknown"
OPENINGS = ("Here is what we know.", "This is a note.", "Read this.", "Some facts:", "News of the day.", "Listen.")
LABELS = (("Question:", "Answer:"), ("Q:", "A:"))


@dataclass(frozen=True)
class Fact:
    """`value` is what `relation` says of `person`."""

    person: str
    relation: Relation
    value: str


def pick(rng: Random, wordings: tuple[str, ...], held_out: bool) -> str:
    """One wording: the held-out one, or any of the others."""
    return wordings[-1] if held_out else rng.choice(wordings[:-1])


def draw_people(rng: Random, n: int, made_up: float = 0.15) -> list[str]:
    """`n` different names, with probability `made_up` from no list."""
    return distinct(rng, n, words.made_up) if rng.random() < made_up else rng.sample(words.PEOPLE, n)


def draw_relations(rng: Random, n: int, plain: bool = False) -> list[Relation]:
    """`n` different relations; with `plain`, only those whose values are single words."""
    return rng.sample([r for r in RELATIONS if r.name in PLAIN] if plain else RELATIONS, n)


def draw_facts(rng: Random, n_people: int, n_relations: int, plain: bool = False) -> list[Fact]:
    """Facts in random order: each of `n_relations` relations holds for two people at least, values all different."""
    people = draw_people(rng, n_people, 0.0 if plain else 0.15)
    facts = []
    for relation in draw_relations(rng, n_relations, plain):
        who = rng.sample(people, rng.randint(min(2, n_people), n_people))
        facts += [Fact(p, relation, x) for p, x in zip(who, relation.values(rng, len(who)), strict=True)]
    rng.shuffle(facts)
    return facts


def state(rng: Random, fact: Fact, held_out: bool = False) -> str:
    """The fact as a sentence."""
    return pick(rng, fact.relation.statements, held_out).format(p=fact.person, x=fact.value)


def ask(rng: Random, facts: list[Fact], held_out: bool = False, reverse: float = 0.2, unknown: float = 0.05):
    """A question, its short answer and its answer as a sentence."""
    fact = rng.choice(facts)
    if rng.random() < unknown:
        said = {f.relation.name for f in facts if f.person == fact.person}
        relation = rng.choice([r for r in RELATIONS if r.name not in said])
        question = pick(rng, relation.questions, held_out).format(p=fact.person)
        return question, UNKNOWN, "The text does not say."
    sentence = fact.relation.sentence.format(p=fact.person, x=fact.value)
    if rng.random() < reverse:
        return pick(rng, fact.relation.reverse, held_out).format(x=fact.value), fact.person, sentence
    return pick(rng, fact.relation.questions, held_out).format(p=fact.person), fact.value, sentence


def cloze(rng: Random, facts: list[Fact]) -> tuple[str, str]:
    """A fact told again: the beginning of the sentence, and the value."""
    fact = rng.choice(facts)
    before, _, _ = fact.relation.sentence.partition(" {x}")
    return before.format(p=fact.person), fact.value


def echo(rng: Random) -> Document:
    """A line of words, said again: often of few words, so that the word before is not enough to go on."""
    pool = rng.sample(words.PEOPLE + words.PLACES + words.THINGS + words.FOODS, rng.randint(3, 16))
    line = " ".join(rng.choices(pool, k=rng.randint(5, 16)))
    document = Document("echo").add(f"Say: {line}\nAgain:")
    return document.add(f" {line}", answer=True).add("\n")


def retold(rng: Random, n_people: int = 3, times: int = 2, plain: bool = False) -> Document:
    """Facts of one relation, all in the same words, told again in another order."""
    (relation,) = draw_relations(rng, 1, plain)
    wording = rng.choice([w for w in relation.statements[:-1] if w.index("{p}") < w.index("{x}")])
    before, _, after = wording.partition(" {x}")
    people = draw_people(rng, n_people, 0.0 if plain else 0.15)
    pairs = list(zip(people, relation.values(rng, n_people), strict=True))
    document = Document("retold")
    for telling in range(times + 1):
        rng.shuffle(pairs)
        for number, (person, value) in enumerate(pairs):
            space = "\n" if telling and number == 0 else " " if number else ""
            document.add(space + before.format(p=person)).add(f" {value}", answer=telling > 0).add(after)
    return document.add("\n")


def told_back(rng: Random, n_people: int = 3) -> Document:
    """Facts of one relation, all in the same words and of single-word values; then of each value, whose it is."""
    (relation,) = draw_relations(rng, 1, plain=True)
    wording = rng.choice([w for w in relation.statements[:-1] if w.index("{p}") < w.index("{x}")])
    people = draw_people(rng, n_people, 0.0)
    pairs = list(zip(people, relation.values(rng, n_people), strict=True))
    document = Document("told back").add(" ".join(wording.format(p=p, x=x) for p, x in pairs))
    asked = rng.choice(relation.reverse[:-1])
    for _ in range(2):
        rng.shuffle(pairs)
        for person, value in pairs:
            document.add("\n" + asked.format(x=value)).add(f" {person}", answer=True)
    return document.add("\n")


def recall(
    rng: Random,
    n_people: int = 2,
    n_relations: int = 2,
    n_questions: int = 6,
    plain: bool = False,
    reverse: float = 0.2,
) -> Document:
    """A passage of facts, then many questions, some of them sentences to complete; a share `reverse` asks who."""
    return ask_all(rng, draw_facts(rng, n_people, n_relations, plain), n_questions, reverse)


def recall_numbers(rng: Random) -> Document:
    """The same of ages and codes alone: a number is copied digit by digit, and a number may begin like another."""
    people = draw_people(rng, rng.randint(2, 4))
    relations = rng.sample([r for r in RELATIONS if r.name in NUMBERS], rng.randint(1, 2))
    facts = [Fact(p, r, x) for r in relations for p, x in zip(people, r.values(rng, len(people)), strict=True)]
    rng.shuffle(facts)
    return ask_all(rng, facts, n_questions=8, reverse=0.4)


def ask_all(rng: Random, facts: list[Fact], n_questions: int, reverse: float) -> Document:
    """The facts as a passage, and questions about them."""
    document = Document("recall")
    opening = rng.choice(OPENINGS) + " " if rng.random() < 0.7 else ""
    document.add(opening + " ".join(state(rng, fact) for fact in facts))
    question_label, answer_label = rng.choice(LABELS)
    for _ in range(n_questions):
        if rng.random() < 0.15:
            begin, value = cloze(rng, facts)
            document.add(f"\nAgain: {begin}").add(f" {value}", answer=True).add(".")
            continue
        question, short, _ = ask(rng, facts, reverse=reverse)
        document.add(f"\n{question_label} {question}\n{answer_label}").add(f" {short}", answer=True)
    return document.add("\n")
