# ruff: noqa: E501 - one wording, one line
"""Tool calls in JSON, in the convention of Hermes and Qwen: `<tool_call>` around an object with name and arguments.

The system message lists the tools on offer; the user wants something; the assistant calls the right tool, reads its
result and says it. Sometimes no tool fits, and the assistant says so. Leaves out parallel calls and nested arguments.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from course.world import words
from course.world.dialogue import turn
from course.world.document import Document
from course.world.passages import draw_people, pick

SYSTEM = "You can call these tools:\n{tools}"
NO_TOOL = "No tool can do that."


@dataclass(frozen=True)
class Tool:
    """A tool's name and parameters, how people ask for it (the last wording is held out), its result and the reply."""

    name: str
    parameters: tuple[str, ...]
    draw: Callable[[Random], dict]
    requests: tuple[str, ...]
    result: Callable[[Random, dict], dict]
    reply: str

    @property
    def schema(self) -> str:
        """The line that offers the tool."""
        return json.dumps({"name": self.name, "parameters": list(self.parameters)})


def _town(rng: Random) -> str:
    return rng.choice(words.TOWNS) if rng.random() < 0.6 else words.made_up(rng)


def _person(rng: Random) -> str:
    return draw_people(rng, 1, made_up=0.3)[0]


TOOLS = (
    Tool(
        "get_weather", ("town",), lambda rng: {"town": _town(rng)},
        ("What is the weather in {town}?", "How is the weather in {town} today?", "Is it cold in {town}?",
         "Do I need a coat in {town}?", "Tell me the weather in {town}.", "I go to {town}, what weather will I have?"),
        lambda rng, _: {"weather": rng.choice(words.WEATHER)}, "It is {weather} in {town}.",
    ),
    Tool(
        "get_time", ("town",), lambda rng: {"town": _town(rng)},
        ("What time is it in {town}?", "How late is it in {town}?", "Tell me the time in {town}.", "What does the clock say in {town}?",
         "I need the time in {town}.", "Which hour is it now in {town}?"),
        lambda rng, _: {"time": f"{rng.randint(0, 23)}:{rng.randint(10, 59)}"}, "It is {time} in {town}.",
    ),
    Tool(
        "add", ("a", "b"), lambda rng: {"a": rng.randint(0, 999), "b": rng.randint(0, 999)},
        ("What is {a} + {b}?", "Add {a} and {b}.", "What is the sum of {a} and {b}?", "How much is {a} plus {b}?",
         "Please add {b} to {a}.", "I have {a} and get {b} more, how many is that?"),
        lambda _, x: {"sum": x["a"] + x["b"]}, "The sum is {sum}.",
    ),
    Tool(
        "multiply", ("a", "b"), lambda rng: {"a": rng.randint(2, 99), "b": rng.randint(2, 99)},
        ("What is {a} times {b}?", "Multiply {a} by {b}.", "What is the product of {a} and {b}?", "How much is {a} * {b}?",
         "Please multiply {a} and {b}.", "I have {a} rows of {b}, how many is that?"),
        lambda _, x: {"product": x["a"] * x["b"]}, "The product is {product}.",
    ),
    Tool(
        "send_message", ("to", "text"), lambda rng: {"to": _person(rng), "text": _message(rng)},
        ("Tell {to}: {text}", "Send a message to {to}: {text}", "Write to {to}: {text}", "Let {to} know: {text}",
         "Please send {to} this: {text}", "A message for {to}: {text}"),
        lambda *_: {"sent": True}, "I sent it to {to}.",
    ),
    Tool(
        "find_person", ("name",), lambda rng: {"name": _person(rng)},
        ("Where is {name}?", "Find {name}.", "Where can I find {name}?", "In which place is {name}?",
         "Look for {name}.", "I am looking for {name}."),
        lambda rng, _: {"place": rng.choice(words.PLACES)}, "{name} is in the {place}.",
    ),
    Tool(
        "set_alarm", ("day", "hour"), lambda rng: {"day": rng.choice(words.DAYS), "hour": rng.randint(1, 23)},
        ("Wake me on {day} at {hour}.", "Set an alarm for {day} at {hour}.", "I must get up on {day} at {hour}.",
         "Ring on {day} at {hour}.", "Please make an alarm, {day}, {hour} sharp.", "On {day} I have to be awake at {hour}."),
        lambda *_: {"set": True}, "The alarm is set for {day}.",
    ),
    Tool(
        "buy", ("thing", "count"), lambda rng: {"thing": rng.choice(words.THINGS), "count": rng.randint(1, 20)},
        ("Buy a {thing}, {count} of them.", "Order {count} times a {thing}.", "I need {count} of this: {thing}.",
         "Get me {count} pieces of {thing}.", "Please buy {thing}, number {count}.", "Add to my order: {thing}, {count}."),
        lambda rng, x: {"price": x["count"] * rng.randint(1, 9)}, "That costs {price} coins.",
    ),
)  # fmt: skip


def _message(rng: Random) -> str:
    return rng.choice((
        f"I am in the {rng.choice(words.PLACES)}.", f"bring the {rng.choice(words.THINGS)}.", f"we eat {rng.choice(words.FOODS)}.",
        f"come on {rng.choice(words.DAYS)}.", f"the {rng.choice(words.PETS)} is fine.",
    ))  # fmt: skip


def call(name: str, arguments: dict) -> str:
    """The assistant's message that calls a tool."""
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


def draw_request(rng: Random, held_out: bool = False, offered: int = 3):
    """`(system message, request, tool, arguments)`; the tool is among those offered."""
    tool = rng.choice(TOOLS)
    others = rng.sample([other for other in TOOLS if other is not tool], offered - 1)
    on_offer = [tool, *others]
    rng.shuffle(on_offer)
    arguments = tool.draw(rng)
    system = SYSTEM.format(tools="\n".join(other.schema for other in on_offer))
    return system, pick(rng, tool.requests, held_out).format(**arguments), tool, arguments


def tool_dialogue(rng: Random) -> Document:
    """One request, the call, its result and the reply; one time in ten no tool on offer fits."""
    system, request, tool, arguments = draw_request(rng, offered=rng.randint(2, 4))
    document = Document("tool call")
    if rng.random() < 0.1:
        others = [other for other in TOOLS if other is not tool]
        system = SYSTEM.format(tools="\n".join(other.schema for other in rng.sample(others, rng.randint(1, 3))))
        turn(document, "system", system)
        return turn(turn(document, "user", request), "assistant", NO_TOOL)
    turn(document, "system", system)
    turn(document, "user", request)
    turn(document, "assistant", call(tool.name, arguments))
    result = tool.result(rng, arguments)
    turn(document, "tool", json.dumps(result))
    return turn(document, "assistant", tool.reply.format(**arguments, **result))
