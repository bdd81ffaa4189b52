"""What is read from real graphs: branches, shared layers, models as layers, operations, heads."""

from __future__ import annotations

from collections import Counter
from typing import Any

import keras
import msgspec
import pytest
from keras import layers, ops

from training.report.dag import Dag, Edge, Node, dag_of


def node(dag: Dag, name: str) -> Node:
    return next(each for each in dag.nodes if each.name == name)


def pairs(dag: Dag) -> list[tuple[str, str]]:
    names = {each.id: each.name for each in dag.nodes}
    return [(names[edge.source], names[edge.target]) for edge in dag.edges]


@pytest.fixture
def shared() -> Any:
    """Two inputs through one layer, compared by operations; the layer was called elsewhere before."""
    reader = layers.Dense(3, activation="relu", name="reader")
    reader(keras.Input((4,)))
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    one, other = reader(left), reader(right)
    joined = layers.Concatenate(name="joined")([ops.abs(one - other), one * other, one])
    score = layers.Dense(1, activation="sigmoid", name="score")(joined)
    return keras.Model([left, right], {"score": score, "first": one}, name="compare")


def test_a_shared_layer_is_called_twice_and_its_weights_are_there_once(shared: Any) -> None:
    dag = dag_of(shared)
    calls = [each for each in dag.nodes if each.name == "reader"]

    assert [(each.id, each.call, each.calls, each.shared) for each in calls] == [
        ("reader:1", 1, 2, True), ("reader:2", 2, 2, True),
    ]  # fmt: skip
    assert [each.parameters for each in calls] == [15, 15]
    assert dag.parameters == shared.count_params() == 15 + 10
    assert [edge for edge in dag.edges if edge.target.startswith("reader")] == [
        Edge(source="left:1", target="reader:1"), Edge(source="right:1", target="reader:2"),
    ]  # fmt: skip


def test_inputs_come_first_and_heads_last_under_the_names_of_the_model(shared: Any) -> None:
    dag = dag_of(shared)

    assert [(each.kind, each.name) for each in dag.nodes[:2]] == [("input", "left"), ("input", "right")]
    assert [(each.kind, each.name) for each in dag.nodes[-2:]] == [("head", "score"), ("head", "first")]
    assert ("reader", "first") in pairs(dag)
    assert node(dag, "score").shapes == ((None, 1),)


def test_operations_are_nodes_without_weights(shared: Any) -> None:
    dag = dag_of(shared)
    operations = [each for each in dag.nodes if each.kind == "operation"]

    assert sorted(each.type for each in operations) == ["Absolute", "Multiply", "Subtract"]
    assert Counter(target for _, target in pairs(dag))["joined"] == 3


def test_a_node_comes_after_all_that_it_needs(shared: Any) -> None:
    dag = dag_of(shared)
    place = {each.id: number for number, each in enumerate(dag.nodes)}

    assert all(place[edge.source] < place[edge.target] for edge in dag.edges)


def test_a_dag_is_plain_json(shared: Any) -> None:
    dag = dag_of(shared)

    assert msgspec.json.decode(msgspec.json.encode(dag), type=Dag) == dag


def test_a_model_as_a_layer_is_one_box_with_its_graph_inside() -> None:
    pixels = keras.Input((8, 8, 1), name="pixels")
    flat = layers.Flatten()(layers.Conv2D(2, 3, strides=2, activation="relu", name="conv")(pixels))
    camera = keras.Model(pixels, flat, name="camera")
    left, right = keras.Input((8, 8, 1), name="left"), keras.Input((8, 8, 1), name="right")
    model = keras.Model([left, right], {"depth": layers.Dense(1)(camera(left) - camera(right))})
    dag = dag_of(model)

    boxes = [each for each in dag.nodes if each.kind == "model"]
    assert [(each.name, each.layers, each.parameters, each.call) for each in boxes] == [
        ("camera", 3, 20, 1), ("camera", 3, 20, 2),
    ]  # fmt: skip
    assert list(dag.models) == ["camera"]
    assert node(dag.models["camera"], "conv").detail == "2 × 3×3, stride 2, relu"
    assert [each.name for each in dag.models["camera"].nodes if each.kind == "input"] == ["pixels"]


def test_a_tensor_taken_twice_has_two_edges_and_one_by_keyword_its_name() -> None:
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    read = layers.LSTM(4, name="lstm")(layers.Embedding(9, 2, mask_zero=True, name="words")(tokens))
    dag = dag_of(keras.Model(tokens, layers.Add(name="twice")([read, read])))

    assert pairs(dag).count(("lstm", "twice")) == 2
    assert [edge.argument for edge in dag.edges if edge.target == "lstm:1"] == ["", "mask"]
    assert (node(dag, "tokens").detail, node(dag, "tokens").shapes) == ("int32", ((None, None),))
    assert node(dag, "words").detail == "9 × 2"


def test_several_tensors_of_one_layer_are_told_apart() -> None:
    steps = keras.Input((5, 2), name="steps")
    whole, last, cell = layers.LSTM(3, return_sequences=True, return_state=True, name="lstm")(steps)
    dag = dag_of(keras.Model(steps, [whole, last, cell]))

    assert [each.name for each in dag.nodes if each.kind == "head"] == ["lstm_0", "lstm_1", "lstm_2"]
    assert [edge.output for edge in dag.edges if edge.source == "lstm:1"] == [0, 1, 2]
    assert node(dag, "lstm").shapes == ((None, 5, 3), (None, 3), (None, 3))
    assert node(dag, "lstm").detail == "3, every step"


def test_only_what_the_model_itself_computes_is_read() -> None:
    given = keras.Input((4,), name="given")
    middle = layers.Dense(3, name="middle")(given)
    end = layers.Dense(2, name="end")(middle)
    layers.Dense(9, name="elsewhere")(middle)

    assert [each.name for each in dag_of(keras.Model(given, end)).nodes] == ["given", "middle", "end", "end"]


def test_a_sequential_model_is_a_chain() -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dropout(0.5)])
    dag = dag_of(model)

    assert [each.type for each in dag.nodes] == ["Input", "Dense", "Dropout", "Head"]
    assert [each.detail for each in dag.nodes[1:3]] == ["3", "0.5"]
    assert dag.models == {}


def test_a_sequential_model_as_a_layer_has_its_own_graph_inside() -> None:
    tower = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(2)], name="tower")
    given = keras.Input((4,), name="given")
    dag = dag_of(keras.Model(given, {"both": layers.Add()([tower(given), tower(given * 2)])}))

    assert [each.kind for each in dag.nodes if each.name == "tower"] == ["model", "model"]
    assert [each.type for each in dag.models["tower"].nodes] == ["Input", "Dense", "Dense", "Head"]


@pytest.mark.parametrize(
    ("layer", "detail"),
    [
        (layers.Bidirectional(layers.GRU(7)), "GRU 7"),
        (layers.SeparableConv2D(8, (1, 7), strides=2), "8 × 1×7, stride 2"),
        (layers.MaxPooling2D(2), "2×2"),
        (layers.MaxPooling2D(3, strides=2), "3×3, stride 2"),
        (layers.BatchNormalization(), ""),
        (layers.Dense(2, activation="softmax"), "2, softmax"),
        (lambda x: 1 - x, "1 − x"),
        (lambda x: x * 2.5, "x × 2.5"),
        (lambda x: ops.flip(x, axis=1), "axis 1"),
        (lambda x: ops.cast(x, "int32"), "int32"),
    ],
)
def test_details_say_what_tells_one_from_another(layer: Any, detail: str) -> None:
    recurrent = isinstance(layer, layers.Bidirectional)
    given = keras.Input((5, 2) if recurrent else (16, 16, 2))

    assert dag_of(keras.Model(given, layer(given))).nodes[1].detail == detail


def test_frozen_weights_are_marked() -> None:
    given = keras.Input((4,))
    layer = layers.Dense(2, trainable=False)

    assert not dag_of(keras.Model(given, layer(given))).nodes[1].trainable
