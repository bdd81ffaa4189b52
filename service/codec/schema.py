"""A signature as pydantic models: the typed request and response of one model, for checking and for OpenAPI."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, FailFast, Field, Tag, create_model

from models.preprocessing import Numbers, Preprocessing, Text, describe
from models.signature import Head, Input, Signature, TensorSpec

STRICT = ConfigDict(
    strict=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False, protected_namespaces=()
)
# Types made from data: a type checker cannot follow, and need not.
LITERAL: Any = Literal
LIST: Any = list
INTEGER_LIMITS = {f"{sign}int{bits}": (0 if sign else -(2 ** (bits - 1)), 2 ** (bits - (not sign)) - 1)
                  for sign in ("", "u") for bits in (8, 16, 32, 64)}  # fmt: skip
FLOAT_LIMITS = {"float16": 65504.0, "bfloat16": 3.3895314e38, "float32": 3.4028234663852886e38}


class Schema:
    """The pydantic models of one signature. `inputs` wants every input, `some_inputs` any part of them."""

    def __init__(self, model: str, signature: Signature, preprocessing: Mapping[str, Preprocessing]) -> None:
        prefix = camel(model)
        values = {each.name: value_type(each, preprocessing.get(each.name, Numbers())) for each in signature.inputs}
        self.expected = {
            each.name: expected(each, preprocessing.get(each.name, Numbers())) for each in signature.inputs
        }
        self.inputs = record(f"{prefix}Inputs", values)
        self.some_inputs = record(f"{prefix}Shared", values, required=False)
        self.one = request(f"{prefix}Request", signature, {"inputs": (self.inputs, Field(description="One example"))})
        self.many = request(f"{prefix}BatchRequest", signature, many_fields(self.some_inputs))
        said = {each.name: answer_type(prefix, each) for each in signature.heads}
        heads = record(f"{prefix}Heads", said, required=False)
        self.answer = reply(f"{prefix}Response", {"outputs": (heads, ...)})
        self.answers = reply(f"{prefix}BatchResponse", {"predictions": (LIST[heads], ...)})


def camel(name: str) -> str:
    """`question_answering` as `QuestionAnswering`."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", name))


def record(title: str, values: Mapping[str, Any], *, required: bool = True) -> type[BaseModel]:
    """A model whose fields carry the given names as aliases, since a graph's names need not be Python's."""
    fields: dict[str, Any] = {
        f"field_{index}": (annotation, Field(alias=name) if required else Field(alias=name, default_factory=nothing))
        for index, (name, annotation) in enumerate(values.items())
    }
    return create_model(title, __config__=STRICT, **fields)


def nothing() -> None:
    """What stands in a field that was left out. Null itself is not accepted, and the schema names no default."""


def request(title: str, signature: Signature, fields: dict[str, Any]) -> type[BaseModel]:
    heads = LIST[LITERAL[signature.head_names]]
    return create_model(
        title,
        __config__=STRICT,
        **fields,
        heads=(heads, Field(list(signature.head_names), min_length=1, description="Heads to answer; by default all")),
        raw=(bool, Field(False, description="Answer the plain tensors")),
    )


def many_fields(some_inputs: type[BaseModel]) -> dict[str, Any]:
    rows = LIST[some_inputs]
    return {
        "instances": (rows, Field(min_length=1, description="One object of inputs for each example")),
        "shared": (some_inputs, Field(some_inputs(), description="Inputs that hold for every instance")),
    }


def reply(title: str, fields: dict[str, Any]) -> type[BaseModel]:
    return create_model(title, model=(str, ...), version=(int, ...), **fields)


def value_type(each: Input, preprocessing: Preprocessing) -> Any:
    """The annotation of an input's value as a caller writes it."""
    about = Field(description=each.description or expected(each, preprocessing), examples=examples(each))
    if isinstance(preprocessing, Text):
        return Annotated[text_type(preprocessing), about]
    return Annotated[nested(each.spec, preprocessing), about]


def examples(each: Input) -> list[Any] | None:
    return None if each.example is None else [each.example]


def text_type(preprocessing: Text) -> Any:
    text = Annotated[str, Field(min_length=1, max_length=preprocessing.max_characters)]
    identity = Annotated[int, Field(ge=0, lt=preprocessing.vocabulary_size)]
    ids = Annotated[list[identity], Field(min_length=1, max_length=preprocessing.max_tokens)]
    return Annotated[
        Annotated[text, Tag("text")] | Annotated[ids, Tag("token ids")],
        Discriminator(text_or_ids, custom_error_type="text_type", custom_error_message="text or token ids"),
    ]


def text_or_ids(value: object) -> str | None:
    if isinstance(value, str):
        return "text"
    return "token ids" if isinstance(value, list) else None


def nested(spec: TensorSpec, preprocessing: Numbers) -> Any:
    annotation = number(spec.dtype, preprocessing)
    for side in reversed(spec.shape):
        annotation = Annotated[
            LIST[annotation], Field(min_length=1 if side is None else side, max_length=side), FailFast()
        ]
    return annotation


def number(dtype: str, preprocessing: Numbers) -> Any:
    if dtype == "bool":
        return bool
    if dtype == "string":
        return str
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


def expected(each: Input, preprocessing: Preprocessing) -> str:
    """What the input takes, in words, for error messages."""
    if isinstance(preprocessing, Text):
        return (
            f"text of 1 to {preprocessing.max_characters:,} characters, "
            f"or 1 to {preprocessing.max_tokens:,} token ids below {preprocessing.vocabulary_size:,}"
        )
    limits = (preprocessing.minimum, preprocessing.maximum)
    return describe(each.spec) + (f" from {limits[0]:g} to {limits[1]:g}" if None not in limits else "")


def answer_type(prefix: str, head: Head) -> Any:
    """The annotation of a head's answer; asked for `raw`, a head answers its plain tensor.

    `prefix` keeps the heads of different models apart in one OpenAPI document.
    """
    about = Field(description=head.description)
    plain: Any = float if head.spec.dtype.startswith(("float", "bfloat")) else Any
    for side in reversed(head.spec.shape):
        plain = Annotated[LIST[plain], Field(min_length=side or 0, max_length=side)]
    if head.kind == "tensor":
        return Annotated[plain, about]
    return Annotated[said_type(prefix + camel(head.name), head) | plain, about]


def said_type(title: str, head: Head) -> Any:
    """A head's answer in the user's terms."""
    if head.kind == "regression":
        unit: Any = (LITERAL[head.unit], ...)
        return create_model(f"{title}Value", value=(float, ...), unit=unit)
    label: Any = (LITERAL[head.labels], ...)
    probability = (float, Field(ge=0, le=1, description="Of this label"))
    choice: Any = create_model(f"{title}Choice", label=label, probability=probability)
    if head.kind == "binary":
        return choice
    top = (LIST[choice], Field(description="The most probable"))
    return create_model(f"{title}Choices", __base__=choice, top=top)
