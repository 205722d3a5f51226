"""What a batch's workers are forked from loads this: torch, the grader, and the libraries that the checks name.

It names them in the environment, as multiprocessing's fork server is told names of modules only. transformers is
loaded without what only compiling and training on many machines take (torch._dynamo, torch.distributed.tensor,
SciPy): these are three quarters of its loading time, and no check needs them. Whoever imports them later gets them.
"""

import contextlib
import functools
import importlib
import os
import sys
import types
from collections.abc import Callable, Iterator

import torch
import torch.fx.experimental.symbolic_shapes  # what the first gradient of a process imports

import grader.worker  # noqa: F401
from grader.pools import ORACLES

_INDEXING = "torch._dynamo._trace_wrapped_higher_order_op"
_FOREIGN = ("accelerate", "scipy", "sklearn")


class _Later(types.ModuleType):
    """Stands for a module of the compiler, which is loaded when something of it is used."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)

        @functools.wraps(object, updated=())
        def use(*args: object, **kwargs: object) -> object:
            if sys.modules.get(self.__name__) is self:
                del sys.modules[self.__name__]
            return getattr(importlib.import_module(self.__name__), name)(*args, **kwargs)

        return use


def _as_it_is(function: Callable | None = None, *_: object, **__: object) -> Callable:
    """A decorator that tells the compiler nothing."""
    return _as_it_is if function is None else function


@contextlib.contextmanager
def _lean() -> Iterator[None]:
    """Let transformers believe that nothing here compiles or distributes; what it was told ends with the block."""
    hidden = {name: None for name in _FOREIGN if name not in sys.modules} | {_INDEXING: _Later(_INDEXING)}
    told = {
        (torch, "_dynamo"): types.SimpleNamespace(allow_in_graph=_as_it_is, assume_constant_result=_as_it_is),
        (torch.compiler, "allow_in_graph"): _as_it_is,
        (torch.compiler, "disable"): _as_it_is,
        (torch.distributed, "is_available"): lambda: False,
    }
    before = {(owner, name): vars(owner).get(name) for owner, name in told}
    sys.modules.update(hidden)
    for (owner, name), value in told.items():
        setattr(owner, name, value)
    try:
        yield
    finally:
        for (owner, name), value in before.items():
            if value is None:
                delattr(owner, name)
            else:
                setattr(owner, name, value)
        for name in hidden:
            sys.modules.pop(name, None)
        for kept in vars(sys.modules.get("transformers.utils.import_utils")).values():
            if hasattr(kept, "cache_clear"):
                kept.cache_clear()


def _load(names: list[str]) -> None:
    lean = any(name.startswith("transformers") for name in names)
    with _lean() if lean else contextlib.nullcontext():
        for name in sorted(names, key=lambda name: not name.startswith("transformers")):
            with contextlib.suppress(Exception):  # a check that needs it will say what is missing
                importlib.import_module(name)


_load(os.environ.pop(ORACLES, "").split())
