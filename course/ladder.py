"""The ladder: one recipe at several sizes and lengths, and the law that its losses follow.

`python -m course.ladder` (`make ladder`, some ten minutes on one quiet core) trains every rung, each with its own fall
of the rate to zero, and writes `ladder.json` beside this file: the layers' parameters, tokens, and the loss of text
never trained on. `fit` finds the law of Hoffmann et al. (2022, "Training compute-optimal large language models") in
them.
Left out: several seeds a rung, and learning rates of their own for each size.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import minimize

SIZES = ("0.15m", "0.3m", "0.6m", "1m")
TOKENS = (250_000, 500_000, 1_000_000, 2_000_000)
STEP = 1024  # tokens a step: few, so that short runs have steps enough
HELD_OUT = 1_000_000  # the index of a shard that no run reaches


@dataclass(frozen=True)
class Rung:
    """One run: `parameters` are those of the layers (embedding left out), `loss` is in nats a token of text."""

    size: str
    parameters: int
    tokens: int
    loss: float

    @property
    def flops(self) -> float:
        """Floating-point operations of the training run: 6 a parameter and token (Kaplan et al. 2020)."""
        return 6.0 * self.parameters * self.tokens


@dataclass(frozen=True)
class Law:
    """loss = floor + a / parameters**alpha + b / tokens**beta."""

    floor: float
    a: float
    alpha: float
    b: float
    beta: float

    def loss(self, parameters: float, tokens: float) -> float:
        """The loss in nats a token that the law expects."""
        return self.floor + self.a / parameters**self.alpha + self.b / tokens**self.beta

    def best_parameters(self, flops: float) -> float:
        """The size that the law finds best for a budget of floating-point operations (6 a parameter and token)."""
        ratio = (self.alpha * self.a / (self.beta * self.b)) ** (1 / (self.alpha + self.beta))
        return ratio * (flops / 6) ** (self.beta / (self.alpha + self.beta))


def rungs() -> list[Rung]:
    """The runs that the course made."""
    text = resources.files("course").joinpath("ladder.json").read_text(encoding="utf-8")
    return [Rung(**one) for one in json.loads(text)]


def fit(measured: list[Rung]) -> Law:
    """The law nearest to the measured losses: Huber loss of their logarithms, the best of many starts."""
    n, d, loss = (np.array([getattr(r, name) for r in measured], float) for name in ("parameters", "tokens", "loss"))

    def expected(x: np.ndarray) -> np.ndarray:
        log_floor, log_a, alpha, log_b, beta = x
        terms = np.stack([np.full_like(n, log_floor), log_a - alpha * np.log(n), log_b - beta * np.log(d)])
        return np.logaddexp.reduce(terms)

    def badness(x: np.ndarray, delta: float = 1e-3) -> float:
        off = np.abs(expected(x) - np.log(loss))
        return float(np.where(off < delta, off**2 / 2, delta * (off - delta / 2)).sum())

    starts = [(f, a, alpha, b, beta) for f in (-1, 0) for a in (0, 5) for alpha in (0.3, 0.8)
              for b in (0, 5) for beta in (0.3, 0.8)]  # fmt: skip
    tried = [minimize(badness, start, method="L-BFGS-B", options={"maxiter": 5000}) for start in starts]
    log_floor, log_a, alpha, log_b, beta = min(tried, key=lambda one: one.fun).x
    return Law(float(np.exp(log_floor)), float(np.exp(log_a)), float(alpha), float(np.exp(log_b)), float(beta))


def climb(size: str, tokens: int, tokenizer, folder: Path) -> Rung:
    """Train one rung and measure it."""
    from course import pretrain

    steps = tokens // STEP
    fifth = steps // 5
    recipe = pretrain.Recipe(
        size=size,
        phases=(("mixed", steps),),
        cooldown=fifth,
        warmup=min(100, fifth),
        look_back=False,
        tokens_per_step=STEP,
        steps_per_shard=256,
    )
    model = pretrain.train(recipe, folder, tokenizer).eval()
    parameters = sum(p.numel() for p in model.model.layers.parameters())
    return Rung(size, parameters, steps * recipe.tokens_per_step, round(held_out_loss(model, tokenizer), 4))


@torch.no_grad()
def held_out_loss(model, tokenizer) -> float:
    """The loss of plain text that no run has read, in nats a token: what every rung is measured by."""
    from course import corpus, pretrain

    ids, weights = corpus.shard("mixed", HELD_OUT, tokenizer, n_rows=512)
    rows = [torch.from_numpy(array) for array in (ids.astype("int64"), weights.astype("float32"))]
    parts = zip(*(tensor.split(32) for tensor in rows), strict=True)
    return float(np.mean([pretrain.loss_and_accuracy(model, *part)[1][0].item() for part in parts]))


def main() -> None:
    """Train every rung, from the smallest, and write them all down after each."""
    from course import corpus

    tokenizer, climbed = corpus.train_tokenizer(), []
    for size in SIZES:
        for tokens in TOKENS:
            with tempfile.TemporaryDirectory() as folder:
                climbed.append(climb(size, tokens, tokenizer, Path(folder)))
            print(climbed[-1], flush=True)
            lines = ",\n ".join(json.dumps(vars(rung)) for rung in climbed)
            Path(__file__).with_name("ladder.json").write_text(f"[\n {lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
