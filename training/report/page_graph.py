"""The part of a report's page about the model's graph: the picture, its legend, and the models within the model."""

from __future__ import annotations

from collections.abc import Iterator

from training.report.dag import Dag
from training.report.markup import Html, element, join, number
from training.report.picture import picture_of
from training.report.svg import to_svg

LEGEND = (
    ("input", "input"), ("head", "head"), ("weights", "layer with weights"), ("plain", "without weights"),
    ("model", "a model as a layer"), ("tint0", "shared: one colour, one set of weights"),
    ("dash", "taken by keyword, such as a mask"),
)  # fmt: skip


def graph(dag: Dag) -> Html:
    count = sum(node.kind not in ("input", "head") for node in dag.nodes)
    marks = [element("span", element("i", kind=kind), word) for kind, word in LEGEND if kind in styles(dag)]
    said = (
        f"{number(dag.parameters)} parameters in {number(dag.layers)} layers; {number(count)} calls of layers and "
        "operations. A size is that of one example, ? one that differs. Point at a box to see names."
    )
    return join([
        element("p", said, kind="soft"),
        element("div", *marks, kind="legend"),
        drawing(dag, "graph0"),
        element("p", "The same as a file: ", element("a", "graph.png", href="graph.png"), kind="soft fine"),
        *inner(dag, "graph0"),
    ])  # fmt: skip


def styles(dag: Dag) -> set[str]:
    """The classes that the legend explains, as far as the picture has them."""
    picture = picture_of(dag)
    found = {"tint0" if box.style == "shared" else box.style for box in picture.boxes}
    return found | {"dash" for curve in picture.curves if curve.aside}


def inner(dag: Dag, name: str) -> Iterator[Html]:
    """The models that are used as layers, closed until somebody looks."""
    for place, (model, inside) in enumerate(dag.models.items()):
        said = f"Inside {model}: {number(inside.layers)} layers, {number(inside.parameters)} parameters"
        own = f"{name}_{place}"
        yield element("details", element("summary", said), drawing(inside, own), *inner(inside, own))


def drawing(dag: Dag, name: str) -> Html:
    """`name` is an id within the page."""
    return element("div", Html(to_svg(picture_of(dag), name)), kind="card scroll")
