"""Past the framework: on a small model its middleware and routing cost as much as the model."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.context import PREDICT


class Shortcut:
    """Predict requests go straight to `predict`, everything else to `app`."""

    def __init__(self, predict: ASGIApp, app: ASGIApp) -> None:
        self._predict = predict
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        found = PREDICT.fullmatch(scope.get("raw_path") or b"") if is_post else None
        if found is None:
            await self._app(scope, receive, send)
            return
        model, version, label = found.groups()
        scope["path_params"] = {
            "model": model.decode(),
            "version": version and version.decode(),
            "label": label and label.decode(),
        }
        await self._predict(scope, receive, send)
