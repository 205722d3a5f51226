"""# What training takes in memory

To run a model you keep its weights. To train it you also keep a gradient for each, and what the optimizer remembers of each.
So a model that fits on a card may be far from trainable there, and it is worth a sum before the run:

| kept for each parameter | float32 | mixed bfloat16 |
|---|---|---|
| weight | 4 bytes | 2 bytes |
| gradient | 4 bytes | 2 bytes |
| master weight, in float32 | none | 4 bytes |
| AdamW's two running means, in float32 | 8 bytes | 8 bytes |
| SGD's momentum, in float32 | 4 bytes | 4 bytes |

In mixed precision the model computes with bfloat16 weights, but bfloat16 keeps 8 bits of a number: added to a weight, most
steps of a training run would round to nothing. So the optimizer keeps *master weights* in float32, and those count as its own.
(After the ZeRO paper, [Rajbhandari and others, 2020](https://arxiv.org/abs/1910.02054). What the layers compute, the
activations, comes on top and depends on the batch.)

Return a dict of whole numbers of bytes under the keys `"weights"`, `"gradients"`, `"optimizer"` and `"total"`.

- `optimizer` is `"adamw"` or `"sgd"` (with momentum); `precision` is `"float32"` or `"bfloat16"` (mixed, as above).
- Any other name: `ValueError`. A sum that is silently of something else is worse than none.
"""

import torch

from grader import close, exercise, raises


@exercise(
    points=2,
    hints=[
        "Everything is a number of bytes a parameter, times `n_parameters`. Which of the table's rows depend on the optimizer, which on "
        "the precision, and which one on neither?",
        "The optimizer's running means take 8 bytes for AdamW and 4 for SGD, in both precisions; a float32 copy of the weights, 4 more, "
        "joins them in mixed precision.",
        'Two small dicts, `{"adamw": 8, "sgd": 4}` and `{"float32": 4, "bfloat16": 2}`, hold nearly all of it. A name that is in '
        "neither is your `ValueError`.",
    ],
)
def training_memory(n_parameters: int, optimizer: str = "adamw", precision: str = "float32") -> dict[str, int]:
    """Return the bytes that weights, gradients and the optimizer take in training, and their total.

    Args:
        n_parameters: how many numbers the model learns.
        optimizer: "adamw" or "sgd" (with momentum).
        precision: "float32" or "bfloat16" (mixed: float32 master weights and moments, which count as the optimizer's).

    Raises:
        ValueError: for any other optimizer or precision.

    >>> training_memory(10)
    {'weights': 40, 'gradients': 40, 'optimizer': 80, 'total': 160}
    """
    moments = {"adamw": 2, "sgd": 1}
    size = {"float32": 4, "bfloat16": 2}
    if optimizer not in moments or precision not in size:
        raise ValueError(f"no sum for {optimizer} in {precision}")
    weights = size[precision] * n_parameters
    master = 0 if precision == "float32" else 4 * n_parameters
    states = 4 * moments[optimizer] * n_parameters + master
    return {"weights": weights, "gradients": weights, "optimizer": states, "total": 2 * weights + states}


def _bytes(weights, gradients, optimizer):
    """The dict that is due."""
    total = weights + gradients + optimizer
    return {"weights": weights, "gradients": gradients, "optimizer": optimizer, "total": total}


@training_memory.check
def adamw_in_float32(training_memory):
    """AdamW in float32: 16 bytes a parameter, half of them the optimizer's"""
    close(training_memory(1000), _bytes(4000, 4000, 8000))
    close(training_memory(8_030_261_248), _bytes(32_121_044_992, 32_121_044_992, 64_242_089_984))


@training_memory.check
def sgd_in_float32(training_memory):
    """SGD with momentum in float32: 12 bytes a parameter"""
    close(training_memory(1000, optimizer="sgd"), _bytes(4000, 4000, 4000))


@training_memory.check
def adamw_in_mixed_precision(training_memory):
    """AdamW in mixed bfloat16: 16 bytes a parameter again, 12 of them the optimizer's"""
    close(training_memory(1000, precision="bfloat16"), _bytes(2000, 2000, 12_000))


@training_memory.check
def sgd_in_mixed_precision(training_memory):
    """SGD with momentum in mixed bfloat16: 12 bytes a parameter, 8 of them the optimizer's"""
    close(training_memory(7, "sgd", "bfloat16"), _bytes(14, 14, 56))


@training_memory.check
def unknown_names(training_memory):
    """an optimizer or a precision without a row in the table: `ValueError`"""
    with raises(ValueError):
        training_memory(1000, optimizer="lion")
    with raises(ValueError):
        training_memory(1000, precision="float16")


def _counted(rng):
    return int(torch.randint(1, 1 << 40, (), generator=rng))


@training_memory.hidden
def any_size_in_float32(training_memory, rng):
    """models of any size, in float32"""
    for _ in range(3):
        n = _counted(rng)
        close(training_memory(n, "adamw", "float32"), _bytes(4 * n, 4 * n, 8 * n))
        close(training_memory(n, "sgd", "float32"), _bytes(4 * n, 4 * n, 4 * n))


@training_memory.hidden
def any_size_in_mixed_precision(training_memory, rng):
    """models of any size, in mixed bfloat16"""
    for _ in range(3):
        n = _counted(rng)
        close(training_memory(n, "adamw", "bfloat16"), _bytes(2 * n, 2 * n, 12 * n))
        close(training_memory(n, "sgd", "bfloat16"), _bytes(2 * n, 2 * n, 8 * n))


@training_memory.hidden
def other_names(training_memory, rng):
    """names of other optimizers and precisions raise `ValueError`, whatever the other argument"""
    n = _counted(rng)
    for optimizer, precision in (("adam", "float32"), ("muon", "bfloat16"), ("sgd", "int8"), ("adamw", "fp32")):
        with raises(ValueError):
            training_memory(n, optimizer, precision)


def _sum(n, weights, gradients, optimizer):
    return {
        "weights": weights * n,
        "gradients": gradients * n,
        "optimizer": optimizer * n,
        "total": (weights + gradients + optimizer) * n,
    }


def _known(optimizer, precision):
    if optimizer not in ("adamw", "sgd") or precision not in ("float32", "bfloat16"):
        raise ValueError(optimizer + precision)
    return {"adamw": 8, "sgd": 4}[optimizer], precision == "bfloat16"


@training_memory.mutant(
    "AdamW keeps two running means of each gradient, of itself and of its square: 8 bytes in float32. You count one."
)
def one_moment(n_parameters, optimizer="adamw", precision="float32"):
    _, mixed = _known(optimizer, precision)
    return _sum(n_parameters, 2, 2, 8) if mixed else _sum(n_parameters, 4, 4, 4)


@training_memory.mutant("SGD keeps its momentum, 4 bytes a parameter. You count nothing for it.")
def no_momentum(n_parameters, optimizer="adamw", precision="float32"):
    moments, mixed = _known(optimizer, precision)
    moments = 0 if optimizer == "sgd" else moments
    return _sum(n_parameters, 2, 2, 4 + moments) if mixed else _sum(n_parameters, 4, 4, moments)


@training_memory.mutant("`optimizer` is not used: SGD with momentum keeps 4 bytes a parameter where AdamW keeps 8.")
def always_adamw(n_parameters, optimizer="adamw", precision="float32"):
    _, mixed = _known(optimizer, precision)
    return _sum(n_parameters, 2, 2, 12) if mixed else _sum(n_parameters, 4, 4, 8)


@training_memory.mutant(
    "`precision` is not used: in mixed bfloat16, weights and gradients take 2 bytes each, and float32 master weights come on top."
)
def always_float32(n_parameters, optimizer="adamw", precision="float32"):
    moments, _ = _known(optimizer, precision)
    return _sum(n_parameters, 4, 4, moments)


@training_memory.mutant(
    "The optimizer's part is missing from your sum: it is 8 bytes a parameter for AdamW in float32."
)
def no_optimizer(n_parameters, optimizer="adamw", precision="float32"):
    _, mixed = _known(optimizer, precision)
    return _sum(n_parameters, 2, 2, 0) if mixed else _sum(n_parameters, 4, 4, 0)


@training_memory.mutant(
    "In mixed precision the optimizer also keeps master weights in float32, 4 bytes a parameter. You forgot them."
)
def no_master_weights(n_parameters, optimizer="adamw", precision="float32"):
    moments, mixed = _known(optimizer, precision)
    return _sum(n_parameters, 2, 2, moments) if mixed else _sum(n_parameters, 4, 4, moments)


@training_memory.mutant(
    "You count the float32 master weights with the weights. They are the optimizer's: the model computes with the bfloat16 ones."
)
def master_with_the_weights(n_parameters, optimizer="adamw", precision="float32"):
    moments, mixed = _known(optimizer, precision)
    return _sum(n_parameters, 6, 2, moments) if mixed else _sum(n_parameters, 4, 4, moments)


@training_memory.mutant(
    "You count master weights in float32 as well. There the weights themselves are float32, and no copy is kept."
)
def master_always(n_parameters, optimizer="adamw", precision="float32"):
    moments, mixed = _known(optimizer, precision)
    return _sum(n_parameters, 2, 2, 4 + moments) if mixed else _sum(n_parameters, 4, 4, 4 + moments)


@training_memory.mutant(
    "Your master weights take 2 bytes. They are kept in float32, 4 bytes: that is what they are for."
)
def master_in_half(n_parameters, optimizer="adamw", precision="float32"):
    moments, mixed = _known(optimizer, precision)
    return _sum(n_parameters, 2, 2, 2 + moments) if mixed else _sum(n_parameters, 4, 4, moments)


@training_memory.mutant("Your running means shrink to bfloat16 in mixed precision. They stay in float32, 4 bytes each.")
def moments_in_half(n_parameters, optimizer="adamw", precision="float32"):
    moments, mixed = _known(optimizer, precision)
    return _sum(n_parameters, 2, 2, 4 + moments // 2) if mixed else _sum(n_parameters, 4, 4, moments)


@training_memory.mutant(
    "In mixed precision you halve everything: that is training in bfloat16 alone. Running means stay in float32, and float32 master weights join them."
)
def everything_in_half(n_parameters, optimizer="adamw", precision="float32"):
    moments, mixed = _known(optimizer, precision)
    return _sum(n_parameters, 2, 2, moments // 2) if mixed else _sum(n_parameters, 4, 4, moments)


@training_memory.mutant(
    "Your gradients stay in float32 in mixed precision. They have the weights' dtype, 2 bytes each."
)
def gradients_in_float32(n_parameters, optimizer="adamw", precision="float32"):
    moments, mixed = _known(optimizer, precision)
    return _sum(n_parameters, 2, 4, 4 + moments) if mixed else _sum(n_parameters, 4, 4, moments)


@training_memory.mutant(
    "Your weights stay in float32 in mixed precision. The model computes with bfloat16 ones, 2 bytes each."
)
def weights_in_float32(n_parameters, optimizer="adamw", precision="float32"):
    moments, mixed = _known(optimizer, precision)
    return _sum(n_parameters, 4, 2, 4 + moments) if mixed else _sum(n_parameters, 4, 4, moments)


@training_memory.mutant("Your total leaves the gradients out. It is the sum of all three.")
def total_without_gradients(n_parameters, optimizer="adamw", precision="float32"):
    moments, mixed = _known(optimizer, precision)
    result = _sum(n_parameters, 2, 2, 4 + moments) if mixed else _sum(n_parameters, 4, 4, moments)
    return result | {"total": result["weights"] + result["optimizer"]}


@training_memory.mutant('Your dict has no `"total"`: the sum of the other three.')
def no_total(n_parameters, optimizer="adamw", precision="float32"):
    moments, mixed = _known(optimizer, precision)
    result = _sum(n_parameters, 2, 2, 4 + moments) if mixed else _sum(n_parameters, 4, 4, moments)
    return {key: value for key, value in result.items() if key != "total"}


@training_memory.mutant("Your numbers are bits. A byte has 8 of them: float32 takes 4 bytes.")
def bits(n_parameters, optimizer="adamw", precision="float32"):
    moments, mixed = _known(optimizer, precision)
    return _sum(8 * n_parameters, 2, 2, 4 + moments) if mixed else _sum(8 * n_parameters, 4, 4, moments)


@training_memory.mutant("Your numbers are gigabytes. Whole bytes are asked for: divide where you show them.")
def gigabytes(n_parameters, optimizer="adamw", precision="float32"):
    moments, mixed = _known(optimizer, precision)
    result = _sum(n_parameters, 2, 2, 4 + moments) if mixed else _sum(n_parameters, 4, 4, moments)
    return {key: value / 1e9 for key, value in result.items()}


@training_memory.mutant("Your numbers are gigabytes. Whole bytes are asked for: divide where you show them.")
def gibibytes(n_parameters, optimizer="adamw", precision="float32"):
    moments, mixed = _known(optimizer, precision)
    result = _sum(n_parameters, 2, 2, 4 + moments) if mixed else _sum(n_parameters, 4, 4, moments)
    return {key: value / 2**30 for key, value in result.items()}


@training_memory.mutant(
    "An unknown optimizer is counted as SGD, or as nothing. Raise `ValueError`, so that nobody plans by a wrong sum."
)
def any_optimizer(n_parameters, optimizer="adamw", precision="float32"):
    if precision not in ("float32", "bfloat16"):
        raise ValueError(precision)
    moments = 8 if optimizer == "adamw" else 4
    return _sum(n_parameters, 2, 2, 4 + moments) if precision == "bfloat16" else _sum(n_parameters, 4, 4, moments)


@training_memory.mutant(
    "An unknown precision is counted as one that you know. Raise `ValueError`, so that nobody plans by a wrong sum."
)
def any_precision(n_parameters, optimizer="adamw", precision="float32"):
    moments = {"adamw": 8, "sgd": 4}.get(optimizer)
    if moments is None:
        raise ValueError(optimizer)
    return _sum(n_parameters, 4, 4, moments) if precision == "float32" else _sum(n_parameters, 2, 2, 4 + moments)


@training_memory.mutant(
    "An unknown precision is counted as one that you know. Raise `ValueError`, so that nobody plans by a wrong sum."
)
def any_precision_as_float32(n_parameters, optimizer="adamw", precision="float32"):
    moments = {"adamw": 8, "sgd": 4}.get(optimizer)
    if moments is None:
        raise ValueError(optimizer)
    return _sum(n_parameters, 2, 2, 4 + moments) if precision == "bfloat16" else _sum(n_parameters, 4, 4, moments)


@training_memory.mutant(
    "An unknown name raises `KeyError`, by your dict's own doing. Look first, and raise `ValueError` with a sentence."
)
def key_error(n_parameters, optimizer="adamw", precision="float32"):
    moments = {"adamw": 8, "sgd": 4}[optimizer]
    master = {"float32": 0, "bfloat16": 4}[precision]
    size = {"float32": 4, "bfloat16": 2}[precision]
    return _sum(n_parameters, size, size, master + moments)


@training_memory.mutant(
    "Your function returns nothing (None). End it with `return` and the dict; `print` shows it only."
)
def nothing_returned(n_parameters, optimizer="adamw", precision="float32"):
    _known(optimizer, precision)


@training_memory.stand_in
def by_dtypes(n_parameters, optimizer="adamw", precision="float32"):
    kept = {"adamw": 2, "sgd": 1}.get(optimizer)
    dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}.get(precision)
    if kept is None or dtype is None:
        raise ValueError("not in the table")
    wide = kept + (dtype != torch.float32)
    parts = {"weights": dtype.itemsize, "gradients": dtype.itemsize, "optimizer": wide * torch.float32.itemsize}
    parts["total"] = sum(parts.values())
    return {name: size * n_parameters for name, size in parts.items()}


@training_memory.variant
def case_by_case(n_parameters, optimizer="adamw", precision="float32"):
    n = n_parameters
    if precision == "float32":
        weights, master = 4 * n, 0
    elif precision == "bfloat16":
        weights, master = 2 * n, 4 * n
    else:
        raise ValueError(f"precision {precision}")
    if optimizer == "adamw":
        state = 8 * n
    elif optimizer == "sgd":
        state = 4 * n
    else:
        raise ValueError(f"optimizer {optimizer}")
    result = {"weights": weights, "gradients": weights, "optimizer": state + master}
    result["total"] = sum(result.values())
    return result
