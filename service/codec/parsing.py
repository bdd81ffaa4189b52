"""Bytes of a body to the object that they are in JSON, each key once. Knows no signature."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from typing import Any

from models.values import say, shorten
from service.errors import InvalidInput, Problem


class DuplicateKey(ValueError):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def parsed(body: bytes, inputs: Collection[str]) -> dict[str, Any]:
    """Raises InvalidInput, which names one of the `inputs` if that is what stands there twice."""
    try:
        content = json.loads(body.decode(), object_pairs_hook=unique_keys)
    except DuplicateKey as error:
        name = error.key if error.key in inputs else None
        raise InvalidInput(Problem("each key once", f"the key {shorten(error.key)!r} twice", input=name)) from None
    except UnicodeDecodeError as error:
        raise InvalidInput(Problem("JSON in UTF-8", f"the byte 0x{body[error.start]:02x} at {error.start}")) from None
    except RecursionError:
        raise InvalidInput(Problem("JSON of reasonable depth", "nesting too deep to read")) from None
    except json.JSONDecodeError as error:
        raise InvalidInput(Problem("a JSON object", f"{error}" if body else "an empty body")) from None
    except ValueError:
        raise InvalidInput(Problem("numbers of a size that can be read", "an integer of thousands of digits")) from None
    if not isinstance(content, dict):
        raise InvalidInput(Problem("a JSON object", say(content)))
    return content


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Raises DuplicateKey: of two values under one key a parser keeps one in silence."""
    content = dict(pairs)
    if len(content) != len(pairs):
        raise DuplicateKey(next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1))
    return content
