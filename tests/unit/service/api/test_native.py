"""Callers that hang up while they are answered, in every order of what can come together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import permutations
from typing import Any

import anyio
import pytest
from starlette.responses import Response

from service.api.native import unless_gone

pytestmark = pytest.mark.anyio

ANSWER = Response(b"42")


@pytest.fixture(autouse=True)
async def _nothing_left() -> AsyncIterator[None]:
    """No task is left, and none ended with an exception that nobody saw."""
    unseen: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
    with anyio.fail_after(10):
        yield
        await turns()
    assert not [task for task in asyncio.all_tasks() if "runner" not in repr(task).lower()]
    assert unseen == []


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await anyio.lowlevel.checkpoint()


class Request:
    """One whose body was read: what comes next is that the caller hangs up, or nothing. It can be answered, or fail."""

    def __init__(self, work: Callable[[], Awaitable[Any]] | None = None) -> None:
        self.gone = asyncio.Event()
        self.answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self.listened = 0
        self.was_cancelled = False
        self.went_on = False
        self.handler = asyncio.create_task(self._handle(work or self._wait))

    async def _wait(self) -> Response:
        return await self.answer

    async def _receive(self) -> dict[str, Any]:
        self.listened += 1
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _answering(self, work: Callable[[], Awaitable[Any]]) -> Response:
        try:
            return await work()  # type: ignore[no-any-return]
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise

    async def _handle(self, work: Callable[[], Awaitable[Any]]) -> Response | None:
        response = await unless_gone(self._receive, self._answering(work))
        await turns()  # the response is sent: a cancellation that comes late would end this
        self.went_on = True
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
        return response


async def test_who_stays_is_answered() -> None:
    request = Request()
    await turns()
    request.answer.set_result(ANSWER)
    assert await request.handler is ANSWER
    assert request.listened == 1


async def test_who_hangs_up_is_not_answered_and_the_work_ends() -> None:
    request = Request()
    await turns()
    request.gone.set()
    assert await request.handler is None
    assert request.was_cancelled


async def test_who_has_hung_up_before_is_not_worked_for() -> None:
    request = Request()
    request.gone.set()
    assert await request.handler is None


async def test_other_messages_are_no_goodbye() -> None:
    messages = [{"type": "http.request", "body": b"", "more_body": False}] * 3
    answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        answer.set_result(ANSWER)
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    async def answering() -> Response:
        return await answer

    assert await unless_gone(receive, answering()) is ANSWER


async def test_an_answer_that_takes_no_turn_of_the_loop_is_given_to_whoever_is_there() -> None:
    async def at_once() -> Response:
        return ANSWER

    request = Request(at_once)
    request.gone.set()
    assert await request.handler is ANSWER
    assert request.listened == 0


async def test_an_error_is_the_handlers() -> None:
    request = Request()
    await turns()
    request.answer.set_exception(KeyError("nobody foresaw it"))
    with pytest.raises(KeyError):
        await request.handler


async def test_when_the_server_ends_the_handler_does() -> None:
    request = Request()
    await turns()
    request.handler.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request.handler
    assert request.was_cancelled
    assert request.handler.cancelled()
    assert not request.went_on


async def test_only_a_caller_who_left_ends_the_work() -> None:
    request = Request()
    await turns()
    (listening,) = (task for task in asyncio.all_tasks() if "disconnected" in repr(task))
    listening.cancel()
    await turns()
    request.answer.set_result(ANSWER)
    assert await request.handler is ANSWER


def happen(what: str, request: Request) -> None:
    match what:
        case "gone":
            request.gone.set()
        case "cancelled":
            request.handler.cancel()
        case "answered" if not request.answer.done():
            request.answer.set_result(ANSWER)


def orders(*names: str) -> list[tuple[str, ...]]:
    """Every order of them, with up to three turns of the loop, `-`, between any two."""
    return [
        tuple(each for name, gap in zip(order, (*gaps, 0), strict=True) for each in (name, *["-"] * gap))
        for order in permutations(names)
        for gaps in ([(a,) for a in range(4)] if len(names) == 2 else [(a, b) for a in range(4) for b in range(4)])
    ]


async def play(order: tuple[str, ...]) -> Request:
    request = Request()
    await turns()
    for step in order:
        if step == "-":
            await asyncio.sleep(0)
        else:
            happen(step, request)
    await asyncio.wait([request.handler])
    return request


async def test_hanging_up_beside_the_answer_is_the_one_or_the_other_and_no_error() -> None:
    for order in orders("gone", "answered"):
        request = await play(order)
        assert request.handler.result() in (ANSWER, None), order
        assert request.went_on, order
        if order[0] == "answered" and order.count("-") == 3:
            assert request.handler.result() is ANSWER, order


async def test_the_end_of_the_server_is_never_taken_for_a_caller_who_left() -> None:
    for order in orders("gone", "cancelled"):
        request = await play(order)
        assert request.was_cancelled, order
        assert request.handler.cancelled(), order
        assert not request.went_on, order


async def test_all_three_together_end_the_handler_or_answer_it() -> None:
    for order in orders("gone", "answered", "cancelled"):
        request = await play(order)
        assert request.handler.cancelled() or request.handler.result() in (ANSWER, None), order


@pytest.mark.parametrize("seconds", [0.0, 0.001])
async def test_a_time_limit_inside_that_ends_as_the_caller_leaves_is_one_of_the_two(seconds: float) -> None:
    ended: list[str] = []

    async def limited() -> Response:
        try:
            async with asyncio.timeout(seconds):
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            ended.append("late")
        return ANSWER

    request = Request(limited)
    asyncio.get_running_loop().call_later(seconds, request.gone.set)
    assert await request.handler in (ANSWER, None)
    assert ended == ([] if request.was_cancelled else ["late"])


async def test_many_requests_in_one_task_leave_no_mark_on_it() -> None:
    """As they would, were a connection a task."""
    task = asyncio.current_task()
    assert task is not None
    for number in range(50):
        gone, answer = asyncio.Event(), asyncio.get_running_loop().create_future()

        async def receive(gone: asyncio.Event = gone) -> dict[str, Any]:
            await gone.wait()
            return {"type": "http.disconnect"}

        async def answering(answer: asyncio.Future[Response] = answer) -> Response:
            return await answer

        asyncio.get_running_loop().call_soon(gone.set if number % 2 else lambda: answer.set_result(ANSWER))  # noqa: B023
        assert await unless_gone(receive, answering()) is (None if number % 2 else ANSWER)
        assert not task.cancelling()
