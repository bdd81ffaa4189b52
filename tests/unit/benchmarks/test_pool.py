"""Connections are kept and used again, but never one that is busy, closed, stale, or owes somebody an answer."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from benchmarks import pool as pool_module
from benchmarks.connection import Lost, request
from benchmarks.pool import Pool
from tests.unit.benchmarks.conftest import Asked, Server

pytestmark = pytest.mark.anyio
ASK = request("/")


async def test_one_caller_keeps_one_connection(server: Server) -> None:
    async with Pool(server.address) as pool:
        for _ in range(5):
            await pool.ask(ASK)
        assert repr(pool) == "<Pool [1 idle connections]>"
    assert len(server.connections) == 1


async def test_callers_at_once_have_a_connection_each_up_to_the_limit(server: Server) -> None:
    held: list[Asked] = []
    enough = asyncio.Event()

    def hold(asked: Asked) -> None:
        held.append(asked)
        if len(held) == 3:
            enough.set()

    server.decide = hold
    with anyio.fail_after(5):
        async with Pool(server.address, limit=3) as pool:
            asking = [asyncio.create_task(pool.ask(ASK)) for _ in range(4)]
            await enough.wait()
            assert len(server.connections) == 3
            assert repr(pool) == "<Pool [0 idle connections] full>"
            server.decide = Asked.say
            for asked in held:
                asked.say()
            assert [(await each).status for each in asking] == [200] * 4
    assert len(server.connections) == 3


async def test_a_connection_whose_caller_gave_up_is_not_used_again(server: Server) -> None:
    heard = asyncio.Event()
    server.decide = lambda asked: heard.set()
    async with Pool(server.address) as pool:
        with anyio.fail_after(5):
            giving_up = asyncio.create_task(pool.ask(ASK))
            await heard.wait()
            giving_up.cancel()
            await asyncio.gather(giving_up, return_exceptions=True)
            server.decide = lambda asked: asked.say(201)
            assert (await pool.ask(ASK)).status == 201
    assert len(server.connections) == 2


async def test_a_connection_that_the_service_closed_is_not_used_again(server: Server) -> None:
    async with Pool(server.address) as pool:
        server.decide = lambda asked: asked.say(200, b"{}", "Connection: close")
        await pool.ask(ASK)
        server.decide = lambda asked: asked.transport.abort()
        with pytest.raises(Lost):
            await pool.ask(ASK)
        server.decide = Asked.say
        assert (await pool.ask(ASK)).status == 200
    assert len(server.connections) == 3


async def test_a_connection_that_was_idle_for_long_is_not_used_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Pool(server.address) as pool:
        await pool.ask(ASK)
        monkeypatch.setattr(pool_module, "STALE", 0.0)
        await pool.ask(ASK)
    assert len(server.connections) == 2


async def test_nobody_listens(server: Server) -> None:
    port_of_nobody = server.address.rsplit(":", 1)[0] + ":1"
    async with Pool(port_of_nobody) as pool:
        with pytest.raises(OSError, match="Connect call failed"):
            await pool.ask(ASK)
