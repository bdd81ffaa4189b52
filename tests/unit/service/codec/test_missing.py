"""Inputs that a request may leave out: what stands in, what is named in the reply, and what is refused all the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel

from models.artifact import Manifest
from models.preprocessing import Choice, Image, Numbers, Preprocessing, Quantity, Record, Text, save_tokenizer
from models.signature import Head, Input, Missing, Signature, TensorSpec
from service.codec.describe import describe_model
from service.codec.nested_json import Call, ModelCodec
from service.errors import InvalidInput

RECORD = Record((Choice("condition", ("new", "worn")), Quantity("age", 0, 9)))
PREPROCESSING: dict[str, Preprocessing] = {
    "title": Text("words.json", 3, 4, 50),
    "numbers": Numbers(0, 16, 0.5),
    "record": RECORD,
    "photo": Image(scale=1.0),
}
INPUTS = (
    Input(name="title", spec=TensorSpec("int32", (None,)), missing=Missing("default", "wool coat"), example="wool"),
    Input(name="numbers", spec=TensorSpec("float32", (2,)), description="Two numbers"),
    Input(name="record", spec=TensorSpec("float32", (3,)), missing=Missing("default", {"condition": "worn", "age": 3})),
    Input(name="photo", spec=TensorSpec("float32", (1, 2, 3)), missing=Missing("learnt_null", -1)),
    Input(name="series", spec=TensorSpec("float32", (None, 2)), missing=Missing("learnt_null", -2.5)),
)
SIGNATURE = Signature(INPUTS, (Head(name="y", spec=TensorSpec("float32", ())),))
PHOTO = [[[1, 2, 3], [1, 2, 3]]]
WHOLE: dict[str, Any] = {
    "title": "wool", "numbers": [2, 4], "record": {"condition": "new", "age": 1}, "photo": PHOTO, "series": [[1, 2]]
}  # fmt: skip
STANDING_IN: dict[str, Any] = {
    "title": np.array([2, 1], np.int32),
    "record": np.array([0, 1, 3], np.float32),
    "photo": np.full((1, 2, 3), -1, np.float32),
    "series": np.full((1, 2), -2.5, np.float32),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("artifact")
    words = Tokenizer(WordLevel({"[PAD]": 0, "[UNK]": 1, "wool": 2}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    save_tokenizer(words, made / "words.json")
    return made


@pytest.fixture(scope="module")
def codec(folder: Path) -> ModelCodec:
    return ModelCodec("coats", SIGNATURE, PREPROCESSING, folder)


def decode(codec: ModelCodec, **body: Any) -> Call:
    return codec.decode(json.dumps(body).encode())


def filled_in(call: Call) -> list[dict[str, Any]]:
    return [each.told() for each in call.filled_in]


@pytest.mark.parametrize("name", STANDING_IN)
def test_what_was_left_out_or_null_is_stood_in_for_and_named(codec: ModelCodec, name: str) -> None:
    left_out = {key: value for key, value in WHOLE.items() if key != name}
    policy = SIGNATURE.input(name).missing.policy
    whole = decode(codec, inputs=WHOLE)
    assert filled_in(whole) == []
    for inputs in (left_out, WHOLE | {name: None}):
        call = decode(codec, inputs=inputs)
        np.testing.assert_array_equal(call.rows[0][name], STANDING_IN[name], strict=True)
        for other in left_out:
            np.testing.assert_array_equal(call.rows[0][other], whole.rows[0][other])
        assert filled_in(call) == [{"input": name, "policy": policy}]


def test_a_default_is_what_a_caller_would_have_got(codec: ModelCodec) -> None:
    given = decode(codec, inputs=WHOLE | {"title": "wool coat", "record": {"condition": "worn", "age": 3}})
    stood_in = decode(codec, inputs=WHOLE | {"title": None, "record": None})
    for name in ("title", "record"):
        np.testing.assert_array_equal(given.rows[0][name], stood_in.rows[0][name], strict=True)


def test_rows_may_differ_in_what_they_leave_out(codec: ModelCodec) -> None:
    bare = {"numbers": [0, 2]}
    call = decode(codec, instances=[WHOLE, bare, WHOLE | {"photo": None}, bare | {"series": [[5, 6], [7, 8]]}])
    assert filled_in(call) == [
        {"input": "title", "policy": "default", "rows": [1, 3]},
        {"input": "record", "policy": "default", "rows": [1, 3]},
        {"input": "photo", "policy": "learnt_null", "rows": [1, 2, 3]},
        {"input": "series", "policy": "learnt_null", "rows": [1]},
    ]
    assert call.rows[0]["photo"][0, 0].tolist() == [1, 2, 3]
    assert [row["photo"].max() for row in call.rows[1:]] == [-1, -1, -1]
    assert [row["series"].shape for row in call.rows] == [(1, 2), (1, 2), (1, 2), (2, 2)]
    assert all(set(row) == set(WHOLE) for row in call.rows)


def test_what_is_shared_is_left_out_nowhere(codec: ModelCodec) -> None:
    own = [{"numbers": [0, 2]}, {"numbers": [1, 2]}]
    shared = {name: WHOLE[name] for name in STANDING_IN}
    assert filled_in(decode(codec, instances=own, shared=shared)) == []
    for nothing in ({}, {"photo": None}):
        rest = {name: value for name, value in shared.items() if name != "photo"}
        call = decode(codec, instances=[own[0], own[1] | {"photo": PHOTO}], shared=rest | nothing)
        assert filled_in(call) == [{"input": "photo", "policy": "learnt_null", "rows": [0]}]


def test_every_row_may_lack_it(codec: ModelCodec) -> None:
    call = decode(codec, instances=[{}, {}], shared={"numbers": [0, 2]})
    assert [each["rows"] for each in filled_in(call)] == [[0, 1]] * 4


def told(codec: ModelCodec, **body: Any) -> list[tuple[str | None, int | None, str, str]]:
    with pytest.raises(InvalidInput) as refusal:
        decode(codec, **body)
    return [(each.input, each.row, each.expected, each.got) for each in refusal.value.problems]


def test_what_must_be_there_is_refused_as_ever(codec: ModelCodec) -> None:
    expected = codec.schema.expected["numbers"].words
    assert told(codec, inputs={}) == [("numbers", None, expected, "nothing")]
    assert told(codec, inputs={"numbers": None}) == [("numbers", None, expected, "null")]
    assert told(codec, instances=[WHOLE, {}]) == [("numbers", 1, expected, "nothing")]
    assert told(codec, instances=[WHOLE, {"numbers": None}]) == [("numbers", 1, expected, "null")]
    assert told(codec, instances=[{}], shared={"numbers": None}) == [("numbers", None, expected, "null")]


def test_what_is_wrong_with_an_optional_input_is_told_as_ever(codec: ModelCodec) -> None:
    assert told(codec, inputs=WHOLE | {"photo": 7})[0][0::3] == ("photo", "the number 7")
    assert told(codec, inputs=WHOLE | {"photo": [[[1, 2, 300]]]})[0][0::3] == ("photo", "the number 300 at [0][0][2]")
    assert told(codec, inputs=WHOLE | {"record": {"condition": "old", "age": 1}})[0][0::3] == ("record", "text 'old'")
    assert told(codec, inputs=WHOLE | {"record": {"condition": None, "age": 1}})[0][0::3] == ("record", "null")
    assert told(codec, inputs=WHOLE | {"series": [[1, None]]})[0][0::3] == ("series", "null at [0][1]")


def test_photos_come_last_and_are_told_in_their_row(codec: ModelCodec) -> None:
    rows = [WHOLE | {"photo": "R0lGODlh"}, WHOLE | {"title": "  "}, WHOLE | {"photo": "R0lGODlh", "title": " "}]
    places = [(name, row) for name, row, *_ in told(codec, instances=rows)]
    assert places == [("photo", 0), ("title", 1), ("title", 2), ("photo", 2)]


def test_null_against_a_shared_value_could_mean_either_and_is_refused(codec: ModelCodec) -> None:
    own = {name: value for name, value in WHOLE.items() if name != "photo"}
    problem = ("photo", 0, 'a value in the instance or in "shared"', 'null in the instance, a value in "shared"')
    assert told(codec, instances=[own | {"photo": None}], shared={"photo": PHOTO}) == [problem]
    assert told(codec, instances=[WHOLE], shared={"photo": PHOTO})[0][3] == "both"


def test_nobody_can_spoil_what_stands_in(codec: ModelCodec) -> None:
    tensor = decode(codec, inputs={"numbers": [0, 2]}).rows[0]["photo"]
    with pytest.raises(ValueError, match="read-only"):
        tensor[:] = 0


def test_the_reply_names_it(codec: ModelCodec) -> None:
    call = decode(codec, instances=[WHOLE, WHOLE | {"photo": None}])
    reply = codec.encode(call, {"y": [np.ones(()), np.ones(())]})
    assert reply["filled_in"] == [{"input": "photo", "policy": "learnt_null", "rows": [1]}]
    codec.schema.answers.model_validate({"model": "coats", "version": 1} | reply)
    assert "filled_in" not in codec.encode(decode(codec, inputs=WHOLE), {"y": [np.ones(())]})


@pytest.mark.parametrize(
    ("dtype", "shape", "missing", "said"),
    [
        ("float32", (2,), Missing("default", [1, 17]), "input 'x': expected .* from 0 to 16, got the number 17 at"),
        ("float32", (2,), Missing("default", [1]), "input 'x': expected .*, got a list of 1"),
        ("float32", (2,), Missing("default"), "input 'x': expected .*, got null"),
        ("float32", (2,), Missing("learnt_null"), "input 'x': a learnt null is a finite number .* float32 .* not null"),
        ("float32", (2,), Missing("learnt_null", "-1"), "not text '-1'"),
        ("float32", (2,), Missing("learnt_null", True), "not true"),
        ("float32", (2,), Missing("learnt_null", [-1]), "not a list of 1"),
        ("float32", (2,), Missing("learnt_null", float("nan")), "not a finite number"),
        ("float32", (2,), Missing("learnt_null", 1e39), "float32 can hold, not the number 1e"),
        ("int32", (2,), Missing("learnt_null", 0.5), "int32 can hold, not the number 0.5"),
        ("uint8", (2,), Missing("learnt_null", -1), "uint8 can hold, not the number -1"),
        ("int32", (2,), Missing("learnt_null", 10**400), "int32 can hold, not the number 1"),
        ("string", (), Missing("learnt_null", 0), "string can hold, not the number 0"),
    ],
)  # fmt: skip
def test_what_cannot_stand_in_is_refused_at_loading(dtype: str, shape: Any, missing: Missing, said: str) -> None:
    signature = Signature((Input(name="x", spec=TensorSpec(dtype, shape), missing=missing),), SIGNATURE.heads)
    with pytest.raises(ValueError, match=said):
        ModelCodec("m", signature, {"x": Numbers(0, 16)}, Path())


def test_a_default_text_or_photo_that_cannot_be_read_is_refused_at_loading(folder: Path) -> None:
    for name, value, said in (("title", "  ", "at least one word"), ("photo", "R0lGODlh", "got a GIF")):
        each = Input(name=name, spec=SIGNATURE.input(name).spec, missing=Missing("default", value))
        with pytest.raises(ValueError, match=f"input '{name}': expected .*{said}"):
            ModelCodec("m", Signature((each,), SIGNATURE.heads), PREPROCESSING, folder)


def test_the_types_say_what_may_be_left_out(codec: ModelCodec) -> None:
    schema = codec.schema.inputs.model_json_schema()
    assert schema["required"] == ["numbers"]
    for name in STANDING_IN:
        field = schema["properties"][name]
        assert {"type": "null"} in field["anyOf"]
        assert "default" not in field
        assert "may be left out, or null" in field["description"]
    assert "anyOf" not in schema["properties"]["numbers"]
    assert schema["properties"]["numbers"]["description"] == "Two numbers"
    assert "the number -1" in schema["properties"]["photo"]["description"]
    reply = codec.schema.answers.model_json_schema()
    assert reply["required"] == ["model", "version", "predictions"]
    assert reply["$defs"]["CoatsBatchFilledIn"]["properties"]["input"]["enum"] == list(STANDING_IN)
    with pytest.raises(ValidationError):
        codec.schema.answers.model_validate(
            {"model": "coats", "version": 1, "predictions": [], "filled_in": [{"input": "numbers"}]}
        )


def test_a_model_tells_what_stands_in_and_its_example_is_whole(codec: ModelCodec) -> None:
    manifest = Manifest(model="coats", signature=SIGNATURE, preprocessing=PREPROCESSING)
    described = describe_model(SIGNATURE, manifest, codec.schema.expected)
    optional = {each["name"]: each["optional"] for each in described["inputs"]}
    assert optional["numbers"] is None
    assert optional["photo"] == {
        "policy": "learnt_null",
        "value": -1,
        "stands_in": "a tensor full of the number -1, from which the model learnt that nothing is there",
    }
    assert optional["title"]["stands_in"] == "the default, which is text 'wool coat'"
    assert optional["record"]["value"] == {"condition": "worn", "age": 3}
    assert filled_in(decode(codec, **described["example"])) == []
