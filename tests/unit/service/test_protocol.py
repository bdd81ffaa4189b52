"""The door before uvicorn's HTTP, over real sockets: whoever is refused, the next on the connection is answered."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.protocol import MOST_PIPELINED, DoorProtocol, behind
from tests.unit.service.loopback import Caller, Site, until
from tests.unit.service.place import Place, asking, chunked, head, is_answered, is_refusal

pytestmark = pytest.mark.anyio

LARGE = 5_000_000


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


@pytest.fixture
async def place() -> Place:
    return Place()


@pytest.fixture
async def site(place: Place, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Site]:
    with anyio.fail_after(10):
        async with Site(place, behind(place.door), timeout_keep_alive=60).running() as made:
            yield made
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.fixture
async def caller(site: Site) -> Caller:
    return await site.caller()


BODIES = {
    "none": head(),
    "empty": asking(),
    "short": asking("full", b"POST / HTTP/1.1\r\n\r\n"),
    "chunked": chunked("full", b"a", b"b" * 1000, b"\r\n\r\n"),
    "chunked and empty": chunked("full"),
    "trailers": chunked("full", b"a").removesuffix(b"\r\n") + b"X-Sum: 1\r\n\r\n",
    "large": asking("full", b"x" * LARGE),
    "large and chunked": chunked("full", *[b"y" * 100_000] * 50),
}


@pytest.mark.parametrize("name", BODIES)
async def test_whatever_comes_after_a_refused_head_the_next_is_answered(
    site: Site, place: Place, caller: Caller, name: str
) -> None:
    for number in range(1, 4):
        assert is_refusal(await caller.asks(BODIES[name]))
        assert place.refused == number
        await is_answered(caller)
    assert len(site.made) == 1
    assert set(place.begun) == {"/models/free/predict"}
    assert site.state.total_requests == 6


async def test_a_refusal_is_told_before_the_body_has_come(place: Place, caller: Caller) -> None:
    assert is_refusal(await caller.asks(head("full", "Content-Length: 30")))
    await caller.say(b"x" * 10, b"y" * 19)
    await caller.say(b"z")
    assert is_refusal(await caller.asks(head("full", "Transfer-Encoding: chunked")))
    await caller.say(b"5", b"\r\nab", b"cde\r\n0\r", b"\n", b"\r\n")
    await is_answered(caller)
    assert place.refused == 2


async def test_a_head_may_come_in_pieces(place: Place, caller: Caller) -> None:
    whole = asking("full", b"abc") + asking("free", b"abcd")
    await caller.say(*(whole[at : at + 7] for at in range(0, len(whole), 7)))
    assert is_refusal(await caller.heard())
    assert json.loads((await caller.heard()).body)["size"] == 4


async def test_refusals_and_answers_in_any_order_on_one_connection(place: Place, caller: Caller) -> None:
    for model in ("free", "full", "full", "free", "full", "free", "free", "full"):
        reply = await caller.asks(asking(model, b"abc"))
        assert is_refusal(reply) == (model == "full")
    assert place.begun == ["/models/free/predict"] * 4


async def test_in_a_pipeline_answers_come_in_turn(place: Place, caller: Caller) -> None:
    """Who comes behind one that runs is not asked at the door, and the application is told so."""
    await caller.say(b"".join(asking(model, b"abc") for model in ("slow", "full", "free", "full")))
    await until(lambda: place.begun == ["/models/slow/predict"])
    assert (place.refused, len(place.inside)) == (0, 1)
    place.open.set()
    replies = [await caller.heard() for _ in range(4)]
    assert [json.loads(reply.body) for reply in replies] == [
        {"path": f"/models/{model}/predict", "size": 3, "looked": model == "slow"}
        for model in ("slow", "full", "free", "full")
    ]
    assert is_refusal(await caller.asks(asking()))
    await is_answered(caller)


async def test_in_a_pipeline_of_refusals_all_are_told_at_once(place: Place, caller: Caller) -> None:
    many = [asking("full", b"abc"), chunked("full", b"abc"), head("full")] * 20
    await caller.say(b"".join(many) + asking("slow", b"abc") + asking("full"))
    for _ in many:
        assert is_refusal(await caller.heard())
    await until(lambda: place.begun == ["/models/slow/predict"])
    place.open.set()
    assert [(await caller.heard()).status for _ in range(2)] == [200, 200]
    assert place.refused == len(many)


@pytest.mark.parametrize("rudely", [False, True])
@pytest.mark.parametrize("behind_it", [0, 1, 50])
async def test_who_hangs_up_is_noticed_however_many_wait_behind(
    site: Site, place: Place, caller: Caller, rudely: bool, behind_it: int
) -> None:
    """And those that wait never begin, though the first was asked right after a refusal."""
    assert is_refusal(await caller.asks(asking("full") + asking("listening") + asking("full", b"abc") * behind_it))
    await until(lambda: place.begun)
    caller.hang_up(rudely=rudely)
    await until(lambda: place.gone)
    await until(lambda: not site.state.tasks)
    assert place.begun == place.gone == ["/models/listening/predict"]


async def test_who_asks_on_and_on_is_not_read_before_the_first_is_answered(
    site: Site, place: Place, caller: Caller
) -> None:
    await caller.say(asking("slow"))
    for number in range(1, MOST_PIPELINED + 1):
        assert not site.made[0].flow.read_paused
        await caller.say(asking("free"))
        await until(lambda number=number: len(site.made[0].pipeline) == number)  # type: ignore[misc]
    assert site.made[0].flow.read_paused
    await caller.say(asking("free"))
    place.open.set()
    for _ in range(MOST_PIPELINED + 2):
        assert (await caller.heard()).status == 200
    assert not site.made[0].flow.read_paused


@pytest.mark.parametrize(
    "target", ["/models/full/predict?x=1", "http://here/models/full/predict", "/models/f%75ll/predict"]
)
async def test_what_is_written_otherwise_is_looked_at_on_the_long_way(
    place: Place, caller: Caller, target: str
) -> None:
    whole = asking("full").replace(b"/models/full/predict", target.encode())
    assert json.loads((await caller.asks(whole)).body) == {"path": "/models/full/predict", "size": 0, "looked": False}
    assert place.refused == 0


async def test_the_door_is_told_how_many_are_inside(site: Site, place: Place, caller: Caller) -> None:
    others = [await site.caller() for _ in range(3)]
    for each in others:
        await each.say(asking("slow"))
    await until(lambda: len(place.begun) == 3)
    assert place.inside == [0, 1, 2]
    assert is_refusal(await caller.asks(asking()))
    assert place.inside[3:] == [3]
    place.open.set()
    for each in others:
        assert (await each.heard()).status == 200


async def test_who_asks_whether_to_send_a_body_takes_the_long_way(place: Place, caller: Caller) -> None:
    await caller.say(head("full", "Content-Length: 3", "Expect: 100-continue"))
    assert (await caller.heard()).status == 100
    told = json.loads((await caller.asks(b"abc")).body)
    assert (told["size"], told["looked"], place.refused) == (3, False, 0)
    assert is_refusal(await caller.asks(asking("full", b"abc")))


@pytest.mark.parametrize("headers", [(), ("Connection: keep-alive",)])
async def test_the_old_protocol_takes_the_long_way(place: Place, caller: Caller, headers: tuple[str, ...]) -> None:
    reply = await caller.asks(head("full", "Content-Length: 3", *headers, version="1.0") + b"abc")
    assert not json.loads(reply.body)["looked"]
    assert (await caller.rest(), place.refused) == (b"", 0)


async def test_who_wants_another_protocol_takes_the_long_way(
    site: Site, place: Place, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    reply = await caller.asks(head("full", "Connection: Upgrade", "Upgrade: h2c", "Content-Length: 0"))
    assert (json.loads(reply.body)["looked"], place.refused) == (False, 0)
    caplog.clear()  # uvicorn's own: "Unsupported upgrade request."


async def test_who_wants_to_hang_up_is_hung_up_on_once_all_has_come(place: Place, caller: Caller) -> None:
    assert is_refusal(await caller.asks(head("full", "Connection: close", "Content-Length: 6"), b"abc"))
    await caller.say(b"def")
    assert await caller.rest() == b""


async def test_nothing_is_made_of_what_comes_after_the_last_request(place: Place, caller: Caller) -> None:
    last = asking("full", b"abc", "Connection: close")
    assert is_refusal(await caller.asks(last + asking("free", b"abc") + asking("full", b"abc")))
    assert await caller.rest() == b""
    assert (place.begun, place.refused) == ([], 1)


@pytest.mark.parametrize("rudely", [False, True])
async def test_who_hangs_up_in_the_middle_of_a_refused_body_leaves_nothing(
    site: Site, place: Place, caller: Caller, rudely: bool
) -> None:
    assert is_refusal(await caller.asks(head("full", "Content-Length: 100000"), b"x" * 1000))
    caller.hang_up(rudely=rudely)
    await until(lambda: not site.state.connections)
    await is_answered(await site.caller())


@pytest.mark.parametrize(
    "last",
    [asking("free"), asking("full"), head("full", "Content-Length: 9"), head("full", "Content-Length: 9") + b"x"],
)
async def test_who_says_nothing_more_is_hung_up_on(place: Place, last: bytes) -> None:
    """Also in the middle of a body that nobody waits for."""
    with anyio.fail_after(10):
        async with Site(place, behind(place.door), timeout_keep_alive=0).running() as site:
            caller = await site.caller()
            assert (await caller.asks(last)).status in (200, 429)
            assert await caller.rest() == b""


async def test_who_goes_on_sending_a_refused_body_is_listened_to(site: Site, place: Place, caller: Caller) -> None:
    """The time to say something more begins anew with each piece."""
    assert is_refusal(await caller.asks(head("full", "Content-Length: 3")))
    (protocol,) = site.made
    first = protocol.timeout_keep_alive_task
    assert first is not None
    await caller.say(b"x")
    await until(lambda: protocol.timeout_keep_alive_task is not first)
    assert first.cancelled()
    second = protocol.timeout_keep_alive_task
    assert second is not None
    assert not second.cancelled()
    await caller.say(b"yz" + asking("slow"))
    await until(lambda: bool(place.begun))
    assert second.cancelled()
    assert protocol.timeout_keep_alive_task is None, "not while a request runs"
    place.open.set()
    assert (await caller.heard()).status == 200


async def test_who_does_not_read_refusals_is_not_sent_more_and_more(site: Site, place: Place) -> None:
    """They would pile up in memory. Once the caller reads again, all are answered in turn."""
    caller, many = await site.caller(buffer=4096), 5_000
    saying = asyncio.create_task(caller.say(asking() * many))
    (protocol,) = site.made
    await until(lambda: protocol.flow.write_paused and protocol.flow.read_paused)
    assert protocol.transport.get_write_buffer_size() < 100_000
    assert place.refused < many / 2
    replies = [await caller.heard() for _ in range(many)]
    assert sum(map(is_refusal, replies)) == place.refused
    assert len(place.begun) == many - place.refused
    await saying


async def test_a_refusal_leaves_no_clock_that_ends_the_next(place: Place) -> None:
    """Refused and let in within one packet: the time for an idle connection does not run while a request does."""
    with anyio.fail_after(10):
        async with Site(place, behind(place.door), timeout_keep_alive=0).running() as site:
            caller = await site.caller()
            await caller.say(asking("full") + asking("full", b"abc") + asking("slow"))
            await until(lambda: bool(place.begun))
            for _ in range(10):
                await anyio.lowlevel.checkpoint()
            place.open.set()
            assert [(await caller.heard()).status for _ in range(3)] == [429, 429, 200]


async def test_at_a_shutdown_a_refused_body_is_not_waited_for(site: Site, place: Place, caller: Caller) -> None:
    assert is_refusal(await caller.asks(head("full", "Content-Length: 9"), b"x"))
    site.made[0].shutdown()
    assert await caller.rest() == b""


async def test_a_request_that_is_none_is_told_so_after_a_refusal_too(
    place: Place, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    assert is_refusal(await caller.asks(chunked("full", b"abc").replace(b"3\r\nabc", b"x\r\nabc")))
    assert (await caller.heard()).status == 400
    assert await caller.rest() == b""
    caplog.clear()  # uvicorn's own: "Invalid HTTP request received."


class Written(asyncio.Transport):
    """Takes what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = b""

    def write(self, data: Any) -> None:
        self.bytes += data

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        raise AssertionError("nobody wanted that")


async def test_wherever_the_packets_are_cut_each_request_is_refused_once(site: Site, place: Place) -> None:
    whole = (
        asking("full", b"abc", "X-Request-ID: 1") + chunked("full", b"abc", b"d") + asking("full", b"", "Accept: */*")
    )
    whole = whole.replace(b"chunked", b"chunked\r\nX-Request-ID: 2").replace(b"*/*", b"*/*\r\nX-Request-ID: 3")
    answers = set()
    for cut in range(len(whole)):
        protocol, written = site._make(), Written()
        protocol.connection_made(written)
        for part in (whole[:cut], whole[cut:]):
            protocol.data_received(part)
        protocol.connection_lost(ConnectionError())
        protocol._unset_keepalive_if_required()
        answers.add(written.bytes)
    assert len(answers) == 1
    assert answers.pop().count(b"HTTP/1.1 429") == 3
    assert place.begun == []


def test_what_is_overridden_is_uvicorns() -> None:
    """Without these a refusal would silently take the long way, or none."""
    ours = {name for name, value in vars(DoorProtocol).items() if callable(value) and not name.startswith("__")}
    assert ours >= {"on_headers_complete", "on_body", "on_message_complete"}
    for name in ours & {"on_headers_complete", "on_body", "on_message_complete"}:
        assert callable(vars(HttpToolsProtocol)[name])
    assert callable(vars(HttpToolsProtocol)["on_response_complete"])


HOOKS = ("on_message_begin", "on_headers_complete", "on_body", "on_message_complete", "on_response_complete")


def watched(kind: type[HttpToolsProtocol], calls: list[str]) -> type[HttpToolsProtocol]:
    """The same, but it says which of its methods are called."""

    def watch(name: str) -> Any:
        def call(self: HttpToolsProtocol, *arguments: Any) -> None:
            calls.append(name)
            getattr(super(made, self), name)(*arguments)

        return call

    made: Any = type("Watched", (kind,), {name: watch(name) for name in HOOKS})
    return made  # type: ignore[no-any-return]


async def test_uvicorn_calls_back_as_it_did(place: Place) -> None:
    """For one that is answered and one that is refused alike: the protocol stands on that."""
    calls: list[str] = []
    with anyio.fail_after(10):
        async with Site(place, watched(behind(place.door), calls)).running() as site:
            caller = await site.caller()
            for model in ("free", "full"):
                calls.clear()
                await caller.asks(asking(model, b"abc"))
                await until(lambda: len(calls) == len(HOOKS))
                assert calls == list(HOOKS)
