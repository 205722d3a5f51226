"""One attack: a submission that tries for something it must not have, and the points that it must get."""

from collections.abc import Callable
from dataclasses import dataclass, field

# The answer of someone who has none; attacks put their tricks beside it.
WRONG = "def softmax(x, dim=-1):\n    return x\n"
CATALOGUE: dict[str, "Attack"] = {}


@dataclass(frozen=True)
class Attack:
    """A submission of week01. Exercises that it does not answer keep their stubs.

    In its sources @CANARY@ stands for a folder that nobody may write to, @SECRET@ for a file that nobody may read,
    @PORT@ for a port of the loopback interface at which not one byte may arrive, @COURSE@ for the course's root.

    Attributes:
        name: unique, a few words.
        group: what kind of attack it is.
        tries: what it tries, in a sentence.
        answers: {exercise: source of its cell}; causal_mask is answered rightly where nothing is said, so that the
            honest part has points to lose.
        earns: {exercise: points} where not 0; an attack that breaks its own honest part earns none for it.
        edit: changes the notebook (a dict) before it is handed in.
        file: the submitted bytes in the place of a notebook.
        beside: {path: content} of files handed in beside it.
        place: puts something else than a file where the notebook belongs, given that path.
        status: what the report must say.
        harmless: whether it may be let loose in an unconfined kernel; else why it is not.
        slow: seconds of waiting are part of it.
    """

    name: str
    group: str
    tries: str
    answers: dict[str, str] = field(default_factory=lambda: {"softmax": WRONG})
    earns: dict[str, float] = field(default_factory=lambda: {"causal_mask": 2.0})
    edit: Callable[[dict], None] | None = None
    file: bytes | None = None
    beside: dict[str, bytes] = field(default_factory=dict)
    place: Callable | None = None
    status: str = "graded"
    harmless: bool | str = True
    slow: bool = False


class Group:
    """Registers attacks of one kind."""

    def __init__(self, name: str, **defaults):
        self._name, self._defaults = name, defaults

    def __call__(self, name: str, tries: str, softmax: str | None = None, **more) -> None:
        """Add an attack; `softmax` is the source of the attacked exercise's cell."""
        if softmax is not None:
            more["answers"] = {"softmax": softmax, **more.get("answers", {})}
        if name in CATALOGUE:
            raise ValueError(f"two attacks are called {name!r}")
        CATALOGUE[name] = Attack(name, self._name, tries, **{**self._defaults, **more})
