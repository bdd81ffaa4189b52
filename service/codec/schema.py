"""A signature as pydantic models: the typed request and response of one model, for checking and for OpenAPI."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, create_model

from models.preprocessing import Numbers, Preprocessing
from models.signature import Head, Signature
from models.tensors import STRING
from service.codec.inputs import LIST, LITERAL, STRICT, STRINGS, camel, expectation, record, value_type
from service.codec.missing import is_optional

Broken = Literal["error", "null"]
BROKEN = "What becomes of a head that is NaN or infinite in a row: an error for the request, or null in that row"
Policy = Literal["default", "learnt_null"]


class Schema:
    """The pydantic models of one signature.

    `inputs` wants every input that may not be left out, `some_inputs` any part of them.
    """

    def __init__(self, model: str, signature: Signature, preprocessing: Mapping[str, Preprocessing]) -> None:
        prefix = camel(model)
        kinds = {each.name: preprocessing.get(each.name, Numbers()) for each in signature.inputs}
        values = {each.name: value_type(prefix, each, kinds[each.name]) for each in signature.inputs}
        self.expected = {each.name: expectation(each, kinds[each.name]) for each in signature.inputs}
        optional = [each.name for each in signature.inputs if is_optional(each)]
        self.inputs = record(f"{prefix}Inputs", values, optional)
        self.some_inputs = record(f"{prefix}Shared", values, values)
        self.one = request(f"{prefix}Request", signature, {"inputs": (self.inputs, Field(description="One example"))})
        self.many = request(f"{prefix}BatchRequest", signature, many_fields(self.some_inputs))
        said = {each.name: answer_type(prefix, each) for each in signature.heads}
        heads = record(f"{prefix}Heads", said, said)
        beside = told_beside(prefix, optional, signature.head_names)
        self.answer = reply(f"{prefix}Response", {"outputs": (heads, ...), **beside})
        beside = told_beside(f"{prefix}Batch", optional, signature.head_names, many=True)
        self.answers = reply(f"{prefix}BatchResponse", {"predictions": (LIST[heads], ...), **beside})


def schema_of(model: str, signature: Signature, preprocessing: Mapping[str, Preprocessing]) -> Schema:
    """One and the same for all versions of a model that are asked alike.

    Pydantic and typing keep much of what types are made of for long: a version loaded anew should not make it again.
    """
    return _made_of(model, pickle.dumps((signature, dict(preprocessing))))


@lru_cache(maxsize=64)
def _made_of(model: str, about: bytes) -> Schema:
    return Schema(model, *pickle.loads(about))  # its own dump: what stands in it need not be hashable


def request(title: str, signature: Signature, fields: dict[str, Any]) -> type[BaseModel]:
    heads = LIST[LITERAL[signature.head_names]]
    return create_model(
        title,
        __config__=STRICT,
        **fields,
        # a tuple, since pydantic copies a list for each request
        heads=(heads, Field(signature.head_names, min_length=1, description="Heads to answer; by default all")),
        raw=(bool, Field(False, description="Answer the plain tensors")),
        non_finite=(Broken, Field("error", description=BROKEN)),
    )


def many_fields(some_inputs: type[BaseModel]) -> dict[str, Any]:
    rows = LIST[some_inputs]
    return {
        "instances": (rows, Field(min_length=1, description="One object of inputs for each example")),
        "shared": (some_inputs, Field(default_factory=some_inputs, description="Inputs that hold for every instance")),
    }


def reply(title: str, fields: dict[str, Any]) -> type[BaseModel]:
    return create_model(title, model=(str, ...), version=(int, ...), **fields)


def told_beside(prefix: str, optional: list[str], heads: tuple[str, ...], *, many: bool = False) -> dict[str, Any]:
    """What a reply names beside its heads, where there is something to name; of many rows, also which."""
    rows: dict[str, Any] = {"rows": (LIST[int], Field(description="Counted from 0"))} if many else {}
    broken: Any = create_model(f"{prefix}NonFinite", head=(LITERAL[heads], ...), **rows)
    about = "Heads that were NaN or infinite, and are null, as the request asked for"
    told: dict[str, Any] = {"non_finite": (LIST[broken], Field(default_factory=list, description=about))}
    if optional:
        filled: Any = create_model(
            f"{prefix}FilledIn", input=(LITERAL[tuple(optional)], ...), policy=(Policy, ...), **rows
        )
        about = "Inputs that were left out, so that something stood in for them"
        told = {"filled_in": (LIST[filled], Field(default_factory=list, description=about)), **told}
    return told


def answer_type(prefix: str, head: Head) -> Any:
    """The annotation of a head's answer; asked for `raw`, a head answers its plain tensor, and may be null.

    `prefix` keeps the heads of different models apart in one OpenAPI document.
    """
    about = Field(description=head.description)
    plain: Any = float if head.spec.dtype.startswith(("float", "bfloat")) else Any
    if head.spec.dtype == STRING:
        plain = STRINGS
    for side in reversed(head.spec.shape):
        plain = Annotated[LIST[plain], Field(min_length=side or 0, max_length=side)]
    if head.kind == "tensor":
        return Annotated[plain | None, about]
    return Annotated[said_type(prefix + camel(head.name), head) | plain | None, about]


def said_type(title: str, head: Head) -> Any:
    """A head's answer in the user's terms."""
    if head.kind == "regression":
        unit: Any = {"unit": (LITERAL[head.unit], ...)} if head.unit else {}
        return create_model(f"{title}Value", value=(float, ...), **unit)
    label: Any = (LITERAL[head.labels], ...)
    probability = (float, Field(ge=0, le=1, description="Of this label"))
    choice: Any = create_model(f"{title}Choice", label=label, probability=probability)
    if head.kind == "binary":
        return choice
    top = (LIST[choice], Field(description="The most probable"))
    return create_model(f"{title}Choices", __base__=choice, top=top)
