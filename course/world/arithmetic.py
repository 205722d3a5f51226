"""Sums and differences. One pair in ten is held out of training, by a rule that anyone can check."""

from random import Random

from course.world.document import Document


def is_held_out(a: int, b: int) -> bool:
    """Whether the sum of `a` and `b` is kept for the test: one pair in ten, by a hash that has no pattern in digits.

    >>> sum(is_held_out(a, b) for a in range(100) for b in range(100))
    994
    """
    return (a * 7919 + b * 104_729 + a * b * 31) % 1009 % 10 == 3


def draw_sum(rng: Random, held_out: bool = False, largest: int = 99) -> tuple[int, str, int, int]:
    """`(a, operator, b, result)` with a result that is not negative."""
    while True:
        a, b = rng.randint(0, largest), rng.randint(0, largest)
        if is_held_out(a, b) == held_out:
            break
    if rng.random() < 0.7:
        return a, "+", b, a + b
    return max(a, b), "-", min(a, b), abs(a - b)


def sums(rng: Random, n: int = 8) -> Document:
    """Several lines such as `12 + 35 = 47`."""
    document = Document("arithmetic").add("Sums:")
    for _ in range(n):
        a, operator, b, result = draw_sum(rng)
        document.add(f"\n{a} {operator} {b} =").add(f" {result}", answer=True)
    return document.add("\n")
