# ruff: noqa: E501 - one wording, one line
"""Stories of five to eight sentences, each with the questions that it answers.

A plot is a list of slots; each slot holds several wordings, of which the last is held out of training (see
`relations`). Who, where, what and when are drawn anew for every story. Leaves out characters that change their mind,
time that runs backwards, and everything that a novelist would miss.
"""

from dataclasses import dataclass
from random import Random

from course.world import words
from course.world.document import Document
from course.world.passages import LABELS, draw_people, pick
from course.world.relations import distinct

BEGINNINGS = (
    "One {weather} {day}, {p} went to the {a}.",
    "It was a {weather} {day} and {p} was in the {a}.",
    "On a {weather} {day}, {p} came to the {a}.",
    "{p} lived in {town}. On a {weather} {day}, {p} was in the {a}.",
    "There was once a {job} called {p}. One {weather} {day}, {p} walked to the {a}.",
    "Once, on a {weather} {day}, {p} sat in the {a}.",
)

ENDINGS = (
    "In the evening they ate {food} together.",
    "Then they shared some {food} and laughed.",
    "That night they had {food} for dinner.",
    "To say thank you, {p} gave {q} some {food}.",
    "At last they sat down and ate {food}.",
)

FEELINGS = (
    "{p} was very {mood}.", "This made {p} {mood}.", "{p} felt {mood}.", "Now {p} was {mood}.", "How {mood} {p} was!",
)  # fmt: skip

MOODS = ["happy", "proud", "glad", "cheerful", "thankful", "calm"]
TROUBLES = ["sad", "angry", "worried", "afraid", "tired", "lonely"]


@dataclass(frozen=True)
class Plot:
    """Slots of wordings, then questions as `(wordings, short answer, sentence)`."""

    name: str
    slots: tuple[tuple[str, ...], ...]
    questions: tuple[tuple[tuple[str, ...], str, str], ...]


COMMON = (
    (("What was the weather like?", "How was the weather?", "What kind of day was it?"), "{weather}", "It was {weather}."),
    (("On which day was it?", "What day was it?", "Which day does the story tell of?"), "{day}", "It was a {day}."),
    (("Where was {p} at the beginning?", "Where does the story begin?", "In what place does it start?"),
     "{a}", "The story begins in the {a}."),
    (("What did they eat?", "What food is in the story?", "Which food did they have?"), "{food}", "They ate {food}."),
    (("How did {p} feel at the end?", "What was {p} in the end?", "What did {p} feel at last?"),
     "{mood}", "At the end {p} was {mood}."),
)  # fmt: skip

PLOTS = (
    Plot(
        "lost",
        (
            ("There {p} lost a {c} {x}.", "But the {c} {x} of {p} was gone.", "{p} looked for a {c} {x} and could not find it.",
             "Somewhere there {p} had dropped a {c} {x}."),
            ("{p} was {trouble}.", "That made {p} {trouble}.", "{p} sat down and felt {trouble}.", "So {p} became {trouble}."),
            ("Then {q}, a {job2}, came by and helped.", "{q} the {job2} saw it and wanted to help.",
             "A {job2} called {q} asked what was wrong.", "Luckily {q}, who was a {job2}, was near."),
            ("{q} found the {x} in the {b}.", "In the {b}, {q} saw the {x}.", "Together they found the {x} in the {b}.",
             "The {x} lay in the {b}, where {q} picked it up."),
        ),
        (
            (("What did {p} lose?", "What was gone?", "Which thing was lost?"), "{x}", "{p} lost a {c} {x}."),
            (("What colour was the {x}?", "Which colour did the {x} have?", "Of what colour was the {x}?"), "{c}", "The {x} was {c}."),
            (("Who found the {x}?", "Who helped {p}?", "By whom was the {x} found?"), "{q}", "{q} found the {x}."),
            (("Where was the {x}?", "Where did they find the {x}?", "In what place was the {x}?"), "{b}", "The {x} was in the {b}."),
            (("How did {p} feel at first?", "What did {p} feel when the {x} was gone?", "Before help came, how was {p}?"),
             "{trouble}", "At first {p} was {trouble}."),
            (("What was the job of {q}?", "What work did {q} do?", "As what did {q} work?"), "{job2}", "{q} was a {job2}."),
        ),
    ),
    Plot(
        "present",
        (
            ("It was the birthday of {q}, who turned {age}.", "{q} was {age} years old that day.", "That day {q} turned {age}.",
             "At {age}, {q} had a birthday."),
            ("{p} wanted to give {q} a present.", "So {p} looked for a present.", "{p} thought about a present for {q}.",
             "What could {p} give to {q}?"),
            ("In the {b}, {p} bought a {c} {x}.", "{p} went to the {b} and got a {c} {x}.", "A {c} {x} was for sale in the {b}, so {p} bought it.",
             "{p} paid for a {c} {x} in the {b}."),
            ("It cost {n} coins.", "{p} paid {n} coins for it.", "The price was {n} coins.", "{n} coins were enough."),
            ("{q} opened the box and smiled.", "{q} loved the {x}.", "\"Thank you!\" said {q}.", "{q} was full of joy."),
        ),
        (
            (("Whose birthday was it?", "Who got a present?", "For whom was the present?"), "{q}", "It was the birthday of {q}."),
            (("How old did {q} turn?", "How old was {q}?", "What age had {q}?"), "{age}", "{q} turned {age}."),
            (("What was the present?", "What did {p} buy?", "What did {q} get?"), "{x}", "The present was a {c} {x}."),
            (("Where did {p} buy the {x}?", "Where was the {x} bought?", "In what place was the {x} for sale?"), "{b}", "{p} bought it in the {b}."),
            (("How many coins did it cost?", "What did the {x} cost?", "How much was the {x}?"), "{n}", "It cost {n} coins."),
            (("What colour was the {x}?", "Which colour did the present have?", "Of what colour was the {x}?"), "{c}", "The {x} was {c}."),
        ),
    ),
    Plot(
        "pet",
        (
            ("{p} had a little {pet} called {z}.", "With {p} was a {pet} by the name of {z}.", "{z}, a small {pet}, was there too.",
             "A {pet} named {z} came along."),
            ("Suddenly {z} ran away.", "All at once {z} was gone.", "Then {z} ran out of the door.", "But {z} did not stay."),
            ("{p} was {trouble} and called for help.", "That made {p} {trouble}.", "{p} felt {trouble}.", "So {p} became {trouble}."),
            ("{q} had seen {z} in the {b}.", "\"I saw {z} in the {b},\" said {q}.", "{q} went to look in the {b}, and there {z} was.",
             "In the {b}, {q} met {z}."),
            ("{z} was playing with a {c} {x}.", "{z} slept beside a {c} {x}.", "{z} was hiding under a {c} {x}.", "Next to {z} lay a {c} {x}."),
        ),
        (
            (("What animal was {z}?", "What kind of pet did {p} have?", "Which animal ran away?"), "{pet}", "{z} was a {pet}."),
            (("What was the name of the {pet}?", "How was the {pet} called?", "Which name had the {pet}?"), "{z}", "The {pet} was called {z}."),
            (("Where was {z}?", "Where had {z} gone?", "In what place was the {pet}?"), "{b}", "{z} was in the {b}."),
            (("Who saw {z}?", "Who found the {pet}?", "By whom was {z} seen?"), "{q}", "{q} found {z}."),
            (("What was with {z}?", "What thing was beside {z}?", "Which thing was near the {pet}?"), "{x}", "There was a {c} {x}."),
            (("How did {p} feel when {z} was gone?", "What did {p} feel at first?", "Before {z} was found, how was {p}?"),
             "{trouble}", "{p} was {trouble}."),
        ),
    ),
    Plot(
        "race",
        (
            ("There was a race to the {b}.", "A race to the {b} was about to begin.", "Everyone wanted to run to the {b}.",
             "That day people raced to the {b}."),
            ("{p} and {q} both took part.", "{p} ran, and so did {q}.", "{q} wanted to run against {p}.", "The runners were {p} and {q}."),
            ("{p} came first and {q} came second.", "The winner was {p}, and {q} was second.", "{p} won, just before {q}.",
             "First was {p}, after that {q}."),
            ("It took {n} minutes.", "They ran for {n} minutes.", "After {n} minutes it was over.", "{n} minutes had passed."),
            ("The prize was a {c} {x}.", "The winner got a {c} {x}.", "A {c} {x} was the prize.", "For the prize there was a {c} {x}."),
        ),
        (
            (("Who won the race?", "Who came first?", "By whom was the race won?"), "{p}", "{p} won the race."),
            (("Who came second?", "Who lost the race?", "Who was second?"), "{q}", "{q} came second."),
            (("Where did the race go?", "Where did they run to?", "To what place did they run?"), "{b}", "The race went to the {b}."),
            (("How long did it take?", "How many minutes did they run?", "After how many minutes was it over?"), "{n}", "It took {n} minutes."),
            (("What was the prize?", "What did the winner get?", "What could be won?"), "{x}", "The prize was a {c} {x}."),
            (("What colour was the {x}?", "Which colour did the prize have?", "Of what colour was the {x}?"), "{c}", "The {x} was {c}."),
        ),
    ),
    Plot(
        "repair",
        (
            ("{p} had an old {x} that was broken.", "The {x} of {p} did not work.", "{p} wanted to use the {x}, but it was broken.",
             "A broken {x} was all that {p} had."),
            ("{p} was {trouble}.", "That made {p} {trouble}.", "{p} felt {trouble}.", "So {p} became {trouble}."),
            ("{p} took it to {q}, a {job2} in {town2}.", "In {town2} there was a {job2} called {q}.", "{q}, the {job2} from {town2}, came to help.",
             "A {job2} from {town2}, {q}, had time."),
            ("{q} mended it with a {y}.", "With a {y}, {q} made it work again.", "{q} took a {y} and mended it.", "A {y} was all that {q} needed."),
            ("It took {n} hours.", "After {n} hours it was done.", "{q} worked for {n} hours.", "{n} hours went by."),
        ),
        (
            (("What was broken?", "What did not work?", "Which thing needed a repair?"), "{x}", "The {x} was broken."),
            (("Who mended it?", "Who made the {x} work again?", "By whom was it mended?"), "{q}", "{q} mended the {x}."),
            (("What was used to mend the {x}?", "With what did {q} mend it?", "Which thing helped {q} to mend it?"), "{y}", "{q} used a {y}."),
            (("How many hours did it take?", "How long did {q} work?", "After how many hours was it done?"), "{n}", "It took {n} hours."),
            (("Where did {q} live?", "From which town was {q}?", "What was the town of {q}?"), "{town2}", "{q} was from {town2}."),
            (("What was the job of {q}?", "What work did {q} do?", "As what did {q} work?"), "{job2}", "{q} was a {job2}."),
        ),
    ),
    Plot(
        "journey",
        (
            ("{p} wanted to travel to {town2}.", "The plan of {p} was to go to {town2}.", "{town2} was the place that {p} wanted to see.",
             "To {town2}, that is where {p} wished to go."),
            ("{q} came along and brought a {c} {x}.", "With a {c} {x} in hand, {q} joined.", "{q} packed a {c} {x} and came too.",
             "Into the bag of {q} went a {c} {x}."),
            ("They slept in the {b}.", "For the night they stayed in the {b}.", "When it got dark they stopped at the {b}.", "Night found them in the {b}."),
            ("After {n} days they arrived.", "The way took {n} days.", "{n} days later they were there.", "They needed {n} days."),
            ("A {pet} welcomed them.", "The first thing they saw was a {pet}.", "At the gate sat a {pet}.", "They were met by a {pet}."),
        ),
        (
            (("Where did {p} want to go?", "To which town did they travel?", "What was the end of the journey?"), "{town2}", "They travelled to {town2}."),
            (("Who came along?", "Who travelled with {p}?", "With whom did {p} travel?"), "{q}", "{q} came along."),
            (("What did {q} bring?", "What did {q} pack?", "Which thing had {q}?"), "{x}", "{q} brought a {c} {x}."),
            (("Where did they sleep?", "Where did they stay for the night?", "In what place was the night spent?"), "{b}", "They slept in the {b}."),
            (("How many days did it take?", "How long was the way?", "After how many days did they arrive?"), "{n}", "It took {n} days."),
            (("Which animal did they see?", "What animal welcomed them?", "By what animal were they met?"), "{pet}", "They saw a {pet}."),
        ),
    ),
)  # fmt: skip


@dataclass
class Story:
    """The sentences of a story, its title, and what can be asked: `(question, short answer, sentence)`."""

    title: str
    sentences: list[str]
    asked: list[tuple[str, str, str]]

    @property
    def text(self) -> str:
        """The sentences in one line."""
        return " ".join(self.sentences)


def draw_cast(rng: Random) -> dict[str, str]:
    """Values for every name that a plot uses, all different where they could be confused."""
    p, q, z = draw_people(rng, 3)
    a, b = rng.sample(words.PLACES, 2)
    x, y = rng.sample(words.THINGS, 2)
    job, job2 = rng.sample(words.JOBS, 2)
    town, town2 = rng.sample(words.TOWNS, 2) if rng.random() < 0.7 else distinct(rng, 2, words.made_up)
    age, n = rng.sample(range(2, 40), 2)
    return dict(  # noqa: C408 - names, as `format` takes them
        p=p, q=q, z=z, a=a, b=b, x=x, y=y, job=job, job2=job2, town=town, town2=town2, age=str(age), n=str(n),
        c=rng.choice(words.COLOURS), day=rng.choice(words.DAYS), weather=rng.choice(words.WEATHER),
        food=rng.choice(words.FOODS), pet=rng.choice(words.PETS), mood=rng.choice(MOODS), trouble=rng.choice(TROUBLES),
    )  # fmt: skip


def draw_story(rng: Random, held_out: bool = False) -> Story:
    """One story; with `held_out`, in wordings that no training document uses."""
    cast, plot = draw_cast(rng), rng.choice(PLOTS)
    slots = (BEGINNINGS, *plot.slots, ENDINGS, FEELINGS)
    sentences = [pick(rng, slot, held_out).format(**cast) for slot in slots]
    asked = [
        (pick(rng, questions, held_out).format(**cast), short.format(**cast), sentence.format(**cast))
        for questions, short, sentence in plot.questions + COMMON
    ]
    title = f"{cast['p']} and the {cast['pet' if plot.name == 'pet' else 'x']}"
    return Story(title, sentences, asked)


def plain_story(rng: Random) -> Document:
    """A story and nothing else, half of the time with its title."""
    story = draw_story(rng)
    title = f"Story: {story.title}\n" if rng.random() < 0.5 else ""
    return Document("story").add(f"{title}{story.text}\n")


def story_with_questions(rng: Random, n_questions: int = 6, sentences: int | None = None) -> Document:
    """A story, then questions about it; `sentences` keeps only so many sentences, and what they answer."""
    story = draw_story(rng)
    kept = " ".join(story.sentences[:sentences])
    asked = [entry for entry in story.asked if entry[1] in kept]
    document = Document("story questions").add(kept)
    question_label, answer_label = rng.choice(LABELS)
    for question, short, _ in rng.choices(asked, k=n_questions):
        document.add(f"\n{question_label} {question}\n{answer_label}").add(f" {short}", answer=True)
    return document.add("\n")
