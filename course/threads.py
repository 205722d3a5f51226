"""Fewer threads for small matrices: on two shared cores, several threads are slower than one, up to many times.

Left out: anything about processes or graphics cards.
"""

from __future__ import annotations

import torch
from threadpoolctl import threadpool_limits


def use_one() -> None:
    """From here on, NumPy, SciPy, scikit-learn and PyTorch each compute on one thread in this process."""
    threadpool_limits(limits=1)
    torch.set_num_threads(1)
