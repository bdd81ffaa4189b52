"""The OpenAPI document: one typed predict path for each model that can answer now, beside the routes of the code."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.api.errors import STATUS
from service.api.native import NativeServed
from service.codec.describe import example_request
from service.codec.schema import Schema

REFERENCE = "#/components/schemas/{model}"
UNFIT = {
    "type": "object",
    "description": "Of invalid_input",
    "required": ["input", "row", "expected", "got"],
    "properties": {
        "input": {"type": ["string", "null"]},
        "row": {"type": ["integer", "null"]},
        "expected": {"type": "string"},
        "got": {"type": "string"},
    },
}
NON_FINITE = {
    "type": "object",
    "description": "Of inference_failed: a head that is NaN or infinite; of many instances, in these rows",
    "required": ["head"],
    "properties": {"head": {"type": "string"}, "rows": {"type": "array", "items": {"type": "integer"}}},
}
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "request_id"],
            "properties": {
                "code": {
                    "enum": ["not_found", "method_not_allowed", "internal_error", *(c for _, c in STATUS.values())]
                },
                "message": {"type": "string"},
                "request_id": {"type": "string"},
                "retry_after": {"type": "number", "description": "Of overloaded: seconds until there is time again"},
                "problems": {"type": "array", "items": {"anyOf": [UNFIT, NON_FINITE]}},
            },
        }
    },
}


OF_OPERATORS = (401, 403, 409)
"""Statuses that no predict request is answered with."""


def typed_openapi(
    app: FastAPI,
    available: Callable[[], Iterable[NativeServed]],
    labels_at: Callable[[str, int], Iterable[str]],
) -> Callable[[], dict[str, Any]]:
    """What FastAPI calls for its document. Made anew each time: models come and go.

    `labels_at` a model and its version. A label that points to another version than the default one is not listed:
    the names of two versions' types are the same.
    """

    def document() -> dict[str, Any]:
        told = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = told.setdefault("components", {}).setdefault("schemas", {})
        schemas["Error"] = ERROR
        for served in available():
            schemas.update(definitions(served.codec.schema))
            labels = labels_at(served.model, served.version)
            for place in ("", f"/versions/{served.version}", *(f"/labels/{label}" for label in labels)):
                path = f"/models/{served.model}{place}/predict"
                told["paths"][path] = {"post": operation(served, path)}
        return told

    return document


def shapes(schema: Schema) -> tuple[type[BaseModel], ...]:
    return schema.one, schema.many, schema.answer, schema.answers


def definitions(schema: Schema) -> dict[str, Any]:
    wanted = [(shape, "validation") for shape in shapes(schema)]
    _, told = models_json_schema(wanted, ref_template=REFERENCE)  # type: ignore[arg-type]
    return dict(told.get("$defs", {}))


def operation(served: NativeServed, path: str) -> dict[str, Any]:
    one, many, answer, answers = (REFERENCE.format(model=shape.__name__) for shape in shapes(served.codec.schema))
    example = example_request(served.signature, served.manifest)
    return {
        "tags": ["predict"],
        "summary": f"Predict with {served.model}",
        "description": served.manifest.description if served.manifest else "",
        "operationId": "post" + path.replace("/", "_"),
        "parameters": [
            {"name": "X-Request-Timeout", "in": "header", "schema": {"type": "number"}, "description": "Seconds"},
            {
                "name": "X-Request-Priority",
                "in": "header",
                "schema": {"enum": ["normal", "low"], "default": "normal"},
                "description": "Low gives way to normal, but is never starved",
            },
            {"name": "X-Request-ID", "in": "header", "schema": {"type": "string"}, "description": "Returned as given"},
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"anyOf": [{"$ref": one}, {"$ref": many}]}, "example": example}},
        },
        "responses": {
            "200": {
                "description": "The heads that were asked for",
                "content": {"application/json": {"schema": {"anyOf": [{"$ref": answer}, {"$ref": answers}]}}},
            },
            **{str(s): refusal(code) for s, code in sorted(set(STATUS.values())) if s not in OF_OPERATORS},
        },
    }


def refusal(code: str) -> dict[str, Any]:
    return {
        "description": code.replace("_", " "),
        "content": {"application/json": {"schema": {"$ref": REFERENCE.format(model="Error")}}},
    }
