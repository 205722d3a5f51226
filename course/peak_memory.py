"""The peak of memory that a piece of PyTorch work takes, counted by PyTorch's own allocator on the CPU.

`peak_bytes` adds up every allocation and release that the profiler reports, buffers inside compiled kernels included,
so the same work gives the same number on every run of the same machine. Left out: what was there before, memory that
other libraries take, and graphics cards (`torch.cuda.max_memory_allocated` there).
"""

from __future__ import annotations

import os
from collections.abc import Callable

from torch.profiler import ProfilerActivity, profile


def peak_bytes(work: Callable[[], object]) -> int:
    """The most bytes that `work()` held at one time beyond those held before it; its result counts.

    >>> import torch
    >>> peak_bytes(lambda: torch.zeros(1000))
    4000
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else each run of the profiler prints two lines
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as measured:
        result = work()
    held = most = 0
    for event in measured.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    del result
    return most
