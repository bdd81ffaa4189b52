"""Labels, versions by hand and rollback from an operator's chair, while callers go on asking."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from pydantic import SecretStr

from service.api.door import LET_IN
from service.app import build_door, running
from service.events import ChangeAsked
from service.settings import Admin, Limits, ModelOverrides, Store
from tests.functional.conftest import Manifold, until, write_version

pytestmark = pytest.mark.anyio

GOOD = {"inputs": {"text": [1, 2, 3], "series": [0.5, 1.5]}}
TOKEN = "a secret"
KEY = {"Authorization": f"Bearer {TOKEN}"}
ADMIN = Admin(token=SecretStr(TOKEN))
CALLS = [
    ("POST", "versions/1/load"),
    ("POST", "versions/1/unload"),
    ("POST", "versions/1/reload"),
    ("PUT", "labels/stable"),
    ("DELETE", "labels/stable"),
    ("POST", "rollback"),
]


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[Manifold]:
    """Versions 1 to 3 of `fake`, of which the policy wants the newest; an admin token."""
    for _ in range(3):
        write_version(tmp_path)
    made = Manifold(tmp_path, admin=ADMIN, limits=Limits(max_in_flight=64))
    with anyio.fail_after(30):
        async with running(made.parts), made.client:
            await made.ready()
            yield made
            for fake in made.fakes:
                fake.gate.set()
    assert repr(made.parts.manager).endswith("0 available]>")


async def admin(manifold: Manifold, call: str, **given: Any) -> httpx.Response:
    """`call` as `POST rollback`, on the model `fake`."""
    method, path = call.split()
    return await manifold.client.request(method, f"/admin/models/fake/{path}", **({"headers": KEY} | given))


async def by_label(manifold: Manifold, label: str) -> httpx.Response:
    return await manifold.client.post(f"/models/fake/labels/{label}/predict", json=GOOD)


def refused(reply: httpx.Response) -> tuple[int, str]:
    error = reply.json()["error"]
    assert error["request_id"] == reply.headers["x-request-id"]
    return reply.status_code, error["code"]


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_without_a_token_of_the_settings_the_admin_api_is_off(manifold: Manifold, method: str, path: str) -> None:
    for headers in ({}, KEY, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"}):
        reply = await admin(manifold, f"{method} {path}", headers=headers)
        assert refused(reply) == (403, "forbidden")
        assert "admin.token" in reply.json()["error"]["message"]
    assert (await manifold.predict(GOOD)).status_code == 200


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer ", f"Basic {TOKEN}", "Bearer a secre", "Bearer \xff"])
async def test_another_token_is_refused_before_anything_is_read(
    three: Manifold, method: str, path: str, given: str | None
) -> None:
    headers = {} if given is None else {"Authorization": given.encode("latin-1")}
    reply = await admin(three, f"{method} {path}", headers=headers, content=b"{not json")
    assert refused(reply) == (401, "unauthenticated")
    assert reply.headers["www-authenticate"] == "Bearer"
    assert three.parts.manager.status_of("fake").labels == ()


async def test_a_version_is_loaded_labelled_asked_and_unloaded(three: Manifold) -> None:
    told = (await admin(three, "POST versions/1/load")).json()
    assert [each["version"] for each in told["versions"]] == [1, 3]
    assert refused(await admin(three, "PUT labels/canary", json={"version": 2})) == (409, "change_refused")
    told = (await admin(three, "PUT labels/canary", json={"version": 1})).json()
    assert (told["labels"], told["version"], told["on_disk"]) == ({"canary": 1}, 3, [1, 2, 3])
    assert (await by_label(three, "canary")).json()["version"] == 1
    assert (await three.predict(GOOD)).json()["version"] == 3
    listed = (await three.client.get("/models")).json()["models"][0]
    described = (await three.client.get("/models/fake")).json()
    assert listed["labels"] == described["labels"] == {"canary": 1}
    assert refused(await admin(three, "POST versions/1/unload")) == (409, "change_refused")
    assert (await admin(three, "DELETE labels/canary")).json()["labels"] == {}
    told = (await admin(three, "POST versions/1/unload")).json()
    assert [each["version"] for each in told["versions"]] == [3]


async def test_an_unknown_label_names_the_known_ones(three: Manifold) -> None:
    await admin(three, "PUT labels/stable", json={"version": 3})
    for label in ("canary", "Stable", "st%61ble2"):
        reply = await by_label(three, label)
        assert refused(reply) == (404, "model_not_found")
        assert "known labels: stable" in reply.json()["error"]["message"]
    assert (await by_label(three, "st%61ble")).json()["version"] == 3  # the long way, past the shortcut
    assert "canary" not in (await three.client.get("/metrics")).text
    assert await three.metric("inference_requests_total", version="3", outcome="ok") == 1


async def test_the_last_version_goes_only_by_force(three: Manifold) -> None:
    assert refused(await admin(three, "POST versions/3/unload")) == (409, "change_refused")
    assert (await three.predict(GOOD)).status_code == 200
    told = (await admin(three, "POST versions/3/unload?force=true")).json()
    assert (told["version"], told["state"], told["versions"]) == (None, "END", [])
    assert refused(await three.predict(GOOD)) == (503, "model_not_ready")
    await admin(three, "POST versions/3/load")
    assert (await three.predict(GOOD)).json()["version"] == 3


@pytest.mark.parametrize(
    ("call", "given", "status"),
    [
        ("POST versions/x/load", {}, 422),
        ("POST versions/-1/load", {}, 422),
        ("POST versions/9/load", {}, 404),
        ("POST versions/3/unload?force=perhaps", {}, 422),
        ("PUT labels/Stable", {"json": {"version": 3}}, 422),
        ("PUT labels/stable", {"json": {"version": "3"}}, 422),
        ("PUT labels/stable", {"json": {"version": 3, "more": 1}}, 422),
        ("PUT labels/stable", {"content": b"{"}, 422),
        ("PUT labels/stable", {"content": b" " * 5000}, 413),
        ("DELETE labels/stable", {}, 404),
    ],
)
async def test_what_makes_no_sense_is_refused_as_everywhere(
    three: Manifold, call: str, given: dict[str, Any], status: int
) -> None:
    assert refused(await admin(three, call, **given))[0] == status
    reply = await three.client.post("/admin/models/nobody/rollback", headers=KEY)
    assert refused(reply) == (404, "model_not_found")


async def test_a_damaged_version_is_not_loaded_and_says_why(three: Manifold) -> None:
    (three.store / "fake" / "2" / "model.keras").write_bytes(b"other content")
    for call in ("POST versions/2/load", "POST versions/2/reload"):
        reply = await admin(three, call)
        assert refused(reply) == (409, "change_refused")
        assert "digest" in reply.json()["error"]["message"]
    assert (await three.predict(GOOD)).json()["version"] == 3


async def test_rollback_and_reload_fail_nobody(three: Manifold) -> None:
    replies: list[httpx.Response] = []
    is_over = False

    async def ask() -> None:
        while not is_over:
            replies.append(await three.predict(GOOD))

    callers = [asyncio.create_task(ask()) for _ in range(4)]
    for _ in range(2):
        told = (await admin(three, "POST rollback")).json()
        assert (await three.predict(GOOD)).json()["version"] == told["version"]
        assert (await admin(three, f"POST versions/{told['version']}/reload")).status_code == 200
    assert told["version"] == 1
    assert refused(await admin(three, "POST rollback")) == (409, "change_refused")
    await admin(three, "DELETE labels/stable")
    await until(lambda: [each.number for each in three.parts.manager.status_of("fake").versions] == [3])
    seen = len(replies)
    await until(lambda: len(replies) > seen + 8)
    is_over = True
    await asyncio.gather(*callers)
    assert {reply.status_code for reply in replies} == {200}
    assert {reply.json()["version"] for reply in replies} == {1, 2, 3}
    assert replies[-1].json()["version"] == 3


async def test_an_unload_lets_who_is_inside_finish(three: Manifold) -> None:
    await admin(three, "POST versions/1/load")
    for fake in three.fakes:
        fake.gate.clear()
    inside = asyncio.create_task(three.predict(GOOD))
    await until(lambda: three.parts.admission.in_flight == 1)
    unloading = asyncio.create_task(admin(three, "POST versions/3/unload"))
    await until(lambda: three.parts.manager.default_of("fake") == 1)
    assert not unloading.done()
    for fake in three.fakes:
        fake.gate.set()
    assert (await inside).json()["version"] == 3
    assert (await unloading).json()["version"] == 1


async def test_two_copies_of_a_version_are_one_in_the_metrics(three: Manifold) -> None:
    three.fake.gate.clear()
    inside = asyncio.create_task(three.predict(GOOD))
    await until(lambda: three.parts.admission.in_flight == 1)
    reloading = asyncio.create_task(admin(three, "POST versions/3/reload"))
    await until(lambda: len(three.parts.loader._running) == 2)
    lines = (await three.client.get("/metrics")).text.splitlines()
    assert sum(line.startswith('inference_pending_requests{model="fake"') for line in lines) == 1
    three.fakes[0].gate.set()
    assert (await inside).status_code == (await reloading).status_code == 200


async def test_the_door_looks_at_labels_too(three: Manifold) -> None:
    door, path = build_door(three.parts), b"/models/fake/labels/%b/predict"
    await admin(three, "PUT labels/stable", json={"version": 3})
    assert door.refusal(b"POST", path % b"stable", []) == LET_IN
    assert door.refusal(b"POST", path % b"canary", []) is None
    late = door.refusal(b"POST", path % b"stable", [(b"x-request-timeout", b"1e-9")])
    assert late
    assert late.startswith(b"HTTP/1.1 504 ")


async def test_labels_of_the_configuration_and_explicit_control(tmp_path: Path) -> None:
    write_version(tmp_path)
    write_version(tmp_path)
    made = Manifold(
        tmp_path,
        admin=ADMIN,
        store=Store(path=tmp_path, poll_interval=0.01, control="explicit"),
        models={"fake": ModelOverrides(labels={"stable": 1, "next": 3})},
    )
    with anyio.fail_after(30):
        async with running(made.parts), made.client:
            await made.ready()
            await until(lambda: made.parts.manager._is_started)
            assert (await made.predict(GOOD)).json()["version"] == 1
            assert refused(await by_label(made, "next")) == (503, "model_not_ready")
            write_version(tmp_path)
            await until(lambda: made.parts.manager.status_of("fake").on_disk == (1, 2, 3))
            await made.parts.manager.reconcile()
            told = (await made.client.get("/models")).json()["models"][0]
            assert [each["version"] for each in told["versions"]] == [1, 2]
            await admin(made, "POST versions/3/load")
            assert (await by_label(made, "next")).json()["version"] == 3


async def test_every_action_is_told(three: Manifold, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[ChangeAsked] = []
    monkeypatch.setattr("service.observability.logs.note_change", told.append)
    await admin(three, "PUT labels/canary", json={"version": 3})
    await admin(three, "POST versions/9/load")
    assert [(each.action, each.version, each.label, each.outcome) for each in told] == [
        ("set label", 3, "canary", "done"),
        ("load", 9, "", "model_not_found"),
    ]
    assert "no version 9" in told[1].reason


async def test_the_document_has_the_admin_calls_and_the_labels(three: Manifold) -> None:
    await admin(three, "PUT labels/stable", json={"version": 3})
    document = (await three.client.get("/openapi.json")).json()
    for method, path in CALLS:
        path = path.replace("/1/", "/{version}/").replace("stable", "{label}")
        operation = document["paths"][f"/admin/models/{{model}}/{path}"][method.lower()]
        assert set(operation["responses"]) == {"200", "401", "403", "404", "409", "413", "422"}
        assert operation["security"] == [{"HTTPBearer": []}]
    assert "/models/fake/labels/stable/predict" in document["paths"]
    assert {"change_refused", "forbidden"} <= set(
        document["components"]["schemas"]["Error"]["properties"]["error"]["properties"]["code"]["enum"]
    )
