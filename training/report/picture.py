"""What stands where in the picture of a graph: boxes with lines of text, and edges between them.

Knows neither SVG nor PNG: both are drawn from a `Picture`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from training.report.dag import Dag, Node, Shape
from training.report.folding import folded, parameters_of
from training.report.layout import Place, Point, layered

Style = Literal["input", "head", "weights", "plain", "model", "shared"]
Weight = Literal["title", "text", "fine"]
FONT: dict[Weight, float] = {"title": 13.0, "text": 12.0, "fine": 11.0}
LINE, PADDING_ACROSS, PADDING_DOWN, MARGIN = 16.0, 11.0, 7.0, 14.0
LETTER = {"title": 0.62, "text": 0.56, "fine": 0.56}
"""Width of an average letter in parts of the font's size."""
WIDE = 44
"""Letters in a line of a folded chain."""
SHORT = {"BatchNormalization": "BatchNorm", "InputLayer": "Input"}


@dataclass(frozen=True)
class Line:
    text: str
    weight: Weight = "text"


@dataclass(frozen=True)
class Box:
    place: Place
    style: Style
    lines: tuple[Line, ...]
    tip: str
    tint: int = 0
    """Which of the shared layers it is, so that all calls of one look alike."""


@dataclass(frozen=True)
class Curve:
    """An edge through these points; `aside` for a tensor taken by keyword, such as a mask."""

    points: tuple[Point, ...]
    label: str = ""
    aside: bool = False


@dataclass(frozen=True)
class Picture:
    width: float
    height: float
    boxes: tuple[Box, ...]
    curves: tuple[Curve, ...]
    ties: tuple[tuple[Point, Point], ...]
    """Between neighbouring calls of one shared layer."""
    alt: str


def picture_of(dag: Dag) -> Picture:
    """Places everything; every coordinate lies within width and height."""
    parts = folded(dag)
    texts = {name: lines_of(nodes) for name, nodes in parts.boxes.items()}
    layout = layered(
        {name: size_of(lines) for name, lines in texts.items()}, [(each.source, each.target) for each in parts.edges]
    )
    places = {name: moved(place) for name, place in layout.places.items()}
    shared = dict.fromkeys(node.name for node in dag.nodes if node.shared)
    tints = {name: tint for tint, name in enumerate(shared)}
    boxes = tuple(
        Box(places[name], style_of(nodes), texts[name], tip_of(nodes), tints.get(nodes[0].name, 0))
        for name, nodes in parts.boxes.items()
    )
    many = Counter((each.source, each.target) for each in parts.edges)
    aside = {(each.source, each.target) for each in parts.edges if each.argument}
    curves = tuple(
        Curve(
            tuple((x + MARGIN, y + MARGIN) for x, y in route.points),
            f"×{many[route.source, route.target]}" if many[route.source, route.target] > 1 else "",
            (route.source, route.target) in aside,
        )
        for route in layout.routes
    )
    calls = {name: nodes[0].name for name, nodes in parts.boxes.items() if nodes[0].shared}
    return Picture(
        layout.width + 2 * MARGIN, layout.height + 2 * MARGIN, boxes, curves, ties_of(calls, places), alt_of(dag)
    )


def moved(place: Place) -> Place:
    return Place(place.x + MARGIN, place.y + MARGIN, place.width, place.height, place.row)


def ties_of(calls: dict[str, str], places: dict[str, Place]) -> tuple[tuple[Point, Point], ...]:
    """Lines between calls of one layer that stand side by side in a row."""
    found = []
    rows: dict[int, list[str]] = {}
    for name in sorted(places, key=lambda each: places[each].x):
        rows.setdefault(places[name].row, []).append(name)
    for row in rows.values():
        for left, right in pairwise(row):
            if left in calls and calls[left] == calls.get(right):
                one, other = places[left], places[right]
                level = one.y + one.height / 2
                found.append(((one.x + one.width / 2, level), (other.x - other.width / 2, level)))
    return tuple(found)


def style_of(nodes: Sequence[Node]) -> Style:
    node = nodes[0]
    if node.shared:
        return "shared"
    if node.kind in ("input", "head", "model"):
        return node.kind
    return "weights" if parameters_of(nodes) else "plain"


def lines_of(nodes: Sequence[Node]) -> tuple[Line, ...]:
    node = nodes[0]
    shape = shapes_text(nodes[-1].shapes)
    if node.kind in ("input", "head"):
        return Line(cut(node.name), "title"), Line(" · ".join(filter(None, [shape, node.detail])), "fine")
    if len(nodes) > 1:
        return (*chain_lines(nodes), Line(counted(shape, parameters_of(nodes)), "fine"))
    lines = [Line(title_of(node), "title")]
    if node.kind == "model":
        lines.append(Line(f"{node.layers:,} layers inside"))
    elif node.detail:
        lines.append(Line(node.detail))
    if node.shared:
        lines.append(Line(f"shared, call {node.call} of {node.calls}"))
    if node.call > 1 and node.shared:
        return (*lines, Line(f"{shape} · the same weights", "fine"))
    frozen = "frozen" if node.parameters and not node.trainable else ""
    return (*lines, Line(counted(shape, node.parameters, frozen), "fine"))


def chain_lines(nodes: Sequence[Node]) -> list[Line]:
    """A line begins at each layer with weights; what follows without a size of its own stands beside it."""
    lines = list[str]()
    for node in nodes:
        said = " ".join(filter(None, [SHORT.get(node.type, node.type), node.detail]))
        said = node.detail if node.type == "Activation" else said
        begins = node.parameters and node.type not in SHORT
        if not lines or begins or len(lines[-1]) + len(said) > WIDE:
            lines.append(said)
        else:
            lines[-1] = f"{lines[-1]} · {said}"
    return [Line(line) for line in lines]


def title_of(node: Node) -> str:
    """The type, and the name where somebody chose one."""
    kind = SHORT.get(node.type, node.type)
    if node.kind == "model":
        return cut(node.name)
    automatic = re.fullmatch(rf"{re.escape(snake(node.type))}(_\d+)?", node.name)
    return kind if automatic and not node.shared else f"{cut(node.name)} · {kind}"


def snake(name: str) -> str:
    """The name that Keras gives a layer of that class."""
    parted = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", parted).lower()


def counted(shape: str, parameters: int, more: str = "") -> str:
    weights = f"{parameters:,} parameters" if parameters else ""
    return " · ".join(filter(None, [shape, weights, more]))


def shapes_text(shapes: Sequence[Shape]) -> str:
    """Of one row: the batch axis, which is always there, is left out; `?` is a length that differs."""
    said = []
    for shape in shapes:
        row = shape[1:] if shape and shape[0] is None else shape
        said.append("×".join("?" if size is None else f"{size}" for size in row) or "scalar")
    return ", ".join(said[:3]) + (" …" if len(said) > 3 else "")


def size_of(lines: Sequence[Line]) -> tuple[float, float]:
    longest = max(len(line.text) * FONT[line.weight] * LETTER[line.weight] for line in lines)
    return max(64.0, longest + 2 * PADDING_ACROSS), LINE * len(lines) + 2 * PADDING_DOWN


def tip_of(nodes: Sequence[Node]) -> str:
    """Every node by name, for whoever points at the box."""
    return "\n".join(
        counted(f"{node.name} ({node.type}) {shapes_text(node.shapes)}", node.parameters) for node in nodes
    )


def alt_of(dag: Dag) -> str:
    inputs, heads = ([node.name for node in dag.nodes if node.kind == kind] for kind in ("input", "head"))
    return f"The graph of {dag.name}: from {', '.join(inputs)} to {', '.join(heads)}."


def cut(text: str, most: int = 32) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
