"""The native surface: `/models`, and named inputs to named heads at `/models/{model}/predict`.

`predict` is a bare ASGI endpoint: on a small model a framework's routing of arguments costs more than the model.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from service.admission import Admission
from service.api.body import Disconnected, disconnected, read_body
from service.api.context import asked_of, context_of
from service.api.decoding import Decoder
from service.api.door import LOOKED_AHEAD
from service.api.errors import refusal
from service.api.outcomes import Outcomes
from service.codec.answers import not_finite
from service.codec.describe import describe_model
from service.codec.nested_json import Call, ModelCodec
from service.errors import NotFinite, ServiceError
from service.events import Emit, HeadNotFinite
from service.inference import Answer, Asked, Inference, Served
from service.progress import Loads
from service.settings import Limits
from service.store.manager import StoreManager
from service.store.shelf import ModelStatus

NativeServed = Served[ModelCodec]


def json_response(content: object, status: int = 200) -> Response:
    return Response(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), status, media_type="application/json")


class Predict:
    """`POST /models/{model}/predict`, `…/versions/{version}/predict` and `…/labels/{label}/predict`."""

    def __init__(
        self,
        inference: Inference[ModelCodec],
        admission: Admission,
        limits: Limits,
        emit: Emit,
        outcomes: Outcomes,
        decoder: Decoder,
    ) -> None:
        self._inference = inference
        self._admission = admission
        self._limits = limits
        self._emit = emit
        self._outcomes = outcomes
        self._decoder = decoder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            asked = self._asked(scope)
            if LOOKED_AHEAD not in scope:
                self._inference.look_ahead(asked)
            async with self._admission.reading(asked.deadline - time.monotonic()):
                body = await read_body(scope, receive, self._limits.max_body_bytes)
        except Disconnected:
            self._finish(scope, "cancelled")
            return
        except ServiceError as error:
            await self._refuse(error, scope, receive, send)
            return
        response = await unless_gone(receive, self._answer(scope, asked, body))
        if response is None:
            self._finish(scope, "cancelled")
        else:
            await response(scope, receive, send)

    async def _answer(self, scope: Scope, asked: Asked, body: bytes) -> Response:
        try:
            with self._admission.holding(len(body)):
                answer = await self._inference.predict(
                    asked, lambda served: self._decoder.decode(served.codec, body, asked.deadline), held=len(body)
                )
            response = json_response(written(answer, self._broken(answer)))
        except ServiceError as error:
            return self._refused(error, scope)
        self._finish(scope, "ok", answer.served.version, len(answer.call.rows))
        return response

    def _broken(self, answer: Answer[ModelCodec, Call]) -> list[NotFinite]:
        """The heads that are no numbers, which whoever watches the model is told of."""
        found = not_finite(answer.call, answer.outputs)
        for each in found:
            rows = 1 if each.rows is None else len(each.rows)
            self._emit(HeadNotFinite(answer.served.model, answer.served.version, each.head, rows))
        return found

    def _asked(self, scope: Scope) -> Asked:
        path = scope["path_params"]
        came, label = context_of(scope).came, path.get("label")
        return asked_of(scope["headers"], came, path["model"], path.get("version"), self._limits, label)

    async def _refuse(self, error: ServiceError, scope: Scope, receive: Receive, send: Send) -> None:
        await self._refused(error, scope)(scope, receive, send)

    def _refused(self, error: ServiceError, scope: Scope) -> Response:
        return self._outcomes.refused(context_of(scope), scope["path_params"]["model"], error)

    def _finish(self, scope: Scope, outcome: str, version: int | None = None, rows: int = 0) -> None:
        self._outcomes.finished(context_of(scope), scope["path_params"]["model"], outcome, version, rows)


async def unless_gone(receive: Receive, answering: Coroutine[Any, Any, Response]) -> Response | None:
    """The answer, or None if the caller hangs up first: then the work is cancelled."""
    task = asyncio.current_task()
    assert task is not None
    is_answered = is_gone = False

    def leave(watcher: asyncio.Future[None]) -> None:
        nonlocal is_gone
        if not is_answered and not watcher.cancelled():
            is_gone = task.cancel()

    watcher = asyncio.ensure_future(disconnected(receive))
    watcher.add_done_callback(leave)
    try:
        return await answering
    except asyncio.CancelledError:
        if not is_gone or task.uncancel():
            raise  # this handler itself is being ended
        return None
    finally:
        is_answered = True
        watcher.cancel()


def written(answer: Answer[ModelCodec, Call], broken: Sequence[NotFinite]) -> dict[str, Any]:
    """Raises InferenceFailed for the heads that are `broken`, unless the caller takes null."""
    served = answer.served
    return {"model": served.model, "version": served.version} | served.codec.encode(answer.call, answer.outputs, broken)


def router(manager: StoreManager[NativeServed], loading: Callable[[], Loads]) -> APIRouter:
    """`GET /models` and `GET /models/{model}`. `loading` says how far each version is that loads now."""
    routes = APIRouter(tags=["models"])

    @routes.get("/models", summary="Every model of the store, and what it is doing")
    async def list_models() -> Response:
        return json_response({"models": [status_of(each, loading()) for each in manager.statuses()]})

    @routes.get("/models/{model}", summary="One model: its inputs, heads, versions and an example request")
    async def describe(model: str, request: Request) -> Response:
        status = next((each for each in manager.statuses() if each.name == model), None)
        try:
            if status is None or status.version is not None:
                with manager.lease(model) as served:
                    told = described(served)
            else:
                told = {}
        except ServiceError as error:
            return refusal(error, context_of(request.scope).request_id)
        return json_response((status_of(status, loading()) if status else {}) | told)

    return routes


def described(served: NativeServed) -> dict[str, Any]:
    told = describe_model(served.signature, served.manifest, served.codec.schema.expected, served.evidence)
    more = {"batching": served.batcher.describe(), "placement": served.placement, "load": served.load}
    return told | more


def status_of(status: ModelStatus, loading: Loads | None = None) -> dict[str, Any]:
    versions = []
    for each in status.versions:
        progress = (loading or {}).get((status.name, each.number))
        more = {"reason": each.reason} if each.reason else {"progress": progress.told()} if progress else {}
        versions.append({"version": each.number, "state": each.state} | more)
    return {
        "name": status.name,
        "version": status.version,
        "state": status.state,
        "versions": versions,
        "labels": dict(status.labels),
        "on_disk": status.on_disk,
        "shadow": status.shadow,
    }


def predict_routes(predict: Callable[..., Any]) -> list[Route]:
    places = ("", "/versions/{version}", "/labels/{label}")
    return [Route(f"/models/{{model}}{place}/predict", predict, methods=["POST"]) for place in places]
