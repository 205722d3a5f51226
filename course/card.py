"""The model card and the loss curve of a run, written from its own log and exam: no figure is typed by hand.

Left out: what a card of a large model must say (energy, bias, intended users); this model knows a toy world only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random

from matplotlib.figure import Figure

from course.exam import EXAM_SEED
from course.model import Local
from course.plots import BLUE, ORANGE
from course.world import dialogue, passages, tools

CARD = """---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-generation
---
# A small model of a small world ({size}, {parameters:.2f} million parameters)

Trained by `course/pretrain.py` of *From attention to agents*, in the format of Llama. It reads short passages and
stories of a generated world and answers questions about them; it knows nothing about yours.

## Data
Documents written from seeds by `course/world` (passages with questions, stories, dialogues in ChatML, instructions,
sums, tool calls), and paragraphs of 38 plays and of the Python language reference. {tokens:.1f} million tokens;
documents are written anew for every step, only paragraphs of real text come again. Held out: the last wording
of every statement and question, one sum in ten, one paragraph in twenty, and all seeds of the exam. The paragraphs
held out are not all new: the reference repeats itself, so a few share a line with training text, and the perplexity of
plays and reference is a little flattered (the lesson *data* counts them).

## Recipe
{recipe}

{start}

## Training
{seconds:.0f} seconds on one core. The last figures of the log (answers weigh most, so the two losses are given apart):
text {text_loss:.3f} nats a token, answers {answer_loss:.3f} nats a token, {answer_right:.1%} of answer tokens right.

![Loss of text and of answers against tokens](loss.png)

## Scores
`course/exam.py`, {n} questions a part, marked by exact match of greedy decoding.

{scores}

## Samples
Greedy decoding of prompts from the exam's seeds, not chosen.

{samples}
"""

LOOK_BACK = (
    "The run did not start from random weights alone. The heads of the first layer were set to look 1, 2, 4, … tokens"
    " back, their queries and keys held so for the first {held_steps} steps, and two heads of the second layer to find"
    " a word and bring what was near it (`look_back` and `answer_whose` in the code say why)."
)


def _table(head: tuple[str, str], rows: dict[str, object]) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]
    return "\n".join(lines)


def samples(model: Local) -> str:
    """A question about a passage, a tool call and a story on request, with what the model writes."""
    rng = Random(EXAM_SEED + 2)
    facts = passages.draw_facts(rng, 3, 3)
    about = " ".join(passages.state(rng, fact) for fact in facts)
    system, request, _, _ = tools.draw_request(rng)
    dialogues = [
        [{"role": "user", "content": f"{about}\n{passages.ask(rng, facts)[0]}"}],
        [{"role": "system", "content": system}, {"role": "user", "content": request}],
        [{"role": "user", "content": dialogue.ASK_FOR_STORY[0].format(title="Mara and the kite")}],
    ]
    said = []
    for messages in dialogues:
        asked = "\n".join(f"{m['role']}: {m['content']}" for m in messages)
        said.append(f"```\n{asked}\nassistant: {model.chat(messages)}\n```")
    return "\n\n".join(said)


def loss_curve(log: list[dict], path: Path) -> None:
    """Draw the log's two losses against tokens."""
    figure = Figure()
    axes = figure.subplots()
    millions = [entry["tokens"] / 1e6 for entry in log]
    axes.plot(millions, [entry["text_loss"] for entry in log], color=BLUE, label="text")
    axes.plot(millions, [entry["answer_loss"] for entry in log], color=ORANGE, linestyle="--", label="answers")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.set(
        xlabel="tokens (millions)", ylabel="loss (nats a token)", title=f"Loss over {millions[-1]:.1f} million tokens"
    )
    axes.legend()
    figure.savefig(path)


@dataclass(frozen=True)
class Run:
    """The settings of a training run, and its log."""

    recipe: dict[str, object]
    log: list[dict]


def read(folder: Path) -> Run:
    """The run that left `recipe.json` and `log.jsonl` in a folder."""
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return Run(json.loads((folder / "recipe.json").read_text()), log)


def joined(runs: list[Run]) -> list[dict]:
    """The logs of runs, each of which went on where the one before it ended, as one."""
    log: list[dict] = []
    for run in runs:
        done = {key: log[-1][key] if log else 0 for key in ("step", "tokens", "seconds")}
        log += [entry | {key: entry[key] + before for key, before in done.items()} for entry in run.log]
    return log


def write(folder: Path, runs: list[Run], scores: dict[str, float], n: int, model: Local) -> None:
    """Write README.md and loss.png into the folder of an exported model that came of `runs`, one after the other."""
    log, first = joined(runs), runs[0].recipe
    loss_curve(log, folder / "loss.png")
    shown = {name: f"{v:.2f}" if name.startswith("perplexity") else f"{v:.1%}" for name, v in scores.items()}
    card = CARD.format(
        size=first["size"],
        parameters=sum(p.numel() for p in model.model.parameters()) / 1e6,
        recipe="\n\nThen, from the weights of that run:\n\n".join(
            _table(("setting", "value"), run.recipe) for run in runs
        ),
        start=LOOK_BACK.format(**first) if first["look_back"] else "",
        scores=_table(("part", "score"), shown),
        samples=samples(model),
        n=n,
        **{**log[-1], "tokens": log[-1]["tokens"] / 1e6},
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
