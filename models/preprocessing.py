"""How a value that a person has becomes one row of a tensor, written as data in the manifest.

Training and serving run this same code. Knows no TensorFlow and no HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.photo import Image, ImageEncoder
from models.record import Choice, Quantity, Record, RecordEncoder
from models.signature import TensorSpec
from models.strings import StringsEncoder, describe_strings
from models.tensors import STRING
from models.values import InvalidValue

__all__ = [
    "Choice",
    "Encoder",
    "Image",
    "ImageEncoder",
    "InvalidValue",
    "Numbers",
    "NumbersEncoder",
    "Preprocessing",
    "Quantity",
    "Record",
    "RecordEncoder",
    "Text",
    "TextEncoder",
    "describe",
    "encoder",
    "fits",
    "save_tokenizer",
]


class Text(msgspec.Struct, frozen=True, tag="text", forbid_unknown_fields=True):
    """Text through a `tokenizers` JSON file of the artifact, to int32 token ids; id 0 is padding."""

    tokenizer: str
    vocabulary_size: int
    max_tokens: int
    max_characters: int


class Numbers(msgspec.Struct, frozen=True, tag="numbers", forbid_unknown_fields=True):
    """Numbers as they are, within bounds, multiplied by `scale`."""

    minimum: float | None = None
    maximum: float | None = None
    scale: float = 1.0


Preprocessing = Text | Numbers | Image | Record


class Encoder(Protocol):
    """Turns checked values into one row of the tensor."""

    def encode(self, value: object) -> NDArray[np.generic]:
        """One row of the input's tensor. Raises InvalidValue."""


class TextEncoder:
    """Text, or token ids, to int32 ids of shape (tokens,)."""

    def __init__(self, spec: Text, tokenizer: Tokenizer) -> None:
        self.spec = spec
        self._tokenizer = tokenizer

    def encode(self, value: object) -> NDArray[np.int32]:
        ids = self._tokenize(value) if isinstance(value, str) else list(value)  # type: ignore[call-overload]
        if not ids:
            raise InvalidValue("text with at least one word", "text without any")
        if len(ids) > self.spec.max_tokens:
            raise InvalidValue(f"at most {self.spec.max_tokens:,} tokens", f"{len(ids):,} tokens")
        return np.asarray(ids, np.int32)

    def encode_all(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Each text as `encode` gives it, in order."""
        return [self.encode(text) for text in texts]

    def _tokenize(self, text: str) -> list[int]:
        if len(text) > self.spec.max_characters:
            raise InvalidValue(f"at most {self.spec.max_characters:,} characters", f"{len(text):,} characters")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidValue("text that is valid Unicode", f"a lone surrogate at character {error.start}") from None
        return list(self._tokenizer.encode(text).ids)


class NumbersEncoder:
    """Nested numbers of a known shape to an array of the input's dtype."""

    def __init__(self, spec: Numbers, tensor: TensorSpec) -> None:
        self._spec = spec
        self._tensor = tensor

    def encode(self, value: object) -> NDArray[np.generic]:
        try:
            row = np.asarray(value, self._tensor.dtype)
        except (ValueError, OverflowError) as error:
            raise InvalidValue(describe(self._tensor), f"nested lists of uneven length or size ({error})") from None
        if not fits(row.shape, self._tensor.shape):
            raise InvalidValue(describe(self._tensor), f"shape {list(row.shape)}")
        return row if self._spec.scale == 1.0 else (row * self._spec.scale).astype(self._tensor.dtype)


def fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    """Whether a row's shape is one the spec allows."""
    return len(shape) == len(wanted) and all(w in (None, s) for s, w in zip(shape, wanted, strict=True))


def describe(spec: TensorSpec) -> str:
    """The tensor in words: `float32 numbers of shape [64]`."""
    if spec.dtype == STRING:
        return describe_strings(spec)
    sides = ", ".join("any" if side is None else str(side) for side in spec.shape)
    return f"{spec.dtype} numbers of shape [{sides}]" if spec.shape else f"one {spec.dtype} number"


def encoder(preprocessing: Preprocessing, tensor: TensorSpec, folder: Path) -> Encoder:
    """The encoder for an input, with its files taken from the artifact's folder. Raises OSError, ValueError."""
    if isinstance(preprocessing, Text):
        tokenizer = Tokenizer.from_str((folder / preprocessing.tokenizer).read_text(encoding="utf-8"))
        return TextEncoder(preprocessing, tokenizer)
    if isinstance(preprocessing, Image):
        return ImageEncoder(preprocessing, tensor)
    if isinstance(preprocessing, Record):
        return RecordEncoder(preprocessing, tensor)
    return StringsEncoder(tensor) if tensor.dtype == STRING else NumbersEncoder(preprocessing, tensor)


def save_tokenizer(tokenizer: Tokenizer, path: Path) -> None:
    """Writes the tokenizer's JSON, indented so that two versions can be compared by eye."""
    path.write_text(json.dumps(json.loads(tokenizer.to_str()), indent=1, ensure_ascii=False), encoding="utf-8")
