"""Inputs that may be left out, over HTTP: answered, named in the reply, told of, and refused where they must be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from models.preprocessing import Choice, Image, Preprocessing, Quantity, Record
from models.signature import Head, Input, Missing, Signature, TensorSpec
from service.app import running
from tests.functional.conftest import Manifold, until, write_version

pytestmark = pytest.mark.anyio

PREPROCESSING: dict[str, Preprocessing] = {
    "metadata": Record((Choice("condition", ("new", "worn")), Quantity("age", 0, 9))),
    "photo": Image(),
}
USUAL = {"condition": "worn", "age": 3}
PIXELS = [[[200, 30, 60]] * 4] * 4


def signature(photo: Missing) -> Signature:
    return Signature(
        (
            Input(name="metadata", spec=TensorSpec("float32", (3,)), missing=Missing("default", USUAL)),
            Input(name="weight", spec=TensorSpec("float32", (1,)), example=[2.5]),
            Input(name="photo", spec=TensorSpec("float32", (4, 4, 3)), missing=photo, example=PIXELS),
        ),
        (Head(name="price", spec=TensorSpec("float32", (1,)), kind="regression", unit="EUR"),),
    )


WHOLE: dict[str, Any] = {"metadata": {"condition": "new", "age": 1}, "weight": [2.5], "photo": PIXELS}


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Manifold]:
    """One model, `coats`, that wants a weight and nothing else."""
    write_version(tmp_path, "coats", signature(Missing("learnt_null", -1)), PREPROCESSING)
    made = Manifold(tmp_path)
    with anyio.fail_after(30):
        async with running(made.parts), made.client:
            await made.ready()
            yield made


async def test_a_request_may_leave_out_what_is_optional(shop: Manifold) -> None:
    whole = (await shop.predict({"inputs": WHOLE}, "coats")).json()
    assert list(whole) == ["model", "version", "outputs"]
    prices = set()
    for inputs in ({"weight": [2.5]}, {"weight": [2.5], "photo": None, "metadata": None}):
        reply = await shop.predict({"inputs": inputs}, "coats")
        assert reply.status_code == 200
        told = reply.json()
        assert told["filled_in"] == [
            {"input": "metadata", "policy": "default"},
            {"input": "photo", "policy": "learnt_null"},
        ]
        prices.add(told["outputs"]["price"]["value"])
    assert len(prices) == 1
    usual = (await shop.predict({"inputs": {"weight": [2.5], "metadata": USUAL}}, "coats")).json()
    assert usual["outputs"]["price"]["value"] in prices, "a default is no other than the same value given"
    assert whole["outputs"]["price"]["value"] not in prices


async def test_rows_with_and_without_share_a_request(shop: Manifold) -> None:
    without = {"weight": [2.5]}
    reply = (await shop.predict({"instances": [without, WHOLE, without | {"photo": PIXELS}, WHOLE]}, "coats")).json()
    assert reply["filled_in"] == [
        {"input": "metadata", "policy": "default", "rows": [0, 2]},
        {"input": "photo", "policy": "learnt_null", "rows": [0]},
    ]
    alone = [(await shop.predict({"inputs": row}, "coats")).json()["outputs"] for row in (without, WHOLE)]
    assert reply["predictions"][0]["price"]["value"] == pytest.approx(alone[0]["price"]["value"], rel=1e-5)
    assert reply["predictions"][1]["price"]["value"] == pytest.approx(alone[1]["price"]["value"], rel=1e-5)


async def test_what_is_shared_may_be_optional_too(shop: Manifold) -> None:
    rows = [{"weight": [1.0]}, {"weight": [2.0]}]
    reply = (await shop.predict({"instances": rows, "shared": {"photo": PIXELS}}, "coats")).json()
    assert [each["input"] for each in reply["filled_in"]] == ["metadata"]
    refused = await shop.predict({"instances": [rows[0] | {"photo": None}], "shared": {"photo": PIXELS}}, "coats")
    assert refused.status_code == 422
    assert 'null in the instance, a value in "shared"' in refused.json()["error"]["message"]


@pytest.mark.parametrize("body", [{"inputs": {"photo": PIXELS}}, {"inputs": WHOLE | {"weight": None}}])
async def test_what_must_be_there_is_refused(shop: Manifold, body: Any) -> None:
    ran = len(shop.fake.batches)
    reply = await shop.predict(body, "coats")
    assert reply.status_code == 422
    assert [each["input"] for each in reply.json()["error"]["problems"]] == ["weight"]
    assert len(shop.fake.batches) == ran


async def test_the_model_and_the_document_tell_of_it(shop: Manifold) -> None:
    told = (await shop.client.get("/models/coats")).json()
    metadata, weight, photo = told["inputs"]
    assert weight["optional"] is None
    assert metadata["optional"]["value"] == USUAL
    assert (photo["optional"]["policy"], photo["optional"]["value"]) == ("learnt_null", -1)
    assert "-1" in photo["optional"]["stands_in"]
    assert set(told["example"]["inputs"]) == {"metadata", "weight", "photo"}
    assert "filled_in" not in (await shop.predict(told["example"], "coats")).json()
    schemas = (await shop.client.get("/openapi.json")).json()["components"]["schemas"]
    assert schemas["CoatsInputs"]["required"] == ["weight"]
    assert {"type": "null"} in schemas["CoatsInputs"]["properties"]["photo"]["anyOf"]
    assert set(schemas["CoatsFilledIn"]["properties"]) == {"input", "policy"}
    assert set(schemas["CoatsBatchFilledIn"]["properties"]) == {"input", "policy", "rows"}


async def test_a_version_whose_stand_in_cannot_be_is_not_served(shop: Manifold) -> None:
    write_version(shop.store, "coats", signature(Missing("learnt_null", "none")), PREPROCESSING)
    states = shop.parts.manager.statuses
    await until(lambda: [each.state for each in states()[0].versions] == ["AVAILABLE", "END"])
    versions = (await shop.client.get("/models")).json()["models"][0]["versions"]
    assert "input 'photo': a learnt null is a finite number" in versions[1]["reason"]
    assert (await shop.predict({"inputs": WHOLE}, "coats")).json()["version"] == 1
