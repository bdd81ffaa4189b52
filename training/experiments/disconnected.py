"""What cannot be a model: tensors that do not hang together; and why a graph has no cycles (7.1.1 and 7.1.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from training.experiments.figures import Figures

STEPS = 20


def run(preset: str, seed: int) -> Figures:
    from models.zoo.graph import connected_model

    rows: list[tuple[str | int | float, ...]] = []
    for what, attempt in (("a head of unrelated tensors", unrelated), ("an input that no head uses", unused)):
        inputs, heads = attempt()
        rows.append((what, "Keras", tried(keras_model, inputs, heads)))
        rows.append((what, "connected_model", tried(connected_model, inputs, heads)))
    calls, tensors, behind = called_on_its_own_output()
    rows.append(("a layer called on its own output", "Keras", f"{tensors} tensors from {calls} calls, no cycle"))
    rows.append(("calls that use a tensor made later", "Keras", f"{behind} of {calls}"))
    rows.append((f"an LSTM over {STEPS} steps", "Keras", f"{calls_of_a_recurrent_layer()} call in the graph"))
    return Figures(
        "What the functional API refuses, and what cannot be said in it",
        ("attempt", "who", "outcome"),
        rows,
        "A symbolic tensor exists only once the layer that makes it was called, so no call can take a later one: the "
        "calls are in topological order by birth. A loop is inside of a recurrent layer.",
    )


def unrelated() -> tuple[dict[str, Any], dict[str, Any]]:
    import keras

    pixels, other = keras.Input((64,), name="pixels"), keras.Input((32,), name="unrelated")
    return {"unrelated": other}, {"digit": keras.layers.Dense(10)(pixels)}


def unused() -> tuple[dict[str, Any], dict[str, Any]]:
    import keras

    pixels, other = keras.Input((64,), name="pixels"), keras.Input((32,), name="unrelated")
    return {"pixels": pixels, "unrelated": other}, {"digit": keras.layers.Dense(10)(pixels)}


def keras_model(inputs: dict[str, Any], heads: dict[str, Any], name: str) -> Any:
    import keras

    return keras.Model([*inputs.values()], heads, name=name)


def tried(make: Callable[..., Any], inputs: dict[str, Any], heads: dict[str, Any]) -> str:
    try:
        make(inputs, heads, name="bad")
    except ValueError as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return "accepted"


def called_on_its_own_output() -> tuple[int, int, int]:
    """Calls of one layer in a chain, tensors they gave, and calls that use a tensor born after them."""
    import keras

    layer = keras.layers.Dense(8)
    tensors = [keras.Input((8,))]
    for _ in range(4):
        tensors.append(layer(tensors[-1]))
    keras.Model(tensors[0], tensors[-1])  # accepted
    born = {id(tensor): at for at, tensor in enumerate(tensors)}
    calls = layer._inbound_nodes
    behind = sum(born[id(node.input_tensors[0])] >= born[id(node.output_tensors[0])] for node in calls)
    return len(calls), len({id(node.output_tensors[0]) for node in calls}), behind


def calls_of_a_recurrent_layer() -> int:
    import keras

    layer = keras.layers.LSTM(4)
    layer(keras.Input((STEPS, 3)))
    return len(layer._inbound_nodes)
