"""An application behind a door that refuses whoever asks one of its models, and what callers say to it."""

from __future__ import annotations

import asyncio
import json

from starlette.types import Receive, Scope, Send

from service.api.door import LOOKED_AHEAD, Door
from service.api.outcomes import Outcomes
from service.errors import Overloaded
from service.events import Event, RequestRejected
from service.inference import Asked
from service.settings import Limits
from tests.unit.service.loopback import Caller, Reply


class Place:
    """An application that tells what came to it, and a door that refuses whoever asks the model `full`."""

    def __init__(self) -> None:
        self.told: list[Event] = []
        self.inside: list[int] = []
        self.begun: list[str] = []
        self.gone: list[str] = []
        """Those who hung up while the model `listening` waited for just that."""
        self.open = asyncio.Event()
        """Those who ask the model `slow` are answered once this is set."""
        self.door = Door(
            look_ahead=self.look_ahead,
            limits=Limits(),
            outcomes=Outcomes(self.told.append, lambda model: True),
            is_draining=lambda: False,
        )

    def look_ahead(self, asked: Asked, inside: int) -> None:
        self.inside.append(inside)
        if asked.model == "full":
            raise Overloaded("no time", 3.0, "predicted_wait")

    @property
    def refused(self) -> int:
        return sum(isinstance(event, RequestRejected) for event in self.told)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begun.append(scope["path"])
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            size += len(message["body"])
            more = message["more_body"]
        if "slow" in scope["path"]:
            await self.open.wait()
        if "listening" in scope["path"]:
            assert (await receive())["type"] == "http.disconnect"
            self.gone.append(scope["path"])
            return
        told = json.dumps({"path": scope["path"], "size": size, "looked": LOOKED_AHEAD in scope}).encode()
        headers = [(b"content-length", str(len(told)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": told})


def head(model: str = "full", *headers: str, version: str = "1.1") -> bytes:
    lines = [f"POST /models/{model}/predict HTTP/{version}", "Host: here", *headers, "", ""]
    return "\r\n".join(lines).encode()


def asking(model: str = "full", body: bytes = b"", *headers: str) -> bytes:
    return head(model, f"Content-Length: {len(body)}", *headers) + body


def chunked(model: str, *chunks: bytes) -> bytes:
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    return head(model, "Transfer-Encoding: chunked") + framed


def is_refusal(reply: Reply) -> bool:
    if reply.status == 429:
        error = json.loads(reply.body)["error"]
        assert (error["message"], error["request_id"]) == ("no time", reply.headers["x-request-id"])
        assert reply.headers["retry-after"] == "3"
    return reply.status == 429


async def is_answered(caller: Caller, body: bytes = b"12345") -> None:
    """Not refused, and seen by the door."""
    told = json.loads((await caller.asks(asking("free", body))).body)
    assert told == {"path": "/models/free/predict", "size": len(body), "looked": True}
