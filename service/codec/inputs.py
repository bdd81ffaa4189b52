"""What each kind of input takes, as pydantic annotations and in words. Knows one input at a time."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, create_model
from typing_extensions import TypedDict

from models.photo import BASE64, PIXELS
from models.preprocessing import Choice, Image, Numbers, Preprocessing, Quantity, Record, Text, describe
from models.record import MOST_CHARACTERS
from models.signature import Input, TensorSpec
from models.strings import B64, ONE
from models.tensors import STRING
from service.codec.missing import is_optional, stands_in

STRICT = ConfigDict(
    strict=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False, protected_namespaces=()
)
# Types made from data: a type checker cannot follow, and need not.
LITERAL: Any = Literal
LIST: Any = list
INTEGER_LIMITS = {f"{sign}int{bits}": (0 if sign else -(2 ** (bits - 1)), 2 ** (bits - (not sign)) - 1)
                  for sign in ("", "u") for bits in (8, 16, 32, 64)}  # fmt: skip
FLOAT_LIMITS = {"float16": 65504.0, "bfloat16": 3.3895314e38, "float32": 3.4028234663852886e38}
PHOTO_PIXELS = TensorSpec("float32", (None, None, 3))


class Bytes(TypedDict):
    """Bytes that are no text."""

    __pydantic_config__ = STRICT  # type: ignore[misc]  # pydantic's own documented way
    b64: str


def which_string(value: object) -> str | None:
    if isinstance(value, str):
        return "text"
    return "bytes" if isinstance(value, dict) and list(value) == [B64] else None


STRINGS: Any = Annotated[
    Annotated[str, Tag("text")] | Annotated[Bytes, Tag("bytes")],
    Discriminator(which_string, custom_error_type="string", custom_error_message=ONE),
]
"""One string of a tensor. Told apart before either is looked at, so that an error speaks of the one that was meant."""


@dataclass(frozen=True)
class Expectation:
    """What an input takes, in words; of a record, also what each field takes."""

    words: str
    fields: Mapping[str, str] = field(default_factory=dict)


def expectation(each: Input, preprocessing: Preprocessing) -> Expectation:
    if isinstance(preprocessing, Text):
        return Expectation(
            f"text of 1 to {preprocessing.max_characters:,} characters, "
            f"or 1 to {preprocessing.max_tokens:,} token ids below {preprocessing.vocabulary_size:,}"
        )
    if isinstance(preprocessing, Image):
        return Expectation(f"{BASE64}, or {PIXELS}")
    if isinstance(preprocessing, Record):
        fields = {each.name: each.expected for each in preprocessing.fields}
        return Expectation(f"an object with the fields {', '.join(fields)}", fields)
    limits = (preprocessing.minimum, preprocessing.maximum)
    return Expectation(describe(each.spec) + (f" from {limits[0]:g} to {limits[1]:g}" if None not in limits else ""))


def value_type(prefix: str, each: Input, preprocessing: Preprocessing) -> Any:
    """The annotation of an input's value as a caller writes it.

    `prefix` keeps the records of different models apart in one OpenAPI document.
    """
    description = each.description or expectation(each, preprocessing).words
    examples = None if each.example is None else [each.example]
    annotation = given_type(prefix, each, preprocessing)
    if is_optional(each):
        annotation = annotation | None
        description += f" (may be left out, or null; then {stands_in(each.missing)}, stands in)"
    return Annotated[annotation, Field(description=description, examples=examples)]


def given_type(prefix: str, each: Input, preprocessing: Preprocessing) -> Any:
    if isinstance(preprocessing, Text):
        return text_type(preprocessing)
    if isinstance(preprocessing, Image):
        return photo_type()
    if isinstance(preprocessing, Record):
        return record_type(f"{prefix}{camel(each.name)}Record", preprocessing)
    return nested(each.spec, preprocessing)


def camel(name: str) -> str:
    """`question_answering` as `QuestionAnswering`."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", name))


def text_type(preprocessing: Text) -> Any:
    text = Annotated[str, Field(min_length=1, max_length=preprocessing.max_characters)]
    identity = Annotated[int, Field(ge=0, lt=preprocessing.vocabulary_size)]
    ids = Annotated[LIST[identity], Field(min_length=1, max_length=preprocessing.max_tokens)]
    return text_or_list(text, ids)


def photo_type() -> Any:
    told: Any = {"format": "base64", "contentEncoding": "base64"}
    file = Annotated[str, Field(min_length=1, description=BASE64, json_schema_extra=told)]
    pixels = nested(PHOTO_PIXELS, Numbers(0, 255))
    return text_or_list(file, Annotated[pixels, Field(description=PIXELS)])


def text_or_list(text: Any, items: Any) -> Any:
    """Told apart before either is looked at, so that an error speaks of the one that was meant."""
    return Annotated[
        Annotated[text, Tag("text")] | Annotated[items, Tag("list")],
        Discriminator(which, custom_error_type="text_or_list", custom_error_message="text or a list"),
    ]


def which(value: object) -> str | None:
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list) else None


def record_type(title: str, preprocessing: Record) -> Any:
    return record(title, {each.name: field_type(each) for each in preprocessing.fields})


def field_type(each: Choice | Quantity) -> Any:
    about = each.description or each.expected
    if isinstance(each, Quantity):
        told: Any = {"unit": each.unit} if each.unit else None
        return Annotated[float, Field(ge=each.minimum, le=each.maximum, description=about, json_schema_extra=told)]
    if each.open:
        examples = list(each.labels)
        return Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS, description=about, examples=examples)]
    return Annotated[LITERAL[each.labels], Field(description=about)]


def record(title: str, values: Mapping[str, Any], optional: Collection[str] = ()) -> type[BaseModel]:
    """A model whose fields carry the given names as aliases, since a graph's names need not be Python's.

    `optional` ones need not be there.
    """
    fields: dict[str, Any] = {
        f"field_{index}": (
            annotation,
            Field(alias=name, default_factory=nothing) if name in optional else Field(alias=name),
        )
        for index, (name, annotation) in enumerate(values.items())
    }
    return create_model(title, __config__=STRICT, **fields)


def nothing() -> None:
    """What stands in a field that was left out. The schema names no default."""


def nested(spec: TensorSpec, preprocessing: Numbers) -> Any:
    annotation = number(spec.dtype, preprocessing)
    for side in reversed(spec.shape):
        least = 1 if side is None else side
        annotation = Annotated[LIST[annotation], Field(min_length=least, max_length=side, fail_fast=True)]
    return annotation


def number(dtype: str, preprocessing: Numbers) -> Any:
    if dtype == "bool":
        return bool
    if dtype == STRING:
        return STRINGS
    least, most = bounds(dtype, preprocessing)
    return Annotated[int if dtype in INTEGER_LIMITS else float, Field(ge=least, le=most)]


def bounds(dtype: str, preprocessing: Numbers) -> tuple[float | None, float | None]:
    """The tighter of what the dtype can hold and what the manifest allows."""
    largest = FLOAT_LIMITS.get(dtype)
    least, most = INTEGER_LIMITS.get(dtype, (None if largest is None else -largest, largest))
    return (
        least if preprocessing.minimum is None else preprocessing.minimum,
        most if preprocessing.maximum is None else preprocessing.maximum,
    )
