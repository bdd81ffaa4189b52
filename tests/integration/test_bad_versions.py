"""Every kind of bad version, in real files, put beside one that answers: refused, named, and nobody notices."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx
import keras
import msgspec
import numpy as np
import pytest

from models.artifact import GRAPH, Golden, Manifest, publish, versions
from models.preprocessing import Numbers
from models.signature import Head, Input, Signature, TensorSpec
from service.app import Parts, build_app, build_parts, running
from service.loading.preparation import load_graph
from service.settings import Batching, Settings, Store

pytestmark = pytest.mark.anyio

AGE = Head(name="age", spec=TensorSpec("float32", (1,)), kind="regression", unit="years")
SURE = Head(name="sure", spec=TensorSpec("float32", (1,)), kind="binary", labels=("no", "yes"))
SIGNATURE = Signature((Input(name="x", spec=TensorSpec("float32", (3,))),), (AGE, SURE))
ASKED = [1.0, 2.0, 3.0]


def graph(heads: tuple[str, ...] = ("age", "sure"), layers: tuple[Any, ...] = (), width: int = 3) -> Any:
    """A tiny model, always with the same weights."""
    keras.utils.set_random_seed(3)
    x = keras.Input((width,), name="x")
    hidden = keras.layers.Dense(4, name="hidden")(x)
    for layer in layers:
        hidden = layer(hidden)
    return keras.Model(x, {head: keras.layers.Dense(1, name=f"{head}_out")(hidden) for head in heads})


@dataclass
class Shop:
    """A service on a store with a good version 1, a workshop beside it, and as much memory as is said."""

    folder: Path
    room: int = 2**40
    parts: Parts = field(init=False)
    client: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        settings = Settings(store=Store(path=self.store, poll_interval=0.01), batching=Batching(max_batch_size=2))
        self.parts = build_parts(settings, load_graph, available=lambda: self.room)
        transport = httpx.ASGITransport(build_app(self.parts))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://manifold")

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def make(self, model: Any, signature: Signature = SIGNATURE, off_by: float = 0.0) -> Path:
        """An artifact that nobody sees yet; its golden answers are `off_by` as much."""
        tensors = model(np.asarray([ASKED], np.float32))
        answers = {head.name: (np.asarray(tensors[head.name][0]) + off_by).tolist() for head in signature.heads}
        manifest = Manifest(model="m", signature=signature, preprocessing={"x": Numbers()})
        golden = [Golden({"x": ASKED}, answers)]
        return publish(self.folder / "made", manifest, golden, lambda folder: model.save(folder / GRAPH))

    def make_bare(self, model: Any) -> Path:
        folder = self.make(model)
        for name in ("manifest.json", "golden.json"):
            (folder / name).unlink()
        return folder

    def put(self, made: Path) -> int:
        """As the next version of the store, with files that were written long ago."""
        for path in made.iterdir():
            os.utime(path, (0, 0))
        (self.store / "m").mkdir(parents=True, exist_ok=True)
        number = max(versions(self.store / "m"), default=0) + 1
        made.rename(self.store / "m" / str(number))
        return number

    async def state_of(self, number: int) -> tuple[str, str]:
        """What `GET /models/m` says of it once nothing more becomes of it: state and reason."""
        while True:
            told = (await self.client.get("/models/m")).json()
            for each in told.get("versions", ()):
                if each["version"] == number and each["state"] in ("AVAILABLE", "END"):
                    return each["state"], each.get("reason", "")
            await anyio.lowlevel.checkpoint()

    async def answer(self) -> dict[str, Any]:
        reply = await self.client.post("/models/m/predict", json={"inputs": {"x": ASKED}})
        assert reply.status_code == 200, reply.text
        answer: dict[str, Any] = reply.json()
        return answer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("bad")
    keras.backend.clear_session()


@pytest.fixture(scope="module")
async def shop(folder: Path, anyio_backend: str) -> AsyncIterator[Shop]:
    made = Shop(folder)
    made.put(made.make(graph()))
    async with running(made.parts), made.client:
        assert await made.state_of(1) == ("AVAILABLE", "")
        yield made


def other_unit(shop: Shop) -> Path:
    age = msgspec.structs.replace(AGE, unit="months")
    return shop.make(graph(), Signature(SIGNATURE.inputs, (age, SURE)))


def head_dropped(shop: Shop) -> Path:
    return shop.make(graph(heads=("age",)), Signature(SIGNATURE.inputs, (AGE,)))


def other_shape(shop: Shop) -> Path:
    wider = Signature((Input(name="x", spec=TensorSpec("float32", (None,))),), SIGNATURE.heads)
    return shop.make(graph(), wider)


def bare_without_meaning(shop: Shop) -> Path:
    return shop.make_bare(graph())


def other_answers(shop: Shop) -> Path:
    return shop.make(graph(), off_by=0.1)


def one_byte_flipped(shop: Shop) -> Path:
    made = shop.make(graph())
    content = bytearray((made / GRAPH).read_bytes())
    content[len(content) // 2] ^= 1
    (made / GRAPH).write_bytes(content)
    return made


def half_a_file(shop: Shop) -> Path:
    made = shop.make_bare(graph())
    content = (made / GRAPH).read_bytes()
    (made / GRAPH).write_bytes(content[: len(content) // 2])
    return made


def spoilt(shop: Shop, number: float) -> Path:
    model = graph()
    kernel, bias = model.get_layer("hidden").get_weights()
    kernel[1, 2] = number
    model.get_layer("hidden").set_weights([kernel, bias])
    return shop.make(model)


def nan_in_weights(shop: Shop) -> Path:
    return spoilt(shop, np.nan)


def infinity_in_weights(shop: Shop) -> Path:
    return spoilt(shop, -np.inf)


def with_code(shop: Shop) -> Path:
    return shop.make(graph(layers=(keras.layers.Lambda(lambda tensor: tensor * 1, name="twice"),)))


def too_large(shop: Shop) -> Path:
    shop.room = 5_000
    return shop.make(graph())


BAD: dict[Callable[[Shop], Path], tuple[str, ...]] = {
    other_unit: ("contract of version 1", "\nhead 'age': unit was 'years', is 'months'"),
    head_dropped: ("contract of version 1", "\nhead 'sure': is gone"),
    other_shape: ("contract of version 1", "\ninput 'x': shape was [3], is [any]"),
    bare_without_meaning: ("contract of version 1", "\nhead 'age': kind was 'regression', is 'tensor'"),
    other_answers: ("golden example 0, head 'age': the answer differs by",),
    one_byte_flipped: ("model.keras: its content does not match the manifest's digest",),
    half_a_file: ("model.keras is not a whole .keras file",),
    nan_in_weights: ("weights that are no numbers: 'hidden/kernel' (1 NaN of 12)",),
    infinity_in_weights: ("weights that are no numbers: 'hidden/kernel' (1 infinite of 12)",),
    with_code: ("a Lambda layer brings code, which is not run: 'twice'",),
    too_large: ("not enough memory: to load its weights takes about", "MB are available"),
}


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
async def test_it_is_refused_and_named_and_the_old_version_answers(shop: Shop, make: Callable[[Shop], Path]) -> None:
    before = await shop.answer()
    number = shop.put(make(shop))
    try:
        with anyio.fail_after(30):
            state, reason = await shop.state_of(number)
    finally:
        shop.room = 2**40
    assert state == "END"
    for part in BAD[make]:
        assert part in reason
    assert await shop.answer() == before
    assert before["version"] == 1
    metrics = (await shop.client.get("/metrics")).text
    assert f'model_version_state{{model="m",state="END",version="{number}"}} 1.0' in metrics


async def test_after_all_of_them_a_good_one_takes_over(shop: Shop) -> None:
    """With an infinity that nobody trained, which is none of the above."""
    model = graph(layers=(keras.layers.BatchNormalization(name="norm"),))
    *learnt, variance = model.get_layer("norm").get_weights()
    variance[0] = np.inf
    model.get_layer("norm").set_weights([*learnt, variance])
    number = shop.put(shop.make(model))
    with anyio.fail_after(30):
        assert await shop.state_of(number) == ("AVAILABLE", "")
    assert (await shop.answer())["version"] == number
