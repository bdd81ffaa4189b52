"""A signature as `GET /models/{model}` tells it, with a request that works as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from models.artifact import Manifest
from models.evidence import Evidence
from models.preprocessing import Choice, Image, Numbers, Preprocessing, Quantity, Record, Text
from models.signature import Head, Input, Signature
from service.codec.evidence import describe_padding
from service.codec.inputs import Expectation
from service.codec.missing import is_optional, stands_in

EXAMPLE_LENGTH = 8
"""Length of an example where the signature leaves it open and names none."""


def describe_model(
    signature: Signature,
    manifest: Manifest | None,
    expected: Mapping[str, Expectation],
    evidence: Evidence | None = None,
) -> dict[str, Any]:
    """Inputs and heads in declared order. `expected` says what each input takes, `evidence` why it is padded or not."""
    kinds = preprocessing_of(signature, manifest)
    told: dict[str, Any] = {
        "inputs": [
            describe_input(each, kinds[each.name], expected[each.name].words, evidence) for each in signature.inputs
        ],
        "heads": [describe_head(each) for each in signature.heads],
        "example": example_request(signature, manifest),
    }
    if manifest is None:
        return {"description": "", **told}
    told = {"description": manifest.description, **told, "metrics": manifest.metrics, "training": manifest.training}
    return told | ({"breaking": manifest.breaking} if manifest.breaking else {})


def preprocessing_of(signature: Signature, manifest: Manifest | None) -> dict[str, Preprocessing]:
    declared = manifest.preprocessing if manifest else {}
    return {each.name: declared.get(each.name, Numbers()) for each in signature.inputs}


def describe_input(
    each: Input, preprocessing: Preprocessing, expected: str, evidence: Evidence | None
) -> dict[str, Any]:
    return {
        "name": each.name,
        "dtype": each.spec.dtype,
        "shape": each.spec.shape,
        "description": each.description,
        "expects": expected,
        "optional": describe_missing(each),
        "padding": describe_padding(each, evidence),
        **describe_kind(each, preprocessing),
    }


def describe_missing(each: Input) -> dict[str, Any] | None:
    """What happens without it, or None where it has to be given."""
    if not is_optional(each):
        return None
    missing = each.missing
    return {"policy": missing.policy, "value": missing.value, "stands_in": stands_in(missing)}


def describe_kind(each: Input, preprocessing: Preprocessing) -> dict[str, Any]:
    """What only inputs of this kind have."""
    if isinstance(preprocessing, Image):
        height, width, _ = each.spec.shape
        return {"kind": "image", "resized_to": {"height": height, "width": width, "fit": preprocessing.fit}}
    if isinstance(preprocessing, Record):
        return {"kind": "record", "fields": [describe_field(field) for field in preprocessing.fields]}
    return {"kind": "text" if isinstance(preprocessing, Text) else "numbers"}


def describe_field(field: Choice | Quantity) -> dict[str, Any]:
    """A text takes any; its labels are those that the model knows."""
    about = {"description": field.description}
    if isinstance(field, Choice):
        kind = "text" if field.open else "choice"
        return {"name": field.name, "type": kind, "labels": list(field.labels), **about}
    bounds = {"minimum": field.minimum, "maximum": field.maximum, "unit": field.unit}
    return {"name": field.name, "type": "number", **bounds, **about}


def describe_head(head: Head) -> dict[str, Any]:
    told = {"name": head.name, "kind": head.kind, "dtype": head.spec.dtype, "shape": head.spec.shape}
    extra = {"description": head.description, "labels": list(head.labels), "unit": head.unit}
    return told | {key: value for key, value in extra.items() if value}


def example_request(signature: Signature, manifest: Manifest | None) -> dict[str, Any]:
    kinds = preprocessing_of(signature, manifest)
    return {"inputs": {each.name: example_value(each, kinds[each.name]) for each in signature.inputs}}


def example_value(each: Input, preprocessing: Preprocessing) -> Any:
    if each.example is not None:
        return each.example
    if isinstance(preprocessing, Record):
        return {field.name: example_of_field(field) for field in preprocessing.fields}
    shape = [EXAMPLE_LENGTH if side is None else side for side in each.spec.shape]
    return np.zeros(shape, each.spec.dtype).tolist()


def example_of_field(field: Choice | Quantity) -> str | float:
    if isinstance(field, Choice):
        return field.labels[0]
    return min(max(field.minimum, round(field.mean, 2)), field.maximum)
