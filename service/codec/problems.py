"""What pydantic found wrong with a body, as problems that name the input, the row, what was expected and what came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from models.values import SHOWN, say, shorten
from service.codec.inputs import Expectation
from service.errors import Problem

MOST = 20
"""Problems told at once; a batch can have one for each of its rows."""


def problems_of(
    error: ValidationError, content: Mapping[str, Any], expected: Mapping[str, Expectation]
) -> list[Problem]:
    """`expected` says what each input takes."""
    return in_short(list(dict.fromkeys(problem(each, content, expected) for each in error.errors(include_url=False))))


def in_short(found: list[Problem]) -> list[Problem]:
    """As many as are told, and how many more there are."""
    hidden = len(found) - MOST
    return found[:MOST] + ([Problem("no further problems", f"{hidden} more")] if hidden > 0 else [])


def problem(each: ErrorDetails, content: Mapping[str, Any], expected: Mapping[str, Expectation]) -> Problem:
    where, *rest = each["loc"] or ("",)
    row = rest.pop(0) if where == "instances" and rest and isinstance(rest[0], int) else None
    if where in ("inputs", "instances", "shared") and rest:
        return about_input(each, str(rest[0]), row, rest[1:], expected)
    return about_body(each, ".".join(str(part) for part in each["loc"]), row)


def about_input(
    each: ErrorDetails, name: str, row: Any, path: list[Any], expected: Mapping[str, Expectation]
) -> Problem:
    if name not in expected:
        return Problem(
            f"only the inputs {', '.join(expected)}", f"an unknown input {shorten(name)!r}", name[:SHOWN], row
        )
    wanted = expected[name]
    if wanted.fields and path:
        return about_field(each, str(path[0]), wanted.fields, name, row)
    if each["type"] == "missing":
        return Problem(wanted.words, "nothing", name, row)
    steps = "".join(f"[{part}]" for part in path if isinstance(part, int))
    place = f" at {steps}" if steps else ""
    return Problem(wanted.words, came(each) + place, name, row)


def about_field(each: ErrorDetails, field: str, fields: Mapping[str, str], name: str, row: Any) -> Problem:
    """Inside a record; the problem keeps the input's name, and its words name the field."""
    if field not in fields:
        return Problem(f"only the fields {', '.join(fields)}", f"an unknown field {shorten(field)!r}", name, row)
    return Problem(fields[field], "nothing" if each["type"] == "missing" else came(each), name, row)


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
            'only the keys "inputs" or "instances", "shared", "heads", "raw", "non_finite"',
            f"an unknown key {shorten(where)!r}",
        )
    if each["type"] in ("model_type", "dict_type"):
        return Problem("an object of inputs by name", say(each["input"]), row=row)
    if each["type"] == "too_short":
        return Problem(f"at least one in {where!r}", "an empty list")
    if each["type"] == "literal_error":
        return Problem(f"{where.split('.')[0]!r} among {each['ctx']['expected']}", f"unknown {say(each['input'])}")
    return Problem(f"{where!r}: {each['msg'][:1].lower()}{each['msg'][1:]}", say(each["input"]), row=row)
