"""Errors as the native surface answers them: one table of status codes, one shape of body.

`{"error": {"code", "message", "request_id", "problems": [{"input", "row", "expected", "got"}]?}}`; of an answer that
is no number, `problems` are `[{"head", "rows"?}]`. Who is told to come back also finds `retry_after`, in seconds; the
header has whole ones.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service import errors
from service.api.context import context_of

STATUS: dict[type[errors.ServiceError], tuple[int, str]] = {
    errors.InvalidInput: (422, "invalid_input"),
    errors.TooLarge: (413, "too_large"),
    errors.Unauthenticated: (401, "unauthenticated"),
    errors.Forbidden: (403, "forbidden"),
    errors.ModelNotFound: (404, "model_not_found"),
    errors.ModelNotReady: (503, "model_not_ready"),
    errors.ChangeRefused: (409, "change_refused"),
    errors.Overloaded: (429, "overloaded"),
    errors.DeadlineExceeded: (504, "deadline_exceeded"),
    errors.InferenceFailed: (500, "inference_failed"),
    errors.ShuttingDown: (503, "shutting_down"),
}
"""Every class of the tree has a row."""

RETRY_LATER = 1.0
"""Seconds after which a caller may try again where the error itself names no time."""


def code_of(error: errors.ServiceError) -> str:
    return STATUS[type(error)][1]


def refusal(error: errors.ServiceError, request_id: str) -> Response:
    """The response to a request that got no answer."""
    status, code = STATUS[type(error)]
    extra: dict[str, Any] = {}
    if isinstance(error, errors.InvalidInput):
        extra["problems"] = [asdict(problem) for problem in error.problems]
    elif isinstance(error, errors.InferenceFailed) and error.problems:
        extra["problems"] = [problem.told() for problem in error.problems]
    elif isinstance(error, errors.Overloaded):
        extra["retry_after"] = round(error.retry_after, 3)
    return error_response(status, code, str(error), request_id, headers_of(error, status), **extra)


def headers_of(error: errors.ServiceError, status: int) -> dict[str, str]:
    if status == 401:
        return {"www-authenticate": "Bearer"}
    if status not in (429, 503):
        return {}
    seconds = error.retry_after if isinstance(error, errors.Overloaded) else RETRY_LATER
    return {"retry-after": str(max(1, math.ceil(seconds)))}


def error_response(
    status: int, code: str, message: str, request_id: str, headers: dict[str, str] | None = None, **extra: Any
) -> Response:
    body = {"error": {"code": code, "message": message, "request_id": request_id, **extra}}
    try:
        content = orjson.dumps(body)
    except orjson.JSONEncodeError:  # text of the caller's that is no Unicode
        content = json.dumps(body).encode()
    return Response(content, status, headers, media_type="application/json")


async def on_http_exception(request: Request, error: Exception) -> Response:
    """The router's own refusals: no such path, wrong method."""
    assert isinstance(error, HTTPException)
    codes = {404: "not_found", 405: "method_not_allowed"}
    message = {404: f"no such path: {request.url.path}", 405: f"{request.method} is not allowed here"}
    return error_response(
        error.status_code,
        codes.get(error.status_code, "http_error"),
        message.get(error.status_code, str(error.detail)),
        context_of(request.scope).request_id,
        dict(error.headers or {}),
    )
