"""Heads that are NaN or infinite: named by head and row, an error or null, and never half of a head."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.signature import Head, Input, Signature, TensorSpec
from service.codec.answers import not_finite
from service.codec.nested_json import Call, ModelCodec
from service.errors import InferenceFailed, NotFinite

SIGNATURE = Signature(
    (Input(name="x", spec=TensorSpec("float32", ())),),
    (
        Head(name="age", spec=TensorSpec("float32", (1,)), kind="regression", unit="years"),
        Head(name="room", spec=TensorSpec("float32", (3,)), kind="classes", labels=("kitchen", "garden", "office")),
        Head(name="sure", spec=TensorSpec("float32", (1,)), kind="binary", labels=("no", "yes")),
        Head(name="plain", spec=TensorSpec("float32", (2,))),
        Head(name="count", spec=TensorSpec("int32", ())),
    ),
)
CODEC = ModelCodec("m", SIGNATURE, {}, Path())
OF_HEAD: dict[str, Any] = {
    "age": np.array([34.5], np.float32),
    "room": np.array([0.25, 0.5, 0.25], np.float32),
    "sure": np.array([0.25], np.float32),
    "plain": np.array([1, 2], np.float32),
    "count": np.int32(7),
}


def call_of(rows: int | None, **more: Any) -> Call:
    body = {"inputs": {"x": 1}} if rows is None else {"instances": [{"x": 1}] * rows}
    return CODEC.decode(json.dumps(body | more).encode())


def outputs_of(rows: int, **broken: dict[int, float]) -> dict[str, list[Any]]:
    """`age={1: nan}` breaks the last number of the head in that row."""
    outputs = {name: [tensor.copy() for _ in range(rows)] for name, tensor in OF_HEAD.items()}
    for name, places in broken.items():
        for row, value in places.items():
            outputs[name][row][-1] = value
    return outputs


def reply(call: Call, outputs: Any) -> Any:
    """As a caller reads it, with a parser that takes JSON only."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    told = CODEC.encode(call, outputs, not_finite(call, outputs))
    return json.loads(orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY), parse_constant=refuse)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("head", ["age", "room", "sure", "plain"])
def test_an_error_names_head_and_rows(head: str, value: float) -> None:
    call, outputs = call_of(3), outputs_of(3, **{head: {0: value, 2: value}})
    with pytest.raises(InferenceFailed) as failure:
        reply(call, outputs)
    assert failure.value.problems == [NotFinite(head, [0, 2])]
    assert str(failure.value) == f"head {head!r}, rows 0, 2: the model's answer is not a finite number"
    with pytest.raises(InferenceFailed, match=f"^head {head!r}: the model's"):
        reply(call_of(None), outputs_of(1, **{head: {0: value}}))


def test_a_head_that_nobody_asked_for_breaks_nothing() -> None:
    assert list(reply(call_of(None, heads=["room", "count"]), outputs_of(1, age={0: np.nan}))) == ["outputs"]


@pytest.mark.parametrize("raw", [False, True])
def test_null_stands_for_exactly_that_head_of_that_row(raw: bool) -> None:
    call = call_of(3, non_finite="null", raw=raw)
    told = reply(call, outputs_of(3, room={1: np.nan}, age={1: np.inf, 2: np.nan}))
    whole = reply(call, outputs_of(3))["predictions"][0]
    assert told["predictions"] == [whole, whole | {"room": None, "age": None}, whole | {"age": None}]
    assert told["non_finite"] == [{"head": "age", "rows": [1, 2]}, {"head": "room", "rows": [1]}]
    CODEC.schema.answers.model_validate({"model": "m", "version": 1} | told)


def test_of_a_single_example_no_rows_are_named() -> None:
    told = reply(call_of(None, non_finite="null"), outputs_of(1, sure={0: np.nan}))
    assert told["outputs"]["sure"] is None
    assert told["outputs"]["count"] == 7
    assert told["non_finite"] == [{"head": "sure"}]
    CODEC.schema.answer.model_validate({"model": "m", "version": 1} | told)


def test_where_every_number_is_one_nothing_is_named() -> None:
    assert list(reply(call_of(2, non_finite="null"), outputs_of(2))) == ["predictions"]


def test_many_rows_are_told_in_short() -> None:
    assert "rows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 990 more" in str(NotFinite("age", range(1000)))
    assert str(NotFinite("age", [4])) == "head 'age', row 4: the model's answer is not a finite number"


@given(st.lists(st.floats(width=32), min_size=1, max_size=5), st.booleans())
def test_no_answer_is_ever_invalid_json(values: list[float], raw: bool) -> None:
    outputs = outputs_of(len(values), plain=dict(enumerate(values)), sure=dict(enumerate(values)))
    told = reply(call_of(len(values), non_finite="null", raw=raw), outputs)
    nulls = [row["plain"] is None for row in told["predictions"]]
    assert nulls == [not np.isfinite(value) for value in values]
