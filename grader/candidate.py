"""The side that holds the checks: a candidate is a proxy, wherever the student's object really is."""

import itertools
import unicodedata
from collections.abc import Callable
from typing import Any

import torch

from grader.channel import Channel
from grader.servant import Reply, Servant, vector_jacobian_product
from grader.values import Callback, Handle, copied, unchanged, weight

MAX_ITEMS = 100_000
MAX_KEPT = 1 << 20  # bytes of one value that a record keeps
SEED = 20170612  # any fixed number: parameters that a candidate draws are the same in every run


class CandidateError(Exception):
    """An exception that a candidate raised, exits included. It crosses as names and text, never as an object."""

    def __init__(self, names: list[str], message: str):
        super().__init__(f"{names[0]}: {message}" if message else names[0])
        self.names = names
        self.message = message


class Link:
    """One channel to a servant, with the record of what a check saw through it.

    Attributes:
        trace: for each call the exception's name or None, the value, and whether the arguments were left alone.
        calls: for each call its label and arguments.
    """

    def __init__(self, channel: Channel):
        self.channel = channel
        self.trace: list[tuple] = []
        self.calls: list[tuple[str, tuple, dict]] = []

    def begin(self) -> None:
        """Forget the last check's record and every object; the candidate's random numbers start anew."""
        self.trace, self.calls = [], []
        self.channel.perform("begin", SEED)

    def look_up(self, name: str) -> Any:
        """Return the candidate bound to `name`.

        Raises:
            CandidateError: when nothing has that name.
        """
        return self._incoming(self._checked(self.channel.perform("look_up", name)), name)

    def call(self, target: Handle, label: str, args: tuple, kwargs: dict) -> tuple[Any, tuple[tuple, dict]]:
        """Call `target`; return its result and the arguments as the call left them."""
        reply, untouched = self._asked("call", target, label, args, kwargs)
        self._record(reply, untouched)
        return self._incoming(self._checked(reply), label), reply.arguments

    def steps(self, target: Handle, label: str, args: tuple, kwargs: dict) -> tuple[Any, int]:
        """Call `target`; return its result and the bytecode instructions that took. The result alone is recorded."""
        reply, untouched = self._asked("steps", target, label, args, kwargs)
        match reply:
            case Reply(raised=None, value=(result, int(n))):
                self._record(Reply(None, result), untouched)
                return self._incoming(result, label), n
        self._record(reply)
        self._checked(reply)
        raise CandidateError(["RuntimeError"], "its steps could not be counted")

    def draws(self, target: Handle, label: str, args: tuple, kwargs: dict, n: int) -> list:
        """Call `target` n times; return the results. What is recorded is which came, in order, and not how often."""
        reply, untouched = self._asked("draws", target, label, args, kwargs, n)
        match reply:
            case Reply(raised=None, value=list(results)) if len(results) == n:
                self._record(Reply(None, _each_once(results)), untouched)
                return self._incoming(results, label)
        self._record(reply)
        self._checked(reply)
        raise CandidateError(["RuntimeError"], "its draws could not be counted")

    def tensors(self, target: Handle, label: str, args: tuple, kwargs: dict) -> tuple[Any, list, int]:
        """Call `target`; return its result and what tensors that made. The result alone is recorded."""
        reply, untouched = self._asked("tensors", target, label, args, kwargs)
        match reply:
            case Reply(raised=None, value=(result, list(shapes), int(most))):
                self._record(Reply(None, result), untouched)
                return self._incoming(result, label), shapes, most
        self._record(reply)
        self._checked(reply)
        raise CandidateError(["RuntimeError"], "its tensors could not be watched")

    def library(self, name: str) -> Any:
        """Return what `name` (for example "torch.Generator") stands for beside the candidate."""
        return self._incoming(self._checked(self.channel.perform("library", name)), name)

    def get(self, target: Handle, label: str, name: str) -> Any:
        """Return an attribute of `target`, as a value or as a candidate."""
        return self._incoming(self._checked(self.channel.perform("get", target, name)), f"{label}.{name}")

    def iterate(self, target: Handle, label: str) -> Any:
        """Return an iterator over `target`."""
        return self._incoming(self._checked(self.channel.perform("iterate", target)), label)

    def advance(self, target: Handle, label: str) -> Any:
        """Return the next item of the iterator `target`."""
        reply = self.channel.perform("advance", target)
        self._record(reply)
        if reply.raised and reply.raised[0] == "StopIteration":
            raise StopIteration
        return self._incoming(self._checked(reply), label)

    def vjp(self, target: Handle, label: str, inputs: tuple, upstream: torch.Tensor, parameters: bool) -> tuple:
        """Return the output of `target(*inputs)` and the gradients, computed beside the candidate."""
        inputs = self._outgoing(inputs)
        self.calls.append((label, inputs, {}))
        reply = self.channel.perform("vjp", target, inputs, upstream, parameters)
        self._record(reply)
        return self._incoming(self._checked(reply), label)

    def backward(self, target: Handle, label: str, inputs: tuple, upstream: torch.Tensor) -> None:
        """Send `upstream` back through `target(*inputs)` beside the candidate."""
        inputs = self._outgoing(inputs)
        self.calls.append((label, inputs, {}))
        self._checked(self.channel.perform("backward", target, inputs, upstream))

    def _asked(
        self, operation: str, target: Handle, label: str, args: tuple, kwargs: dict, *more: Any
    ) -> tuple[Reply, bool]:
        """Have `target` called by an operation; return the reply, and whether the arguments were left alone."""
        sent = self._outgoing(args), self._outgoing(kwargs)
        self.calls.append((label, *sent))
        reply = self.channel.perform(operation, target, *sent, *more)
        return reply, unchanged(sent, reply.arguments)

    def _record(self, reply: Reply, untouched: bool = True) -> None:
        kept = reply.value if weight(reply.value) <= MAX_KEPT else "(too large to be kept)"
        self.trace.append((reply.raised[0] if reply.raised else None, kept, untouched))

    @staticmethod
    def _checked(reply: Reply) -> Any:
        if reply.raised:
            names = [without_control_characters(name) for name in reply.raised]
            raise CandidateError(names, without_control_characters(reply.value))
        return reply.value

    def _incoming(self, value: Any, label: str) -> Any:
        def other(handle: Handle) -> Candidate:
            name = without_control_characters(handle.type_name)
            return Candidate(self, Handle(handle.number, name, handle.callable), label)

        return copied(value, other)

    def _outgoing(self, value: Any) -> Any:
        def other(item: Any) -> Any:
            if isinstance(item, Candidate):
                return item._handle
            if callable(item):
                return self.channel.lend(item)
            raise TypeError(f"a check cannot pass a {type(item).__name__} to a candidate")

        return copied(value, other)


def _each_once(results: list) -> list:
    """Return the ids, or lists of ids, among results, each once and in order; where there is anything else, types."""
    if all(type(result) is int for result in results):
        return sorted(set(results))
    if all(type(result) is list and all(type(item) is int for item in result) for result in results):
        return sorted(map(list, set(map(tuple, results))))
    return sorted({type(result).__name__ for result in results})


class Candidate:
    """A student's function, class, module or other object, as a check sees it."""

    def __init__(self, link: Link, handle: Handle, label: str):
        self._link, self._handle, self._label = link, handle, label

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._link.call(self._handle, self._label, args, kwargs)[0]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._link.get(self._handle, self._label, name)

    def __iter__(self) -> "Candidate":
        return self._link.iterate(self._handle, self._label)

    def __next__(self) -> Any:
        pulled = self.__dict__.setdefault("_pulled", itertools.count(1))
        if next(pulled) > MAX_ITEMS:
            raise CandidateError(["EndlessIterator"], f"gave more than {MAX_ITEMS:,} items")
        return self._link.advance(self._handle, self._label)

    def __repr__(self) -> str:
        return f"<{self._handle.type_name} {self._label}>"


def without_control_characters(text: str) -> str:
    """Return text that cannot move a cursor, colour a terminal or reverse a line."""
    return "".join(c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs") else "\ufffd" for c in text)


class LocalChannel(Channel):
    """Operations performed in this process, with values copied just as a wire would copy them."""

    def __init__(self, namespace: dict[str, Any]):
        self._lent: dict[int, Callable] = {}
        self.servant = Servant(namespace, lambda back, args, kwargs: self._lent[back.number](*args, **kwargs))

    def perform(self, operation: str, *details: Any) -> Reply:
        """Perform one operation now."""
        if operation == "begin":
            self._lent.clear()
        return self.servant.perform(operation, *details)

    def lend(self, function: Callable) -> Callback:
        """Give the candidate a function of this side to call."""
        callback = Callback(len(self._lent))
        self._lent[callback.number] = function
        return callback


def vjp(
    function: Callable, inputs: tuple, upstream: torch.Tensor, parameters: bool = False
) -> tuple[torch.Tensor, list] | tuple[torch.Tensor, list, dict]:
    """Return `function(*inputs)` and the gradients of its product with `upstream` (a vector-Jacobian product).

    Works the same on a candidate and on a function of the library.

    Args:
        function: a function or module.
        inputs: its positional arguments; every floating-point tensor among them gets a gradient.
        upstream: the gradient of a loss with respect to the output, in the output's shape.
        parameters: return a dict of parameter gradients as well.

    Returns:
        The output, a list of gradients (None where there is none), and with `parameters` a dict by name.
    """
    if isinstance(function, Candidate):
        return function._link.vjp(function._handle, function._label, inputs, upstream, parameters)

    def other(item: Any) -> Any:
        raise TypeError(f"cannot differentiate by a {type(item).__name__}")

    return vector_jacobian_product(function, copied(inputs, other), upstream, parameters)


def backward(module: Any, inputs: tuple, upstream: torch.Tensor) -> None:
    """Call `module(*inputs)` and send `upstream` back, so that gradients add up in the `.grad` of its parameters.

    Works the same on a module beside a candidate and on one of this process: what an optimizer is checked with.

    Args:
        module: whose parameters are to have gradients.
        inputs: its positional arguments.
        upstream: the gradient of a loss with respect to the output, in the output's shape.
    """
    if isinstance(module, Candidate):
        module._link.backward(module._handle, module._label, inputs, upstream)
    else:
        module(*inputs).backward(upstream)


def library(candidate: Candidate, name: str) -> Any:
    """Return a library's class or function beside `candidate`, in its process, to make arguments that are no data.

        generator = library(sample, "torch.Generator")()
        generator.manual_seed(7)
        sample(logits, generator=generator)

    Args:
        candidate: what the check was given.
        name: the library's dotted name, for example "transformers.LlamaConfig".
    """
    return candidate._link.library(name)


def steps(candidate: Candidate, *args: Any, **kwargs: Any) -> tuple[Any, int]:
    """Call `candidate`; return its result and how many instructions of Python's bytecode ran meanwhile.

    Counts work without a clock. What C code does counts as nothing, so compare like with like: the same call on inputs
    of two sizes, or with what recounting everything would take at least.
    """
    return candidate._link.steps(candidate._handle, candidate._label, args, kwargs)


def tensors(candidate: Candidate, *args: Any, **kwargs: Any) -> tuple[Any, list[tuple[int, ...]], int]:
    """Call `candidate`; return its result, the shapes of all tensors that PyTorch made meanwhile, and a number.

    The number says how many elements those of them that were alive at one time held, at the most: memory, counted and
    not measured. Views make nothing. What a library's function makes on its way, and what NumPy makes, is not seen.
    """
    return candidate._link.tensors(candidate._handle, candidate._label, args, kwargs)


def draws(candidate: Candidate, n: int, *args: Any, **kwargs: Any) -> list:
    """Call `candidate` n times with fresh copies of the same arguments; return the n results.

    For what is random: one trip to the candidate, and its record, by which mistakes are named, has each result once and
    in order. So where it is all but certain which results come, two ways to draw them leave the same record.
    """
    return candidate._link.draws(candidate._handle, candidate._label, args, kwargs, n)
