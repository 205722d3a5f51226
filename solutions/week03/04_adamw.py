"""# AdamW

The optimizer of nearly every language model. It keeps two running means for each parameter $p$, of its gradient $g$ and of the
gradient's square, and steps by their quotient: parameters whose gradients are always small move as far as those whose gradients are large.

$$m \\leftarrow \\beta_1 m + (1-\\beta_1)\\,g \\qquad v \\leftarrow \\beta_2 v + (1-\\beta_2)\\,g^2$$

Both begin at 0 and are too small at first. After $t$ steps, $1-\\beta^t$ says by how much:

$$p \\leftarrow p - \\eta\\lambda\\,p \\qquad
p \\leftarrow p - \\eta\\;\\frac{m\\,/\\,(1-\\beta_1^t)}{\\sqrt{v\\,/\\,(1-\\beta_2^t)} + \\varepsilon}$$

The first of these two is weight decay. In Adam it is added to the gradient and then divided by $\\sqrt v$ like the rest; in AdamW it is
*decoupled*: each weight shrinks by the same share, whatever its gradients ([Loshchilov and Hutter, 2019](https://arxiv.org/abs/1711.05101)).

- `params` is anything that one can iterate over once, for example `model.parameters()`. Here $\\eta$ is `lr`, $\\beta_1, \\beta_2$ are
  `betas`, $\\varepsilon$ is `eps` and $\\lambda$ is `weight_decay`.
- `step()` changes the parameters in place, and no gradient. A parameter whose `.grad` is `None` is left alone altogether: no decay, and no
  step counted. So each parameter has its own $t$.
- `zero_grad()` sets every `.grad` to `None`, as PyTorch's does, so that gradients of the next batch do not add up with those of the last, and a
  layer that the next batch does not use has none.

`torch.optim.AdamW` and its kin are not answers here.
"""

import math

import torch
from torch import nn

from grader import backward, close, exercise, library


@exercise(
    points=4,
    twins=["AdamW", "Adam", "adamw", "NAdam", "Adamax", "RAdam", "SparseAdam"],
    hints=[
        "`params` may be a generator, which is empty after the first walk: keep `list(params)`. For each parameter keep m and v, "
        "`torch.zeros_like(p)` at first, and t.",
        "`step` is one loop over parameters and their states. Skip those with `p.grad is None` before you count t. "
        "Everything happens under `torch.no_grad()`: a step is not to be differentiated.",
        "In place: `p.mul_(1 - lr * weight_decay)`, then `p.sub_(…)` or `p -= …`. With `p = p - …`, the model never hears of the new tensor.",
        "Divide m by 1 − β1ᵗ and v by 1 − β2ᵗ into *new* tensors: m and v themselves go on uncorrected. ε is added after the root.",
    ],
)
class AdamW:
    """Adam with decoupled weight decay, equal to torch.optim.AdamW.

    Args:
        params: the parameters to train, tensors with gradients in `.grad`.
        lr: learning rate.
        betas: how much of the running means of g and of g² each step keeps.
        eps: added to the root of the second, against division by 0.
        weight_decay: the share of each weight, times `lr`, that every step takes away.

    >>> p = nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> optimizer = AdamW([p], lr=0.1)
    >>> p.square().sum().backward()
    >>> optimizer.step()
    >>> p.data
    tensor([ 0.8990, -1.8980])
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        self.params = list(params)
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay
        self.means = [(torch.zeros_like(p), torch.zeros_like(p)) for p in self.params]
        self.counts = [0] * len(self.params)

    def step(self) -> None:
        """Move each parameter that has a gradient."""
        first, second = self.betas
        with torch.no_grad():
            for i, (p, (m, v)) in enumerate(zip(self.params, self.means, strict=True)):
                if p.grad is None:
                    continue
                self.counts[i] += 1
                m.mul_(first).add_(p.grad, alpha=1 - first)
                v.mul_(second).addcmul_(p.grad, p.grad, value=1 - second)
                p.mul_(1 - self.lr * self.weight_decay)
                root = (v / (1 - second ** self.counts[i])).sqrt() + self.eps
                p.sub_(self.lr * m / (1 - first ** self.counts[i]) / root)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for p in self.params:
            p.grad = None


def adamw_layer(linear):
    """A linear layer of 3 inputs and 2 outputs with fixed weights, made by `linear`."""
    layer = linear(3, 2)
    layer.load_state_dict(
        {"weight": torch.tensor([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]]), "bias": torch.tensor([2.0, -3.0])}
    )
    return layer


def adamw_upstream(step, scale=1.0):
    """A gradient of the layer's three outputs, another at each step: sines, some of them a hundred times smaller."""
    return (
        scale
        * torch.sin(torch.arange(6.0) * 1.7 + 2.1 * step + 0.5).reshape(3, 2)
        * torch.tensor([[1.0], [0.1], [0.01]])
    )


class Pair:
    """Your optimizer on a layer beside it, and PyTorch's on an equal layer here. What is done to one is done to the other."""

    def __init__(self, AdamW, **settings):
        self.layers = adamw_layer(library(AdamW, "torch.nn.Linear")), adamw_layer(nn.Linear)
        self.optimizers = (
            AdamW(self.layers[0].parameters(), **settings),
            torch.optim.AdamW(self.layers[1].parameters(), **settings),
        )

    def backward(self, upstream):
        """Send a gradient back through both layers; gradients add up, as they always do."""
        for layer in self.layers:
            backward(layer, (torch.eye(3),), upstream)

    def step(self, what):
        """Let both optimizers take a step, and compare the layers."""
        for optimizer in self.optimizers:
            optimizer.step()
        mine, due = self.layers
        close(mine.state_dict(), dict(due.state_dict()), what=f"the layer after {what}")

    def zero_grad(self):
        """Have both optimizers forget the gradients."""
        for optimizer in self.optimizers:
            optimizer.zero_grad()

    def train(self, n, scale=1.0):
        """n steps as in a training loop."""
        for step in range(n):
            self.zero_grad()
            self.backward(adamw_upstream(step, scale))
            self.step(f"step {step + 1}")


@AdamW.check
def twenty_steps(AdamW):
    """after each of 20 steps, the layer is what torch.optim.AdamW makes of it"""
    Pair(AdamW, lr=0.1, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.2).train(20)


@AdamW.check
def without_decay(AdamW):
    """without weight decay, and with other betas, too"""
    Pair(AdamW, lr=0.2, betas=(0.8, 0.9), weight_decay=0.0).train(6)
    Pair(AdamW, lr=0.2, betas=(0.0, 0.5), weight_decay=0.0).train(3)


@AdamW.check
def decay_alone(AdamW):
    """where gradients are zeros (not `None`), each weight shrinks by lr · weight_decay of itself at every step"""
    Pair(AdamW, lr=0.1, weight_decay=0.5).train(4, scale=0.0)


@AdamW.check
def momentum_goes_on(AdamW):
    """where a gradient is zeros after others that were not, the running means still move the weights"""
    pair = Pair(AdamW, lr=0.1, weight_decay=0.1)
    pair.train(3)
    for step in range(2):
        pair.zero_grad()
        pair.backward(torch.zeros(3, 2))
        pair.step(f"zeros {step + 1}")


@AdamW.check
def small_gradients(AdamW):
    """where gradients are as small as ε, or smaller, ε brakes the step"""
    Pair(AdamW, lr=0.5, eps=0.25, weight_decay=0.0).train(6)
    Pair(AdamW, lr=1.0, eps=1e-4, weight_decay=0.0).train(3, scale=1e-4)


@AdamW.check
def defaults(AdamW):
    """the defaults are PyTorch's: lr 1e-3, betas 0.9 and 0.999, ε 1e-8, weight decay 0.01"""
    Pair(AdamW, lr=1.0).train(5)
    Pair(AdamW, lr=1.0).train(3, scale=1e-8)
    Pair(AdamW, weight_decay=100.0).train(3, scale=0.0)


@AdamW.check
def gradients_stay(AdamW):
    """a step leaves the gradients as they were: two steps on the same ones, and then others that add up with them"""
    pair = Pair(AdamW, lr=0.1, weight_decay=0.3)
    pair.backward(adamw_upstream(0))
    pair.step("one step")
    pair.step("a second step with the same gradients")
    pair.backward(adamw_upstream(1))
    pair.step("a step with gradients that added up")
    pair.zero_grad()
    pair.backward(adamw_upstream(2))
    pair.step("`zero_grad` and another step")


class TwoLayers:
    """Two layers of one size in one optimizer, yours and PyTorch's; each layer gets gradients by itself."""

    def __init__(self, AdamW, **settings):
        self.sides = []
        for linear, together, optimizer in (
            (library(AdamW, "torch.nn.Linear"), library(AdamW, "torch.nn.ModuleList"), AdamW),
            (nn.Linear, nn.ModuleList, torch.optim.AdamW),
        ):
            layers = [adamw_layer(linear), adamw_layer(linear)]
            self.sides.append((layers, optimizer(together(layers).parameters(), **settings)))

    def step(self, gradients):
        """Forget all gradients, send `gradients[i]` through layer i unless it is None, take a step, compare."""
        for layers, optimizer in self.sides:
            optimizer.zero_grad()
            for layer, upstream in zip(layers, gradients, strict=True):
                if upstream is not None:
                    backward(layer, (torch.eye(3),), upstream)
            optimizer.step()
        for i, name in enumerate(("first", "second")):
            mine, due = (layers[i] for layers, _ in self.sides)
            close(mine.state_dict(), dict(due.state_dict()), what=f"the {name} layer")


@AdamW.check
def states_of_their_own(AdamW):
    """two layers of one size, with different gradients, are trained each by its own running means"""
    two = TwoLayers(AdamW, lr=0.1, weight_decay=0.1)
    for step in range(4):
        two.step([adamw_upstream(step), adamw_upstream(step + 7, 3.0)])


@AdamW.check
def without_a_gradient(AdamW):
    """a layer without gradients is left alone; its steps are counted from the first gradient that it gets"""
    two = TwoLayers(AdamW, lr=0.1, weight_decay=0.3)
    for step, turn in enumerate(("a ", "a ", "ab", "ab")):
        two.step([None if name == " " else adamw_upstream(step) for name in turn])


@AdamW.check
def no_gradient_for_once(AdamW):
    """a layer that a batch does not use has no gradient after `zero_grad`, and is left alone at that step"""
    two = TwoLayers(AdamW, lr=0.1, weight_decay=0.3)
    for step, turn in enumerate(("ab", "a ", "ab", " b", "ab")):
        two.step([None if name == " " else adamw_upstream(step) for name in turn])


def _drawn(rng):
    lr, wd, first, second = torch.rand(4, generator=rng).tolist()
    eps = 10.0 ** -float(torch.randint(1, 9, (), generator=rng))
    return {"lr": 0.3 * lr, "betas": (first, 0.5 + second / 2.01), "eps": eps, "weight_decay": wd}


@AdamW.hidden
def any_settings(AdamW, rng):
    """with any settings and any gradients, 20 steps are those of torch.optim.AdamW"""
    pair = Pair(AdamW, **_drawn(rng))
    for step in range(20):
        pair.zero_grad()
        pair.backward(torch.randn(3, 2, generator=rng))
        pair.step(f"step {step + 1}")


@AdamW.hidden
def any_loop(AdamW, rng):
    """gradients that add up, steps that repeat, in any order"""
    pair = Pair(AdamW, **_drawn(rng))
    pair.backward(torch.randn(3, 2, generator=rng))
    for what in torch.randint(0, 3, (12,), generator=rng).tolist():
        if what == 0:
            pair.zero_grad()
            pair.backward(torch.randn(3, 2, generator=rng))
        elif what == 1:
            pair.backward(torch.randn(3, 2, generator=rng))
        pair.step("a step")


@AdamW.hidden
def gradients_here_and_there(AdamW, rng):
    """two layers, of which at any step both, one or none get gradients"""
    two = TwoLayers(AdamW, **_drawn(rng))
    for which in [3, 1, 2, 0, *torch.randint(0, 4, (8,), generator=rng).tolist()]:
        drawn = torch.randn(2, 3, 2, generator=rng)
        two.step([drawn[i] if which >> i & 1 else None for i in range(2)])


class _InParts:
    """The same in small methods, so that a wrong answer below is this one with one of them changed."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        self.params = list(params)
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay
        self.states = [{"m": torch.zeros_like(p), "v": torch.zeros_like(p), "t": 0} for p in self.params]

    def zero_grad(self):
        for p in self.params:
            p.grad = None

    @torch.no_grad()
    def step(self):
        for p, s in zip(self.params, self.states, strict=True):
            if p.grad is None:
                self.without(p, s)
            else:
                s["t"] += 1
                self.update(p, p.grad, s)

    def without(self, p, s):
        pass

    def update(self, p, g, s):
        self.average(g, s)
        self.decay(p)
        p.sub_(self.lr * self.direction(s))

    def average(self, g, s):
        s["m"] = self.betas[0] * s["m"] + (1 - self.betas[0]) * g
        s["v"] = self.betas[1] * s["v"] + (1 - self.betas[1]) * g * g

    def decay(self, p):
        p.mul_(1 - self.lr * self.weight_decay)

    def direction(self, s):
        m, v = s["m"] / (1 - self.betas[0] ** s["t"]), s["v"] / (1 - self.betas[1] ** s["t"])
        return m / (v.sqrt() + self.eps)


@AdamW.mutant(
    "Your weight decay is added to the gradient, as in Adam (L2). There √v divides it again. In AdamW it is decoupled: shrink the weight by itself."
)
class l2(_InParts):
    def update(self, p, g, s):
        self.average(g + self.weight_decay * p, s)
        p.sub_(self.lr * self.direction(s))


@AdamW.mutant("There is no weight decay: this is Adam. Every step also takes lr · weight_decay of each weight away.")
class no_decay(_InParts):
    def decay(self, p):
        pass


@AdamW.mutant("Your weight decay leaves `lr` out: a step takes lr · weight_decay of each weight, not weight_decay.")
class decay_without_lr(_InParts):
    def decay(self, p):
        p.mul_(1 - self.weight_decay)


@AdamW.mutant(
    "Your weight decay has `lr` twice, perhaps since the decay is part of what is then multiplied by lr. Once is due."
)
class decay_with_lr_twice(_InParts):
    def decay(self, p):
        p.mul_(1 - self.lr**2 * self.weight_decay)


@AdamW.mutant("Your weights grow: weight decay has the wrong sign.")
class growth(_InParts):
    def decay(self, p):
        p.mul_(1 + self.lr * self.weight_decay)


@AdamW.mutant(
    "You decay after the step, and so the step as well. The decay takes its share of the weight as it was before: do it first."
)
class decay_afterwards(_InParts):
    def update(self, p, g, s):
        self.average(g, s)
        p.sub_(self.lr * self.direction(s))
        self.decay(p)


@AdamW.mutant("Only the matrices shrink. Here all parameters do, biases too.")
class decay_of_matrices_alone(_InParts):
    def decay(self, p):
        if p.dim() > 1:
            p.mul_(1 - self.lr * self.weight_decay)


@AdamW.mutant("Bias correction is missing: m and v begin at 0 and are too small at first. Divide by 1 − βᵗ.")
class no_correction(_InParts):
    def direction(self, s):
        return s["m"] / (s["v"].sqrt() + self.eps)


@AdamW.mutant("Only m is corrected. v too begins at 0: divide it by 1 − β2ᵗ.")
class correction_of_m_alone(_InParts):
    def direction(self, s):
        return s["m"] / (1 - self.betas[0] ** s["t"]) / (s["v"].sqrt() + self.eps)


@AdamW.mutant("Only v is corrected. m too begins at 0: divide it by 1 − β1ᵗ.")
class correction_of_v_alone(_InParts):
    def direction(self, s):
        return s["m"] / ((s["v"] / (1 - self.betas[1] ** s["t"])).sqrt() + self.eps)


@AdamW.mutant("Your t is one too large: at the first step it is 1.")
class late_by_one(_InParts):
    def direction(self, s):
        return super().direction(s | {"t": s["t"] + 1})


@AdamW.mutant("Your t is one too small: at the first step it is 0, and 1 − β⁰ is 0. Count before you correct.")
class early_by_one(_InParts):
    def direction(self, s):
        return super().direction(s | {"t": s["t"] - 1})


@AdamW.mutant("Your t is one too small: at the first step it is 0, and 1 − β⁰ is 0. Count before you correct.")
class early_by_one_and_plain(_InParts):
    def direction(self, s):
        first, second = ((1 - torch.tensor(beta) ** (s["t"] - 1)) for beta in self.betas)
        if s["t"] == 1:
            raise ZeroDivisionError("float division by zero")
        return s["m"] / first / ((s["v"] / second).sqrt() + self.eps)


@AdamW.mutant("Your bias correction stays what it is at the first step, 1 − β. It is 1 − βᵗ, and t grows.")
class t_stays(_InParts):
    def direction(self, s):
        return super().direction(s | {"t": 1})


@AdamW.mutant("You put the corrected means back in the place of m and v. The running means go on uncorrected.")
class correction_kept(_InParts):
    def direction(self, s):
        s["m"] = s["m"] / (1 - self.betas[0] ** s["t"])
        s["v"] = s["v"] / (1 - self.betas[1] ** s["t"])
        return s["m"] / (s["v"].sqrt() + self.eps)


@AdamW.mutant("v is corrected after its root is taken. Divide v by 1 − β2ᵗ first, then take the root.")
class correction_outside_of_the_root(_InParts):
    def direction(self, s):
        return s["m"] / (1 - self.betas[0] ** s["t"]) / (s["v"].sqrt() / (1 - self.betas[1] ** s["t"]) + self.eps)


@AdamW.mutant("ε stands inside of the root. It is added after the root: √v + ε.")
class eps_in_the_root(_InParts):
    def direction(self, s):
        m, v = s["m"] / (1 - self.betas[0] ** s["t"]), s["v"] / (1 - self.betas[1] ** s["t"])
        return m / (v + self.eps).sqrt()


@AdamW.mutant(
    "ε is added before v is corrected (so the paper's shorter form has it), and gets corrected with it. Correct v, take the root, then add ε."
)
class eps_before_the_correction(_InParts):
    def direction(self, s):
        share = (1 - self.betas[1] ** s["t"]) ** 0.5 / (1 - self.betas[0] ** s["t"])
        return share * s["m"] / (s["v"].sqrt() + self.eps)


@AdamW.mutant("There is no ε: where gradients are 0 you divide 0 by 0.")
class no_eps(_InParts):
    def direction(self, s):
        m, v = s["m"] / (1 - self.betas[0] ** s["t"]), s["v"] / (1 - self.betas[1] ** s["t"])
        return m / v.sqrt()


@AdamW.mutant("There is no root: m is divided by v. It is divided by √v.")
class no_root(_InParts):
    def direction(self, s):
        m, v = s["m"] / (1 - self.betas[0] ** s["t"]), s["v"] / (1 - self.betas[1] ** s["t"])
        return m / (v + self.eps)


@AdamW.mutant("v takes the gradient itself. It is the running mean of its square.")
class v_of_the_gradient(_InParts):
    def average(self, g, s):
        s["m"] = self.betas[0] * s["m"] + (1 - self.betas[0]) * g
        s["v"] = self.betas[1] * s["v"] + (1 - self.betas[1]) * g.abs()


@AdamW.mutant("v takes the square of m. It is the running mean of the gradient's square.")
class v_of_m(_InParts):
    def average(self, g, s):
        s["m"] = self.betas[0] * s["m"] + (1 - self.betas[0]) * g
        s["v"] = self.betas[1] * s["v"] + (1 - self.betas[1]) * s["m"] ** 2


@AdamW.mutant("The two betas have changed places: the first is m's, the second v's.")
class betas_swapped(_InParts):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        super().__init__(params, lr, betas[::-1], eps, weight_decay)


@AdamW.mutant("β and 1 − β have changed places: most of the running mean is kept, a little of the gradient comes in.")
class shares_swapped(_InParts):
    def average(self, g, s):
        s["m"] = (1 - self.betas[0]) * s["m"] + self.betas[0] * g
        s["v"] = (1 - self.betas[1]) * s["v"] + self.betas[1] * g * g


@AdamW.mutant("m has no running mean: you step by the gradient of the moment.")
class no_momentum(_InParts):
    def average(self, g, s):
        s["m"] = (1 - self.betas[0] ** s["t"]) * g
        s["v"] = self.betas[1] * s["v"] + (1 - self.betas[1]) * g * g


@AdamW.mutant("This is gradient descent with weight decay: neither running mean is used.")
class gradient_descent(_InParts):
    def update(self, p, g, s):
        self.decay(p)
        p.sub_(self.lr * g)


@AdamW.mutant("You step uphill: what is divided is subtracted from the parameter, not added.")
class uphill(_InParts):
    def update(self, p, g, s):
        self.average(g, s)
        self.decay(p)
        p.add_(self.lr * self.direction(s))


@AdamW.mutant("One v for a whole tensor: you take a mean or a norm of the gradient. Each number has its own.")
class one_v_a_tensor(_InParts):
    def average(self, g, s):
        s["m"] = self.betas[0] * s["m"] + (1 - self.betas[0]) * g
        s["v"] = self.betas[1] * s["v"] + (1 - self.betas[1]) * (g * g).mean()


@AdamW.mutant("Parameters of one shape share their running means. Each parameter has its own.")
class shared_by_shape(_InParts):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        super().__init__(params, lr, betas, eps, weight_decay)
        by_shape = {}
        for p, s in zip(self.params, self.states, strict=True):
            by_shape.setdefault(p.shape, s)
        self.states = [by_shape[p.shape] for p in self.params]

    @torch.no_grad()
    def step(self):
        counted = {id(s): s["t"] + 1 for s in self.states}
        for p, s in zip(self.params, self.states, strict=True):
            if p.grad is not None:
                s["t"] = counted[id(s)]
                self.update(p, p.grad, s)


@AdamW.mutant("t is counted once for every parameter that a step moves. One step is one step for each.")
class t_counted_by_all(_InParts):
    counted = 0

    def direction(self, s):
        self.counted += 1
        return super().direction(s | {"t": self.counted})


@AdamW.mutant(
    "All parameters share one t. One that gets its first gradient late has a t of its own, counted from there: its running means are as new as at the first step."
)
class one_t_for_all(_InParts):
    steps = 0

    def step(self):
        self.steps += 1
        super().step()

    def direction(self, s):
        return super().direction(s | {"t": self.steps})


@AdamW.mutant(
    "All parameters share one t. One that gets its first gradient late has a t of its own, counted from there: its running means are as new as at the first step."
)
class counted_without_a_gradient(_InParts):
    def without(self, p, s):
        s["t"] += 1


@AdamW.mutant("A parameter without a gradient still shrinks. It is left alone: skip it before the decay.")
class decay_without_a_gradient(_InParts):
    def without(self, p, s):
        self.decay(p)


@AdamW.mutant("A parameter without a gradient goes on as if its gradient were 0. It is left alone: skip it.")
class none_as_zero(_InParts):
    def without(self, p, s):
        s["t"] += 1
        self.update(p, torch.zeros_like(p), s)


@AdamW.mutant(
    "A parameter may have no gradient: `.grad` is `None` then, and your step cannot use it. Skip such parameters."
)
class none_is_an_error(_InParts):
    def without(self, p, s):
        raise TypeError("unsupported operand type(s) for *: 'float' and 'NoneType'")


@AdamW.mutant(
    "One parameter without a gradient, and the step ends: those after it are not moved. `continue` with the next, where you `return` or `break`."
)
class ends_at_the_first_without(_InParts):
    @torch.no_grad()
    def step(self):
        for p, s in reversed(list(zip(self.params, self.states, strict=True))):
            if p.grad is None:
                return
            s["t"] += 1
            self.update(p, p.grad, s)


@AdamW.mutant(
    "One parameter without a gradient, and the step ends: those after it are not moved. `continue` with the next, where you `return` or `break`."
)
class nothing_unless_all_have_one(_InParts):
    def step(self):
        if all(p.grad is not None for p in self.params):
            super().step()


@AdamW.mutant(
    "A gradient of zeros is skipped. It is a gradient: the weight decays, and the running means move it on. Skip `None` alone."
)
class zeros_skipped(_InParts):
    def update(self, p, g, s):
        if g.any():
            super().update(p, g, s)
        else:
            s["t"] -= 1


@AdamW.mutant(
    "Your `zero_grad` fills the gradients with zeros. A layer that the next batch does not use then shrinks and drifts on. Set `.grad` to `None`."
)
class zeros_for_none(_InParts):
    def zero_grad(self):
        for p in self.params:
            if p.grad is not None:
                p.grad = torch.zeros_like(p.grad)


@AdamW.mutant("`zero_grad` does nothing, so gradients of all batches add up. Set each `.grad` to `None`.")
class gradients_never_forgotten(_InParts):
    def zero_grad(self):
        pass


@AdamW.mutant(
    "`step` forgets the gradients by itself. It leaves them as they are: forgetting is what `zero_grad` is for."
)
class step_forgets(_InParts):
    def step(self):
        super().step()
        self.zero_grad()


@AdamW.mutant(
    "Your step changes the gradients themselves (`grad.add_`, `mul_` and the like, or an m that *is* the gradient). Make new tensors."
)
class gradients_changed(_InParts):
    def update(self, p, g, s):
        super().update(p, g.clone(), s)
        g.mul_(1 - self.betas[0])


@AdamW.mutant(
    "Your step changes the gradients themselves (`grad.add_`, `mul_` and the like, or an m that *is* the gradient). Make new tensors."
)
class gradients_squared(_InParts):
    def update(self, p, g, s):
        super().update(p, g.clone(), s)
        g.pow_(2)


@AdamW.mutant(
    "The parameters stay as they were. `p = p - …` makes a new tensor that the model never sees (and a generator is empty after one walk): keep `list(params)`, and write `p -= …`."
)
class nothing_moves(_InParts):
    def update(self, p, g, s):
        self.average(g, s)
        p = p * (1 - self.lr * self.weight_decay) - self.lr * self.direction(s)


@AdamW.mutant("You change a parameter while gradients are recorded, and PyTorch refuses. Work under `torch.no_grad()`.")
class recorded(_InParts):
    def step(self):
        for p, s in zip(self.params, self.states, strict=True):
            if p.grad is None:
                continue
            s["t"] += 1
            self.average(p.grad, s)
            p -= self.lr * self.weight_decay * p + self.lr * self.direction(s)


@AdamW.mutant("`weight_decay` is 0 where nobody says. Its default is 0.01.")
class no_decay_by_default(_InParts):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params, lr, betas, eps, weight_decay)


@AdamW.mutant("Your default for the second beta is not 0.999.")
class another_second_beta(_InParts):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.01):
        super().__init__(params, lr, betas, eps, weight_decay)


@AdamW.mutant("Your default for ε is not 1e-8.")
class another_eps(_InParts):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.01):
        super().__init__(params, lr, betas, eps, weight_decay)


@AdamW.mutant("Your default for `lr` is not 1e-3.")
class another_lr(_InParts):
    def __init__(self, params, lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        super().__init__(params, lr, betas, eps, weight_decay)


@AdamW.mutant("`lr` is not used in the step: what is divided is multiplied by it.")
class no_lr(_InParts):
    def update(self, p, g, s):
        self.average(g, s)
        self.decay(p)
        p.sub_(self.direction(s))


@AdamW.mutant("Your running means are made anew at every step. They belong to the optimizer: make them in `__init__`.")
class forgetful(_InParts):
    def average(self, g, s):
        s["m"], s["v"] = (1 - self.betas[0]) * g, (1 - self.betas[1]) * g * g


@AdamW.stand_in
class by_the_library:
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        self.inner = torch.optim.AdamW(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def step(self):
        self.inner.step()

    def zero_grad(self):
        self.inner.zero_grad()


@AdamW.variant
class by_a_dict_of_states:
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        self.params = [*params]
        self.settings = lr, *betas, eps, weight_decay
        self.state = {}

    def zero_grad(self):
        for p in self.params:
            if p.grad is not None:
                p.grad = torch.zeros_like(p.grad)
                p.grad = None

    def step(self):
        lr, b1, b2, eps, wd = self.settings
        for p in self.params:
            g = p.grad
            if g is not None:
                m, v, t = self.state.get(p, (0.0, 0.0, 0))
                t += 1
                m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
                self.state[p] = m, v, t
                m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
                p.data = p.data - lr * (m_hat / (torch.sqrt(v_hat) + eps) + wd * p.data)


@AdamW.variant
class number_by_number:
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        self.kept = [(p, [[0.0, 0.0] for _ in range(p.numel())], [0]) for p in params]
        self.lr, (self.b1, self.b2), self.eps, self.shrink = lr, betas, eps, 1 - lr * weight_decay

    def zero_grad(self):
        for p, _, _ in self.kept:
            p.grad = None

    @torch.no_grad()
    def step(self):
        for p, moments, t in self.kept:
            if p.grad is None:
                continue
            t[0] += 1
            flat = p.detach().view(-1)
            for i, g in enumerate(p.grad.reshape(-1).tolist()):
                m, v = moments[i]
                moments[i] = m, v = self.b1 * m + (1 - self.b1) * g, self.b2 * v + (1 - self.b2) * g * g
                m, v = m / (1 - self.b1 ** t[0]), v / (1 - self.b2 ** t[0])
                flat[i] = flat[i] * self.shrink - self.lr * m / (math.sqrt(v) + self.eps)
