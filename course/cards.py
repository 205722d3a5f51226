"""Accelerators and edge chips: memory, its bandwidth, and peak speed of dense 16-bit matrix products, with sources.

Makers quote speeds with 2:4 sparsity, for 8-bit integers, or for a chip's best case. Here every figure is dense and for
bfloat16 or float16; where the maker gives another one, `note` says how it was converted. Left out: prices and power
(they change by the month and by the cooler).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """A chip's memory in GB, bandwidth in GB/s, and peak in TFLOP/s; `kind` is GPU, TPU, NPU or edge."""

    name: str
    kind: str
    memory: float
    bandwidth: float
    peak: float
    source: str
    note: str = ""


CARDS = (
    Card("NVIDIA T4", "GPU", 16, 320, 65, "https://www.nvidia.com/en-us/data-center/tesla-t4/", "float16"),
    Card("NVIDIA L4", "GPU", 24, 300, 121, "https://www.nvidia.com/en-us/data-center/l4/", "half of the sparse 242"),
    Card("NVIDIA RTX 4090", "GPU", 24, 1008, 165,
         "https://images.nvidia.com/aem-dam/Solutions/geforce/ada/nvidia-ada-gpu-architecture.pdf", "float32 sums"),
    Card("NVIDIA A100 80GB", "GPU", 80, 2039, 312, "https://www.nvidia.com/en-us/data-center/a100/"),
    Card("NVIDIA H100 SXM", "GPU", 80, 3350, 989, "https://www.nvidia.com/en-us/data-center/h100/",
         "half of the sparse 1,979"),
    Card("NVIDIA H200 SXM", "GPU", 141, 4800, 989, "https://www.nvidia.com/en-us/data-center/h200/",
         "half of the sparse 1,979"),
    Card("Google TPU v5e", "TPU", 16, 819, 197, "https://cloud.google.com/tpu/docs/v5e"),
    Card("Huawei Ascend 910", "NPU", 32, 1200, 256, "https://doi.org/10.1109/HPCA51647.2021.00071", "float16"),
    Card("NVIDIA Jetson AGX Orin 64GB", "edge", 64, 204.8, 42.5,
         "https://www.nvidia.com/en-us/autonomous-machines/embedded-systems/jetson-orin/",
         "a quarter of the GPU's 170 sparse 8-bit TOPS"),
    Card("Raspberry Pi 5", "edge", 8, 17.1, 0.15, "https://www.raspberrypi.com/products/raspberry-pi-5/",
         "float32: 4 cores × 2.4 GHz × 16 operations a cycle; 32-bit LPDDR4X-4267"),
)  # fmt: skip


def card(name: str) -> Card:
    """The card of that name. Raises ValueError, naming those there are.

    >>> card("NVIDIA T4").memory
    16
    """
    for one in CARDS:
        if one.name == name:
            return one
    raise ValueError(f"No card is called {name!r}. There are: {', '.join(one.name for one in CARDS)}.")
