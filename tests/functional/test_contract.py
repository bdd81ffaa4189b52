"""The contract between versions, on disk and over HTTP: who is refused with which words, and who answers meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from models.artifact import MANIFEST, Manifest, read_json, written
from models.signature import Head, Signature
from service.app import running
from service.runtime.fake import fake_signature
from service.settings import Admin, Store
from tests.functional.conftest import Manifold, until, write_version

pytestmark = pytest.mark.anyio

GOOD = {"inputs": {"text": [1, 2, 3], "series": [0.5, 1.5]}}
KEY = {"Authorization": "Bearer a secret"}
LINE = "head 'age': unit was 'years', is 'months'"
YEARS = fake_signature()


def with_age(**fields: Any) -> Signature:
    age, *others = YEARS.heads
    return Signature(YEARS.inputs, (msgspec.structs.replace(age, **fields), *others))


MONTHS = with_age(unit="months")


def announce(folder: Path, reason: str) -> None:
    manifest = read_json(folder / MANIFEST, Manifest)
    (folder / MANIFEST).write_bytes(written(msgspec.structs.replace(manifest, breaking=reason)))


@asynccontextmanager
async def serving(store: Path, policy: str = "latest:1") -> AsyncIterator[Manifold]:
    """A service that begins with what stands in the store."""
    settings = Store(path=store, poll_interval=0.01, version_policy=policy)
    made = Manifold(store, admin=Admin(token=SecretStr("a secret")), store=settings)
    with anyio.fail_after(30):
        async with running(made.parts), made.client:
            await made.ready()
            yield made


async def told_of(manifold: Manifold, number: int) -> dict[str, Any]:
    """What `GET /models/fake` says of a version once nothing more becomes of it."""

    def is_settled() -> bool:
        versions = manifold.parts.manager.status_of("fake").versions
        return any(each.number == number and each.state in ("AVAILABLE", "END") for each in versions)

    await until(is_settled)
    versions = (await manifold.client.get("/models/fake")).json()["versions"]
    told: dict[str, Any] = next(each for each in versions if each["version"] == number)
    return told


async def answering(manifold: Manifold) -> int:
    reply = await manifold.predict(GOOD)
    assert reply.status_code == 200, reply.text
    version: int = reply.json()["version"]
    return version


async def test_a_version_that_breaks_the_contract_is_refused_by_name_and_the_old_one_answers(tmp_path: Path) -> None:
    write_version(tmp_path)
    async with serving(tmp_path) as manifold:
        with capture_logs() as lines:
            write_version(tmp_path, signature=MONTHS)
            told = await told_of(manifold, 2)
        said = f"it breaks the contract of version 1 and does not announce it:\n{LINE}"
        assert (told["state"], told["reason"]) == ("END", said)
        assert await answering(manifold) == 1
        assert [line["reason"] for line in lines if line["event"] == "version failed"] == [said]
        assert await manifold.metric("model_version_state", version="2", state="END") == 1
        assert await manifold.metric("model_version_state", version="1", state="AVAILABLE") == 1


async def test_it_is_refused_again_after_a_restart(tmp_path: Path) -> None:
    write_version(tmp_path)
    write_version(tmp_path, signature=MONTHS)
    for _ in range(2):
        async with serving(tmp_path) as manifold:
            assert LINE in (await told_of(manifold, 2))["reason"]
            assert await answering(manifold) == 1


async def test_one_that_announces_it_takes_over_with_a_warning_and_sets_the_contract(tmp_path: Path) -> None:
    write_version(tmp_path)
    async with serving(tmp_path) as manifold:
        refused = write_version(tmp_path, signature=MONTHS)
        await told_of(manifold, 2)
        with capture_logs() as lines:
            announce(refused, "the age is in months now")
            await until(lambda: manifold.parts.manager.default_of("fake") == 2)
        (warning,) = [line for line in lines if line["log_level"] == "warning"]
        assert warning["event"] == "version breaks its contract, as announced"
        assert (warning["instead_of"], warning["differences"]) == (1, [LINE])
        described = (await manifold.client.get("/models/fake")).json()
        assert described["breaking"] == "the age is in months now"
        write_version(tmp_path, signature=MONTHS)
        assert (await told_of(manifold, 3))["state"] == "AVAILABLE"
        write_version(tmp_path, signature=YEARS)
        assert "unit was 'months', is 'years'" in (await told_of(manifold, 4))["reason"]
        assert "breaking" not in (await manifold.client.get("/models/fake")).json()
    async with serving(tmp_path) as manifold:
        assert "unit was 'months', is 'years'" in (await told_of(manifold, 4))["reason"]
        assert await answering(manifold) == 3


async def test_what_is_added_passes_and_has_to_stay(tmp_path: Path) -> None:
    write_version(tmp_path)
    async with serving(tmp_path) as manifold:
        more = Head(name="height", spec=YEARS.heads[0].spec)
        write_version(tmp_path, signature=Signature(YEARS.inputs, (*YEARS.heads, more)))
        assert (await told_of(manifold, 2))["state"] == "AVAILABLE"
        write_version(tmp_path)
        assert (await told_of(manifold, 3))["reason"].endswith("\nhead 'height': is gone")


async def test_a_version_that_cannot_answer_sets_no_contract_before_or_after_a_restart(tmp_path: Path) -> None:
    write_version(tmp_path)
    async with serving(tmp_path) as manifold:
        broken = write_version(tmp_path, signature=MONTHS)
        (broken / "model.keras").write_bytes(b"other content")
        announce(broken, "the age is in months now")
        await until(lambda: "digest" in str(manifold.parts.manager.status_of("fake").versions[-1]))
        write_version(tmp_path, signature=MONTHS)
        assert LINE in (await told_of(manifold, 3))["reason"]
    async with serving(tmp_path) as manifold:
        assert LINE in (await told_of(manifold, 3))["reason"]
        assert await answering(manifold) == 1


async def test_where_the_only_one_before_is_damaged_a_restart_leaves_nobody_without_an_answer(tmp_path: Path) -> None:
    (write_version(tmp_path) / "model.keras").write_bytes(b"other content")
    write_version(tmp_path, signature=MONTHS)
    async with serving(tmp_path) as manifold:
        assert await answering(manifold) == 2


async def test_by_hand_it_is_refused_with_the_same_words(tmp_path: Path) -> None:
    write_version(tmp_path)
    async with serving(tmp_path) as manifold:
        folder = write_version(tmp_path, signature=with_age(unit="months", kind="tensor"))
        await told_of(manifold, 2)
        for call in ("load", "reload"):
            reply = await manifold.client.post(f"/admin/models/fake/versions/2/{call}", headers=KEY)
            assert (reply.status_code, reply.json()["error"]["code"]) == (409, "change_refused")
            assert reply.json()["error"]["message"].endswith(
                f"\nhead 'age': kind was 'regression', is 'tensor'\n{LINE}"
            )
        announce(folder, "on purpose")
        await until(lambda: manifold.parts.manager.default_of("fake") == 2)


async def test_a_reload_does_not_change_the_contract_of_its_own_number(tmp_path: Path) -> None:
    folder = write_version(tmp_path)
    async with serving(tmp_path) as manifold:
        manifest = read_json(folder / MANIFEST, Manifest)
        (folder / MANIFEST).write_bytes(written(msgspec.structs.replace(manifest, signature=MONTHS)))
        reply = await manifold.client.post("/admin/models/fake/versions/1/reload", headers=KEY)
        assert reply.status_code == 409
        assert reply.json()["error"]["message"].endswith(LINE)
        assert (await manifold.predict(GOOD)).json()["outputs"]["age"]["unit"] == "years"


async def test_going_back_is_never_refused(tmp_path: Path) -> None:
    for reason, signature in (("", YEARS), ("months are finer", MONTHS), ("years were better", YEARS)):
        announce(write_version(tmp_path, signature=signature), reason)
    async with serving(tmp_path) as manifold:
        assert await answering(manifold) == 3
        for version in (2, 1):
            reply = await manifold.client.post("/admin/models/fake/rollback", headers=KEY)
            assert (reply.status_code, reply.json()["version"]) == (200, version)
            assert await answering(manifold) == version


async def test_served_side_by_side_each_is_judged_by_the_one_below_it(tmp_path: Path) -> None:
    write_version(tmp_path)
    announce(write_version(tmp_path, signature=MONTHS), "months are finer")
    write_version(tmp_path, signature=YEARS)
    write_version(tmp_path, signature=MONTHS)
    async with serving(tmp_path, "all") as manifold:
        assert "unit was 'months', is 'years'" in (await told_of(manifold, 3))["reason"]
        await until(lambda: sum(v.state == "AVAILABLE" for v in manifold.parts.manager.status_of("fake").versions) == 3)
        assert await answering(manifold) == 4
