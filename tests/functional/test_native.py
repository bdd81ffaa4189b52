"""The native surface from a caller's chair."""

import asyncio
from typing import Any

import pytest

from tests.functional.conftest import POISON, Manifold, until, write_version

pytestmark = pytest.mark.anyio

GOOD = {"text": [1, 2, 3], "series": [0.5, 1.5]}


async def test_named_inputs_in_named_heads_out(manifold: Manifold) -> None:
    reply = await manifold.predict({"inputs": GOOD})
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    told = reply.json()
    assert (told["model"], told["version"]) == ("fake", 1)
    assert list(told["outputs"]) == ["age", "room", "sure"]
    assert set(told["outputs"]["age"]) == {"value", "unit"}
    assert told["outputs"]["room"]["top"][0]["label"] == told["outputs"]["room"]["label"]


async def test_many_instances_keep_their_order_and_share_what_is_shared(manifold: Manifold) -> None:
    texts = [[n + 1] * (n % 3 + 1) for n in range(40)]
    body = {"instances": [{"text": text} for text in texts], "shared": {"series": [2.0]}, "raw": True}
    told = (await manifold.predict(body)).json()["predictions"]
    for text, ours in zip(texts, told, strict=True):
        alone = await manifold.predict({"inputs": {"text": text, "series": [2.0]}, "raw": True})
        assert ours["age"] == pytest.approx(alone.json()["outputs"]["age"], rel=1e-5)


async def test_only_the_heads_asked_for_are_computed(manifold: Manifold) -> None:
    reply = await manifold.predict({"inputs": GOOD, "heads": ["sure", "age"]})
    assert list(reply.json()["outputs"]) == ["age", "sure"]
    assert manifold.fake.batches[-1][1] == {"age", "sure"}


async def test_a_version_can_be_named(manifold: Manifold) -> None:
    path = "/models/fake/versions/{}/predict"
    assert (await manifold.client.post(path.format(1), json={"inputs": GOOD})).json()["version"] == 1
    for wrong in ("2", "x", "-1", "9" * 40):
        assert (await manifold.client.post(path.format(wrong), json={"inputs": GOOD})).status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"inputs": GOOD | {"texts": 1}}, 422, "unknown input 'texts'"),
        ({"inputs": {"text": [1]}}, 422, "input 'series'"),
        ({"inputs": GOOD | {"text": ["a"]}}, 422, "input 'text'"),
        ({"inputs": GOOD | {"series": [[1.0]]}}, 422, "a list of 1 at [0]"),
        ({"instances": [GOOD, GOOD | {"series": []}]}, 422, "input 'series', row 1"),
        ({"instances": []}, 422, "at least one in 'instances'"),
        ({"inputs": GOOD, "heads": ["agee"]}, 422, "unknown text 'agee'"),
        (b'{"inputs": {"text": [1], "series": [NaN]}}', 422, "not a finite number"),
        (b'{"inputs": {"text": [1], "text": [2], "series": [1]}}', 422, "the key 'text' twice"),
        (b'{"inputs": {"text": "\xff"}}', 422, "the byte 0xff"),
        (b"", 422, "an empty body"),
        (b'{"\\ud800": 1}', 422, "the keys"),
        (b"[" * 90_000, 422, "nesting too deep"),
        (b" " * 200_000, 413, "200,000 bytes; the limit is 100,000"),
    ],
)
async def test_what_does_not_fit_is_refused_before_the_queue(
    manifold: Manifold, body: Any, status: int, said: str
) -> None:
    reply = await manifold.predict(body)
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/json")
    error = reply.json()["error"]
    assert said in error["message"]
    assert error["request_id"] == reply.headers["x-request-id"]
    assert manifold.fake.batches == []
    assert await manifold.metric("inference_requests_total", model="fake", outcome=error["code"]) == 1


async def test_a_body_without_a_length_is_limited_too(manifold: Manifold) -> None:
    async def chunks() -> Any:
        for _ in range(30):
            yield b" " * 10_000

    reply = await manifold.client.post("/models/fake/predict", content=chunks())
    assert reply.status_code == 413


async def test_unknown_models_and_wrong_methods(manifold: Manifold) -> None:
    reply = await manifold.predict({"inputs": GOOD}, model="fack")
    assert reply.status_code == 404
    assert "known models: fake" in reply.json()["error"]["message"]
    reply = await manifold.client.get("/models/fake/predict")
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")
    assert reply.json()["error"]["code"] == "method_not_allowed"
    for path in ("/nothing", "/models/fake/nothing", "/models/..%2f..%2fetc/predict", "/models/%00"):
        assert (await manifold.client.get(path)).status_code in (404, 405)


async def test_a_name_nobody_knows_adds_no_metric(manifold: Manifold) -> None:
    for number in range(20):
        await manifold.predict({"inputs": GOOD}, model=f"made-up-{number}")
    assert "made-up" not in (await manifold.client.get("/metrics")).text
    assert await manifold.metric("inference_requests_total", model="unknown") == 20


async def test_request_ids_come_back_and_bad_ones_are_replaced(manifold: Manifold) -> None:
    reply = await manifold.predict({"inputs": GOOD}, **{"X-Request-ID": "caller-7"})
    assert reply.headers["x-request-id"] == "caller-7"
    reply = await manifold.predict({"inputs": GOOD}, **{"X-Request-ID": 'x" onload='})
    assert len(reply.headers["x-request-id"]) == 32


async def test_a_timeout_is_kept_and_a_bad_one_refused(manifold: Manifold) -> None:
    manifold.fake.gate.clear()
    reply = await manifold.predict({"inputs": GOOD}, **{"X-Request-Timeout": "0.02"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (504, "deadline_exceeded")
    for wrong in ("soon", "0", "-1", "nan"):
        reply = await manifold.predict({"inputs": GOOD}, **{"X-Request-Timeout": wrong})
        assert reply.status_code == 422
        assert "X-Request-Timeout" in reply.json()["error"]["message"]


async def test_a_poisoned_neighbour_fails_alone(manifold: Manifold) -> None:
    manifold.fake.gate.clear()
    first = asyncio.create_task(manifold.predict({"inputs": GOOD}))
    await asyncio.to_thread(manifold.fake.entered.acquire)
    rest = [
        asyncio.create_task(manifold.predict({"inputs": {"text": [1], "series": [POISON if n == 5 else n, 1]}}))
        for n in range(32)
    ]
    await until(lambda: manifold.parts.admission.in_flight == 33)
    manifold.fake.gate.set()
    replies = await asyncio.gather(first, *rest)
    assert [reply.status_code for reply in replies] == [500 if n == 6 else 200 for n in range(33)]
    error = replies[6].json()["error"]
    assert error["code"] == "inference_failed"
    assert error["request_id"] == replies[6].headers["x-request-id"]


async def test_a_caller_who_hangs_up_while_queued_is_not_executed(manifold: Manifold) -> None:
    manifold.fake.gate.clear()
    first = asyncio.create_task(manifold.predict({"inputs": GOOD}))
    await asyncio.to_thread(manifold.fake.entered.acquire)
    gone = asyncio.Event()
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if not sent:
            sent.append("body")
            return {"type": "http.request", "body": b'{"inputs": {"text": [1], "series": [1]}}', "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/models/fake/predict", "headers": [], "query_string": b""}
    leaving = asyncio.create_task(manifold.app(scope, receive, send))
    await until(lambda: manifold.parts.admission.in_flight == 2)
    gone.set()
    await leaving
    assert sent == ["body"]
    manifold.fake.gate.set()
    assert (await first).status_code == 200
    assert [rows for rows, _ in manifold.fake.batches] == [1]
    assert await manifold.metric("inference_dropped_rows_total", reason="cancelled") == 1
    assert await manifold.metric("inference_requests_total", outcome="cancelled") == 1


async def test_models_tell_of_themselves(manifold: Manifold) -> None:
    (manifold.store / "training").mkdir()
    await until(lambda: manifold.parts.manager.is_known("training"))
    models = (await manifold.client.get("/models")).json()["models"]
    assert [(each["name"], each["version"], each["state"]) for each in models] == [
        ("fake", 1, "AVAILABLE"),
        ("training", None, "ABSENT"),
    ]
    told = (await manifold.client.get("/models/fake")).json()
    assert [each["name"] for each in told["inputs"]] == ["text", "series"]
    padding = told["inputs"][0]["padding"]
    assert (padding["kind"], padding["tail"]) == ("pad", 2)
    assert [each["name"] for each in told["heads"]] == ["age", "room", "sure"]
    assert (await manifold.predict(told["example"])).status_code == 200
    absent = await manifold.client.get("/models/training")
    assert (absent.status_code, absent.json()["state"]) == (200, "ABSENT")
    assert (await manifold.predict(told["example"], model="training")).status_code == 503
    assert (await manifold.client.get("/models/nobody")).status_code == 404


async def test_a_new_version_takes_over_without_a_failed_request(manifold: Manifold) -> None:
    write_version(manifold.store)
    versions = [1]
    while versions[-1] == 1:
        reply = await manifold.predict({"inputs": GOOD})
        assert reply.status_code == 200
        versions.append(reply.json()["version"])
    assert versions[-1] == 2


async def test_a_damaged_version_never_takes_over(manifold: Manifold) -> None:
    (write_version(manifold.store) / "model.keras").write_bytes(b"other content")
    await until(lambda: [each.state for each in manifold.parts.manager.statuses()[0].versions] == ["AVAILABLE", "END"])
    versions = (await manifold.client.get("/models")).json()["models"][0]["versions"]
    assert "digest" in versions[1]["reason"]
    assert (await manifold.predict({"inputs": GOOD})).json()["version"] == 1
    assert (await manifold.client.get("/readyz")).status_code == 200


async def test_the_document_is_typed_for_each_model(manifold: Manifold) -> None:
    document = (await manifold.client.get("/openapi.json")).json()
    operation = document["paths"]["/models/fake/predict"]["post"]
    assert operation["requestBody"]["content"]["application/json"]["example"]["inputs"]["text"] == [1, 2, 3]
    schemas = document["components"]["schemas"]
    assert list(schemas["FakeInputs"]["properties"]) == ["text", "series"]
    assert schemas["FakeAgeValue"]["properties"]["unit"]["const"] == "years"
    assert schemas["FakeRoomChoice"]["properties"]["label"]["enum"] == ["kitchen", "garden", "office"]
    assert set(operation["responses"]) == {"200", "404", "413", "422", "429", "500", "503", "504"}


async def test_docs_need_no_internet(manifold: Manifold) -> None:
    page = (await manifold.client.get("/docs")).text
    assert "http://" not in page.replace("http://manifold", "")
    assert "https://" not in page
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert (await manifold.client.get(f"/static-offline-docs/{asset}")).status_code == 200
