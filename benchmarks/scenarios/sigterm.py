"""SIGTERM under load loses nothing: what was sent whole before the service stopped listening gets its answer."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field

from benchmarks.connection import Connection, Lost, predict
from benchmarks.foreign import UNMASKED
from benchmarks.pool import Pool
from benchmarks.target import NotSeen, Target
from benchmarks.verdict import Options, Verdict

REQUEST = predict(UNMASKED, {"inputs": {"text": [1] * 20}})
ENOUGH = 200
"""Answers before the signal is sent."""
END_SECONDS = 60


@dataclass
class Sent:
    """A request that the kernel took whole at this moment; a `status` of 0 is no answer."""

    at: float
    status: int = 0


@dataclass
class Load:
    """Callers who go on until nobody listens. Half of them keep their connection, half make one for each request."""

    pool: Pool
    sent: list[Sent] = field(default_factory=list)
    answered: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    listened_at: float = 0.0
    """The last moment at which the service certainly still listened."""

    async def call(self, *, keeps: bool) -> None:
        connection = None
        while True:
            if connection is None or not (keeps and connection.is_open):
                connection = await self._connect()
            if connection is None:
                return
            await self._ask(connection)
            if not keeps:
                connection.close()

    async def _connect(self) -> Connection | None:
        began = time.monotonic()
        try:
            connection = await self.pool.connect()
        except ConnectionError:
            return None
        self.listened_at = max(self.listened_at, began)
        return connection

    async def _ask(self, connection: Connection) -> None:
        (reply,) = connection.send(REQUEST)
        sent = Sent(time.monotonic())
        if connection.is_written:
            self.sent.append(sent)
        try:
            sent.status = (await reply).status
        except Lost:
            return
        self.answered += 1
        if self.answered == ENOUGH:
            self.enough.set()


async def sigterm(target: Target, options: Options) -> Verdict:
    """Ends the service."""
    if target.process is None:
        raise NotSeen("this scenario ends the service, so it has to start it: give --store, not --url")
    async with target.pool() as pool:
        load = Load(pool)
        async with asyncio.TaskGroup() as callers:
            for number in range(options.callers):
                callers.create_task(load.call(keeps=number % 2 == 0))
            await load.enough.wait()
            signalled = time.monotonic()
            target.process.send_signal(signal.SIGTERM)
    try:
        code: int | None = await asyncio.to_thread(target.process.wait, END_SECONDS)
    except subprocess.TimeoutExpired:
        code = None
    return judge(load, signalled, code)


def judge(load: Load, signalled: float, code: int | None) -> Verdict:
    """Whether a request later than `listened_at` came in time nobody can say: those are told and not judged."""
    draining = Counter(sent.status for sent in load.sent if signalled <= sent.at <= load.listened_at)
    whole = Counter(sent.status for sent in load.sent if sent.at <= load.listened_at)
    later = Counter(sent.status for sent in load.sent if sent.at > load.listened_at)
    lost = whole.total() - whole[200]
    ended = f"exit code {code}" if code is not None else "did not end"
    return Verdict(
        f"{lost:,} of {whole.total():,} requests lost, {draining.total():,} of which were sent after SIGTERM; "
        f"{later.total():,} more as it stopped listening, {later[200]:,} of them answered; {ended}",
        kept=lost == 0 == code and draining.total() > 0,
        figures={"sent": whole, "sent_after_sigterm": draining, "later": later, "exit_code": code},
    )
