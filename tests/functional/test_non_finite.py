"""A model that gives NaN, over HTTP: who fails, who gets null, who is not concerned, and what is counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from typing import Any

import numpy as np
import pytest

from service.runtime.fake import FakeServable
from service.runtime.servable import Tensors
from tests.functional.conftest import Manifold, until

pytestmark = pytest.mark.anyio

GOOD = {"text": [1, 2, 3], "series": [0.5, 1.5]}
BAD = {"text": [1, 2, 3], "series": [-7.0, 1.5]}


@pytest.fixture(autouse=True)
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The head `room` is partly NaN in rows whose series begins with -7, `age` infinite where it begins with -8."""
    run = FakeServable.run

    def run_broken(fake: FakeServable, inputs: Tensors, heads: Collection[str]) -> Tensors:
        outputs = {name: np.array(tensor) for name, tensor in run(fake, inputs, heads).items()}
        for head, mark, value in (("room", -7, np.nan), ("age", -8, np.inf)):
            if head in outputs:
                outputs[head][np.asarray(inputs["series"])[:, 0] == mark, 0] = value
        return outputs

    monkeypatch.setattr(FakeServable, "run", run_broken)


def strictly(content: bytes) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(content, parse_constant=refuse)


async def test_an_error_names_head_and_rows(manifold: Manifold) -> None:
    reply = await manifold.predict({"instances": [GOOD, BAD, BAD | {"series": [-8.0, 1.5]}, BAD]})
    assert reply.status_code == 500
    error = strictly(reply.content)["error"]
    assert error["code"] == "inference_failed"
    assert error["problems"] == [{"head": "age", "rows": [2]}, {"head": "room", "rows": [1, 3]}]
    assert "head 'room', rows 1, 3: the model's answer is not a finite number" in error["message"]
    single = (await manifold.predict({"inputs": BAD})).json()["error"]
    assert single["problems"] == [{"head": "room"}]
    assert (await manifold.predict({"inputs": BAD, "heads": ["age", "sure"]})).status_code == 200


async def test_neighbours_in_the_batch_are_not_concerned(manifold: Manifold) -> None:
    manifold.fake.gate.clear()
    first = asyncio.create_task(manifold.predict({"inputs": GOOD}))
    await asyncio.to_thread(manifold.fake.entered.acquire)
    rest = [asyncio.create_task(manifold.predict({"inputs": BAD if n == 3 else GOOD})) for n in range(8)]
    await until(lambda: manifold.parts.admission.in_flight == 9)
    manifold.fake.gate.set()
    replies = await asyncio.gather(first, *rest)
    assert [reply.status_code for reply in replies] == [500 if n == 4 else 200 for n in range(9)]


@pytest.mark.parametrize("raw", [False, True])
async def test_null_is_for_exactly_that_head_and_row(manifold: Manifold, raw: bool) -> None:
    body = {"instances": [GOOD, BAD], "non_finite": "null", "raw": raw}
    reply = await manifold.predict(body)
    assert reply.status_code == 200
    told = strictly(reply.content)
    assert told["predictions"][1]["room"] is None
    assert all(told["predictions"][1][head] is not None for head in ("age", "sure"))
    assert all(told["predictions"][0].values())
    assert told["non_finite"] == [{"head": "room", "rows": [1]}]
    single = strictly((await manifold.predict({"inputs": BAD, "non_finite": "null", "raw": raw})).content)
    assert (single["outputs"]["room"], single["non_finite"]) == (None, [{"head": "room"}])
    assert "non_finite" not in (await manifold.predict({"inputs": GOOD, "non_finite": "null"})).json()


async def test_both_ways_are_counted(manifold: Manifold) -> None:
    await manifold.predict({"instances": [BAD, GOOD, BAD]})
    await manifold.predict({"inputs": BAD, "non_finite": "null"})
    labels = {"model": "fake", "version": "1", "head": "room"}
    assert await manifold.metric("inference_non_finite_rows_total", **labels) == 3
    assert await manifold.metric("inference_non_finite_rows_total", head="age") == 0


async def test_the_document_tells_of_it(manifold: Manifold) -> None:
    schemas = (await manifold.client.get("/openapi.json")).json()["components"]["schemas"]
    policy = schemas["FakeRequest"]["properties"]["non_finite"]
    assert (policy["enum"], policy["default"]) == (["error", "null"], "error")
    assert {"type": "null"} in schemas["FakeHeads"]["properties"]["room"]["anyOf"]
    assert set(schemas["FakeBatchNonFinite"]["properties"]) == {"head", "rows"}
    of_heads = schemas["Error"]["properties"]["error"]["properties"]["problems"]["items"]["anyOf"][1]
    assert set(of_heads["properties"]) == {"head", "rows"}
