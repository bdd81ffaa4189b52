"""What a service tells of itself: models, metrics, its log, its memory."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import orjson
import pytest

from benchmarks import target as target_module
from benchmarks.memory import memory_of, resident
from benchmarks.target import NotSeen, Target, grown
from tests.unit.benchmarks.conftest import Asked, Server

pytestmark = pytest.mark.anyio

METRICS = """# TYPE inference_rows_total counter
inference_rows_total{{model="digits",version="1"}} {digits}
inference_rows_total{{model="digits",version="2"}} 3
inference_rows_total{{model="book",version="1"}} 9
"""


def tell(asked: Asked) -> None:
    """One more row each time it is asked."""
    tell.rows += 1  # type: ignore[attr-defined]
    pages = {
        "/metrics": METRICS.format(digits=tell.rows).encode(),  # type: ignore[attr-defined]
        "/models": orjson.dumps({"models": [{"name": "digits", "version": 1}, {"name": "absent", "version": None}]}),
        "/models/digits": b'{"name": "digits", "heads": []}',
    }
    asked.say(200 if asked.path in pages else 404, pages.get(asked.path, b"{}"))


@pytest.fixture
def target(server: Server) -> Target:
    tell.rows = 0  # type: ignore[attr-defined]
    server.decide = tell
    return Target(server.address)


async def test_metrics_are_summed_over_what_is_not_asked_for(target: Target) -> None:
    scrape = await target.scrape()
    assert scrape.total("inference_rows_total", model="digits") == 4
    assert scrape.total("inference_rows_total", model="digits", version="2") == 3
    assert scrape.total("inference_rows_total") == 13
    assert scrape.total("inference_rows_total", model="nobody") == 0
    assert grown("inference_rows_total", scrape, await target.scrape(), model="digits") == 1


async def test_it_waits_until_something_is_seen_and_not_for_ever(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = await target.until(lambda now: now.total("inference_rows_total", version="1") >= 14, "rows")
    assert seen.total("inference_rows_total", model="digits", version="1") == 5
    monkeypatch.setattr(target_module, "PATIENCE", 0.05)
    with pytest.raises(NotSeen, match="a miracle: not within"):
        await target.until(lambda now: False, "a miracle")


async def test_only_models_that_can_answer_are_described(target: Target) -> None:
    assert await target.models() == ["digits"]
    assert (await target.describe("digits"))["name"] == "digits"
    with pytest.raises(NotSeen, match="no model 'absent'"):
        await target.describe("absent")
    with pytest.raises(httpx.HTTPStatusError):
        await target.get("/nowhere")


def test_lines_of_the_log_are_counted_from_where_it_stood(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text('{"event":"call dropped"}\n')
    start = log.stat().st_size
    with log.open("a") as file:
        file.write('{"event":"request"}\n{"rows":1,"event":"call dropped"}\n')
    target = Target("http://127.0.0.1:1", log=log)
    assert (target.lines_with("call dropped"), target.lines_with("call dropped", start)) == (2, 1)


async def test_memory_is_watched_while_something_runs() -> None:
    async with memory_of(os.getpid()) as memory:
        assert memory is not None
        kept = bytearray(os.urandom(64)) * 2**20  # 64 MiB that are really there
    assert memory.before > 10
    assert memory.peak >= memory.after > memory.before + len(kept) / 2**20 / 2
    assert "MiB before" in str(memory)


async def test_a_process_that_is_not_to_be_seen_has_no_figures() -> None:
    assert resident(2**30) is None
    async with memory_of(None) as nothing, memory_of(2**30) as gone:
        assert nothing is gone is None
