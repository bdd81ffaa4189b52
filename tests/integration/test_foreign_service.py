"""Foreign artifacts through the whole application, with real TensorFlow: 64 callers get what each gets alone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import keras
import numpy as np
import pytest
from starlette.types import ASGIApp

from service.app import build_app, build_parts, running
from service.settings import ModelOverrides, Settings, Store
from tests.integration.foreign_artifacts import (
    OneRow,
    Several,
    Subclassed,
    Words,
    dict_of_heads,
    exported,
    saved,
    twelve_heads,
    two_inputs,
)

pytestmark = pytest.mark.anyio
CALLERS = 64
EMBED = ModelOverrides(runtime={"signature": "embed"})
TEXTS: list[Any] = ["", "end\0\0", {"b64": "/wA="}, "é", "Two words"]


def fill(store: Path) -> None:
    words, one, several = Words(), OneRow(1), Several()
    saved(words, store / "words" / "1", words.tell)
    saved(one, store / "one" / "1", one.call)
    saved(several, store / "several" / "1", {"serving_default": several.score, "embed": several.embed})
    (store / "embedding").symlink_to(store / "several")
    fixed = OneRow(32)
    saved(fixed, store / "fixed" / "1", fixed.call)
    exported(two_inputs(dict_of_heads), store / "ragged" / "1")
    exported(twelve_heads(as_list=True), store / "twelve")
    number, half = keras.Input((), name="number"), keras.Input((2,), dtype="bfloat16", name="half")
    together = keras.layers.Concatenate()([keras.layers.Reshape((1,))(number), half])
    (store / "scalar").mkdir()
    keras.Model([number, half], keras.layers.Dense(2, name="y")(together)).save(store / "scalar" / "any.keras")
    model = Subclassed()
    model(np.zeros((1, 4), np.float32))
    (store / "subclassed").mkdir()
    model.save(store / "subclassed" / "any.keras")


BODIES: dict[str, Any] = {
    "words": lambda n: {"word": TEXTS[n % 5], "list": ["a", *TEXTS[: n % 4], "b"]},
    "one": lambda n: {"x": [n, 1.5, -n]},
    "several": lambda n: {"z": [n, 1.0], "a": [0.5, n]},
    "embedding": lambda n: {"text": TEXTS[n % 5]},
    "ragged": lambda n: {"text": [(n * 7 + place) % 10 for place in range(1 + n % 9)], "meta": [n, 0.5, 1.0]},
    "twelve": lambda n: {"row": [n, 1, 2, 3]},
    "scalar": lambda n: {"number": n / 2, "half": [n, 1]},
    "subclassed": lambda n: {"pixels": [n, 1, 2, 3]},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("foreign")
    fill(folder)
    return folder


@pytest.fixture
async def client(store: Path) -> AsyncIterator[httpx.AsyncClient]:
    parts = build_parts(Settings(store=Store(path=store, poll_interval=0.01), models={"embedding": EMBED}))
    app: ASGIApp = build_app(parts)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    with anyio.fail_after(60):
        async with running(parts), httpx.AsyncClient(transport=transport, base_url="http://manifold") as client:
            states: dict[str, str] = {}
            while len(states) < len(BODIES) + 1 or {"LOADING", "START", "ABSENT"} & set(states.values()):
                await anyio.lowlevel.checkpoint()
                states = (await client.get("/readyz")).json()["models"]
            yield client


async def predicted(client: httpx.AsyncClient, model: str, number: int) -> Any:
    answer = await client.post(f"/models/{model}/predict", json={"inputs": BODIES[model](number)})
    assert answer.status_code == 200, answer.text
    return answer.json()["outputs"]


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == pytest.approx(other, rel=1e-5, abs=1e-5)) if isinstance(one, float) else bool(one == other)


async def test_foreign_artifacts_in_one_service(client: httpx.AsyncClient) -> None:
    """One start of the service for all of them: loading takes longer than asking."""
    await callers_at_once_get_what_each_gets_alone(client)
    await answers_are_right(client)
    await refusals_have_reasons(client)
    metrics = (await client.get("/metrics")).text
    retraces = [line for line in metrics.splitlines() if line.startswith("model_retraces_total{")]
    assert retraces
    assert all(line.endswith(" 0.0") for line in retraces)


async def answers_are_right(client: httpx.AsyncClient) -> None:
    given = {"word": "end\0\0", "list": ["a", "", {"b64": "/w=="}]}
    answer = await client.post("/models/words/predict", json={"inputs": given})
    assert answer.json()["outputs"] == {"count": 2, "echo": "end\0\0", "joined": "end\0\0!", "length": 5}
    answer = await client.post(
        "/models/words/predict",
        json={"instances": [{"word": each, "list": ["a"]} for each in TEXTS], "heads": ["echo"]},
    )
    assert [each["echo"] for each in answer.json()["predictions"]] == TEXTS
    answer = await client.post("/models/embedding/predict", json={"inputs": {"text": "end\0"}})
    assert answer.json()["outputs"] == {"length": 4}
    told = (await client.get("/models/words")).json()
    assert [each["name"] for each in told["heads"]] == ["count", "echo", "joined", "length"]
    assert (await client.post("/models/words/predict", json=told["example"])).status_code == 200
    assert (await client.get("/models/one")).json()["inputs"][0]["padding"]["kind"] == "alone"
    document = (await client.get("/openapi.json")).json()
    assert "/models/twelve/predict" in document["paths"]
    assert document["components"]["schemas"]["Bytes"]["required"] == ["b64"]


async def refusals_have_reasons(client: httpx.AsyncClient) -> None:
    told = (await client.get("/models/fixed")).json()["versions"][0]
    assert told["state"] == "END"
    assert "input 'x' takes exactly 32 rows at a time" in told["reason"]
    for word, came in (
        (1, "the number 1"),
        ({"b65": ""}, "an object"),
        ({"b64": "?"}, "text that is none"),
        ("\ud800", "a lone surrogate"),
    ):
        body = json.dumps({"inputs": {"word": word, "list": ["a"]}})
        answer = await client.post("/models/words/predict", content=body)
        (problem,) = answer.json()["error"]["problems"]
        assert (answer.status_code, problem["input"]) == (422, "word"), answer.text
        assert came in problem["got"], problem


async def callers_at_once_get_what_each_gets_alone(client: httpx.AsyncClient) -> None:
    for model in BODIES:
        alone = [await predicted(client, model, number) for number in range(CALLERS)]
        found: dict[int, Any] = {}

        async def call(number: int, model: str = model, found: dict[int, Any] = found) -> None:
            found[number] = await predicted(client, model, number)

        async with anyio.create_task_group() as group:
            for number in range(CALLERS):
                group.start_soon(call, number)
        for number, expected in enumerate(alone):
            assert equal(found[number], expected), (model, number, found[number], expected)
