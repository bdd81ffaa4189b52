"""What an operator's tools ask for: `/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from service.admission import Admission
from service.api.native import json_response
from service.progress import Loads
from service.store.manager import StoreManager


def router(
    manager: StoreManager[Any], admission: Admission, registry: CollectorRegistry, loading: Callable[[], Loads]
) -> APIRouter:
    routes = APIRouter(tags=["operations"])

    @routes.get("/healthz", summary="The process is alive and its event loop turns")
    async def live() -> Response:
        return json_response({"live": True})

    @routes.get("/readyz", summary="Every model that has a version is warm, and there is one", responses={503: {}})
    async def ready() -> Response:
        is_ready = manager.is_ready and not admission.is_draining
        models = {status.name: status.state for status in manager.statuses()}
        coming = {model: {"version": version} | each.told() for (model, version), each in loading().items()}
        told = {"ready": is_ready, "draining": admission.is_draining, "models": models, "loading": coming}
        return json_response(told, 200 if is_ready else 503)

    @routes.get("/metrics", summary="Prometheus metrics")
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return routes
