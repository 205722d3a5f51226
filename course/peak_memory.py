"""The peak of memory that a piece of PyTorch work takes, counted by PyTorch's own allocator on the CPU.

`peak_bytes` adds up every allocation and release that the profiler reports, buffers inside compiled kernels included,
so the same work gives the same number on every run of the same machine. Left out: memory held before (its release
too), memory that other libraries take, and graphics cards (`torch.cuda.max_memory_allocated` there).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch.profiler import ProfilerActivity, profile


@contextmanager
def _quiet() -> Iterator[None]:
    """Drop what compiled code prints as errors: the profiler tells of its start, its end and of older memory."""
    kept, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)


def peak_bytes(work: Callable[[], object]) -> int:
    """The most bytes that `work()` held at one time beyond those held before it; its result counts.

    >>> import torch
    >>> peak_bytes(lambda: torch.zeros(1000))
    4000
    """
    with _quiet(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as measured:
        result = work()
    held = most = 0
    for event in measured.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    del result
    return most
