"""A functional model whose tensors are checked to hang together, with an error that names those that do not.

Knows nothing of any particular graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import keras


class GraphDisconnected(ValueError):
    """Heads that the inputs do not determine, or inputs that no head depends on."""


def connected_model(inputs: Mapping[str, Any], heads: Mapping[str, Any], name: str) -> keras.Model:
    """keras.Model(inputs, heads). Raises GraphDisconnected.

    Keras names the head alone, not the input it lacks, and accepts an input without any effect.
    """
    for head, tensor in heads.items():
        missing = input_names(tensor) - {each.name for each in inputs.values()}
        if missing:
            raise GraphDisconnected(
                f"graph disconnected: head {head!r} depends on {quoted(missing)}, "
                f"which is not among the model's inputs {quoted(inputs)}"
            )
    used = set[str]().union(*(input_names(tensor) for tensor in heads.values()))
    unused = [key for key, tensor in inputs.items() if tensor.name not in used]
    if unused:
        raise GraphDisconnected(
            f"graph disconnected: no head depends on {quoted(unused)}; the heads depend on {quoted(used)}"
        )
    return keras.Model(list(inputs.values()), dict(heads), name=name)


def input_names(tensor: Any) -> set[str]:
    """The names of the input tensors from which this symbolic tensor was computed."""
    found, seen, waiting = set(), set(), [tensor]
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        history = current._keras_history
        node = history.operation._inbound_nodes[history.node_index]
        if node.is_input:
            found.add(current.name)
        waiting.extend(node.input_tensors)
    return found


def quoted(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))
