"""One connection: replies in order, ends that are told, and both ways of hanging up."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from benchmarks.connection import Connection, Lost, predict, request
from benchmarks.pool import Pool
from tests.unit.benchmarks.conftest import Asked, Server

pytestmark = pytest.mark.anyio


async def connect(server: Server) -> Connection:
    return await Pool(server.address).connect()


async def test_a_request_comes_whole_and_the_reply_is_read(server: Server) -> None:
    def refuse(asked: Asked) -> None:
        assert (asked.path, asked.body) == ("/models/digits/predict", b'{"inputs":{"pixels":[1]}}')
        asked.say(429, b'{"error": 1}', "Retry-After: 3", "X-Request-ID: mine")

    server.decide = refuse
    connection = await connect(server)
    reply = await connection.ask(predict("digits", {"inputs": {"pixels": [1]}}, x_request_timeout=1.5))
    assert (reply.status, reply.retry_after, reply.request_id, reply.json()) == (429, 3.0, "mine", {"error": 1})
    connection.close()


def test_headers_are_written_with_hyphens() -> None:
    assert request("/a", b"xy", x_request_timeout=1.5) == (
        b"POST /a HTTP/1.1\r\nhost: benchmarks\r\nx-request-timeout: 1.5\r\ncontent-length: 2\r\n\r\nxy"
    )
    assert request("/a").startswith(b"GET /a HTTP/1.1\r\n")


async def test_replies_to_pipelined_requests_come_in_their_order(server: Server) -> None:
    server.decide = lambda asked: asked.say(200, asked.path.encode())
    connection = await connect(server)
    replies = await asyncio.gather(*connection.send(request("/1"), request("/2"), request("/3")))
    assert [reply.body for reply in replies] == [b"/1", b"/2", b"/3"]
    assert not connection.is_asked
    connection.close()


async def test_an_end_before_the_answer_is_told_to_everybody_who_waits(server: Server) -> None:
    server.decide = lambda asked: asked.transport.close()
    connection = await connect(server)
    replies = connection.send(request("/1"), request("/2"))
    for reply in replies:
        with pytest.raises(Lost):
            await reply
    with pytest.raises(Lost):
        await connection.ask(request("/3"))


async def test_what_is_not_http_ends_the_connection(server: Server) -> None:
    server.decide = lambda asked: asked.transport.write(b"what?\r\n\r\n")
    with pytest.raises(Lost):
        await (await connect(server)).ask(request("/1"))


async def test_a_reply_that_closes_is_the_last(server: Server) -> None:
    server.decide = lambda asked: asked.say(200, b"{}", "Connection: close")
    connection = await connect(server)
    assert (await connection.ask(request("/1"))).status == 200
    assert not connection.is_open


@pytest.mark.parametrize(("leave", "ended"), [(Connection.close, str), (Connection.reset, ConnectionResetError)])
async def test_hanging_up_is_seen_by_the_other_side(server: Server, leave: object, ended: type) -> None:
    heard = asyncio.Event()
    server.decide = lambda asked: heard.set()
    connection = await connect(server)
    (reply,) = connection.send(request("/1"))
    with anyio.fail_after(5):
        await heard.wait()
        assert callable(leave)
        leave(connection)
        await server.left.wait()
        assert isinstance(server.connections[0].ended, ended)
        with pytest.raises(Lost):
            await reply
