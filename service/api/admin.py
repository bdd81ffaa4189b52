"""The admin API, `/admin`: which versions are loaded, which labels point where, back to the version before,
and which version is tried as a shadow.

Off without `admin.token`. Every call ends when its change is made, and answers as `GET /models/{model}` begins.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Query
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, SecretStr, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from service import settings
from service.api import openapi
from service.api.body import Disconnected, read_body
from service.api.context import Headers, context_of, header
from service.api.errors import STATUS, code_of, refusal
from service.api.native import json_response, status_of
from service.errors import Forbidden, InvalidInput, Problem, ServiceError, Unauthenticated
from service.events import ChangeAsked, Emit
from service.store.control import Control
from service.store.shelf import ModelStatus

LARGEST = 4096
"""Bytes of a body."""
REFUSALS = (401, 403, 404, 409, 413, 422)

Version = Annotated[int, Path(ge=0, lt=10**18)]
Label = Annotated[settings.Label, Path()]
Force = Annotated[bool, Query(description="Even if nobody can answer then, or a label points to it")]
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Target(BaseModel):
    """Where a label should point."""

    model_config = ConfigDict(extra="forbid", strict=True)
    version: NonNegativeInt


class Tried(BaseModel):
    """Which version should answer a share of the requests too, and which share."""

    model_config = ConfigDict(extra="forbid", strict=True)
    version: NonNegativeInt
    share: float = Field(0.1, gt=0, le=1, allow_inf_nan=False)


B = TypeVar("B", bound=BaseModel)


def router(control: Control[Any], token: SecretStr | None, emit: Emit) -> APIRouter:
    """All of `/admin`."""
    routes = APIRouter(
        prefix="/admin/models/{model}",
        tags=["admin"],
        route_class=guarded_by(token),
        # Looks at nothing: it tells the document which header a call has to have. The guard comes before.
        dependencies=[Depends(HTTPBearer(auto_error=False, description="The token of the setting admin.token"))],
        responses={s: openapi.refusal(code) for s, code in STATUS.values() if s in REFUSALS},
    )

    async def answered(asked: ChangeAsked, change: Awaitable[ModelStatus]) -> Response:
        return await made(asked, change, emit)

    @routes.post("/versions/{version}/load", summary="Load a version, and keep it whatever the policy says")
    async def load(model: str, version: Version) -> Response:
        return await answered(asking("load", model, version), control.load(model, version))

    @routes.post("/versions/{version}/unload", summary="Unload a version, and keep the policy from loading it")
    async def unload(model: str, version: Version, force: Force = False) -> Response:
        return await answered(asking("unload", model, version), control.unload(model, version, force))

    @routes.post("/versions/{version}/reload", summary="Load a version anew; the old copy answers until then")
    async def reload(model: str, version: Version) -> Response:
        return await answered(asking("reload", model, version), control.reload(model, version))

    @routes.put("/labels/{label}", summary="Point a label to an available version", openapi_extra=body_of(Target))
    async def set_label(model: str, label: Label, request: Request) -> Response:
        version = (await body_as(Target, request, '{"version": 3}')).version
        return await answered(asking("set label", model, version, label), control.set_label(model, label, version))

    @routes.delete("/labels/{label}", summary="Remove a label")
    async def remove_label(model: str, label: Label) -> Response:
        return await answered(asking("remove label", model, label=label), control.remove_label(model, label))

    @routes.post("/rollback", summary="Back to the version before: `stable` points to it from now on")
    async def roll_back(model: str) -> Response:
        return await answered(asking("rollback", model), control.roll_back(model))

    add_shadow_routes(routes, control, emit)
    return routes


def add_shadow_routes(routes: APIRouter, control: Control[Any], emit: Emit) -> None:
    """Start, promote, drop."""

    @routes.post("/shadow", summary="Let a version answer a share of the requests too", openapi_extra=body_of(Tried))
    async def start_shadow(model: str, request: Request) -> Response:
        tried = await body_as(Tried, request, '{"version": 2, "share": 0.1}')
        starting = control.start_shadow(model, tried.version, tried.share)
        return await made(asking("start shadow", model, tried.version), starting, emit)

    @routes.delete("/shadow", summary="End the shadow; its figures stay until the next")
    async def drop_shadow(model: str) -> Response:
        return await made(asking("drop shadow", model), control.drop_shadow(model), emit)

    @routes.post("/promote", summary="`stable` points to the shadow from now on, which ends")
    async def promote(model: str) -> Response:
        return await made(asking("promote", model), control.promote(model), emit)


def guarded_by(token: SecretStr | None) -> type[APIRoute]:
    """Routes that look at the token before anything else of a request, and answer errors as everywhere."""

    class Guarded(APIRoute):
        def get_route_handler(self) -> Handler:
            handle = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                try:
                    authenticate(request.scope["headers"], token)
                    return await handle(request)
                except RequestValidationError as error:
                    return refusal(InvalidInput(*map(problem, error.errors())), context_of(request.scope).request_id)
                except ServiceError as error:
                    return refusal(error, context_of(request.scope).request_id)

            return guarded

    return Guarded


def authenticate(headers: Headers, token: SecretStr | None) -> None:
    """Raises Forbidden while there is no token to know, Unauthenticated for another one."""
    if token is None:
        raise Forbidden("the admin API is off: give the setting admin.token (MANIFOLD_ADMIN__TOKEN) a secret")
    scheme, _, given = (header(headers, b"authorization") or b"").partition(b" ")
    if scheme.lower() != b"bearer" or not secrets.compare_digest(given.strip(), token.get_secret_value().encode()):
        raise Unauthenticated("the admin API wants `Authorization: Bearer TOKEN`, with the token of admin.token")


async def body_as(shape: type[B], request: Request, example: str) -> B:
    """Raises InvalidInput, TooLarge."""
    expected = f"a body like {example}"
    try:
        return shape.model_validate_json(await read_body(request.scope, request.receive, LARGEST))
    except ValidationError as error:
        raise InvalidInput(*(Problem(expected, told(each)) for each in error.errors())) from None
    except Disconnected:
        raise InvalidInput(Problem(expected, "the end of the connection")) from None


def told(error: Mapping[str, Any]) -> str:
    where = ".".join(map(str, error["loc"]))
    return f"{where}: {error['msg']}" if where else str(error["msg"])


def problem(error: dict[str, Any]) -> Problem:
    return Problem(f"{error['loc'][-1]}: {error['msg']}", repr(error["input"]))


def body_of(shape: type[BaseModel]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": shape.model_json_schema()}}}}


def asking(action: str, model: str, version: int | None = None, label: str = "") -> ChangeAsked:
    return ChangeAsked(action, model, version, label, "done")


async def made(asked: ChangeAsked, change: Awaitable[ModelStatus], emit: Emit) -> Response:
    """Tells how the change went. Raises what it raises."""
    try:
        status = await change
    except ServiceError as error:
        emit(replace(asked, outcome=code_of(error), reason=str(error)))
        raise
    emit(asked)
    return json_response(status_of(status))
