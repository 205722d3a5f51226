"""The side that holds the student's objects and does what a check asks of them.

A `Servant` runs beside the answer: in the learner's own kernel, or in a sandboxed child. It knows no exercise,
no expected value and no verdict.
"""

import itertools
import pkgutil
import sys
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from grader.values import Callback, Handle, copied, data_only

MAX_MESSAGE = 2_000
OPERATIONS = (
    "begin",
    "look_up",
    "library",
    "call",
    "steps",
    "draws",
    "tensors",
    "get",
    "iterate",
    "advance",
    "vjp",
    "backward",
)


@dataclass
class Reply:
    """What one operation came to.

    Attributes:
        raised: None, or the names of the exception's class and its bases, nearest first.
        value: the result, copied; or the exception's message.
        arguments: the positional and keyword arguments as the call left them.
    """

    raised: list[str] | None
    value: Any
    arguments: tuple[tuple, dict] = field(default_factory=lambda: ((), {}))


class Servant:
    """Holds a namespace of answers and performs operations on them by handle.

    Args:
        namespace: where the answers are bound.
        call_back: calls a function of the check's side, given its `Callback` and copied arguments.
    """

    def __init__(self, namespace: dict[str, Any], call_back: Callable[[Callback, tuple, dict], Any]):
        self.namespace = namespace
        self._call_back = call_back
        self._objects: dict[int, Any] = {}
        self._numbers = itertools.count(1)

    def perform(self, operation: str, *details: Any) -> Reply:
        """Perform one operation; whatever the candidate raises, exits included, becomes a reply."""
        if operation not in OPERATIONS:
            raise ValueError(f"no operation {operation!r}")
        method = getattr(self, f"_{operation}")
        arguments: list = [(), {}]
        try:
            value = self._outgoing(method(arguments, *details))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return Reply(*self._described(error), self._after(arguments))
        return Reply(None, value, self._after(arguments))

    def hold(self, thing: Any) -> Handle:
        """Keep `thing` here and return the handle that stands for it."""
        number = next(self._numbers)
        self._objects[number] = thing
        return Handle(number, type(thing).__name__[:100], callable(thing))

    def _begin(self, _, seed: int) -> None:
        self._objects.clear()
        self._numbers = itertools.count(1)  # what a check says then depends on what it hears alone
        torch.default_generator.manual_seed(seed)

    def _look_up(self, _, name: str) -> Any:
        return self.namespace[name]

    def _library(self, _, name: str) -> Any:
        return pkgutil.resolve_name(name)

    def _call(self, arguments: list, target: Handle, args: tuple, kwargs: dict) -> Any:
        arguments[:] = self._incoming(args), self._incoming(kwargs)
        return self._objects[target.number](*arguments[0], **arguments[1])

    def _steps(self, arguments: list, target: Handle, args: tuple, kwargs: dict) -> tuple[Any, int]:
        arguments[:] = self._incoming(args), self._incoming(kwargs)
        return counted(self._objects[target.number], *arguments[0], **arguments[1])

    def _draws(self, arguments: list, target: Handle, args: tuple, kwargs: dict, n: int) -> list:
        return [self._call(arguments, target, args, kwargs) for _ in range(n)]

    def _tensors(self, arguments: list, target: Handle, args: tuple, kwargs: dict) -> tuple[Any, list, int]:
        arguments[:] = self._incoming(args), self._incoming(kwargs)
        with MadeTensors() as made:
            result = self._objects[target.number](*arguments[0], **arguments[1])
        return result, sorted(made.shapes), made.most

    def _get(self, _, target: Handle, name: str) -> Any:
        return getattr(self._objects[target.number], name)

    def _advance(self, _, target: Handle) -> Any:
        return next(self._objects[target.number])

    def _iterate(self, _, target: Handle) -> Any:
        return iter(self._objects[target.number])

    def _vjp(self, arguments: list, target: Handle, args: tuple, upstream: torch.Tensor, parameters: bool) -> Any:
        arguments[:] = self._incoming(args), {}
        return vector_jacobian_product(self._objects[target.number], arguments[0], upstream, parameters)

    def _backward(self, arguments: list, target: Handle, args: tuple, upstream: torch.Tensor) -> None:
        arguments[:] = self._incoming(args), {}
        self._objects[target.number](*arguments[0]).backward(upstream)

    def _incoming(self, value: Any) -> Any:
        def other(item: Any) -> Any:
            if isinstance(item, Handle):
                return self._objects[item.number]
            if isinstance(item, Callback):
                return lambda *args, **kwargs: self._incoming(
                    self._call_back(item, self._outgoing(args), self._outgoing(kwargs))
                )
            raise TypeError(f"a check cannot pass a {type(item).__name__} to a candidate")

        return copied(value, other)

    def _outgoing(self, value: Any) -> Any:
        return copied(value, self.hold)

    def _after(self, arguments: list) -> tuple[tuple, dict]:
        try:
            return data_only(tuple(arguments))
        except Exception:
            return (), {}

    @staticmethod
    def _described(error: BaseException) -> tuple[list[str], str]:
        names = [kind.__name__[:100] for kind in type(error).__mro__[:20]]
        try:
            message = str(error)[:MAX_MESSAGE]
        except BaseException:
            message = "(its message could not be read)"
        return names, message


def vector_jacobian_product(
    function: Callable, inputs: tuple, upstream: torch.Tensor, parameters: bool = False
) -> tuple:
    """Return the output of `function(*inputs)` and the gradients of its product with `upstream`.

    Gradients come as a list, one an input (None for an input without one), and, where `parameters` is asked for, a
    dict by parameter name as well.
    """
    leaves = [
        item.requires_grad_() if isinstance(item, torch.Tensor) and item.dtype.is_floating_point else None
        for item in inputs
    ]
    named = dict(function.named_parameters()) if parameters else {}
    wanted = [leaf for leaf in leaves if leaf is not None] + list(named.values())
    output = function(*inputs)
    if isinstance(output, torch.Tensor) and output.requires_grad:
        found = list(torch.autograd.grad(output, wanted, upstream, allow_unused=True))
    else:
        found = [None] * len(wanted)
    gradients = [None if leaf is None else found.pop(0) for leaf in leaves]
    return (output, gradients, dict(zip(named, found, strict=True))) if parameters else (output, gradients)


def counted(function: Callable, *args: Any, **kwargs: Any) -> tuple[Any, int]:
    """Return what `function` returns, and how many instructions of Python's bytecode ran meanwhile.

    What C code does, in `sum` or in a library, counts as nothing.
    """
    n = 0

    def count(frame: FrameType, event: str, _: Any) -> Callable:
        nonlocal n
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        n += event == "opcode"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        result = function(*args, **kwargs)
    finally:
        sys.settrace(before)
    return result, n


class MadeTensors(TorchFunctionMode):
    """Watches the tensors that PyTorch makes in a `with` block. Views count as the tensor that they show.

    Left out: what a library's function makes on its way to a result, and what NumPy makes.

    Attributes:
        shapes: of all that were made.
        most: how many numbers those alive at one time held, at the most.
    """

    def __init__(self):
        super().__init__()
        self.shapes: set[tuple[int, ...]] = set()
        self.most = 0
        self._alive: dict[int, int] = {}

    def __torch_function__(self, function: Callable, types: tuple, args: tuple = (), kwargs: dict | None = None) -> Any:
        result = function(*args, **(kwargs or {}))
        given = {_storage(tensor)._cdata for tensor in _strided((args, kwargs))}
        for tensor in _strided(result):
            storage = _storage(tensor)
            if storage._cdata not in given and storage._cdata not in self._alive:
                self.shapes.add(tuple(tensor.shape))
                self._alive[storage._cdata] = storage.nbytes() // tensor.itemsize
                weakref.finalize(storage, self._alive.pop, storage._cdata, None)
        self.most = max(self.most, sum(self._alive.values()))
        return result


def _strided(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor) and leaf.layout == torch.strided]


def _storage(tensor: torch.Tensor) -> torch.UntypedStorage:
    return tensor.untyped_storage()
