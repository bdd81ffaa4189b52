"""Random requests fit what a model's description says, are the same for the same seed, and are what a person sends."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.bodies import LONGEST, PHOTO_SIDE, bodies, everyday_bodies

FIELDS = [
    {"name": "size", "type": "choice", "labels": ["S", "M"]},
    {"name": "age", "type": "number", "minimum": 1, "maximum": 3},
]
MODEL: dict[str, Any] = {
    "inputs": [
        {"name": "text", "kind": "text", "shape": [None]},
        {"name": "pixels", "kind": "numbers", "shape": [4, 2]},
        {"name": "photo", "kind": "image", "shape": [48, 48, 3]},
        {"name": "form", "kind": "record", "shape": [5], "fields": FIELDS},
    ],
    "heads": [{"name": "a"}, {"name": "b"}, {"name": "c"}],
    "example": {"inputs": {"text": "warm wool coat", "pixels": [], "photo": "", "form": {}}},
}


def test_values_fit_the_description() -> None:
    for body in bodies(MODEL, 20):
        given = body["inputs"]
        assert 1 <= len(given["text"]) < LONGEST
        assert np.shape(given["pixels"]) == (4, 2)
        assert np.shape(given["photo"])[2] == 3
        assert given["form"]["size"] in ("S", "M")
        assert 1 <= given["form"]["age"] <= 3
        assert body["raw"] is True


def test_texts_differ_in_length_and_heads_are_any_subset() -> None:
    made = bodies(MODEL, 200)
    assert len({len(body["inputs"]["text"]) for body in made}) > 20
    subsets = {frozenset(body["heads"]) for body in made}
    assert len(subsets) == 7
    assert all(len(body["heads"]) == len(set(body["heads"])) for body in made)


def test_what_may_be_left_out_sometimes_is_and_the_rest_never() -> None:
    optional = {**MODEL, "inputs": [each | {"optional": {"policy": "default"}} for each in MODEL["inputs"][:2]]}
    given = {frozenset(body["inputs"]) for body in bodies(optional, 100)}
    assert given == {frozenset({"text"}), frozenset({"pixels"}), frozenset({"text", "pixels"})}
    assert {frozenset(body["inputs"]) for body in bodies(MODEL, 50)} == {frozenset({"text", "pixels", "photo", "form"})}


def test_the_same_seed_gives_the_same_requests() -> None:
    assert bodies(MODEL, 5, 1) == bodies(MODEL, 5, 1) != bodies(MODEL, 5, 2)
    assert everyday_bodies(MODEL, 3, 1) == everyday_bodies(MODEL, 3, 1) != everyday_bodies(MODEL, 3, 2)


def test_everyday_requests_are_words_and_photo_files() -> None:
    for body in everyday_bodies(MODEL, 5, 1):
        assert set(body) == {"inputs"}
        assert set(body["inputs"]["text"].split()) <= {"warm", "wool", "coat"}
        with Image.open(io.BytesIO(base64.b64decode(body["inputs"]["photo"]))) as photo:
            assert (photo.format, photo.size) == ("JPEG", (PHOTO_SIDE, PHOTO_SIDE))
