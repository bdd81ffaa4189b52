"""A signature as `GET /models/{model}` tells it, with a request that works as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from models.artifact import Manifest
from models.signature import Head, Input, Signature

EXAMPLE_LENGTH = 8
"""Length of an example where the signature leaves it open and names none."""


def describe_model(signature: Signature, manifest: Manifest | None, expected: Mapping[str, str]) -> dict[str, Any]:
    """Inputs and heads in declared order. `expected` says in words what each input takes."""
    told: dict[str, Any] = {
        "inputs": [describe_input(each, expected[each.name]) for each in signature.inputs],
        "heads": [describe_head(each) for each in signature.heads],
        "example": example_request(signature),
    }
    if manifest is None:
        return {"description": "", **told}
    return {"description": manifest.description, **told, "metrics": manifest.metrics, "training": manifest.training}


def describe_input(each: Input, expected: str) -> dict[str, Any]:
    return {
        "name": each.name,
        "dtype": each.spec.dtype,
        "shape": each.spec.shape,
        "description": each.description,
        "expects": expected,
        "padding": {"kind": each.padding.kind, "tail": each.padding.tail} if each.spec.is_ragged else None,
    }


def describe_head(head: Head) -> dict[str, Any]:
    told = {"name": head.name, "kind": head.kind, "dtype": head.spec.dtype, "shape": head.spec.shape}
    extra = {"description": head.description, "labels": list(head.labels), "unit": head.unit}
    return told | {key: value for key, value in extra.items() if value}


def example_request(signature: Signature) -> dict[str, Any]:
    return {"inputs": {each.name: example_value(each) for each in signature.inputs}}


def example_value(each: Input) -> Any:
    if each.example is not None:
        return each.example
    shape = [EXAMPLE_LENGTH if side is None else side for side in each.spec.shape]
    return np.zeros(shape, each.spec.dtype).tolist()
