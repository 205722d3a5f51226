"""ChatML: a dialogue as messages between `<|im_start|>` and `<|im_end|>`, the format of the course's chat model.

The same text comes out of the tokenizer's chat template (`apply_chat_template`); a test holds the two together.
"""

from random import Random

from course.world import passages, stories
from course.world.document import Document

START, END = "<|im_start|>", "<|im_end|>"
ASK_FOR_STORY = (
    "Tell me a story about {title}.", "Write a short story: {title}.", "Please write a story with the title {title}.",
    "Can you tell the story of {title}?", "A story about {title}, please.", "I want to hear of {title}.",
)  # fmt: skip


def turn(document: Document, role: str, content: str) -> Document:
    """Append a message; what the assistant says is an answer, its closing token too."""
    if role == "assistant":
        return document.add(f"{START}assistant\n").add(f"{content}{END}", answer=True).add("\n")
    return document.add(f"{START}{role}\n{content}{END}\n")


def ask_about_passage(
    rng: Random, n_people: int = 3, n_relations: int = 3, turns: int = 4, reverse: float = 0.2
) -> Document:
    """Facts in the first message, then questions, answered in whole sentences."""
    facts = passages.draw_facts(rng, n_people, n_relations)
    text = " ".join(passages.state(rng, fact) for fact in facts)
    document = Document("chat about passage")
    for number in range(turns):
        question, _, sentence = passages.ask(rng, facts, reverse=reverse)
        turn(document, "user", f"{text}\n{question}" if number == 0 else question)
        turn(document, "assistant", sentence)
    return document


def ask_about_story(rng: Random, turns: int = 4) -> Document:
    """A story in the first message, then questions, answered in whole sentences."""
    story = stories.draw_story(rng)
    document = Document("chat about story")
    for number, (question, _, sentence) in enumerate(rng.sample(story.asked, turns)):
        turn(document, "user", f"{story.text}\n{question}" if number == 0 else question)
        turn(document, "assistant", sentence)
    return document


def ask_for_story(rng: Random) -> Document:
    """A title, and the story that the assistant tells.

    A story cannot be foreseen from its title, so only the token that ends the message counts as an answer.
    """
    story = stories.draw_story(rng)
    request = passages.pick(rng, ASK_FOR_STORY, held_out=False).format(title=story.title)
    document = turn(Document("chat for story"), "user", request)
    return document.add(f"{START}assistant\n{story.text}").add(END, answer=True).add("\n")
