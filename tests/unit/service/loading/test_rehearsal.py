"""Examples that go the way of a request, by a batcher that tells nobody."""

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
from structlog.testing import capture_logs

from service.api.decoding import Decoder
from service.batching.batcher import Batcher
from service.batching.policy import BatchPolicy
from service.codec.nested_json import ModelCodec
from service.events import BatchRan, Event
from service.inference import Served
from service.loading import rehearsal
from service.loading.rehearsal import Muted, rehearse
from service.runtime.fake import FakeServable, fake_signature
from service.settings import Limits

pytestmark = pytest.mark.anyio

BODIES = [orjson.dumps({"inputs": {"text": [1] * length, "series": [0.5]}}) for length in (2, 3)]


class Stage:
    """A version that is not available yet."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.emit = Muted(self.events.append)
        self.fake = FakeServable(fake_signature())
        self.batcher = Batcher("fake", 1, self.fake, BatchPolicy(), self.emit)
        codec = ModelCodec("fake", self.fake.signature, {}, Path())
        self.served = Served("fake", 1, self.fake.signature, None, None, codec, self.batcher, self.batcher)

    async def rehearse(self, *bodies: bytes) -> None:
        await rehearse(self.served, bodies, Limits(), Decoder())


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    async with made.batcher:
        yield made


async def test_every_example_runs_and_nobody_hears_of_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "SECONDS", 60.0)
    with capture_logs() as logs:
        await stage.rehearse(*BODIES)
    assert stage.fake.batches == [(1, frozenset(stage.fake.signature.head_names))] * rehearsal.MOST
    assert (stage.events, logs) == ([], [])


async def test_it_is_over_when_its_time_is(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "SECONDS", -1.0)
    await stage.rehearse(*BODIES)
    assert len(stage.fake.batches) == 1


@pytest.mark.parametrize(("body", "status"), [(b'{"inputs": {}}', 422), (BODIES[0], 500)])
async def test_a_failure_ends_it_and_is_told_once(stage: Stage, body: bytes, status: int) -> None:
    stage.fake.fail_next(100 if status == 500 else 0)
    with capture_logs() as logs:
        await stage.rehearse(body)
    (line,) = [line for line in logs if line["event"] == "rehearsal failed"]
    assert (line["log_level"], line["status"], line["model"]) == ("warning", status, "fake")


def test_what_is_no_longer_muted_is_told() -> None:
    told: list[Event] = []
    emit, event = Muted(told.append), BatchRan("fake", 1, 1, 0.0, (), 0.0, 0.1, failed=False)
    emit(event)
    assert told == []
    emit.is_muted = False
    emit(event)
    assert told == [event]
