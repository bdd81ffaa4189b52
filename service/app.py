"""The composition root: settings to parts to a FastAPI application. The only file that knows everyone."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from service.admission import Admission
from service.api import admin, compare, health, native
from service.api.decoding import Decoder
from service.api.door import Door
from service.api.errors import on_http_exception
from service.api.middleware import RequestContext
from service.api.openapi import typed_openapi
from service.api.outcomes import Outcomes
from service.api.shortcut import Shortcut
from service.codec.nested_json import ModelCodec
from service.events import Emit, Event, RequestRejected
from service.inference import Inference
from service.loading.loader import Loader, NativeServed
from service.loading.machine import Machine, OneDevice, TensorFlowMachine
from service.loading.memory import Available, available
from service.loading.preparation import Load
from service.loading.takeover import Takeover
from service.observability import logs
from service.observability.metrics import Metrics
from service.settings import Settings
from service.shadows import Shadows
from service.store.control import Control
from service.store.manager import StoreManager
from service.store.source import Source, open_source
from service.store.versions import VersionPolicy
from service.store.wishes import Shadowing

log = structlog.get_logger("manifold")

DESCRIPTION = "Named inputs in, named heads out. Each model that can answer has a typed `predict` path below."


@dataclass(frozen=True)
class Parts:
    """What one service is made of."""

    settings: Settings
    admission: Admission
    metrics: Metrics
    loader: Loader
    store: Source
    manager: StoreManager[NativeServed]
    inference: Inference[ModelCodec]
    outcomes: Outcomes
    decoder: Decoder
    shadows: Shadows[ModelCodec]
    emit: Emit


def build_parts(
    settings: Settings, load: Load | None = None, machine: Machine | None = None, available: Available = available
) -> Parts:
    """With `load` graphs come from it, on a machine of one device; else from TensorFlow, or from the `machine`.

    `available` memory is this machine's, unless something else stands in.
    Raises ValueError and OSError for a store at a URL that cannot be used, or whose cache cannot be written.
    """
    metrics, refusals = Metrics(), logs.Refusals(time.monotonic)

    def emit(event: Event) -> None:
        metrics(event)
        logs.write(event)
        shadows(event)
        if isinstance(event, RequestRejected):
            refusals(event)

    decoder = Decoder()
    machine = OneDevice(load) if load else machine or TensorFlowMachine(settings.runtime)
    loader = Loader(settings, emit, machine, decoder, available)
    admission = Admission(settings.limits.max_in_flight, settings.limits.max_in_flight_bytes)
    store = open_source(settings.store, emit, lambda: manager.folders())
    takeover = Takeover(loader.try_out, store)

    async def fetch(model: str, version: int, folder: Path) -> Path:
        return await asyncio.to_thread(store.fetch, model, version, folder)

    manager: StoreManager[NativeServed] = StoreManager(
        scan=store.scan,
        fetch=fetch,
        load=loader.load,
        unload=loader.unload,
        policy_of=lambda model: VersionPolicy.parse(settings.version_policy_of(model)),
        emit=emit,
        clock=time.monotonic,
        labels_of=settings.labels_of,
        shadow_of=lambda model: shadowing_of(settings, model),
        judge=lambda *about: loader.in_thread(lambda: takeover.judge(*about)),
        is_explicit=settings.store.control == "explicit",
        preserve=settings.store.preserve,
    )

    def reading_time(served: NativeServed) -> float:
        return decoder.waiting_time(served.codec)

    shadows: Shadows[ModelCodec] = Shadows(
        manager,
        emit,
        random.Random().random,
        reading_time,
        lambda: admission.load.is_late,
        settings.limits.default_timeout,
    )
    inference: Inference[ModelCodec] = Inference(manager.lease, admission, reading_time, mirrors=shadows.mirrors)
    metrics.observe(lambda: admission.in_flight, loader.loads, loader.memory, shadows.running)
    outcomes = Outcomes(emit, manager.is_known)
    return Parts(settings, admission, metrics, loader, store, manager, inference, outcomes, decoder, shadows, emit)


def shadowing_of(settings: Settings, model: str) -> Shadowing | None:
    shadow = settings.shadow_of(model)
    return Shadowing(shadow.version, shadow.share) if shadow is not None else None


def build_app(parts: Parts) -> Shortcut:
    settings, manager, admission = parts.settings, parts.manager, parts.admission
    context = partial(RequestContext, log_all=settings.log.requests, is_draining=lambda: admission.is_draining)
    app: FastAPI = FastAPIOffline(
        title="Manifold",
        version="0.1.0",
        description=DESCRIPTION,
        redoc_url=None,
        lifespan=lambda _: running(parts),
        middleware=[Middleware(context)],
        exception_handlers={HTTPException: on_http_exception},
    )
    predict = native.Predict(parts.inference, admission, settings.limits, parts.emit, parts.outcomes, parts.decoder)
    app.router.routes.extend(native.predict_routes(predict))
    app.include_router(native.router(manager, parts.loader.progress))
    app.include_router(compare.router(parts.shadows))
    app.include_router(admin.router(Control(manager), settings.admin.token, parts.emit))
    app.include_router(health.router(manager, admission, parts.metrics.registry, parts.loader.progress))
    # To replace the method is FastAPI's own documented way.
    app.openapi = typed_openapi(app, manager.available, manager.labels_at)  # type: ignore[method-assign]
    return Shortcut(context(predict), app)


def build_door(parts: Parts) -> Door:
    """What a server may ask before it hands a request to the application."""
    return Door(
        look_ahead=parts.inference.look_ahead,
        limits=parts.settings.limits,
        outcomes=parts.outcomes,
        is_draining=lambda: parts.admission.is_draining,
    )


@asynccontextmanager
async def running(parts: Parts) -> AsyncIterator[None]:
    """Watches the store while the application serves; on the way out answers what is left and unloads."""
    interval = parts.settings.store.poll_interval
    watching = asyncio.create_task(parts.manager.watch(interval, complain))
    listening = asyncio.create_task(parts.admission.load.watch())
    try:
        yield
    finally:
        parts.admission.close()
        parts.store.close()
        for task in (watching, listening):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await parts.shadows.close()
        await parts.manager.close()
        parts.loader.close()


def complain(error: Exception) -> None:
    log.error("looking at the store failed", exc_info=None if isinstance(error, OSError) else error, error=str(error))
