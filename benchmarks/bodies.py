"""Requests for any model, made from what `GET /models/NAME` says of it. Seeded.

Two kinds: plain numbers of random length, to compare tensors; and what a person would send, to load the service with.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

Draw = np.random.Generator
Body = dict[str, Any]

LONGEST = 40
"""Words, or entries along a side that is open."""
PHOTO_SIDE = 200
LEFT_OUT = 0.25
"""How often an input is, where that is allowed."""


def bodies(model: dict[str, Any], count: int, seed: int | None = None) -> list[Body]:
    """Random inputs, for a random subset of the heads, whose plain tensors are asked for."""
    draw = np.random.default_rng(count if seed is None else seed)
    heads = [head["name"] for head in model["heads"]]
    return [
        {
            "inputs": inputs(model["inputs"], value_for, draw),
            "heads": draw.choice(heads, draw.integers(1, len(heads) + 1), replace=False).tolist(),
            "raw": True,
        }
        for _ in range(count)
    ]


def everyday_bodies(model: dict[str, Any], count: int, seed: int) -> list[Body]:
    """Texts and photos as they are sent, every head answered in words."""
    draw = np.random.default_rng(seed)
    shown = [each | {"example": model["example"]["inputs"][each["name"]]} for each in model["inputs"]]
    return [{"inputs": inputs(shown, everyday_value, draw)} for _ in range(count)]


def inputs(told: list[dict[str, Any]], value: Callable[[dict[str, Any], Draw], Any], draw: Draw) -> dict[str, Any]:
    """Every input that has to be given, and most of the others."""
    given = [each for each in told if not each.get("optional") or draw.random() > LEFT_OUT]
    return {each["name"]: value(each, draw) for each in given or told}


def value_for(each: dict[str, Any], draw: Draw) -> Any:
    """Something the input takes, of random length or size where that is open."""
    if each["kind"] == "image":
        return draw.integers(0, 256, (*draw.integers(8, 32, 2), 3)).tolist()
    if each["kind"] == "record":
        return {field["name"]: field_value(field, draw) for field in each["fields"]}
    shape = [int(draw.integers(1, LONGEST)) if side is None else side for side in each["shape"]]
    return draw.integers(0, 16, shape).tolist()


def field_value(field: dict[str, Any], draw: Draw) -> str | float:
    if field["type"] == "number":
        return float(draw.uniform(field["minimum"], field["maximum"]))
    return str(draw.choice(field["labels"]))


def everyday_value(each: dict[str, Any], draw: Draw) -> Any:
    """A photo as a file, a text of words from the example, anything else as `value_for` has it."""
    if each["kind"] == "image":
        return photo(draw)
    if each["kind"] == "text":
        return " ".join(draw.choice(each["example"].split(), draw.integers(1, LONGEST)))
    return value_for(each, draw)


def photo(draw: Draw) -> str:
    """A JPEG file in base64: blurred patches, about as hard to read as a photo of that size."""
    patches = Image.fromarray(draw.integers(0, 256, (12, 12, 3), dtype=np.uint8))
    file = io.BytesIO()
    patches.resize((PHOTO_SIDE, PHOTO_SIDE), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return base64.b64encode(file.getvalue()).decode()
