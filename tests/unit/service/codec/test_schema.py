"""Signatures as pydantic models and JSON Schema."""

from typing import Any

import pytest
from pydantic import ValidationError

from models.preprocessing import Numbers
from models.signature import Head, Input, Signature, TensorSpec
from service.codec.schema import Schema, schema_of


def of_one_input(dtype: str, shape: tuple[int | None, ...] = (), name: str = "x") -> Schema:
    signature = Signature(
        (Input(name=name, spec=TensorSpec(dtype, shape)),), (Head(name="y", spec=TensorSpec("float32", ())),)
    )
    return Schema("m", signature, {})  # fmt: skip


@pytest.mark.parametrize(
    ("dtype", "good", "bad"),
    [
        ("int32", [0, 2**31 - 1, -(2**31)], [2**31, -(2**31) - 1, 1.0, True, "1"]),
        ("uint8", [0, 255], [-1, 256]),
        ("int64", [2**63 - 1], [2**63]),
        ("float32", [0, 1.5, 3.4e38], [3.5e38, True, "1", float("nan")]),
        ("bool", [True, False], [0, 1, "true"]),
        ("string", ["a", ""], [1]),
    ],
)
def test_numbers_are_strict(dtype: str, good: list[Any], bad: list[Any]) -> None:
    one = of_one_input(dtype).one
    for value in good:
        one.model_validate({"inputs": {"x": value}})
    for value in bad:
        with pytest.raises(ValidationError):
            one.model_validate({"inputs": {"x": value}})


@pytest.mark.parametrize("name", ["model_x", "copy", "_hidden", "keras tensor:0", "class", "json", "ünï"])
def test_any_name_can_be_an_input(name: str) -> None:
    schema = of_one_input("float32", name=name)
    schema.one.model_validate({"inputs": {name: 1.0}})
    assert name in schema.inputs.model_json_schema()["properties"]


def test_nested_shapes() -> None:
    one = of_one_input("float32", (None, 2)).one
    one.model_validate({"inputs": {"x": [[1, 2], [3, 4], [5, 6]]}})
    for bad in ([], [[1]], [1, 2], [[1, 2], [3]]):
        with pytest.raises(ValidationError):
            one.model_validate({"inputs": {"x": bad}})


def test_the_schema_tells_bounds_labels_and_units() -> None:
    signature = Signature(
        (Input(name="pixels", spec=TensorSpec("float32", (64,)), example=[0] * 64),),
        (
            Head(name="age", spec=TensorSpec("float32", (1,)), kind="regression", unit="years"),
            Head(name="digit", spec=TensorSpec("float32", (2,)), kind="classes", labels=("zero", "one")),
        ),
    )
    schema = Schema("digits", signature, {"pixels": Numbers(0, 16)})
    pixels = schema.inputs.model_json_schema()["properties"]["pixels"]
    assert (pixels["minItems"], pixels["maxItems"]) == (64, 64)
    assert (pixels["items"]["minimum"], pixels["items"]["maximum"]) == (0, 16)
    answer = str(schema.answer.model_json_schema())
    assert "'const': 'years'" in answer
    assert "['zero', 'one']" in answer
    assert schema.one.__name__ == "DigitsRequest"


def test_versions_that_are_asked_alike_share_their_types() -> None:
    y = (Head(name="y", spec=TensorSpec("float32", ())),)
    signature, other = (Signature((Input(name="x", spec=TensorSpec("float32", (side,))),), y) for side in (2, 3))
    made = schema_of("m", signature, {"x": Numbers(0, 10**30)})
    assert schema_of("m", signature, {"x": Numbers(0, 10**30)}) is made
    for model, theirs in (("n", signature), ("m", other), ("m", signature)):
        assert schema_of(model, theirs, {}) is not made
