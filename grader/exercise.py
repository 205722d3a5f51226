"""An exercise: one answer, the checks that judge it, and the wrong and right answers that judge the checks."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Check:
    """One check: a function of the candidate, and of a seeded `torch.Generator` where it takes `rng`."""

    function: Callable
    hidden: bool

    @property
    def name(self) -> str:
        return self.function.__name__

    @cached_property
    def sentence(self) -> str:
        """What the check demands, as a learner reads it."""
        return " ".join((inspect.getdoc(self.function) or "").split())

    @cached_property
    def takes_rng(self) -> bool:
        return "rng" in inspect.signature(self.function).parameters


@dataclass(frozen=True)
class Mutant:
    """A wrong answer that people really give, with the sentence that would help them."""

    name: str
    answer: Any
    message: str


@dataclass
class Exercise:
    """An exercise under construction: the decorators below add to it.

    The first visible check is the gate: equality with the oracle on ordinary input. The others count once it passes.
    """

    answer: Any
    points: float
    hints: list[str]
    uses: list[str] = field(default_factory=list)
    twins: list[str] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    mutants: list[Mutant] = field(default_factory=list)
    variants: list[Any] = field(default_factory=list)
    library: Any = None

    @property
    def name(self) -> str:
        return self.answer.__name__

    @property
    def visible(self) -> list[Check]:
        return [check for check in self.checks if not check.hidden]

    def check(self, function: Callable) -> Callable:
        """Add a check that the learner sees. Its docstring is the sentence they read."""
        self.checks.append(Check(function, hidden=False))
        return function

    def hidden(self, function: Callable) -> Callable:
        """Add a check that runs at grading only, on inputs drawn from the instructor's seed."""
        self.checks.append(Check(function, hidden=True))
        return function

    def mutant(self, message: str) -> Callable[[Any], Any]:
        """Add a wrong answer; the checks must reject it, and the learner who gave it reads `message`."""

        def add(answer: Any) -> Any:
            self.mutants.append(Mutant(answer.__name__, answer, message))
            if inspect.isclass(answer):
                answer.__name__ = answer.__qualname__ = self.name  # PyTorch's errors quote it, and a learner's has this
            return answer

        return add

    def variant(self, answer: Any) -> Any:
        """Add another right answer, in a different style; it must get full points."""
        self.variants.append(answer)
        return answer

    def stand_in(self, answer: Any) -> Any:
        """Add a variant made of library calls, which later exercises get where a learner's own answer fails."""
        self.library = answer
        return self.variant(answer)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.answer(*args, **kwargs)

    def __mro_entries__(self, bases: tuple) -> tuple:
        return (self.answer,)


def exercise(
    points: float, hints: list[str], uses: list[str] | None = None, twins: list[str] | None = None
) -> Callable[[Any], Exercise]:
    """Make an exercise of the decorated answer, a function or a class.

    Args:
        points: what a right answer earns.
        hints: shown one at a time, from a nudge to a near-recipe.
        uses: names of earlier exercises that the answer may call.
        twins: names of library functions that do the exercise's work; calling one is flagged in the report.
    """

    def decorate(answer: Any) -> Exercise:
        return Exercise(answer, points, list(hints), list(uses or []), list(twins or []))

    return decorate


def given(method: Callable) -> Callable:
    """Mark a method of a class that learners get complete; every other method's body is theirs to write."""
    return method
