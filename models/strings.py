"""Strings of a tensor as JSON has them: as text, or as `{"b64": …}` where the bytes are no text. Both ways."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.signature import TensorSpec
from models.tensors import OBJECT
from models.values import InvalidValue

B64 = "b64"
ONE = f'text, or {{"{B64}": bytes in base64}}'


class StringsEncoder:
    """Nested texts and bytes of a known shape to an array of bytes objects."""

    def __init__(self, tensor: TensorSpec) -> None:
        self._tensor = tensor

    def encode(self, value: object) -> NDArray[np.object_]:
        given = to_bytes(value)
        try:
            row = np.asarray(given, OBJECT)
        except ValueError:
            raise InvalidValue(describe_strings(self._tensor), "nested lists of uneven length") from None
        wanted = self._tensor.shape
        if len(row.shape) != len(wanted) or any(w not in (None, s) for s, w in zip(row.shape, wanted, strict=True)):
            raise InvalidValue(describe_strings(self._tensor), f"shape {list(row.shape)}")
        return row


def describe_strings(spec: TensorSpec) -> str:
    """The tensor in words."""
    sides = ", ".join("any" if side is None else str(side) for side in spec.shape)
    return f"strings of shape [{sides}], each {ONE}" if spec.shape else ONE


def to_bytes(value: object) -> object:
    """Lists stay lists. Raises InvalidValue for what is no text."""
    if isinstance(value, list):
        return [to_bytes(each) for each in value]
    if isinstance(value, Mapping):
        return from_base64(str(value[B64]))
    try:
        return str(value).encode()
    except UnicodeEncodeError as error:
        raise InvalidValue("text that is valid Unicode", f"a lone surrogate at character {error.start}") from None


def from_base64(text: str) -> bytes:
    """Raises InvalidValue."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidValue(f'base64 in "{B64}"', "text that is none") from None


def to_json(value: Any) -> Any:
    """Text where the bytes are UTF-8, else `{"b64": …}`; lists of that for an array."""
    if isinstance(value, np.ndarray):
        return to_json(value.tolist())
    if isinstance(value, list):
        return [to_json(each) for each in value]
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {B64: base64.b64encode(value).decode()}
