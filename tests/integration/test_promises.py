"""The promises of batching over real HTTP, with real models: the scenarios of benchmarks/, in numbers for a test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from benchmarks import foreign
from benchmarks.scenarios.abandoned import abandoned
from benchmarks.scenarios.heads import heads
from benchmarks.scenarios.mixed import mixed
from benchmarks.scenarios.overload import overload
from benchmarks.scenarios.parity import parity
from benchmarks.scenarios.poison import poison
from benchmarks.scenarios.replicas import SETTINGS, replicas
from benchmarks.scenarios.retraces import retraces
from benchmarks.scenarios.rolls import rolls
from benchmarks.scenarios.sigterm import sigterm
from benchmarks.scenarios.startup import Start, startup
from benchmarks.service import fill, service_on
from benchmarks.target import Target
from benchmarks.verdict import Options
from tests.running import Service
from training import recipes

pytestmark = pytest.mark.anyio

HEAVY = {"stereo_depth": 40, "garment": 200, "garment_residual": 200, "clothing_price": 500}
"""Requests where an answer takes many times as long as elsewhere."""


def target_of(service: Service) -> Target:
    return Target(service.address, service.process, service.log)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Two models that somebody else made."""
    store = tmp_path_factory.mktemp("promises") / "store"
    for name in (foreign.UNMASKED, foreign.TWELVE):
        foreign.save(store, name)
    with Service(store, store.parent / "log") as service:
        service.wait_until_warm()
        yield target_of(service)
    assert service.process.returncode == 0, service.log.read_text()


@pytest.fixture(scope="module")
def whole_store(smoke_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Every model of ours, and one that is not."""
    store = tmp_path_factory.mktemp("parity") / "store"
    shutil.copytree(smoke_store, store)
    foreign.save(store, foreign.UNMASKED)
    with Service(store, store.parent / "log") as service:
        service.wait_until_warm()
        yield target_of(service)


async def test_a_bad_request_fails_alone(target: Target) -> None:
    verdict = await poison(target, Options())
    assert verdict.kept, verdict


async def test_what_was_abandoned_is_not_executed(target: Target) -> None:
    verdict = await abandoned(target, Options())
    assert verdict.kept, verdict


async def test_twelve_heads_are_complete_and_right(target: Target) -> None:
    verdict = await heads(target, Options(count=500))
    assert verdict.kept, verdict


async def test_ragged_requests_get_the_answers_they_get_alone(target: Target) -> None:
    verdict = await parity(target, Options((foreign.UNMASKED, foreign.TWELVE), count=400))
    assert verdict.kept, verdict
    assert verdict.figures[foreign.UNMASKED].rows_per_batch > 1.5, verdict  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize("model", [*recipes.NAMES, foreign.UNMASKED])
async def test_2000_ragged_requests_get_the_answers_they_get_alone(whole_store: Target, model: str) -> None:
    verdict = await parity(whole_store, Options((model,), count=HEAVY.get(model, 2000)))
    assert verdict.kept, verdict


async def test_sigterm_under_load_loses_nothing(tmp_path: Path) -> None:
    fill(tmp_path / "store", tmp_path, wanted=(), made_here=(foreign.UNMASKED,))
    with service_on(tmp_path / "store", tmp_path / "log") as target:
        verdict = await sigterm(target, Options(callers=32))
    assert verdict.kept, verdict
    assert "Traceback" not in (tmp_path / "log").read_text()


async def test_versions_take_over_under_load_without_a_failed_request(tmp_path: Path) -> None:
    foreign.save(tmp_path / "made", foreign.TWELVE)
    fill(tmp_path / "store", tmp_path / "made", wanted=(foreign.TWELVE,), made_here=(), versions=2)
    with service_on(tmp_path / "store", tmp_path / "log") as target:
        verdict = await rolls(target, Options((foreign.TWELVE,), callers=64, rolls=4))
    assert verdict.kept, verdict
    assert "Traceback" not in (tmp_path / "log").read_text()


async def test_nothing_is_traced_once_a_model_is_ready(target: Target) -> None:
    verdict = await retraces(target, Options((foreign.UNMASKED, foreign.TWELVE), count=300))
    assert verdict.kept, verdict


@pytest.mark.slow
async def test_a_start_is_measured_and_the_second_knows_what_the_first_found_out(tmp_path: Path) -> None:
    """That there are figures, not which: those are of a machine that does nothing else."""
    fill(tmp_path / "store", tmp_path, wanted=(), made_here=(foreign.TWELVE, foreign.UNMASKED))
    verdict = await startup(Target("", store=tmp_path / "store"), Options(count=1))
    cold, (warm,) = cast(Start, verdict.figures["cold"]), cast(list[Start], verdict.figures["warm"])
    for start in (cold, warm):
        assert 0 < start.imported < start.usable < start.ready
        assert start.first.keys() == start.hundredth.keys() == {foreign.TWELVE, foreign.UNMASKED}
    for model in (foreign.TWELVE, foreign.UNMASKED):
        assert warm.stages[model]["measuring"] < cold.stages[model]["measuring"], verdict
        assert warm.stages[model]["padding trial"] < cold.stages[model]["padding trial"], verdict


async def test_replicas_take_equal_parts_of_one_queue(tmp_path: Path) -> None:
    fill(tmp_path / "store", tmp_path, wanted=(), made_here=(foreign.UNMASKED,))
    with service_on(tmp_path / "store", tmp_path / "log", SETTINGS) as target:
        verdict = await replicas(target, Options(seconds=2.0, deadline=10.0))
    assert verdict.kept, verdict
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.slow
async def test_overload_and_fair_share_are_measured(target: Target) -> None:
    """That there are figures, not which: those are of a machine that does nothing else."""
    options = Options((foreign.TWELVE,), deadline=0.5, seconds=0.4)
    verdict = await overload(target, options)
    assert verdict.figures["peak"].rate > 0, verdict  # type: ignore[attr-defined]
    loads = verdict.figures["loads"]
    assert isinstance(loads, list)
    assert [load.name for load in loads] == ["0.2x", "0.5x", "1x", "2x", "then 0.2x", "3x", "then 0.2x"]
    assert all(sum(load.shares.values()) == pytest.approx(1) for load in loads), verdict.figures
    assert loads[0].shares.get(200, 0.0) > 0.5, verdict
    fair = await mixed(target, Options((foreign.TWELVE, foreign.UNMASKED), deadline=0.5, seconds=0.4))
    assert "beside twelve_heads at 3x" in str(fair)
