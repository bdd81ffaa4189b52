"""Heads in the user's terms, and what is said of a head that is no number. Knows no inputs and no HTTP."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.signature import Head, Signature
from models.strings import to_json
from models.tensors import OBJECT
from service.errors import NotFinite

Outputs = Mapping[str, Sequence[NDArray[Any]]]
"""For each head one tensor for each row."""
TOP = 5
"""Labels that a `classes` head names."""


class Asked(Protocol):
    """What of a call decides how its answer is said."""

    @property
    def rows(self) -> Sequence[object]: ...
    @property
    def heads(self) -> Collection[str]: ...
    @property
    def raw(self) -> bool: ...
    @property
    def many(self) -> bool: ...


def not_finite(call: Asked, outputs: Outputs) -> list[NotFinite]:
    """The heads asked for that are NaN or infinite in some row: JSON cannot say that."""
    found = []
    for head in call.heads:
        if rows := [row for row, tensor in enumerate(outputs[head]) if not is_finite(tensor)]:
            found.append(NotFinite(head, rows if call.many else None))
    return found


def is_finite(tensor: NDArray[Any]) -> bool:
    return tensor.dtype.kind not in "fc" or bool(np.isfinite(tensor).all())


def rows_of_heads(
    call: Asked, outputs: Outputs, signature: Signature, broken: Collection[NotFinite]
) -> list[dict[str, Any]]:
    """One object of heads for each row; None for a head that is broken there."""
    heads = [(signature.head(name), outputs[name]) for name in call.heads]
    rows = [
        {head.name: said(head, tensor[index], call.raw) for head, tensor in heads} for index in range(len(call.rows))
    ]
    for each in broken:
        for row in (0,) if each.rows is None else each.rows:
            rows[row][each.head] = None
    return rows


def said(head: Head, tensor: NDArray[Any], raw: bool) -> Any:
    if tensor.dtype == OBJECT:
        return to_json(tensor)
    return tensor if raw else answer(head, tensor)


def answer(head: Head, tensor: NDArray[Any]) -> Any:
    """A head's tensor of one row in the user's terms."""
    if head.kind == "regression":
        value = {"value": tensor.reshape(-1)[0]}
        return value | {"unit": head.unit} if head.unit else value
    if head.kind == "binary":
        probability = tensor.reshape(-1)[0]
        chosen = bool(probability >= 0.5)
        return {"label": head.labels[chosen], "probability": probability if chosen else 1 - probability}
    if head.kind == "classes":
        order = np.argsort(-tensor, kind="stable")[:TOP]
        top = [{"label": head.labels[index], "probability": tensor[index]} for index in order]
        return top[0] | {"top": top}
    return tensor
