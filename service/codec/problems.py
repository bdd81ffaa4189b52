"""What pydantic found wrong with a body, as problems that name the input, the row, what was expected and what came."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from service.errors import Problem

SHOWN = 40
"""Characters of a value that a message repeats."""
MOST = 20
"""Problems told at once; a batch can have one for each of its rows."""


def problems_of(error: ValidationError, content: Mapping[str, Any], expected: Mapping[str, str]) -> list[Problem]:
    """`expected` says in words what each input takes."""
    found = list(dict.fromkeys(problem(each, content, expected) for each in error.errors(include_url=False)))
    hidden = len(found) - MOST
    return found[:MOST] + ([Problem("no further problems", f"{hidden} more")] if hidden > 0 else [])


def problem(each: ErrorDetails, content: Mapping[str, Any], expected: Mapping[str, str]) -> Problem:
    where, *rest = each["loc"] or ("",)
    row = rest.pop(0) if where == "instances" and rest and isinstance(rest[0], int) else None
    if where in ("inputs", "instances", "shared") and rest:
        return about_input(each, str(rest[0]), row, rest[1:], expected)
    return about_body(each, ".".join(str(part) for part in each["loc"]), row)


def about_input(each: ErrorDetails, name: str, row: Any, path: list[Any], expected: Mapping[str, str]) -> Problem:
    if each["type"] == "extra_forbidden":
        return Problem(
            f"only the inputs {', '.join(expected)}", f"an unknown input {shorten(name)!r}", name[:SHOWN], row
        )
    if each["type"] == "missing":
        return Problem(expected[name], "nothing", name, row)
    steps = "".join(f"[{part}]" for part in path if isinstance(part, int))
    place = f" at {steps}" if steps else ""
    return Problem(expected[name], came(each) + place, name, row)


def came(each: ErrorDetails) -> str:
    """What stands there, with its size where the size is what is wrong."""
    context = each.get("ctx", {})
    if each["type"] == "string_too_long":
        return f"text of {len(each['input']):,} characters"
    if "actual_length" in context:
        return f"a list of {context['actual_length']:,}"
    return say(each["input"])


def about_body(each: ErrorDetails, where: str, row: Any) -> Problem:
    if each["type"] == "extra_forbidden":
        return Problem(
            'only the keys "inputs" or "instances", "shared", "heads", "raw"', f"an unknown key {shorten(where)!r}"
        )
    if each["type"] in ("model_type", "dict_type"):
        return Problem("an object of inputs by name", say(each["input"]), row=row)
    if each["type"] == "too_short":
        return Problem(f"at least one in {where!r}", "an empty list")
    if each["type"] == "literal_error":
        return Problem(f"{where.split('.')[0]!r} among {each['ctx']['expected']}", f"unknown {say(each['input'])}")
    return Problem(f"{where!r}: {each['msg'][:1].lower()}{each['msg'][1:]}", say(each["input"]), row=row)


def say(value: object) -> str:
    """A value in a few words: its kind, and what it is if that is short."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f"text {shorten(value)!r}" if value else "empty text"
    if isinstance(value, int | float):
        return f"the number {shorten(repr(value))}" if math.isfinite(value) else "not a finite number"
    if isinstance(value, list):
        return f"a list of {len(value):,}" if value else "an empty list"
    return "an object"


def shorten(text: str) -> str:
    clean = text[:SHOWN].encode(errors="backslashreplace").decode()
    return clean + "…" if len(text) > SHOWN else clean
