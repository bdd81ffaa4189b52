"""Photos and records in bodies: typed, checked, told of, and refused by input, row and field."""

from __future__ import annotations

import base64
import io
import json
import math
import tracemalloc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from models.artifact import Manifest
from models.photo import SMALL_PIXELS, SMALL_TEXT
from models.preprocessing import Choice, Image, ImageEncoder, Preprocessing, Quantity, Record
from models.signature import Head, Input, Signature, TensorSpec
from service.codec.describe import describe_model
from service.codec.nested_json import Call, ModelCodec
from service.codec.rows import AT_ONCE
from service.errors import DeadlineExceeded, InvalidInput

PREPROCESSING: dict[str, Preprocessing] = {
    "photo": Image(fit="pad", scale=1.0),
    "metadata": Record(
        (
            Choice("condition", ("new", "good", "worn"), description="State of the cloth"),
            Choice("brand", ("Nordfell", "Aria"), open=True),
            Quantity("age months", 0, 240, mean=12, unit="months"),
        )
    ),
}
SIGNATURE = Signature(
    (
        Input(name="photo", spec=TensorSpec("float32", (2, 3, 3)), description="The garment"),
        Input(name="metadata", spec=TensorSpec("float32", (6,))),
    ),
    (Head(name="similarity", spec=TensorSpec("float32", (1,)), kind="regression"),),
)
METADATA: dict[str, Any] = {"condition": "good", "brand": "Nordfell", "age months": 24}


def png(width: int = 3, height: int = 2) -> str:
    written = io.BytesIO()
    Pillow.new("RGB", (width, height), (10, 20, 30)).save(written, "PNG")
    return base64.b64encode(written.getvalue()).decode()


GOOD = {"photo": png(), "metadata": METADATA}
SIDE = math.isqrt(SMALL_PIXELS)
"""Of the largest square that counts as small."""
PIXEL = [10, 20, 30]
PHOTO = "a PNG, JPEG or WebP photo in base64, or rows of pixels, each three numbers from 0 to 255"
OBJECT = "an object with the fields condition, brand, age months"
CONDITION = "'condition' one of new, good, worn"
AGE = "'age months' a number from 0 to 240 months"


@pytest.fixture(scope="module")
def codec() -> ModelCodec:
    return ModelCodec("clothing_price", SIGNATURE, PREPROCESSING, Path())


def decode(codec: ModelCodec, body: Any) -> Any:
    return codec.decode(json.dumps(body).encode())


def problems(codec: ModelCodec, body: Any) -> list[tuple[str | None, int | None, str, str]]:
    with pytest.raises(InvalidInput) as refusal:
        decode(codec, body)
    return [(each.input, each.row, each.expected, each.got) for each in refusal.value.problems]


@pytest.mark.parametrize("photo", [png(), [[PIXEL] * 3] * 2, [[[10.2, 20.0, 29.8]] * 30] * 20])
def test_a_photo_and_a_record_become_rows(codec: ModelCodec, photo: Any) -> None:
    (row,) = decode(codec, {"inputs": {"photo": photo, "metadata": METADATA}}).rows
    np.testing.assert_array_equal(row["photo"], np.full((2, 3, 3), PIXEL, np.float32), strict=True)
    np.testing.assert_array_equal(row["metadata"], np.array([0, 1, 0, 1, 0, 12], np.float32), strict=True)


def test_a_shared_photo_is_decoded_once(codec: ModelCodec) -> None:
    call = decode(codec, {"instances": [{"metadata": METADATA}] * 3, "shared": {"photo": png()}})
    assert len({id(row["photo"]) for row in call.rows}) == 1


@pytest.mark.parametrize(
    ("wrong", "input_name", "expected", "got"),
    [
        ({"photo": None}, "photo", PHOTO, "null"),
        ({"photo": 5}, "photo", PHOTO, "the number 5"),
        ({"photo": {"b64": "x"}}, "photo", PHOTO, "an object"),
        ({"photo": ""}, "photo", PHOTO, "empty text"),
        ({"photo": "\ud800"}, "photo", PHOTO, "text '\\\\ud800'"),
        ({"photo": "not/base64.png"}, "photo", "a PNG, JPEG or WebP photo in base64",
         "text that is not base64 at character 10"),
        ({"photo": png()[:60]}, "photo", "a PNG, JPEG or WebP photo", "a truncated PNG"),
        ({"photo": "R0lGODlh"}, "photo", "a PNG, JPEG or WebP photo", "a GIF"),
        ({"photo": png(10_000, 5_001)}, "photo", "a photo of at most 50,000,000 pixels", "10,000 × 5,001"),
        ({"photo": []}, "photo", PHOTO, "a list of 0"),
        ({"photo": [[]]}, "photo", PHOTO, "a list of 0 at [0]"),
        ({"photo": [[PIXEL], [[1, 2]]]}, "photo", PHOTO, "a list of 2 at [1][0]"),
        ({"photo": [[PIXEL], [[1, 2, 256]]]}, "photo", PHOTO, "the number 256 at [1][0][2]"),
        ({"photo": [[PIXEL], [[1, 2, True]]]}, "photo", PHOTO, "true at [1][0][2]"),
        ({"photo": [[PIXEL], [[1, 2, "3"]]]}, "photo", PHOTO, "text '3' at [1][0][2]"),
        ({"photo": [[PIXEL], [PIXEL, PIXEL]]}, "photo", "rows of pixels, each three numbers from 0 to 255",
         "nested lists of uneven length"),
        ({"metadata": None}, "metadata", OBJECT, "null"),
        ({"metadata": [1, 2]}, "metadata", OBJECT, "a list of 2"),
        ({"metadata": "new"}, "metadata", OBJECT, "text 'new'"),
        ({"metadata": METADATA | {"condition": "brandnew"}}, "metadata", CONDITION, "text 'brandnew'"),
        ({"metadata": METADATA | {"condition": 1}}, "metadata", CONDITION, "the number 1"),
        ({"metadata": METADATA | {"brand": ""}}, "metadata", "'brand' text of 1 to 200 characters", "empty text"),
        ({"metadata": METADATA | {"brand": "x" * 201}}, "metadata", "'brand' text of 1 to 200 characters",
         "text of 201 characters"),
        ({"metadata": METADATA | {"age months": 241}}, "metadata", AGE, "the number 241"),
        ({"metadata": METADATA | {"age months": -0.1}}, "metadata", AGE, "the number -0.1"),
        ({"metadata": METADATA | {"age months": True}}, "metadata", AGE, "true"),
        ({"metadata": METADATA | {"age months": "24"}}, "metadata", AGE, "text '24'"),
        ({"metadata": METADATA | {"age months": [24]}}, "metadata", AGE, "a list of 1"),
        ({"metadata": METADATA | {"age months": float("nan")}}, "metadata", AGE, "not a finite number"),
        ({"metadata": METADATA | {"age months": None}}, "metadata", AGE, "null"),
        ({"metadata": {"brand": "x", "age months": 1}}, "metadata", CONDITION, "nothing"),
        ({"metadata": METADATA | {"colour": "red"}}, "metadata", "only the fields condition, brand, age months",
         "an unknown field 'colour'"),
        ({"metadata": METADATA | {"field_0": "new"}}, "metadata", "only the fields condition, brand, age months",
         "an unknown field 'field_0'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(codec: ModelCodec, wrong: Any, input_name: str, expected: str, got: str) -> None:
    assert problems(codec, {"inputs": GOOD | wrong}) == [(input_name, None, expected, got)]
    assert problems(codec, {"instances": [GOOD, GOOD | wrong]}) == [(input_name, 1, expected, got)]


def test_every_field_that_is_wrong_is_told_at_once(codec: ModelCodec) -> None:
    told = problems(codec, {"inputs": GOOD | {"metadata": {"condition": "old", "age months": 500, "size": "M"}}})
    assert [got for *_, got in told] == ["text 'old'", "nothing", "the number 500", "an unknown field 'size'"]


def test_a_missing_photo_is_told_as_every_missing_input(codec: ModelCodec) -> None:
    assert problems(codec, {"inputs": {"metadata": METADATA}}) == [("photo", None, PHOTO, "nothing")]
    assert problems(codec, {"instances": [{"photo": png()}]}) == [("metadata", 0, OBJECT, "nothing")]


def test_rows_that_nobody_waits_for_are_not_decoded(codec: ModelCodec) -> None:
    answers = iter([False, False, True])
    body = json.dumps({"instances": [GOOD, GOOD, GOOD | {"photo": "R0lGODlh"}]}).encode()
    with pytest.raises(DeadlineExceeded):
        next(codec.steps(body, lambda: next(answers)))


def test_each_photo_is_a_step_after_everything_else(codec: ModelCodec) -> None:
    body = json.dumps({"instances": [GOOD, GOOD | {"photo": [[PIXEL]]}, *[GOOD] * 3]}).encode()
    *left, call = codec.steps(body)
    assert left == [5, 4, 3, 2, 1]
    assert isinstance(call, Call)
    assert [sorted(row) for row in call.rows] == [["metadata", "photo"]] * 5
    shared = {"instances": [{"metadata": METADATA}] * 3, "shared": {"photo": png(SIDE + 1, SIDE)}}
    assert list(codec.steps(json.dumps(shared).encode()))[:-1] == [1]


def test_a_few_small_photos_are_no_steps(codec: ModelCodec) -> None:
    others = [png(SIDE, SIDE + 1), png(SIDE, SIDE) + "=" * SMALL_TEXT, [[PIXEL]]]
    for photos, left in ([png(SIDE, SIDE)] * AT_ONCE, []), ([png(), *others], [3, 2, 1]), ([png()], []):
        body = json.dumps({"instances": [GOOD | {"photo": photo} for photo in photos]}).encode()
        *steps, call = codec.steps(body)
        assert steps == left
        assert isinstance(call, Call)
        for row, photo in zip(call.rows, photos, strict=True):
            np.testing.assert_array_equal(row["photo"], codec.decode(one(photo)).rows[0]["photo"])
            assert row["photo"].max() == 30
    told = problems(codec, {"instances": [GOOD, GOOD | {"photo": "R0lGODlh"}]})
    assert [(name, row) for name, row, *_ in told] == [("photo", 1)]


def one(photo: object) -> bytes:
    """With others, enough of them to have it wait for its turn."""
    return json.dumps({"instances": [GOOD | {"photo": photo}] * (AT_ONCE + 1)}).encode()


def test_what_is_wrong_is_told_row_by_row_though_photos_come_last(codec: ModelCodec) -> None:
    worse = {"photo": "R0lGODlh", "metadata": METADATA}
    told = problems(codec, {"instances": [worse, GOOD, worse]})
    assert [(name, row) for name, row, *_ in told] == [("photo", 0), ("photo", 2)]
    told = problems(codec, {"instances": [worse] * 50})
    assert [row for _, row, *_ in told] == [*range(20)]


def test_a_request_waits_with_a_byte_for_each_number(codec: ModelCodec) -> None:
    body = json.dumps({"inputs": GOOD | {"photo": [[PIXEL] * 300] * 300}}).encode()
    tracemalloc.start()
    steps = codec.steps(body)
    next(steps)
    held, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most > 5_000_000, "as lists"
    assert held < 500_000


def test_photos_go_as_they_are_done(codec: ModelCodec, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[weakref.ref[Any]] = []
    pixels = ImageEncoder.pixels

    def remembering(encoder: ImageEncoder, value: Any) -> Any:
        assert value.dtype == np.uint8, "as it waits, a byte for each number"
        seen.append(weakref.ref(value))
        return pixels(encoder, value)

    monkeypatch.setattr(ImageEncoder, "pixels", remembering)
    steps = codec.steps(json.dumps({"instances": [GOOD | {"photo": [[PIXEL]]}] * 3}).encode())
    for _ in range(3):
        next(steps)
    assert [each() is None for each in seen] == [True, True]


def test_the_schema_is_typed(codec: ModelCodec) -> None:
    told = codec.schema.inputs.model_json_schema()
    photo = told["properties"]["photo"]
    assert photo["description"] == "The garment"
    text, pixels = photo["anyOf"] if "anyOf" in photo else photo["oneOf"]
    assert (text["type"], text["format"], text["contentEncoding"]) == ("string", "base64", "base64")
    assert (pixels["items"]["items"]["minItems"], pixels["items"]["items"]["maxItems"]) == (3, 3)
    assert pixels["items"]["items"]["items"] == {"type": "number", "minimum": 0, "maximum": 255}
    metadata = told["$defs"]["ClothingPriceMetadataRecord"]
    assert metadata["required"] == ["condition", "brand", "age months"]
    assert metadata["additionalProperties"] is False
    fields = metadata["properties"]
    assert (fields["condition"]["enum"], fields["condition"]["description"]) == (
        ["new", "good", "worn"],
        "State of the cloth",
    )
    assert (fields["brand"]["type"], fields["brand"]["maxLength"]) == ("string", 200)
    assert fields["brand"]["examples"] == ["Nordfell", "Aria"]
    age = fields["age months"]
    assert (age["type"], age["minimum"], age["maximum"], age["unit"]) == ("number", 0, 240, "months")


def manifest() -> Manifest:
    return Manifest(model="clothing_price", signature=SIGNATURE, preprocessing=PREPROCESSING)


def test_a_model_tells_what_becomes_of_a_photo_and_what_a_record_holds(codec: ModelCodec) -> None:
    photo, metadata = describe_model(SIGNATURE, manifest(), codec.schema.expected)["inputs"]
    assert (photo["kind"], photo["expects"]) == ("image", PHOTO)
    assert photo["resized_to"] == {"height": 2, "width": 3, "fit": "pad"}
    assert (metadata["kind"], metadata["expects"]) == ("record", OBJECT)
    assert metadata["fields"] == [
        {
            "name": "condition",
            "type": "choice",
            "labels": ["new", "good", "worn"],
            "description": "State of the cloth",
        },
        {"name": "brand", "type": "text", "labels": ["Nordfell", "Aria"], "description": ""},
        {"name": "age months", "type": "number", "minimum": 0, "maximum": 240, "unit": "months", "description": ""},
    ]


def test_an_example_that_no_recipe_gave_works_too(codec: ModelCodec) -> None:
    example = describe_model(SIGNATURE, manifest(), codec.schema.expected)["example"]
    assert example["inputs"]["metadata"] == {"condition": "new", "brand": "Nordfell", "age months": 12}
    assert len(decode(codec, example).rows) == 1


def test_a_regression_without_a_unit_says_none(codec: ModelCodec) -> None:
    call = decode(codec, {"inputs": GOOD})
    outputs = {"similarity": [np.array([0.5], np.float32)]}
    assert codec.encode(call, outputs) == {"outputs": {"similarity": {"value": 0.5}}}
    value = codec.schema.answer.model_json_schema()["$defs"]["ClothingPriceSimilarityValue"]
    assert list(value["properties"]) == ["value"]
