"""What is said of a value that cannot become a tensor. Knows no kind of input."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

SHOWN = 40
"""Characters of a value that a message repeats."""


class InvalidValue(ValueError):
    """A value that cannot become a tensor: what was expected, and what came."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected = expected
        self.got = got


def say(value: object) -> str:
    """A value in a few words: its kind, and what it is if that is short."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return f"text {shorten(value)!r}" if value else "empty text"
        case int() | np.integer():
            return f"the number {shorten(str(value))}"
        case float() | np.floating():
            return f"the number {shorten(str(value))}" if math.isfinite(value) else "not a finite number"
        case list():
            return f"a list of {len(value):,}" if value else "an empty list"
        case Mapping():
            return "an object"
    return f"a Python {type(value).__name__}"


def shorten(text: str) -> str:
    clean = text[:SHOWN].encode(errors="backslashreplace").decode()
    return clean + "…" if len(text) > SHOWN else clean
