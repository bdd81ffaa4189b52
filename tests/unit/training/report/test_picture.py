"""The picture of a graph: what its boxes say, and that SVG and PNG hold all of it."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import pytest
from PIL import Image

from training.report.dag import Dag, Edge, Node
from training.report.picture import picture_of, shapes_text, snake, title_of
from training.report.svg import to_svg


def layer(name: str, kind: str = "Dense", call: int = 1, calls: int = 1, detail: str = "") -> Node:
    return Node(
        id=f"{name}:{call}", kind="layer", name=name, type=kind, detail=detail, shapes=((None, 3),), parameters=15,
        call=call, calls=calls,
    )  # fmt: skip


def siamese(odd: str = "left") -> Dag:
    inputs = [
        Node(id=f"{name}:1", kind="input", name=name, type="Input", shapes=((None, None),)) for name in (odd, "right")
    ]
    readers = [layer("reader", "LSTM", call, 2) for call in (1, 2)]
    join = Node(id="join:1", kind="operation", name="subtract", type="Subtract", shapes=((None, 3),))
    head = Node(id="score:head", kind="head", name="score", type="Head", shapes=((None, 3),))
    edges = [(f"{odd}:1", "reader:1"), ("right:1", "reader:2"), ("reader:1", "join:1"), ("reader:2", "join:1"),
             ("join:1", "score:head")]  # fmt: skip
    return Dag(
        name="siamese", nodes=(*inputs, *readers, join, head), parameters=15, layers=3,
        edges=tuple(Edge(source=source, target=target) for source, target in edges),
    )  # fmt: skip


def test_calls_of_a_shared_layer_look_alike_and_are_tied() -> None:
    picture = picture_of(siamese())
    calls = [box for box in picture.boxes if box.style == "shared"]

    assert [[line.text for line in box.lines] for box in calls] == [
        ["reader · LSTM", "shared, call 1 of 2", "3 · 15 parameters"],
        ["reader · LSTM", "shared, call 2 of 2", "3 · the same weights"],
    ]
    assert calls[0].tint == calls[1].tint
    assert len(picture.ties) == 1
    assert picture.alt == "The graph of siamese: from left, right to score."


def test_everything_is_inside_the_picture() -> None:
    picture = picture_of(siamese())

    for x, y in (point for curve in picture.curves for point in curve.points):
        assert 0 <= x <= picture.width
        assert 0 <= y <= picture.height


def test_svg_is_well_formed_and_has_every_box_and_edge_whatever_the_names() -> None:
    picture = picture_of(siamese(odd="<b>&\"'"))
    tree = ElementTree.fromstring(to_svg(picture, "one"))

    assert len(list(tree.iter("rect"))) == 6
    assert len([each for each in tree.iter("path") if "edge" in each.get("class", "")]) == 5
    assert "<b>&\"'" in [each.text for each in tree.iter("text")]


def test_png_is_a_picture_of_that_shape() -> None:
    from training.report.graph_picture import to_png

    picture = picture_of(siamese())
    image = Image.open(io.BytesIO(to_png(picture)))
    image.load()

    assert image.format == "PNG"
    assert image.width / image.height == pytest.approx(picture.width / picture.height, rel=0.01)


def test_a_tensor_taken_twice_and_one_taken_by_keyword_are_marked() -> None:
    nodes = (layer("a"), layer("b"), layer("c"))
    edges = (Edge(source="a:1", target="b:1"), Edge(source="a:1", target="b:1"),
             Edge(source="b:1", target="c:1", argument="mask"))  # fmt: skip
    curves = picture_of(Dag(name="x", nodes=nodes, edges=edges, parameters=0, layers=0)).curves

    assert [(curve.label, curve.aside) for curve in curves] == [("×2", False), ("", True)]


def test_a_large_graph_has_a_line_for_each_layer_with_weights() -> None:
    names = ["Conv2D", "BatchNormalization", "Activation", "Conv2D", "MaxPooling2D"] * 12
    nodes = tuple(
        Node(id=str(number), kind="layer", name=f"layer_{number}", type=name, shapes=((None, 8, 8, 4),),
             detail="relu" if name == "Activation" else "", parameters=7 if name.startswith(("Conv", "Batch")) else 0)
        for number, name in enumerate(names)
    )  # fmt: skip
    edges = tuple(Edge(source=str(number), target=str(number + 1)) for number in range(len(nodes) - 1))
    [box] = picture_of(Dag(name="deep", nodes=nodes, edges=edges, parameters=0, layers=60)).boxes

    assert [line.text for line in box.lines[:3]] == [
        "Conv2D · BatchNorm · relu",
        "Conv2D · MaxPooling2D",
        "Conv2D · BatchNorm · relu",
    ]
    assert box.lines[-1].text == "8×8×4 · 252 parameters"
    assert len(box.tip.splitlines()) == 60


@pytest.mark.parametrize(
    ("name", "kind", "title"),
    [
        ("dense", "Dense", "Dense"), ("dense_12", "Dense", "Dense"), ("hidden", "Dense", "hidden · Dense"),
        ("batch_normalization_3", "BatchNormalization", "BatchNorm"), ("lstm_1", "LSTM", "LSTM"),
        ("max_pooling1d", "MaxPooling1D", "MaxPooling1D"), ("x" * 50, "Dense", f"{'x' * 31}… · Dense"),
    ],
)  # fmt: skip
def test_a_title_has_the_name_if_somebody_chose_one(name: str, kind: str, title: str) -> None:
    assert title_of(layer(name, kind)) == title


@pytest.mark.parametrize("kind", ["Conv2D", "GlobalAveragePooling2D", "LSTM", "GRU", "SeparableConv2D", "InputLayer"])
def test_names_are_recognised_that_keras_gives(kind: str) -> None:
    from keras.src.utils.naming import to_snake_case

    assert snake(kind) == to_snake_case(kind)


def test_shapes_are_those_of_one_example() -> None:
    assert shapes_text([(None, 8, None, 3)]) == "8×?×3"
    assert shapes_text([(None,)]) == "scalar"
    assert shapes_text([(None, 1)] * 5) == "1, 1, 1 …"
