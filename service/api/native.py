"""The native surface: `/models`, and named inputs to named heads at `/models/{model}/predict`.

`predict` is a bare ASGI endpoint: on a small model a framework's routing of arguments costs more than the model.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from service.admission import Admission
from service.api.body import Disconnected, disconnected, read_body
from service.api.context import context_of, deadline
from service.api.decoding import Decoder
from service.api.errors import code_of, refusal
from service.codec.describe import describe_model
from service.codec.nested_json import Call, ModelCodec
from service.errors import ModelNotFound, Overloaded, ServiceError, ShuttingDown
from service.events import Emit, RequestFinished, RequestRejected
from service.inference import Answer, Inference, Served
from service.settings import Limits
from service.store.manager import StoreManager

NativeServed = Served[ModelCodec]
PROTOCOL = "native"


def json_response(content: object, status: int = 200) -> Response:
    return Response(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), status, media_type="application/json")


class Predict:
    """`POST /models/{model}/predict` and `…/versions/{version}/predict`."""

    def __init__(
        self,
        inference: Inference[ModelCodec],
        admission: Admission,
        limits: Limits,
        emit: Emit,
        is_known: Callable[[str], bool],
    ) -> None:
        self._inference = inference
        self._admission = admission
        self._limits = limits
        self._is_known = is_known
        self._emit = emit
        self._decoder = Decoder()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with self._admission.reading(self._deadline(scope) - time.monotonic()):
                body = await read_body(scope, receive, self._limits.max_body_bytes)
        except Disconnected:
            self._finish(scope, "cancelled")
            return
        except ServiceError as error:
            await self._refuse(error, scope, receive, send)
            return
        response = await unless_gone(receive, self._answer(scope, body))
        if response is None:
            self._finish(scope, "cancelled")
        else:
            await response(scope, receive, send)

    async def _answer(self, scope: Scope, body: bytes) -> Response:
        try:
            until = self._deadline(scope)
            answer = await self._inference.predict(
                scope["path_params"]["model"],
                version_of(scope),
                lambda served: self._decoder.decode(served.codec, body, until),
                until,
            )
            response = json_response(written(answer))
        except ServiceError as error:
            return self._refused(error, scope)
        self._finish(scope, "ok", answer.served.version, len(answer.call.rows))
        return response

    def _deadline(self, scope: Scope) -> float:
        return deadline(scope, self._limits.default_timeout, self._limits.max_timeout)

    async def _refuse(self, error: ServiceError, scope: Scope, receive: Receive, send: Send) -> None:
        await self._refused(error, scope)(scope, receive, send)

    def _refused(self, error: ServiceError, scope: Scope) -> Response:
        if isinstance(error, Overloaded | ShuttingDown):
            self._emit(RequestRejected(self._model(scope), code_of(error)))
        self._finish(scope, code_of(error))
        return refusal(error, context_of(scope).request_id)

    def _finish(self, scope: Scope, outcome: str, version: int | None = None, rows: int = 0) -> None:
        seconds = time.monotonic() - context_of(scope).came
        self._emit(RequestFinished(self._model(scope), version, PROTOCOL, outcome, seconds, rows))

    def _model(self, scope: Scope) -> str:
        """A name that no model has stays out of the metrics: callers could make as many as they like."""
        name: str = scope["path_params"]["model"]
        return name if self._is_known(name) else "unknown"


def version_of(scope: Scope) -> int | None:
    """Raises ModelNotFound for a version that is no number."""
    version: str | None = scope["path_params"].get("version")
    if version is None:
        return None
    if not (version.isascii() and version.isdecimal() and len(version) < 19):
        raise ModelNotFound(f"no version {version[:40]!r}: versions are whole numbers")
    return int(version)


async def unless_gone(receive: Receive, answering: Any) -> Response | None:
    """The answer, or None if the caller hangs up first: then the work is cancelled."""
    task = asyncio.ensure_future(answering)
    watcher = asyncio.ensure_future(disconnected(receive))
    watcher.add_done_callback(lambda _: task.cancel())
    try:
        return await task  # type: ignore[no-any-return]
    except asyncio.CancelledError:
        if not watcher.done():
            raise  # this handler itself is being ended
        return None
    finally:
        watcher.cancel()


def written(answer: Answer[ModelCodec, Call]) -> dict[str, Any]:
    """Raises InferenceFailed for an answer that is not a number."""
    served, call = answer.served, answer.call
    rows = served.codec.encode(call, answer.outputs)
    named = {"predictions": rows} if call.many else {"outputs": rows[0]}
    return {"model": served.model, "version": served.version, **named}


def router(manager: StoreManager[NativeServed]) -> APIRouter:
    """`GET /models` and `GET /models/{model}`."""
    routes = APIRouter(tags=["models"])

    @routes.get("/models", summary="Every model of the store, and what it is doing")
    async def list_models() -> Response:
        return json_response({"models": [status_of(each) for each in manager.statuses()]})

    @routes.get("/models/{model}", summary="One model: its inputs, heads, versions and an example request")
    async def describe(model: str, request: Request) -> Response:
        status = next((each for each in manager.statuses() if each.name == model), None)
        try:
            if status is None or status.version is not None:
                with manager.lease(model) as served:
                    told = describe_model(served.signature, served.manifest, served.codec.schema.expected)
            else:
                told = {}
        except ServiceError as error:
            return refusal(error, context_of(request.scope).request_id)
        return json_response((status_of(status) if status else {}) | told)

    return routes


def status_of(status: Any) -> dict[str, Any]:
    versions = [
        {"version": each.number, "state": each.state} | ({"reason": each.reason} if each.reason else {})
        for each in status.versions
    ]
    return {"name": status.name, "version": status.version, "state": status.state, "versions": versions}


def predict_routes(predict: Callable[..., Any]) -> list[Route]:
    paths = ("/models/{model}/predict", "/models/{model}/versions/{version}/predict")
    return [Route(path, predict, methods=["POST"]) for path in paths]
