"""`GET /models/{model}/compare`: how a shadow answers beside the version that callers hear."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.api import openapi
from service.api.context import context_of
from service.api.errors import refusal
from service.api.native import json_response
from service.errors import ServiceError
from service.shadow import ShadowReport
from service.shadows import Shadows


def router(shadows: Shadows[Any]) -> APIRouter:
    """Needs no token: it says of a model's answers what the metrics say, and nothing of what callers sent."""
    routes = APIRouter(tags=["models"])

    @routes.get(
        "/models/{model}/compare",
        summary="A candidate's answers beside those that callers got",
        response_model=ShadowReport,
        responses={404: openapi.refusal("model_not_found")},
    )
    async def compare(model: str, request: Request) -> Response:
        try:
            return json_response(shadows.report(model))
        except ServiceError as error:
            return refusal(error, context_of(request.scope).request_id)

    return routes
