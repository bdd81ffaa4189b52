"""What people see of a service that starts: how far it is, who answers already, and what it knew before."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from models.artifact import GRAPH, Manifest, publish
from models.padding_trial import establish
from models.signature import Signature
from service.app import running
from service.batching.calibration import calibrate
from service.runtime.fake import FakeServable, fake_signature
from service.settings import Batching, Runtime
from tests.functional.conftest import Manifold, until, write_version

pytestmark = pytest.mark.anyio

GOOD = {"inputs": {"text": [1, 2, 3], "series": [0.5, 1.5]}}


class Slow(Manifold):
    """Graphs of more than a few bytes are loaded once the gate is open."""

    def __init__(self, store: Path, /, **settings: Any) -> None:
        self.gate = threading.Event()
        self.waits = threading.Event()
        super().__init__(store, **settings)

    def load(self, graph: Path, declared: Signature | None) -> FakeServable:
        if graph.stat().st_size > 100:
            self.waits.set()
            self.gate.wait()
        return super().load(graph, declared)


@contextmanager
def opened(gate: threading.Event) -> Iterator[None]:
    """However the block ends: a thread waits there."""
    try:
        yield
    finally:
        gate.set()


def write_large_version(store: Path, model: str) -> None:
    manifest = Manifest(model=model, signature=fake_signature(), preprocessing={})
    publish(store, manifest, [], lambda folder: void((folder / GRAPH).write_bytes(bytes(1000))))


def void(_: object) -> None:
    return None


async def test_who_waits_is_told_the_stage_and_small_models_answer_meanwhile(tmp_path: Path) -> None:
    write_large_version(tmp_path, "a_large_one")
    write_version(tmp_path, "small")
    made = Slow(tmp_path)
    with anyio.fail_after(20), opened(made.gate):
        async with running(made.parts), made.client:
            await anyio.to_thread.run_sync(made.waits.wait)
            reply = await made.client.get("/readyz")
            told = reply.json()
            assert (reply.status_code, told["ready"]) == (503, False)
            assert told["models"] == {"a_large_one": "LOADING", "small": "AVAILABLE"}
            loading = told["loading"].pop("a_large_one")
            assert told["loading"] == {}
            assert loading.pop("seconds") >= 0
            assert loading == {"version": 1, "stage": "loading graph"}
            listed = (await made.client.get("/models")).json()["models"]
            assert [each["versions"][0].get("progress", {}).get("stage") for each in listed] == ["loading graph", None]
            assert (await made.predict(GOOD, "small")).status_code == 200
            assert (await made.predict(GOOD, "a_large_one")).json()["error"]["code"] == "model_not_ready"
            made.gate.set()
            await made.ready()
            assert (await made.client.get("/readyz")).json()["loading"] == {}
            assert (await made.predict(GOOD, "a_large_one")).status_code == 200


async def test_who_fails_to_load_is_no_longer_loading(tmp_path: Path) -> None:
    write_version(tmp_path)

    class Broken(Manifold):
        def load(self, graph: Path, declared: Signature | None) -> FakeServable:
            raise ValueError("no graph")

    made = Broken(tmp_path)
    with anyio.fail_after(20):
        async with running(made.parts), made.client:
            await until(lambda: [each.state for each in made.parts.manager.statuses()] == ["END"])
            assert (await made.client.get("/readyz")).json()["loading"] == {}


class Counted:
    """How often a function was called."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.calls = 0

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.calls += 1
        return self.function(*arguments, **named)


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> Counted:
    counted = Counted(establish)
    monkeypatch.setattr("service.loading.preparation.establish", counted)
    return counted


@pytest.fixture
def calibrations(monkeypatch: pytest.MonkeyPatch) -> Counted:
    counted = Counted(calibrate)
    monkeypatch.setattr("service.loading.preparation.calibrate", counted)
    return counted


async def started(store: Path, **settings: Any) -> dict[str, Any]:
    """What the model says of itself after a start."""
    made = Manifold(store, **settings)
    with anyio.fail_after(20):
        async with running(made.parts), made.client:
            await made.ready()
            told: dict[str, Any] = (await made.client.get("/models/fake")).json()
            return told


async def test_a_second_start_tries_and_measures_nothing(
    tmp_path: Path, trials: Counted, calibrations: Counted
) -> None:
    write_version(tmp_path / "store")
    runtime = Runtime(cache=tmp_path / "cache")
    first = await started(tmp_path / "store", runtime=runtime)
    assert (first["load"]["padding"], first["load"]["latencies"]) == ("tried", "measured")
    assert set(first["load"]["seconds"]) == {
        "waiting",
        "reading",
        "loading graph",
        "golden examples",
        "padding trial",
        "warming up",
        "measuring",
        "rehearsing",
    }
    with capture_logs() as logs:
        second = await started(tmp_path / "store", runtime=runtime)
    assert (second["load"]["padding"], second["load"]["latencies"]) == ("cached", "cached")
    assert (trials.calls, calibrations.calls) == (1, 1)
    assert second["inputs"] == first["inputs"]  # with the evidence of the first trial
    (line,) = [line for line in logs if line["event"] == "version prepared"]
    assert (line["model"], line["version"], line["cached"]) == ("fake", 1, ("latencies", "padding"))
    assert line["stages"].keys() == first["load"]["seconds"].keys()


async def test_another_policy_measures_and_other_files_try_again(
    tmp_path: Path, trials: Counted, calibrations: Counted
) -> None:
    write_version(tmp_path / "store")
    runtime = Runtime(cache=tmp_path / "cache")
    await started(tmp_path / "store", runtime=runtime)
    told = await started(tmp_path / "store", runtime=runtime, batching=Batching(max_batch_size=4))
    assert (told["load"]["padding"], told["load"]["latencies"]) == ("cached", "measured")
    (tmp_path / "store" / "fake" / "1" / "more.txt").write_text("another file")
    told = await started(tmp_path / "store", runtime=runtime)
    assert (told["load"]["padding"], told["load"]["latencies"]) == ("tried", "measured")
    assert (trials.calls, calibrations.calls) == (2, 3)


async def test_without_warm_up_nothing_is_tried_or_kept(tmp_path: Path, trials: Counted) -> None:
    write_version(tmp_path / "store")
    told = await started(tmp_path / "store", runtime=Runtime(cache=tmp_path / "cache", warmup=False))
    assert (told["load"]["padding"], told["load"]["latencies"]) == ("not tried", "not measured")
    assert (trials.calls, (tmp_path / "cache").exists()) == (0, False)


async def test_where_nothing_can_be_written_all_is_as_without(tmp_path: Path, trials: Counted) -> None:
    write_version(tmp_path / "store", "fake")
    write_version(tmp_path / "store", "other")
    (tmp_path / "file").write_text("")
    with capture_logs() as logs:
        told = await started(tmp_path / "store", runtime=Runtime(cache=tmp_path / "file"))
    assert told["load"]["padding"] == "tried"
    assert trials.calls == 2
    assert [line["log_level"] for line in logs if line["event"] == "nothing is cached"] == ["info"]


async def test_the_rehearsal_runs_the_model_and_is_no_traffic(manifold: Manifold) -> None:
    assert manifold.fake.batches == []  # forgotten when it was ready
    for metric in ("inference_requests_total", "inference_rows_total", "inference_batches_total"):
        assert await manifold.metric(metric, model="fake") == 0
        assert metric in (await manifold.client.get("/metrics")).text
    assert await manifold.metric("model_load_stage_seconds", model="fake", stage="rehearsing") > 0
