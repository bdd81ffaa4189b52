"""The graph of a functional model as plain data: every call of a layer, what it takes and gives, what is shared.

`dag_of` reads it from a Keras model; nothing here imports Keras, and a `Dag` becomes JSON as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from training.report.details import detail_of

Kind = Literal["input", "layer", "operation", "model", "head"]
Shape = tuple[int | None, ...]


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a layer, of an operation or of a whole model; or an input, or a head.

    Calls of one layer have the same `name` and the same weights: each says all `parameters`, which exist once.
    """

    id: str
    kind: Kind
    name: str
    type: str
    detail: str = ""
    shapes: tuple[Shape, ...] = ()
    """Of every tensor it gives, the batch axis included."""
    parameters: int = 0
    trainable: bool = True
    layers: int = 0
    """How many a `model` holds."""
    call: int = 1
    calls: int = 1
    """How often this model's graph calls it."""

    @property
    def shared(self) -> bool:
        """Whether its weights are used at several places."""
        return self.calls > 1 and self.parameters > 0


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """A tensor that one node gives and another takes. A tensor that is taken twice has two edges."""

    source: str
    target: str
    output: int = 0
    """Which of the source's tensors."""
    argument: str = ""
    """The keyword under which it is taken, such as `mask`."""


class Dag(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes in an order in which they can be computed, inputs and heads as the model declares them."""

    name: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    parameters: int
    layers: int
    models: Mapping[str, Dag] = {}
    """What is inside the models that are used as layers, by name."""


def dag_of(model: Any) -> Dag:
    """The graph of a functional (or sequential) model that is built."""
    inputs = {id(tensor): name for name, tensor in named(model, "input")}
    found = calls_of([tensor for _, tensor in named(model, "output")], set(inputs))
    numbers = numbered(found)
    totals = Counter(id(operation) for operation, _ in found)
    nodes, edges = list[Node](), list[Edge]()
    for operation, index in found:
        call = operation._inbound_nodes[index]
        here = f"{operation.name}:{numbers[operation.name, index]}"
        name = next((inputs[id(each)] for each in call.output_tensors if id(each) in inputs), None)
        number = numbers[operation.name, index]
        nodes.append(node_of(here, operation, call, number, totals[id(operation)], name))
        if name is None:
            edges += [edge_to(here, tensor, numbers, argument) for argument, tensor in arguments(call)]
    for name, tensor in named(model, "output"):
        nodes.append(Node(id=f"{name}:head", kind="head", name=name, type="Head", shapes=(tuple(tensor.shape),)))
        edges.append(edge_to(f"{name}:head", tensor, numbers))
    order = {name: place for place, name in enumerate(inputs.values())}
    nodes.sort(key=lambda node: order[node.name] if node.kind == "input" else len(order))
    return Dag(
        name=model.name,
        nodes=tuple(nodes),
        edges=tuple(edges),
        parameters=int(model.count_params()),
        layers=len(model.layers),
        models={each.name: dag_of(each) for each, _ in found if is_model(each)},
    )


def named(model: Any, side: Literal["input", "output"]) -> list[tuple[str, Any]]:
    """Inputs or heads with their names: those of a dict where the model has one, else those of the layers.

    `model.output` is not asked: of a sequential model that was called it is what that call gave.
    """
    structure = getattr(model, f"_{side}s_struct", None)
    if isinstance(structure, dict) and all(hasattr(tensor, "_keras_history") for tensor in structure.values()):
        return list(structure.items())
    tensors = getattr(model, f"{side}s")
    names = [tensor._keras_history.operation.name for tensor in tensors]
    return [(unique(names, place), tensor) for place, tensor in enumerate(tensors)]


def unique(names: list[str], place: int) -> str:
    """A layer may give several heads: they are numbered."""
    same = [other for other, name in enumerate(names) if name == names[place]]
    return names[place] if len(same) == 1 else f"{names[place]}_{same.index(place)}"


def calls_of(tensors: list[Any], ends: set[int]) -> list[tuple[Any, int]]:
    """Every call that the tensors were computed by, as (operation, node index), what is needed first; `ends` are ids
    of tensors at which to stop. Calls that the layers had in other models are not met on this way."""
    found: dict[tuple[int, int], tuple[Any, int]] = {}
    waiting = [(tensor, False) for tensor in reversed(tensors)]
    while waiting:
        tensor, finished = waiting.pop()
        operation, index, _ = tensor._keras_history
        if (id(operation), index) in found:
            continue
        if finished:
            found[id(operation), index] = (operation, index)
            continue
        waiting.append((tensor, True))
        if id(tensor) not in ends:
            call = operation._inbound_nodes[index]
            waiting += [(each, False) for each in reversed(call.input_tensors)]
    return list(found.values())


def numbered(found: list[tuple[Any, int]]) -> dict[tuple[str, int], int]:
    """The calls of each operation within this graph, counted from 1, by its name and node index."""
    numbers: dict[tuple[str, int], int] = {}
    counted: dict[str, int] = {}
    for operation, index in sorted(found, key=lambda call: call[1]):
        counted[operation.name] = counted.get(operation.name, 0) + 1
        numbers[operation.name, index] = counted[operation.name]
    return numbers


def node_of(here: str, operation: Any, call: Any, number: int, total: int, input_name: str | None) -> Node:
    shapes = tuple(tuple(tensor.shape) for tensor in call.output_tensors)
    if input_name is not None:
        dtype = str(call.output_tensors[0].dtype)
        return Node(id=here, kind="input", name=input_name, type="Input", detail=dtype, shapes=shapes)
    is_layer = hasattr(operation, "count_params")
    return Node(
        id=here,
        kind="model" if is_model(operation) else "layer" if is_layer else "operation",
        name=operation.name,
        type=type(operation).__name__,
        detail=detail_of(operation, call),
        shapes=shapes,
        parameters=int(operation.count_params()) if is_layer else 0,
        trainable=bool(getattr(operation, "trainable", True)),
        layers=len(operation.layers) if is_model(operation) else 0,
        call=number,
        calls=total,
    )


def is_model(operation: Any) -> bool:
    """Whether a graph of its own is inside."""
    return hasattr(operation, "layers") and bool(getattr(operation, "outputs", None))


def edge_to(target: str, tensor: Any, numbers: Mapping[tuple[str, int], int], argument: str = "") -> Edge:
    operation, index, output = tensor._keras_history
    source = f"{operation.name}:{numbers[operation.name, index]}"
    return Edge(source=source, target=target, output=output, argument=argument)


def arguments(call: Any) -> Iterator[tuple[str, Any]]:
    """The tensors that a call takes, those by keyword with the keyword."""
    for value in call.arguments.args:
        yield from (("", tensor) for tensor in tensors_in(value))
    for name, value in call.arguments.kwargs.items():
        yield from ((name, tensor) for tensor in tensors_in(value))


def tensors_in(value: Any) -> Iterator[Any]:
    if hasattr(value, "_keras_history"):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from tensors_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from tensors_in(each)
