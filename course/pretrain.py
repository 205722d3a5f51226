"""Pretrain the course's language model: `python -m course.pretrain --size 3m --folder runs/3m`.

A run is a list of phases `(stage of the corpus, steps)`. Matrices inside the layers are trained by Muon, the embedding
and the norms by AdamW; the rate rises, stays, and falls linearly in the last steps. A run that was stopped goes on from
its last checkpoint and ends with the same weights as one that was not. Left out: several processes, a GPU's kernels.

The model in `course/shipped` came of three runs, each with the weights of the one before; its card has their settings.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AttentionInterface, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from course import card, corpus, exam
from course.model import load


@dataclass(frozen=True)
class Size:
    """Layers, width, heads, heads of keys and values, and width of the MLP."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    hidden: int


SIZES = {
    "0.15m": Size(2, 32, 2, 1, 96),
    "0.3m": Size(2, 64, 4, 2, 192),
    "0.6m": Size(3, 96, 4, 2, 256),
    "1m": Size(4, 128, 4, 2, 320),
    "3m": Size(4, 256, 4, 2, 704),
    "4m": Size(6, 256, 4, 2, 640),
    "10m": Size(6, 384, 6, 2, 1024),
}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run's weights, besides the corpus and the machine's arithmetic."""

    size: str = "1m"
    phases: tuple[tuple[str, int], ...] = (("names", 400), ("recall", 400), ("mixed", 4200))
    cooldown: int = 1800  # the last steps, over which the rate falls to zero
    tokens_per_step: int = 4096
    warmup: int = 100
    muon_rate: float = 0.02
    adam_rate: float = 3e-3
    weight_decay: float = 0.0
    look_back: bool = True
    held_steps: int = 800  # so long the first layer goes on looking back
    seed: int = 0
    steps_per_shard: int = 64
    compile: bool = False

    @property
    def steps(self) -> int:
        """Steps of all phases."""
        return sum(steps for _, steps in self.phases)

    def rate(self, step: int) -> float:
        """Share of the full learning rate at a step: warm-up, plateau, linear fall."""
        left = (self.steps - step) / self.cooldown if self.cooldown else 1.0
        return min(1.0, (step + 1) / self.warmup, left)


def config(size: str) -> LlamaConfig:
    """The Llama configuration of a size.

    >>> config("1m").num_hidden_layers
    4
    """
    s = SIZES[size]
    return LlamaConfig(
        vocab_size=corpus.VOCABULARY,
        hidden_size=s.width,
        num_hidden_layers=s.layers,
        num_attention_heads=s.heads,
        num_key_value_heads=s.kv_heads,
        head_dim=64,
        intermediate_size=s.hidden,
        max_position_embeddings=512,
        rms_norm_eps=1e-6,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=0,
        use_cache=True,
    )


def attend_in_full(module, query: Tensor, key: Tensor, value: Tensor, mask, scaling: float, **_) -> tuple[Tensor, None]:
    """Causal attention as two matrix products: on a CPU and short rows faster than the fused kernel's backward pass.

    Tensors are (B, heads, T, d); queries that share keys are laid side by side in time.
    """
    batch, heads, length, depth = query.shape
    groups = key.shape[1]
    together = (query * scaling).reshape(batch, groups, -1, depth)
    scores = (together @ key.transpose(-1, -2)).view(batch, groups, -1, length, length)
    future = torch.full((length, length), -math.inf, dtype=scores.dtype).triu(1)
    weights = (scores + future).softmax(-1).view(batch, groups, -1, length)
    return (weights @ value).view(batch, heads, length, depth).transpose(1, 2).contiguous(), None


AttentionInterface.register("in_full", attend_in_full)


@torch.no_grad()
def initialise(model: LlamaForCausalLM) -> None:
    """Embeddings of unit variance, matrices that keep it, and a last norm so small that all tokens begin about equal.

    With the usual embeddings of 0.02, the first steps (which words are common?) drown what tells one name from another.
    """
    for parameter in model.model.layers.parameters():
        if parameter.dim() == 2:
            parameter.normal_(std=parameter.shape[1] ** -0.5)
    model.model.embed_tokens.weight.normal_()
    model.model.norm.weight.fill_(1.5 * model.config.hidden_size**-0.5)


@torch.no_grad()
def look_back(model: LlamaForCausalLM, strength: float = 14.0, shared: float = 0.5) -> None:
    """Make the heads of the first layer look 1, 2, 4, 6, … tokens back, and bring what they see to one place.

    Copying from the context needs heads that look at the tokens before (Olsson et al. 2022). A small model finds them
    late, because its first layer is soon taken by a poor shortcut: copying any word of the right kind. All embeddings
    get a direction in common; query and key read nothing else, the query turned by so many positions, so that rotary
    positions make the product largest there. Values and outputs begin the same in all heads: a later layer can match
    "this name was near" without learning it for each distance.
    """
    settings, attention = model.config, model.model.layers[0].self_attn
    depth, group = settings.head_dim, settings.num_attention_heads // settings.num_key_value_heads
    common = torch.full((settings.hidden_size,), settings.hidden_size**-0.5)

    embedding = model.model.embed_tokens.weight
    embedding -= torch.outer(embedding @ common, common)
    embedding += shared * settings.hidden_size**0.5 * common
    read = (shared**2 / (1 + shared**2) * settings.hidden_size) ** 0.5  # what the norm lets through of it

    angles = model.model.rotary_emb.inv_freq.float()
    size = (strength * depth**0.5 / len(angles)) ** 0.5 / read
    straight = torch.cat([torch.ones_like(angles), torch.zeros_like(angles)])
    brought = attention.o_proj.weight[:, :depth].clone() * settings.num_attention_heads**0.5
    for head in range(settings.num_attention_heads):
        distance = max(1, 2 * head)
        turned = torch.cat([(-distance * angles).cos(), (-distance * angles).sin()])
        rows = slice(head * depth, (head + 1) * depth)
        key_rows = slice(head // group * depth, (head // group + 1) * depth)
        attention.q_proj.weight[rows] = size * torch.outer(turned, common)
        attention.k_proj.weight[key_rows] = size * torch.outer(straight, common)
        attention.v_proj.weight[key_rows] = attention.v_proj.weight[:depth]
        attention.o_proj.weight[:, rows] = brought
    attention.v_proj.weight -= torch.outer(attention.v_proj.weight @ common, common)


@torch.no_grad()
def answer_whose(model: LlamaForCausalLM, strength: float = 3.0, slow: int = 12) -> None:
    """Make two heads of the second layer find a word that was near, and say what was near it.

    Needs `look_back`. To say where Ada is, a model looks for a place that "Ada" was near, and says it; to say who is in
    the park, it must look for the park and say a name that was near. Small models learn the first and not the second.
    Query and value read what the first layer brought, the key reads the word itself, through the same matrices; only
    the slowest rotary frequencies are used, so that the distance does not matter.
    """
    settings, first, second = model.config, model.model.layers[0].self_attn, model.model.layers[1].self_attn
    depth, group = settings.head_dim, settings.num_attention_heads // settings.num_key_value_heads
    read = first.v_proj.weight[:depth]
    brought = first.o_proj.weight[:, :depth].T / settings.num_attention_heads
    half = depth // 2
    lanes = [*range(half - slow, half), *range(depth - slow, depth)]
    key_rows = slice((settings.num_key_value_heads - 1) * depth, settings.num_key_value_heads * depth)
    second.k_proj.weight[key_rows] = 0
    second.k_proj.weight[key_rows][lanes] = strength * read[: 2 * slow]
    second.v_proj.weight[key_rows] = brought
    for head in range(settings.num_attention_heads - group, settings.num_attention_heads):
        rows = slice(head * depth, (head + 1) * depth)
        second.q_proj.weight[rows] = 0
        second.q_proj.weight[rows][lanes] = strength * brought[: 2 * slow]
        second.o_proj.weight[:, rows] = read.T


def hold_look_back(model: LlamaForCausalLM, hold: bool) -> None:
    """Keep the first layer looking back (no gradient for its queries and keys), or let it learn."""
    attention = model.model.layers[0].self_attn
    for projection in (attention.q_proj, attention.k_proj):
        projection.weight.requires_grad_(not hold)
        if hold:
            projection.weight.grad = None


def build(recipe: Recipe) -> LlamaForCausalLM:
    """The model of a recipe before its first step."""
    torch.manual_seed(recipe.seed)
    settings = config(recipe.size)
    settings._attn_implementation = "in_full"
    model = LlamaForCausalLM(settings)
    initialise(model)
    if recipe.look_back:
        look_back(model)
        answer_whose(model)
    return model


def optimizers(model: LlamaForCausalLM, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon (Jordan 2024) for the layers' matrices, AdamW for the embedding and the norms."""
    matrices = [p for p in model.model.layers.parameters() if p.dim() == 2]
    chosen = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    return [
        torch.optim.Muon(matrices, lr=recipe.muon_rate, momentum=0.95, weight_decay=recipe.weight_decay),
        torch.optim.AdamW(rest, lr=recipe.adam_rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def loss_and_accuracy(model: LlamaForCausalLM, ids: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """The weighted mean loss in nats, and three figures.

    They are the loss of text, the loss of answers, and the share of answer tokens that are the likeliest.
    """
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(ids, use_cache=False).logits[:, :-1].flatten(0, 1)
    targets, weight = ids[:, 1:].flatten(), weights[:, 1:].flatten()
    losses = F.cross_entropy(logits.float(), targets, reduction="none")
    answer, text = (weight == 1).float(), ((weight > 0) & (weight < 1)).float()
    right = (logits.argmax(-1) == targets).float()
    figures = [
        (losses * text).sum() / text.sum(),
        (losses * answer).sum() / answer.sum(),
        (right * answer).sum() / answer.sum(),
    ]
    return (losses * weight).sum() / weight.sum(), torch.stack(figures).detach()


def update(model: LlamaForCausalLM, opts: list, ids: Tensor, weights: Tensor, forward=loss_and_accuracy) -> Tensor:
    """One step of every optimizer on a batch; the three figures of `loss_and_accuracy`."""
    loss, figures = forward(model, ids, weights)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in opts:
        optimizer.step()
        optimizer.zero_grad()
    return figures


class Batches:
    """The batches of a run: `at(step)` gives ids (int64) and weights (float32), both (rows, length)."""

    def __init__(self, recipe: Recipe, tokenizer: PreTrainedTokenizerFast):
        self.recipe, self.tokenizer = recipe, tokenizer
        self._shard: tuple[tuple[str, int] | None, tuple] = (None, ())

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """The batch of a step; a shard is written when its first batch is asked for."""
        begin = 0
        for stage, steps in self.recipe.phases:  # noqa: B007 - the phase that the step falls in
            if step < begin + steps:
                break
            begin += steps
        rows = self.recipe.tokens_per_step // corpus.STAGES[stage].length
        index, within = divmod(step - begin, self.recipe.steps_per_shard)
        key = (stage, begin + index)  # a stage that comes twice does not see the same shard twice
        if self._shard[0] != key:
            n_rows = rows * self.recipe.steps_per_shard
            self._shard = (key, corpus.shard(*key, self.tokenizer, n_rows))
        ids, weights = (array[within * rows : (within + 1) * rows] for array in self._shard[1])
        return torch.from_numpy(ids.astype("int64")), torch.from_numpy(weights.astype("float32"))


def save(folder: Path, step: int, model, opts, log) -> None:
    """Write the checkpoint beside the old one, then take its place: a run killed here loses nothing."""
    state = {"step": step, "model": model.state_dict(), "optimizers": [o.state_dict() for o in opts], "log": log}
    torch.save(state, folder / "checkpoint.new")
    (folder / "checkpoint.new").replace(folder / "checkpoint.pt")


def train(
    recipe: Recipe,
    folder: Path,
    tokenizer: PreTrainedTokenizerFast,
    stop_at: int | None = None,
    save_every: float = 180.0,
    report_every: int = 50,
    report: Callable[[dict], None] = lambda entry: None,
    start: dict[str, Tensor] | None = None,
) -> LlamaForCausalLM:
    """Train to the recipe's last step, or to `stop_at`, from the checkpoint in `folder` where there is one.

    A run without a checkpoint begins with the weights `start`, or with those of `build`.

    Writes `checkpoint.pt` every `save_every` seconds and at the end, and a line of figures to `log.jsonl` every
    `report_every` steps, which `report` is called with too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model, batches, log, first = build(recipe), Batches(recipe, tokenizer), [], 0
    opts = optimizers(model, recipe)
    if start:
        model.load_state_dict(start)
    if (folder / "checkpoint.pt").exists():
        state = torch.load(folder / "checkpoint.pt", weights_only=True)
        model.load_state_dict(state["model"])
        for optimizer, saved in zip(opts, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        first, log = state["step"], state["log"]
    (folder / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in log))
    peaks = (recipe.muon_rate, recipe.adam_rate)
    forward = torch.compile(loss_and_accuracy) if recipe.compile else loss_and_accuracy
    last, saved_at, started, sums = min(stop_at or recipe.steps, recipe.steps), time.time(), time.time(), torch.zeros(3)
    seconds = log[-1]["seconds"] if log else 0.0
    for step in range(first, last):
        if recipe.look_back and step in (first, recipe.held_steps):
            hold_look_back(model, step < recipe.held_steps)
        for optimizer, peak in zip(opts, peaks, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * recipe.rate(step)
        sums += update(model, opts, *batches.at(step), forward)
        if (step + 1) % report_every == 0:
            text, answer, right = (round(x, 4) for x in (sums / report_every).tolist())
            entry = {
                "step": step + 1,
                "tokens": (step + 1) * recipe.tokens_per_step,
                "text_loss": text,
                "answer_loss": answer,
                "answer_right": right,
                "seconds": round(seconds + time.time() - started, 1),
            }
            log.append(entry)
            sums = torch.zeros(3)
            with (folder / "log.jsonl").open("a") as file:
                file.write(json.dumps(entry) + "\n")
            report(entry)
        if time.time() - saved_at > save_every and (step + 1) % report_every == 0:
            save(folder, step + 1, model, opts, log)
            saved_at = time.time()
    save(folder, last, model, opts, log)
    return model


def export(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write config.json, model.safetensors, tokenizer.json and the chat template, as a model hub has them.

    Weights are rounded to bfloat16, in which training multiplied them too; the configuration asks for float32 when they
    are read, so that small models stay exact in use.
    """
    copy.deepcopy(model).to(torch.bfloat16).save_pretrained(folder)
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"dtype": "float32"}, indent=2) + "\n")
    tokenizer.save_pretrained(folder)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="1m")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--phases", default="names:400,recall:400,mixed:4200", help="stages and their steps")
    parser.add_argument("--cooldown", type=int, default=1800)
    parser.add_argument("--warmup", type=int, default=100)
    parser.add_argument("--muon-rate", type=float, default=0.02)
    parser.add_argument("--adam-rate", type=float, default=3e-3)
    parser.add_argument("--start", type=Path, help="folder of a finished run, to go on with its weights and tokenizer")
    parser.add_argument("--questions", type=int, default=200, help="of each part of the exam")
    parser.add_argument("--held-steps", type=int, default=800)
    parser.add_argument("--no-look-back", action="store_true")
    parser.add_argument("--compile", action="store_true", help="needs a C++ compiler; about 1.6 times as fast")
    arguments = parser.parse_args()
    phases = tuple((stage, int(steps)) for stage, steps in (part.split(":") for part in arguments.phases.split(",")))
    recipe = Recipe(
        size=arguments.size,
        phases=phases,
        cooldown=arguments.cooldown,
        warmup=arguments.warmup,
        muon_rate=arguments.muon_rate,
        adam_rate=arguments.adam_rate,
        look_back=not (arguments.no_look_back or arguments.start),
        held_steps=arguments.held_steps,
        compile=arguments.compile,
    )
    home, start = arguments.folder / "tokenizer", None
    if arguments.start:
        start = torch.load(arguments.start / "checkpoint.pt", weights_only=True)["model"]
        shutil.copytree(arguments.start / "tokenizer", home, dirs_exist_ok=True)
    elif not home.exists():
        corpus.train_tokenizer().save_pretrained(home)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(home)

    def show(entry: dict) -> None:
        line = "step {step:>6} of {all} · text {text_loss:.2f} · answers {answer_loss:.2f} · {answer_right:.0%} right"
        print(line.format(all=recipe.steps, **entry), f"· {entry['seconds']:.0f} s", flush=True)

    home = arguments.folder / "model"
    export(train(recipe, arguments.folder, tokenizer, report=show, start=start), tokenizer, home)
    (arguments.folder / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2) + "\n")
    trained = load(home)
    scores = exam.sit(trained.model, tokenizer, arguments.questions)
    runs = [card.read(folder) for folder in (arguments.start, arguments.folder) if folder]
    card.write(home, runs, scores, arguments.questions, trained)
    print(f"The model, its card and its loss curve lie in {home}.")


if __name__ == "__main__":
    main()
