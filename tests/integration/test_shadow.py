"""Two versions of a tiny graph in TensorFlow, whose difference a formula says, compared by the whole application."""

from pathlib import Path

import anyio
import httpx
import keras
import numpy as np
import pytest
from pydantic import SecretStr

from models.artifact import GRAPH, Golden, Manifest, publish
from models.signature import Head, Input, Signature, TensorSpec
from service.app import build_app, build_parts, running
from service.settings import Admin, ModelOverrides, Settings, Store
from tests.functional.conftest import until

pytestmark = pytest.mark.anyio

SIGNATURE = Signature(
    (Input(name="x", spec=TensorSpec("float32", (2,)), example=[1, 2]),),
    (
        Head(name="price", spec=TensorSpec("float32", (1,)), kind="regression", unit="EUR"),
        Head(name="kind", spec=TensorSpec("float32", (2,)), kind="classes", labels=("small", "large")),
    ),
)
KEY = {"Authorization": "Bearer a secret"}


def save(store: Path, weight: float, bias: float, tilt: float) -> None:
    """price = weight * (x0 + x1) + bias; kind = softmax(tilt, 0), whatever x is."""
    x = keras.Input((2,), name="x")
    price = keras.layers.Dense(1, name="price")
    kind = keras.layers.Dense(2, activation="softmax", name="kind")
    model = keras.Model(x, {"price": price(x), "kind": kind(x)})
    price.set_weights([np.full((2, 1), weight), np.array([bias])])
    kind.set_weights([np.zeros((2, 2)), np.array([tilt, 0.0])])
    publish(
        store,
        Manifest(model="tiny", signature=SIGNATURE, preprocessing={}),
        list[Golden](),
        lambda folder: model.save(folder / GRAPH),
    )


async def test_the_figures_are_those_of_the_formula(tmp_path: Path) -> None:
    save(tmp_path, weight=1.0, bias=0.0, tilt=1.0)
    save(tmp_path, weight=3.0, bias=-4.0, tilt=2.0)
    store = Store(path=tmp_path, poll_interval=0.05, version_policy="all")
    settings = Settings(
        store=store,
        admin=Admin(token=SecretStr("a secret")),
        models={"tiny": ModelOverrides(labels={"stable": 1})},
    )
    parts = build_parts(settings)
    transport = httpx.ASGITransport(build_app(parts))
    sums = np.arange(10.0)
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://manifold", headers=KEY) as client,
        running(parts),
    ):
        with anyio.fail_after(60):
            await until(lambda: parts.manager.is_available("tiny", 1) and parts.manager.is_available("tiny", 2))
            # Whether this machine keeps up is no matter here.
            parts.shadows._is_late = lambda: False
            reply = await client.post("/admin/models/tiny/shadow", json={"version": 2, "share": 1})
            assert reply.status_code == 200, reply.text
            for each in sums:
                reply = await client.post("/models/tiny/predict", json={"inputs": {"x": [each, 0]}})
                assert reply.json()["outputs"]["price"]["value"] == pytest.approx(each)
            await until(lambda: parts.shadows.report("tiny").rows.compared == len(sums))
            told = (await client.get("/models/tiny/compare")).json()
    price, kind = told["heads"]
    difference = 2 * sums - 4
    assert price["mean_absolute_difference"] == pytest.approx(np.abs(difference).mean(), abs=1e-5)
    assert price["largest_difference"] == pytest.approx(np.abs(difference).max(), abs=1e-5)
    assert price["bias"] == pytest.approx(difference.mean(), abs=1e-5)
    p, q = (np.exp([tilt, 0]) / np.exp([tilt, 0]).sum() for tilt in (1.0, 2.0))
    assert kind["label_agreement"] == 1.0
    assert kind["divergence"] == pytest.approx((p * np.log(p / q)).sum(), abs=1e-6)
