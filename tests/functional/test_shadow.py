"""A candidate tried on callers' requests: what an operator sees of it, and that no caller ever does."""

import asyncio
import random
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import numpy as np
import pytest
from pydantic import SecretStr

from models.preprocessing import Numbers, Preprocessing
from models.signature import Head, Input, Signature, TensorSpec
from service.app import running
from service.batching.padding import stack
from service.runtime.fake import FakeServable, fake_signature
from service.runtime.servable import Tensors
from service.settings import Admin, ModelOverrides, Runtime, Shadow, Store
from service.shadow import ROWS_OF_REQUEST, ROWS_WAITING
from tests.functional.conftest import Manifold, is_poison, until, write_version

pytestmark = pytest.mark.anyio

GOOD = {"inputs": {"text": [1, 2, 3], "series": [0.5, 1.5]}}
KEY = {"Authorization": "Bearer a secret"}
ADMIN = Admin(token=SecretStr("a secret"))
OLDER = 2.0
"""Years that every version says more than the one before it."""


class Ageing(FakeServable):
    """The fake, with an age that depends on the version."""

    def __init__(self, signature: Signature, version: int) -> None:
        super().__init__(signature, is_poison)
        self.version = version

    def run(self, inputs: Tensors, heads: Collection[str]) -> Tensors:
        told = dict(super().run(inputs, heads))
        if "age" in told:
            told["age"] = told["age"] + np.float32(OLDER * self.version)
        return told


class Shadowed(Manifold):
    """Versions of `fake` that differ, of which 1 is stable."""

    is_late = False

    def load(self, graph: Path, declared: Signature | None) -> Ageing:
        fake = Ageing(declared or fake_signature(), int(graph.parent.name))
        self.fakes.append(fake)
        return fake

    def of(self, version: int) -> Ageing:
        return next(each for each in self.fakes if isinstance(each, Ageing) and each.version == version)

    async def admin(self, call: str, body: Any = None) -> httpx.Response:
        """`call` as `POST promote`."""
        method, path = call.split()
        return await self.client.request(method, f"/admin/models/fake/{path}", headers=KEY, json=body)

    async def shadow(self, share: float = 1.0) -> None:
        reply = await self.admin("POST shadow", {"version": 2, "share": share})
        assert reply.status_code == 200, reply.text

    async def compare(self) -> dict[str, Any]:
        reply = await self.client.get("/models/fake/compare")
        assert reply.status_code == 200, reply.text
        told: dict[str, Any] = reply.json()
        return told

    async def settled(self, rows: int) -> dict[str, Any]:
        """The report once something became of so many rows."""
        while True:
            told = await self.compare()
            if sum(told["rows"].values()) - told["rows"]["mirrored"] >= rows:
                return told
            await anyio.lowlevel.checkpoint()


def overrides(**more: Any) -> dict[str, ModelOverrides]:
    return {"fake": ModelOverrides(labels={"stable": 1}, **more)}


@asynccontextmanager
async def serving(store: Path, /, **settings: Any) -> AsyncIterator[Shadowed]:
    given = {
        "admin": ADMIN,
        "store": Store(path=store, poll_interval=0.01, version_policy="all"),
        "models": overrides(),
        # One turn on the device for all: what holds it holds everybody.
        "runtime": Runtime(max_concurrent_batches=1),
    }
    made = Shadowed(store, **(given | settings))
    with anyio.fail_after(30):
        async with running(made.parts), made.client:
            await made.ready()
            await until(
                lambda: all(each.state == "AVAILABLE" for each in made.parts.manager.status_of("fake").versions)
            )
            for fake in made.fakes:
                fake.forget()
            # Whether a busy machine keeps up is no matter of these tests.
            made.parts.shadows._is_late = lambda: made.is_late
            yield made
            for fake in made.fakes:
                fake.gate.set()
    assert repr(made.parts.manager).endswith("0 available]>")
    assert repr(made.parts.shadows) == "<Shadows []>"
    assert not made.parts.shadows._ending


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Shadowed]:
    write_version(tmp_path)
    write_version(tmp_path)
    async with serving(tmp_path) as made:
        yield made


def heads(told: Mapping[str, Any]) -> dict[str, Any]:
    return {each["head"]: each for each in told["heads"]}


def refused(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


async def test_a_candidate_is_tried_compared_and_promoted(two: Shadowed) -> None:
    await two.shadow()
    assert (await two.client.get("/models/fake")).json()["shadow"] == {"version": 2, "share": 1.0}
    bodies = [{"inputs": {"text": [at], "series": [0.5 * at]}} for at in range(1, 9)]
    for body in bodies:
        assert (await two.predict(body)).json()["version"] == 1
    told = await two.settled(8)
    assert (told["model"], told["answering"], told["candidate"], told["share"]) == ("fake", 1, 2, 1.0)
    assert told["rows"] == {"mirrored": 8, "compared": 8, "failed": 0, "dropped": 0, "not_comparable": 0}
    assert (told["ended"], told["reasons"], told["heads_not_compared"]) == (None, {}, [])
    found = heads(told)
    assert (found["age"]["unit"], found["age"]["rows"]) == ("years", 8)
    for figure in ("mean_absolute_difference", "largest_difference", "bias"):
        assert found["age"][figure] == pytest.approx(OLDER, abs=1e-5)
    for head in ("room", "sure"):
        assert (found[head]["label_agreement"], found[head]["divergence"]) == (1.0, 0.0)
    assert [(each["version"], each["batches"], each["rows"]) for each in told["compute"]] == [(1, 8, 8), (2, 8, 8)]
    assert await two.metric("shadow_rows_total", model="fake", version="2", outcome="compared") == 8
    assert await two.metric("shadow_head_difference", version="2", head="age") == pytest.approx(OLDER, abs=1e-5)
    assert await two.metric("shadow_label_agreement_ratio", version="2", head="room") == 1
    promoted = (await two.admin("POST promote")).json()
    assert (promoted["version"], promoted["labels"], promoted["shadow"]) == (2, {"stable": 2}, None)
    assert (await two.predict(GOOD)).json()["version"] == 2
    last = await two.compare()
    assert (last["ended"], last["rows"]) == ("version 2 answers now", told["rows"])
    assert "shadow_head_difference{" not in (await two.client.get("/metrics")).text


async def test_only_what_the_stable_version_answered_is_mirrored(two: Shadowed) -> None:
    await two.shadow()
    for path in ("versions/2", "versions/1", "labels/stable"):
        assert (await two.client.post(f"/models/fake/{path}/predict", json=GOOD)).status_code == 200
    assert (await two.settled(2))["rows"]["mirrored"] == 2


async def test_only_the_heads_that_were_asked_for_are_run_and_compared(two: Shadowed) -> None:
    await two.shadow()
    await two.predict(GOOD | {"heads": ["sure"]})
    found = heads(await two.settled(1))
    assert [found[head]["rows"] for head in ("age", "room", "sure")] == [0, 0, 1]
    assert two.of(2).batches == [(1, frozenset({"sure"}))]


async def test_the_share_is_drawn_for_each_request(two: Shadowed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two.parts.shadows, "_chance", random.Random(7).random)
    await two.shadow(0.3)
    for _ in range(20):
        await two.predict(GOOD)
    draws = random.Random(7)
    picked = sum(draws.random() < 0.3 for _ in range(20))
    assert 0 < picked < 20
    assert (await two.settled(picked))["rows"]["compared"] == picked
    assert (await two.compare())["rows"]["mirrored"] == picked


async def test_of_a_large_request_only_the_first_rows(two: Shadowed) -> None:
    await two.shadow()
    many = {"instances": [{"text": [1], "series": [at]} for at in range(40)]}
    assert len((await two.predict(many)).json()["predictions"]) == 40
    assert (await two.settled(ROWS_OF_REQUEST))["rows"]["compared"] == ROWS_OF_REQUEST
    assert sum(rows for rows, _ in two.of(2).batches) == ROWS_OF_REQUEST


async def test_a_hanging_candidate_is_nobodys_trouble(two: Shadowed) -> None:
    """There is one turn on the device, and the candidate never gives back what it takes."""
    two.of(2).gate.clear()
    await two.shadow()
    for asked in range(ROWS_WAITING + 10):
        assert (await two.predict(GOOD)).status_code == 200
        if not asked:
            await until(lambda: len(two.of(2).batches) == 1)
    told = await two.compare()
    # One runs, as many as may wait, the others are let go.
    assert told["rows"] == {"mirrored": 74, "compared": 0, "failed": 0, "dropped": 9, "not_comparable": 0}
    assert told["reasons"] == {"no room: as much waits as may": 9}
    assert await two.metric("inference_predicted_wait_seconds", version="1") == 0
    assert await two.metric("inference_pending_requests", version="2") == 0
    assert await two.metric("inference_requests_total", outcome="ok") == 74
    assert await two.metric("shadow_rows_total", outcome="dropped") == 9


async def test_a_late_event_loop_is_left_to_the_callers(two: Shadowed) -> None:
    await two.shadow()
    two.is_late = True
    assert (await two.predict(GOOD)).status_code == 200
    told = await two.settled(1)
    assert (told["rows"]["dropped"], told["reasons"]) == (1, {"no room: the event loop is late": 1})
    assert two.of(2).batches == []


async def test_nothing_runs_after_the_drop(two: Shadowed) -> None:
    two.of(2).gate.clear()
    await two.shadow()
    for _ in range(5):
        await two.predict(GOOD)
    await until(lambda: len(two.of(2).batches) == 1)
    dropped = await two.admin("DELETE shadow")
    assert dropped.json()["shadow"] is None
    two.of(2).gate.set()
    for _ in range(5):
        await two.predict(GOOD)
    told = await two.compare()
    assert told["ended"] == "it was dropped"
    assert told["rows"] == {"mirrored": 5, "compared": 0, "failed": 0, "dropped": 5, "not_comparable": 0}
    assert told["reasons"] == {"the shadow ended": 5}
    assert len(two.of(2).batches) == 1
    await two.shadow()
    await two.predict(GOOD)
    assert (await two.settled(1))["rows"]["compared"] == 1


@pytest.mark.parametrize("turns", [2, 8])
async def test_rows_wait_until_nobody_else_wants_the_device(tmp_path: Path, turns: int) -> None:
    """A caller of the candidate itself keeps it busy; with its batch the waiting rows have their turn."""
    write_version(tmp_path)
    write_version(tmp_path)
    async with serving(tmp_path, runtime=Runtime(max_concurrent_batches=turns)) as two:
        await two.shadow()
        two.of(2).gate.clear()
        caller = asyncio.create_task(two.client.post("/models/fake/versions/2/predict", json=GOOD))
        await until(lambda: len(two.of(2).batches) == 1)
        for _ in range(3):
            assert (await two.predict(GOOD)).status_code == 200
        await anyio.wait_all_tasks_blocked()
        assert "[3 waiting]" in repr(two.parts.shadows)
        assert len(two.of(2).batches) == 1
        two.of(2).gate.set()
        assert (await caller).status_code == 200
        assert (await two.settled(3))["rows"]["compared"] == 3


async def test_the_failures_of_a_candidate_are_counted(two: Shadowed) -> None:
    await two.shadow()
    two.of(2).fail_next(1)
    for _ in range(3):
        assert (await two.predict(GOOD)).status_code == 200
    told = await two.settled(3)
    assert told["rows"] == {"mirrored": 3, "compared": 2, "failed": 1, "dropped": 0, "not_comparable": 0}
    assert told["reasons"] == {"the model raised RuntimeError on this request": 1}


async def test_answers_that_failed_are_not_mirrored(two: Shadowed) -> None:
    await two.shadow()
    two.of(1).fail_next(1)
    assert (await two.predict(GOOD)).status_code == 500
    assert (await two.predict({"inputs": {}})).status_code == 422
    assert (await two.compare())["rows"]["mirrored"] == 0
    assert two.of(2).batches == []


@pytest.mark.parametrize(
    ("call", "body", "status", "says"),
    [
        ("POST shadow", {"version": 2, "share": 0}, 422, "share"),
        ("POST shadow", {"version": 2, "share": 1.1}, 422, "share"),
        ("POST shadow", {"version": "2"}, 422, "version"),
        ("POST shadow", {"version": 2, "shares": 1}, 422, "shares"),
        ("POST shadow", {"version": 1}, 409, "the one that answers"),
        ("POST shadow", {"version": 9}, 409, "not loaded"),
        ("POST promote", None, 409, "no shadow to promote"),
        ("DELETE shadow", None, 409, "no shadow to drop"),
    ],
)
async def test_what_cannot_be_tried_is_refused(two: Shadowed, call: str, body: Any, status: int, says: str) -> None:
    reply = await two.admin(call, body)
    assert reply.status_code == status
    assert says in reply.text
    assert refused(await two.client.get("/models/fake/compare")) == (404, "model_not_found")
    assert refused(await two.client.get("/models/nobody/compare")) == (404, "model_not_found")


async def test_one_at_a_time_and_only_with_the_token(two: Shadowed) -> None:
    await two.shadow()
    again = await two.admin("POST shadow", {"version": 2})
    assert refused(again) == (409, "change_refused")
    assert "already" in again.text
    for method, path in (("POST", "shadow"), ("DELETE", "shadow"), ("POST", "promote")):
        reply = await two.client.request(method, f"/admin/models/fake/{path}", json={"version": 2})
        assert refused(reply) == (401, "unauthenticated")
    assert (await two.compare())["ended"] is None


async def test_a_shadow_ends_when_its_pair_does(two: Shadowed) -> None:
    await two.shadow()
    assert refused(await two.admin("POST versions/2/unload")) == (409, "change_refused")
    assert (await two.admin("POST versions/2/unload?force=true")).status_code == 200
    told = await two.compare()
    assert told["ended"] == "version 2 is not available any more"
    await two.admin("POST versions/2/load")
    assert (await two.compare())["ended"] is not None
    await two.shadow()
    assert (await two.admin("POST versions/2/reload")).status_code == 200
    assert (await two.compare())["ended"] == "version 2 was loaded anew"
    await two.shadow()
    await two.admin("PUT labels/stable", {"version": 2})
    assert (await two.compare())["ended"] == "version 2 answers now"
    assert (await two.client.get("/models/fake")).json()["shadow"] is None
    assert (await two.predict(GOOD)).json()["version"] == 2


async def test_the_end_of_a_hanging_candidate_waits_for_nobody(two: Shadowed) -> None:
    """A shadow's rows hold the lease of a version only while they are wanted."""
    two.of(2).gate.clear()
    await two.shadow()
    await two.predict(GOOD)
    await until(lambda: len(two.of(2).batches) == 1)
    unloading = asyncio.create_task(two.admin("POST versions/2/unload?force=true"))
    await until(lambda: "2" not in repr(two.parts.shadows))
    assert (await two.predict(GOOD)).status_code == 200
    two.of(2).gate.set()
    assert (await unloading).status_code == 200


async def test_the_policy_keeps_a_candidate_as_long_as_it_is_tried(tmp_path: Path) -> None:
    write_version(tmp_path)
    write_version(tmp_path)
    store = Store(path=tmp_path, poll_interval=0.01, version_policy="latest:1")
    async with serving(tmp_path, store=store) as made:
        await made.shadow()
        write_version(tmp_path)

        def loaded() -> list[int]:
            return [each.number for each in made.parts.manager.status_of("fake").versions]

        await until(lambda: 3 in loaded() and made.parts.manager.is_available("fake", 3))
        await made.parts.manager.reconcile()
        assert loaded() == [1, 2, 3]
        assert (await made.compare())["ended"] is None
        await made.admin("DELETE shadow")
        await until(lambda: loaded() == [1, 3])


async def test_a_shadow_of_the_configuration_waits_for_its_version(tmp_path: Path) -> None:
    write_version(tmp_path)
    async with serving(tmp_path, models=overrides(shadow=Shadow(version=2, share=1.0))) as made:
        reply = await made.client.get("/models/fake/compare")
        assert refused(reply) == (404, "model_not_found")
        assert "waits until version 2" in reply.text
        assert (await made.client.get("/models/fake")).json()["shadow"] == {"version": 2, "share": 1.0}
        assert refused(await made.admin("POST promote")) == (409, "change_refused")
        write_version(tmp_path)
        await until(lambda: made.parts.manager.is_available("fake", 2))
        await made.predict(GOOD)
        assert (await made.settled(1))["rows"]["compared"] == 1


async def try_other(
    tmp_path: Path, body: Any, signature: Signature, preprocessing: Mapping[str, Preprocessing] | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The report after one request to a candidate that is not like the answering version, and the caller's answer."""
    write_version(tmp_path)
    write_version(tmp_path, signature=signature, preprocessing=preprocessing, breaking="to be tried first")
    async with serving(tmp_path) as made:
        await made.shadow()
        answer = (await made.predict(body)).json()
        return await made.settled(1), answer


async def test_a_candidate_that_encodes_otherwise_reads_the_request_itself(tmp_path: Path) -> None:
    told, answer = await try_other(tmp_path, GOOD, fake_signature(), {"series": Numbers(scale=3.0)})
    assert told["rows"]["compared"] == 1
    row = {"text": np.array([1, 2, 3], np.int32), "series": np.array([1.5, 4.5], np.float32)}
    tensors, _ = stack(fake_signature(), [row], ())
    theirs = Ageing(fake_signature(), 2).run(tensors, ["age"])["age"][0, 0]
    bias = theirs - answer["outputs"]["age"]["value"]
    assert abs(bias - OLDER) > 0.01
    assert heads(told)["age"]["bias"] == pytest.approx(bias, abs=1e-5)


async def test_what_a_candidate_does_not_take_is_not_comparable(tmp_path: Path) -> None:
    ours = fake_signature()
    more = Signature((*ours.inputs, Input(name="season", spec=TensorSpec("float32", (1,)))), ours.heads)
    told, _ = await try_other(tmp_path, GOOD, more)
    assert told["rows"] == {"mirrored": 1, "compared": 0, "failed": 0, "dropped": 0, "not_comparable": 1}
    (reason,) = told["reasons"]
    assert reason.startswith("input 'season': the candidate expects ")


async def test_heads_of_one_version_only_are_listed(tmp_path: Path) -> None:
    ours = fake_signature()
    other = Signature(ours.inputs, (*ours.heads[:1], Head(name="mood", spec=TensorSpec("float32", (1,)))))
    told, answer = await try_other(tmp_path, GOOD, other)
    assert list(answer["outputs"]) == ["age", "room", "sure"]
    assert [each["head"] for each in told["heads"]] == ["age"]
    assert told["heads_not_compared"] == [
        {"head": "room", "reason": "only the answering version has it"},
        {"head": "sure", "reason": "only the answering version has it"},
        {"head": "mood", "reason": "only the candidate has it"},
    ]
    told, _ = await try_other(tmp_path / "again", GOOD | {"heads": ["room"]}, other)
    assert told["reasons"] == {"no head that was asked for can be compared": 1}


async def test_the_report_has_a_type(two: Shadowed) -> None:
    document = (await two.client.get("/openapi.json")).json()
    operation = document["paths"]["/models/{model}/compare"]["get"]
    reference = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    fields = document["components"]["schemas"][reference.rpartition("/")[2]]["properties"]
    await two.shadow()
    assert set(fields) == set(await two.compare())
    assert set(document["paths"]["/admin/models/{model}/shadow"]) == {"post", "delete"}
