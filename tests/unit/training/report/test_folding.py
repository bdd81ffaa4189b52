"""Which calls share a box: in a large graph a run without branches, in a small one none."""

from __future__ import annotations

from training.report.dag import Dag, Edge, Kind, Node
from training.report.folding import folded


def node(name: str, kind: Kind = "layer", calls: int = 1, parameters: int = 0) -> Node:
    return Node(id=name, kind=kind, name=name, type="Dense", calls=calls, parameters=parameters)


def dag(nodes: list[Node], *edges: str) -> Dag:
    pairs = tuple(Edge(source=edge[0], target=edge[1]) for edge in edges)
    return Dag(name="small", nodes=tuple(nodes), edges=pairs, parameters=0, layers=0)


BRANCHED = dag(
    [node("i", "input"), *(node(each) for each in "abcdef"), node("h", "head")],
    "ia", "ab", "bc", "cd", "be", "df", "ef", "fh",
)  # fmt: skip


def test_a_small_graph_is_not_folded() -> None:
    assert {name: len(nodes) for name, nodes in folded(BRANCHED).boxes.items()} == dict.fromkeys("iabcdefh", 1)
    assert folded(BRANCHED).edges == BRANCHED.edges


def test_a_large_one_is_folded_between_its_branches() -> None:
    found = folded(BRANCHED, many=3)

    boxes = {name: "".join(each.id for each in nodes) for name, nodes in found.boxes.items()}
    assert boxes == {"i": "i", "a": "ab", "c": "cd", "e": "e", "f": "f", "h": "h"}
    assert [edge.source + edge.target for edge in found.edges] == ["ia", "ac", "ae", "cf", "ef", "fh"]


def test_shared_layers_and_models_keep_a_box_of_their_own() -> None:
    nodes = [node("a"), node("b", calls=2, parameters=5), node("c"), node("d", "model"), node("e")]

    assert len(folded(dag(nodes, "ab", "bc", "cd", "de"), many=0).boxes) == 5


def test_a_tensor_that_is_taken_twice_ends_a_run() -> None:
    assert len(folded(dag([node("a"), node("b")], "ab", "ab"), many=0).boxes) == 2
