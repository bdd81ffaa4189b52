"""What becomes one box of a graph's picture: a node, or in a large graph a whole chain of unbranched layers.

Knows no drawing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from training.report.dag import Dag, Edge, Node

MANY_NODES = 45
"""From here on chains are folded."""


@dataclass(frozen=True)
class Folded:
    """Boxes by id (that of their first node), and the edges between boxes under these ids."""

    boxes: dict[str, tuple[Node, ...]]
    edges: tuple[Edge, ...]


def folded(dag: Dag, many: int = MANY_NODES) -> Folded:
    """One box for each node of a small graph; inputs, heads, models and shared layers always have their own."""
    chains = chains_of(dag) if len(dag.nodes) > many else [(node,) for node in dag.nodes]
    box = {node.id: chain[0].id for chain in chains for node in chain}
    edges = tuple(
        Edge(source=box[edge.source], target=box[edge.target], output=edge.output, argument=edge.argument)
        for edge in dag.edges
        if box[edge.source] != box[edge.target]
    )
    return Folded({chain[0].id: chain for chain in chains}, edges)


def chains_of(dag: Dag) -> list[tuple[Node, ...]]:
    """The longest runs in which each gives its tensor to the next alone, and the next takes nothing else."""
    nodes = {node.id: node for node in dag.nodes}
    taken, given = Counter(edge.target for edge in dag.edges), Counter(edge.source for edge in dag.edges)
    following = {
        edge.source: edge.target
        for edge in dag.edges
        if given[edge.source] == 1 == taken[edge.target]
        and plain(nodes[edge.source])
        and plain(nodes[edge.target])
    }  # fmt: skip
    inner = set(following.values())
    return [chain(node, following, nodes) for node in dag.nodes if node.id not in inner]


def chain(first: Node, following: dict[str, str], nodes: dict[str, Node]) -> tuple[Node, ...]:
    run = [first]
    while run[-1].id in following:
        run.append(nodes[following[run[-1].id]])
    return tuple(run)


def plain(node: Node) -> bool:
    return node.kind in ("layer", "operation") and not node.shared


def parameters_of(nodes: Sequence[Node]) -> int:
    return sum(node.parameters for node in nodes)
