"""The widget of "how big, how long": what a training run needs of a card's memory, and how many days it takes.

`draw` is a plain function of the knobs. Activations are estimated for layers that keep what their backward pass needs,
with attention that never stores its table of weights. Left out: several cards, and what a framework keeps for itself.
"""

from __future__ import annotations

import ipywidgets
from matplotlib import pyplot
from matplotlib.figure import Figure

from course import plots
from course.cards import CARDS, card
from course.explorer import Explorer

# Bytes a parameter: (weights, gradients, the optimizer's numbers, which in mixed precision hold a float32 copy).
BYTES = {
    "AdamW, float32": (4, 4, 8),
    "AdamW, mixed bfloat16": (2, 2, 12),
    "SGD with momentum, float32": (4, 4, 4),
    "only using it, bfloat16": (2, 0, 0),
    "only using it, 4 bits": (0.5, 0, 0),
}
# Parameters, layers and width of models that publish them (Touvron et al. 2023; Dubey et al. 2024; Qwen Team 2024).
MODELS = {
    "the course's 3m": (3.48e6, 4, 256),
    "Qwen2.5 0.5B": (0.494e9, 24, 896),
    "Llama 3.2 1B": (1.236e9, 16, 2048),
    "Llama 3.1 8B": (8.03e9, 32, 4096),
    "Llama 2 13B": (13.02e9, 40, 5120),
    "Llama 3.1 70B": (70.6e9, 80, 8192),
}
SECONDS_A_DAY = 86_400


def activation_bytes(layers: int, width: int, tokens: int) -> float:
    """Bytes of 16-bit activations that a backward pass needs for `tokens` tokens: about 34 a width, layer and token.

    Korthikanti et al. (2022, arXiv:2205.05198, eq. 2), without the term that grows with the square of the length.
    """
    return 34.0 * layers * width * tokens


def days(parameters: float, tokens: float, peak: float, utilisation: float) -> float:
    """Days of one card for 6 operations a parameter and token, at a share of its peak (TFLOP/s)."""
    return 6 * parameters * tokens / (peak * 1e12 * utilisation) / SECONDS_A_DAY


def draw(
    model: str = "Llama 3.2 1B", way: str = "AdamW, mixed bfloat16", batch: int = 8, length: int = 2048,
    where: str = "NVIDIA A100 80GB", billions: float = 20.0, utilisation: float = 0.4,
) -> tuple[Figure, str]:  # fmt: skip
    """Memory of a run against a card's, and its days; returns (figure, alt). Raises ValueError for unknown names."""
    if model not in MODELS or way not in BYTES:
        raise ValueError(f"Choose a model of {', '.join(MODELS)} and a way of {', '.join(BYTES)}.")
    (parameters, layers, width), chip, training = MODELS[model], card(where), BYTES[way][1] > 0
    parts = {
        name: parameters * each for name, each in zip(("weights", "gradients", "optimizer"), BYTES[way], strict=True)
    }
    parts["activations"] = activation_bytes(layers, width, batch * length) if training else 0.0
    figure, axes = pyplot.subplots(figsize=(9, 2.9))
    start = 0.0
    for (name, size), colour in zip(parts.items(), plots.COLOURS, strict=False):
        if size:
            axes.barh(0, size / 1e9, left=start / 1e9, color=colour, label=f"{name} {size / 1e9:,.2f}", height=0.5)
        start += size
    axes.axvline(chip.memory, color=plots.INK, ls="--", lw=1.5)
    axes.text(chip.memory, 0.36, f" {chip.memory:g} GB", color=plots.INK, va="bottom")
    fits = start <= chip.memory * 1e9
    axes.set(yticks=[], xlabel="GB", ylim=(-0.4, 0.6), xlim=(0, 1.15 * max(start / 1e9, chip.memory)))
    axes.set_title(f"{model} on one {where}: {start / 1e9:,.2f} GB, which {'fits' if fits else 'does not fit'}")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.28), ncols=4)
    if training:
        took = days(parameters, billions * 1e9, chip.peak, utilisation)
        say = f"{billions:g} billion tokens take {took:,.1f} days at {utilisation:.0%} of its peak."
    else:
        say = f"It writes at most {chip.bandwidth * 1e9 / parts['weights']:,.0f} tokens a second for one reader."
    axes.text(0, 0.5, say, color=plots.MUTED, va="center")
    named = ", ".join(f"{name} {size / 1e9:.2f} GB" for name, size in parts.items() if size)
    return figure, f"{model}, {way}: {named}, in all {start / 1e9:.2f} GB of {chip.memory:g} GB. {say}"


def explore() -> Explorer:
    """The widget."""
    return Explorer(
        draw,
        model=ipywidgets.Dropdown(options=list(MODELS), value="Llama 3.2 1B", description="Model"),
        way=ipywidgets.Dropdown(options=list(BYTES), value="AdamW, mixed bfloat16", description="Way"),
        where=ipywidgets.Dropdown(options=[c.name for c in CARDS], value="NVIDIA A100 80GB", description="Card"),
        batch=ipywidgets.SelectionSlider(options=[1, 2, 4, 8, 16, 32, 64], value=8, description="Texts at once"),
        length=ipywidgets.SelectionSlider(options=[512, 1024, 2048, 4096, 8192], value=2048, description="Tokens each"),
        billions=ipywidgets.FloatLogSlider(value=20, min=-1, max=4, step=0.1, description="Billion tokens"),
        utilisation=ipywidgets.FloatSlider(value=0.4, min=0.1, max=0.7, step=0.05, description="Share of peak",
                                           readout_format=".0%"),
    )  # fmt: skip
