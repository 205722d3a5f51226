"""# Warm-up and cosine

The first steps of a training run are the most dangerous: AdamW's averages have seen almost nothing, and a full step could
throw the model off for good. So the learning rate is *warmed up*, a bit more with each step; then it glides down along half
a cosine, so that the last steps settle what the first ones found.

With $s$ the step, $w$ = `warmup`, $n$ = `total`:

$$\\eta(s) = \\begin{cases}
\\mathrm{peak}\\cdot\\dfrac{s+1}{w} & s < w\\\\[1ex]
\\mathrm{floor} + \\tfrac12(\\mathrm{peak}-\\mathrm{floor})\\Big(1+\\cos\\big(\\pi\\,\\tfrac{s-w}{n-w}\\big)\\Big) & w \\le s < n\\\\[1ex]
\\mathrm{floor} & s \\ge n
\\end{cases}$$

- Steps count from 0. Step 0 has a rate above 0, or it would be wasted; step $w-1$ has the peak, and so does step $w$, where the
  cosine begins.
- `warmup` may be 0: then the cosine begins at step 0.
- The rate never rises again: from `total` on it stays at `floor`.
- The result is a Python number.
"""

import math

import torch

from grader import close, exercise


@exercise(
    points=2,
    twins=["get_cosine_schedule_with_warmup", "get_cosine_with_min_lr_schedule_with_warmup"],
    hints=[
        "There are three cases, and the order in which you ask for them matters: still warming up? already at the end? else the cosine.",
        "For the cosine, first find how much of the way is done: 0 at step `warmup`, 1 at step `total`.",
        "As that share goes from 0 to 1, `(1 + math.cos(math.pi * share)) / 2` goes from 1 to 0. Stretch it to go from `peak` to `floor`.",
    ],
)
def lr_schedule(step: int, warmup: int, total: int, peak: float, floor: float = 0.0) -> float:
    """Return the learning rate at `step`: linear warm-up to `peak`, then half a cosine to `floor` at step `total`.

    >>> [lr_schedule(step, warmup=2, total=6, peak=8.0) for step in (0, 1, 2, 4, 6, 7)]
    [4.0, 8.0, 8.0, 4.0, 0.0, 0.0]
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    if step >= total:
        return floor
    done = (step - warmup) / (total - warmup)
    return floor + 0.5 * (peak - floor) * (1 + math.cos(math.pi * done))


@lr_schedule.check
def three_parts(lr_schedule):
    """warm-up over 4 steps to 8, half a cosine to 0 at step 12, then 0"""
    rates = [lr_schedule(step, 4, 12, 8.0) for step in range(14)]
    close(rates, [2.0, 4.0, 6.0, 8.0, 8.0, 7.69552, 6.82843, 5.53073, 4.0, 2.46927, 1.17157, 0.30448, 0.0, 0.0])


@lr_schedule.check
def above_a_floor(lr_schedule):
    """with a floor of 2, the cosine goes from 8 to 2; the warm-up is what it was"""
    rates = [lr_schedule(step, 2, 8, 8.0, floor=2.0) for step in range(10)]
    close(rates, [4.0, 8.0, 8.0, 7.59808, 6.5, 5.0, 3.5, 2.40192, 2.0, 2.0])


@lr_schedule.check
def long_after(lr_schedule):
    """at `total` and at any step after it, the rate is the floor"""
    close([lr_schedule(step, 3, 10, 6.0, 1.5) for step in (10, 11, 14, 17, 20, 1000)], [1.5] * 6)


@lr_schedule.check
def without_warm_up(lr_schedule):
    """with `warmup` 0, step 0 has the peak, and the cosine begins there"""
    close([lr_schedule(step, 0, 4, 8.0) for step in range(5)], [8.0, 6.82843, 4.0, 1.17157, 0.0])


@lr_schedule.check
def nothing_but_warm_up(lr_schedule):
    """where `total` is `warmup`, the peak is followed by the floor"""
    close([lr_schedule(step, 3, 3, 6.0, 1.0) for step in range(5)], [2.0, 4.0, 6.0, 1.0, 1.0])


def _rates(warmup, total, peak, floor, steps):
    """The same by PyTorch's own schedulers, step by step: LambdaLR for the warm-up, then CosineAnnealingLR, then the floor."""
    rates = []
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=peak)
    if warmup:
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (step + 1) / warmup)
        for _ in range(warmup):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=peak)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=total - warmup, eta_min=floor)
    for _ in range(warmup, total):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return (rates + [floor] * steps)[:steps]


def _drawn(rng):
    warmup, more = torch.randint(1, 12, (2,), generator=rng).tolist()
    share = float(torch.rand((), generator=rng))
    return warmup, warmup + more + 1, share


@lr_schedule.hidden
def as_in_pytorch(lr_schedule, rng):
    """any schedule equals that of PyTorch's LambdaLR and CosineAnnealingLR, step by step"""
    for _ in range(3):
        warmup, total, share = _drawn(rng)
        peak, floor = 1.0 + 9 * share, 1.0 - share
        rates = [lr_schedule(step, warmup, total, peak, floor) for step in range(total + 5)]
        close(rates, _rates(warmup, total, peak, floor, total + 5), atol=1e-9, rtol=1e-9)


@lr_schedule.hidden
def small_rates(lr_schedule, rng):
    """peaks as small as in practice, without a floor or with a tenth of the peak, keep all their digits"""
    warmup, total, share = _drawn(rng)
    peak = 1e-4 * (1 + share)
    for floor in (0.0, peak / 10):
        rates = [lr_schedule(step, warmup, total, peak, floor) for step in range(total + 5)]
        close(rates, _rates(warmup, total, peak, floor, total + 5), atol=1e-15, rtol=1e-9)
    close(lr_schedule(0, 0, total, peak), peak, atol=1e-15, rtol=1e-9)


def _cosine(done, peak, floor):
    return floor + 0.5 * (peak - floor) * (1 + math.cos(math.pi * done))


@lr_schedule.mutant(
    "Your warm-up begins at 0 and reaches the peak one step late: step 0 would learn nothing. Count step + 1."
)
def late_by_one(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak * step / warmup
    return floor if step >= total else _cosine((step - warmup) / (total - warmup), peak, floor)


@lr_schedule.mutant("Your warm-up divides by `warmup` + 1, so that its last step stays below the peak.")
def never_at_the_peak(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    return floor if step >= total else _cosine((step - warmup) / (total - warmup), peak, floor)


@lr_schedule.mutant(
    "Step `warmup` still belongs to your warm-up, and lies above the peak: warm up while step < warmup."
)
def one_step_too_many(step, warmup, total, peak, floor=0.0):
    if step <= warmup and warmup:
        return peak * (step + 1) / warmup
    return floor if step >= total else _cosine((step - warmup) / (total - warmup), peak, floor)


@lr_schedule.mutant("There is no warm-up: the cosine runs at full height from the first step.")
def no_warm_up(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak
    return floor if step >= total else _cosine((step - warmup) / (total - warmup), peak, floor)


@lr_schedule.mutant("There is no warm-up: the cosine runs at full height from the first step.")
def cosine_from_the_start(step, warmup, total, peak, floor=0.0):
    return floor if step >= total else _cosine(step / total, peak, floor)


@lr_schedule.mutant(
    "Your cosine is counted from step 0, so the rate jumps where the warm-up ends. Count it from step `warmup`."
)
def cosine_from_step_zero(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak * (step + 1) / warmup
    return floor if step >= total else _cosine(step / total, peak, floor)


@lr_schedule.mutant(
    "Your cosine takes `total` steps of its own. `total` counts from step 0, so the cosine has total − warmup of them."
)
def total_after_warm_up(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak * (step + 1) / warmup
    return floor if step >= total else _cosine((step - warmup) / total, peak, floor)


@lr_schedule.mutant(
    "Your cosine takes `total` steps of its own. `total` counts from step 0, so the cosine has total − warmup of them."
)
def ends_late(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak * (step + 1) / warmup
    return floor if step >= total + warmup else _cosine((step - warmup) / total, peak, floor)


@lr_schedule.mutant("Your cosine arrives one step early, at total − 1. It reaches the floor at step `total`.")
def early_by_one(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak * (step + 1) / warmup
    return floor if step >= total - 1 else _cosine((step - warmup) / (total - 1 - warmup), peak, floor)


@lr_schedule.mutant("Your cosine is one step ahead: at step `warmup` it has its full height, the peak.")
def one_ahead(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak * (step + 1) / warmup
    return floor if step >= total else _cosine((step + 1 - warmup) / (total - warmup), peak, floor)


@lr_schedule.mutant("Your cosine goes from peak + floor down to the floor. Its height is peak − floor.")
def floor_added(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak * (step + 1) / warmup
    return floor if step >= total else floor + _cosine((step - warmup) / (total - warmup), peak, 0.0)


@lr_schedule.mutant(
    "Your cosine goes to 0 and is cut off at the floor. It should glide down to the floor: stretch it from peak to floor."
)
def cut_off_at_the_floor(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak * (step + 1) / warmup
    return floor if step >= total else max(floor, _cosine((step - warmup) / (total - warmup), peak, 0.0))


@lr_schedule.mutant("`floor` is not used: your cosine goes to 0.")
def floor_ignored(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak * (step + 1) / warmup
    return 0.0 if step >= total else _cosine((step - warmup) / (total - warmup), peak, 0.0)


@lr_schedule.mutant("Your cosine goes to the floor, but from `total` on the rate is 0. It stays at the floor.")
def zero_after(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak * (step + 1) / warmup
    return 0.0 if step >= total else _cosine((step - warmup) / (total - warmup), peak, floor)


@lr_schedule.mutant("You take `floor` for a share of the peak. It is a learning rate itself.")
def floor_as_a_share(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak * (step + 1) / warmup
    return floor * peak if step >= total else _cosine((step - warmup) / (total - warmup), peak, floor * peak)


@lr_schedule.mutant(
    "Your warm-up begins at the floor. It begins at peak / warmup, whatever the floor: `peak * (step + 1) / warmup`."
)
def warm_up_from_the_floor(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return floor + (peak - floor) * (step + 1) / warmup
    return floor if step >= total else _cosine((step - warmup) / (total - warmup), peak, floor)


@lr_schedule.mutant("After `total` your cosine rises again, as cosines do. From there on the rate is the floor.")
def rises_again(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak * (step + 1) / warmup
    return _cosine((step - warmup) / max(1, total - warmup), peak, floor) if total > warmup else floor


@lr_schedule.mutant("Where `total` is `warmup`, you divide by 0. Ask whether step ≥ total before you divide.")
def division_by_nothing(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak * (step + 1) / warmup
    return _cosine(min(1.0, (step - warmup) / (total - warmup)), peak, floor)


@lr_schedule.mutant("Where `total` is `warmup`, you divide by 0. Ask whether step ≥ total before you divide.")
def division_by_nothing_at_the_end(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak * (step + 1) / warmup
    if step > total:
        return floor
    return floor + (peak - floor) * (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2


@lr_schedule.mutant(
    "After `total` your cosine rises again, as cosines do. From there on the rate is the floor; asked for first, it also spares you a division by 0."
)
def rises_again_or_divides_by_nothing(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak * (step + 1) / warmup
    return _cosine((step - warmup) / (total - warmup), peak, floor)


@lr_schedule.mutant(
    "The rate falls along a straight line. It should fall along half a cosine: slowly at first and at the end."
)
def straight_line(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak * (step + 1) / warmup
    return floor if step >= total else peak + (floor - peak) * (step - warmup) / (total - warmup)


@lr_schedule.mutant(
    "You took a quarter of a cosine (π/2), which is steepest at the end. Half a cosine, π, flattens out there."
)
def quarter_cosine(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / max(1, total - warmup)
    return floor if step >= total else floor + (peak - floor) * math.cos(math.pi / 2 * done)


@lr_schedule.mutant("You took a whole cosine (2π), which comes back to the peak. Half a cosine, π, ends at the floor.")
def whole_cosine(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak * (step + 1) / warmup
    return floor if step >= total else _cosine(2 * (step - warmup) / (total - warmup), peak, floor)


@lr_schedule.mutant("A cosine alone goes from 1 to −1, below the floor. Add 1 and halve it.")
def between_plus_and_minus(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak * (step + 1) / warmup
    return floor if step >= total else floor + (peak - floor) * math.cos(math.pi * (step - warmup) / (total - warmup))


@lr_schedule.mutant("`1 + cos` goes from 2 to 0, so your rates begin at twice the height. Halve it.")
def not_halved(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak * (step + 1) / warmup
    return floor if step >= total else 2 * _cosine((step - warmup) / (total - warmup), peak, floor) - floor


@lr_schedule.mutant("`math.cos` takes radians: half a turn is `math.pi`, not 180.")
def degrees(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / max(1, total - warmup)
    return floor if step >= total else floor + 0.5 * (peak - floor) * (1 + math.cos(180 * done))


@lr_schedule.mutant("With `warmup` 0 you divide by 0. Ask whether step < warmup before you divide.")
def divides_by_no_warm_up(step, warmup, total, peak, floor=0.0):
    rate = min(1.0, (step + 1) / warmup) * peak
    if step < warmup:
        return rate
    return floor if step >= total else _cosine((step - warmup) / (total - warmup), peak, floor)


@lr_schedule.mutant(
    "Your schedule is a share of the peak, as `LambdaLR` wants it. Here the learning rate itself is asked for: times `peak`."
)
def share_of_the_peak(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return (step + 1) / warmup
    return floor / peak if step >= total else _cosine((step - warmup) / (total - warmup), 1.0, floor / peak)


@lr_schedule.mutant("Your result is a tensor. Return a number: `math.cos`, or `.item()`.")
def tensor(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return torch.tensor(peak * (step + 1) / warmup)
    return torch.tensor(floor if step >= total else _cosine((step - warmup) / (total - warmup), peak, floor))


@lr_schedule.mutant("Your result is a tensor. Return a number: `math.cos`, or `.item()`.")
def tensor_of_the_cosine(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak * (step + 1) / warmup
    return floor if step >= total else torch.tensor(_cosine((step - warmup) / (total - warmup), peak, floor))


@lr_schedule.mutant("Your function returns nothing (None). End it with `return` and the result; `print` shows it only.")
def nothing_returned(step, warmup, total, peak, floor=0.0):
    return None


@lr_schedule.stand_in
def by_scheduler(step, warmup, total, peak, floor=0.0):
    if step < warmup:
        return peak / warmup * (1 + step)
    if step >= total:
        return floor
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=peak)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total - warmup, floor)
    for _ in range(step - warmup):
        optimizer.step()
        schedule.step()
    return schedule.get_last_lr()[0]


@lr_schedule.variant
def by_squares(step, warmup, total, peak, floor=0.0):
    if warmup > step:
        return (step + 1) / warmup * peak
    left = max(0, total - step) / max(1, total - warmup)
    return floor + (peak - floor) * math.sin(math.pi / 2 * left) ** 2


@lr_schedule.variant
def by_clamping(step, warmup, total, peak, floor=0.0):
    rise = peak * min(1.0, (step + 1) / max(1, warmup))
    done = min(1.0, max(0.0, step - warmup) / max(1, total - warmup))
    if step >= max(total, warmup):
        done = 1.0
    return rise if step < warmup else peak - (peak - floor) * (1 - math.cos(done * math.pi)) / 2
