"""A signature as pydantic models: the typed request and response of one model, for checking and for OpenAPI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field, create_model

from models.preprocessing import Numbers, Preprocessing
from models.signature import Head, Signature
from service.codec.inputs import LIST, LITERAL, STRICT, camel, expectation, record, value_type


class Schema:
    """The pydantic models of one signature. `inputs` wants every input, `some_inputs` any part of them."""

    def __init__(self, model: str, signature: Signature, preprocessing: Mapping[str, Preprocessing]) -> None:
        prefix = camel(model)
        kinds = {each.name: preprocessing.get(each.name, Numbers()) for each in signature.inputs}
        values = {each.name: value_type(prefix, each, kinds[each.name]) for each in signature.inputs}
        self.expected = {each.name: expectation(each, kinds[each.name]) for each in signature.inputs}
        self.inputs = record(f"{prefix}Inputs", values)
        self.some_inputs = record(f"{prefix}Shared", values, required=False)
        self.one = request(f"{prefix}Request", signature, {"inputs": (self.inputs, Field(description="One example"))})
        self.many = request(f"{prefix}BatchRequest", signature, many_fields(self.some_inputs))
        said = {each.name: answer_type(prefix, each) for each in signature.heads}
        heads = record(f"{prefix}Heads", said, required=False)
        self.answer = reply(f"{prefix}Response", {"outputs": (heads, ...)})
        self.answers = reply(f"{prefix}BatchResponse", {"predictions": (LIST[heads], ...)})


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
        "shared": (some_inputs, Field(default_factory=some_inputs, description="Inputs that hold for every instance")),
    }


def reply(title: str, fields: dict[str, Any]) -> type[BaseModel]:
    return create_model(title, model=(str, ...), version=(int, ...), **fields)


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
        unit: Any = {"unit": (LITERAL[head.unit], ...)} if head.unit else {}
        return create_model(f"{title}Value", value=(float, ...), **unit)
    label: Any = (LITERAL[head.labels], ...)
    probability = (float, Field(ge=0, le=1, description="Of this label"))
    choice: Any = create_model(f"{title}Choice", label=label, probability=probability)
    if head.kind == "binary":
        return choice
    top = (LIST[choice], Field(description="The most probable"))
    return create_model(f"{title}Choices", __base__=choice, top=top)
