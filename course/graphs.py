"""A drawing of a small computation as a graph: boxes with values and gradients, arrows from input to result.

Left out: graphs of more than a dozen nodes, and crossings (leaves stand just before their first use).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course import plots


class Node(Protocol):
    """A number in the graph: what it is called, what it is, its gradient, and what it was made from."""

    name: str
    value: float
    grad: float
    parents: Sequence[Node]


def draw_graph(nodes: Sequence[Node], title: str) -> Figure:
    """Boxes with arrows, for nodes in an order in which parents come first."""
    depth = depths(nodes)
    row = [sum(depth[node] == depth[other] for other in nodes[:place]) for place, node in enumerate(nodes)]
    where = {node: (depth[node], -y) for node, y in zip(nodes, row, strict=True)}
    last, low = max(depth.values()), -max(row)
    figure, axes = pyplot.subplots(figsize=(1.55 * (last + 1), 1.0 - 1.05 * (low - 1)))
    for node, (x, y) in where.items():
        face = plots.SKY if node.parents else plots.YELLOW
        axes.add_patch(Rectangle((x - 0.36, y - 0.33), 0.72, 0.66, facecolor=face, alpha=0.3))
        axes.text(x, y + 0.18, node.name, ha="center", va="center", fontweight="bold")
        axes.text(x, y - 0.02, f"value {node.value:g}", ha="center", va="center", fontsize=9)
        axes.text(x, y - 0.21, f"gradient {node.grad:g}", ha="center", va="center", fontsize=9, style="italic")
        for parent in node.parents:
            tail = (where[parent][0] + 0.37, where[parent][1])
            arrow = {"arrowstyle": "->", "color": plots.MUTED, "linewidth": 1.4}
            axes.annotate("", xy=(x - 0.37, y), xytext=tail, arrowprops=arrow)
    axes.set(xlim=(-0.45, last + 0.45), ylim=(low - 0.4, 0.4))
    axes.axis("off")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return figure


def depths(nodes: Sequence[Node]) -> dict[Node, int]:
    """The column of each node: one after its last parent; a leaf stands just before its first use."""
    depth: dict[Node, int] = {}
    for node in nodes:
        depth[node] = 1 + max((depth[parent] for parent in node.parents), default=-1)
    for node in nodes:
        if not node.parents:
            depth[node] = min((depth[child] for child in nodes if node in child.parents), default=1) - 1
    return depth
