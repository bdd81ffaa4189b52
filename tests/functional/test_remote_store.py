"""The whole application on a store that is elsewhere: fsspec's memory stands for a bucket."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from service.app import running
from service.settings import Store
from service.store.cache import PART
from tests.functional.conftest import Manifold, write_version

pytestmark = pytest.mark.anyio

GOOD = {"inputs": {"text": [1, 2, 3], "series": [0.5, 1.5]}}


class Bucket:
    """`memory://NAME`, filled from a folder as an upload would: one file after the other."""

    def __init__(self, name: str, scratch: Path) -> None:
        self.url = f"memory://{name}"
        self.scratch = scratch
        self.files = MemoryFileSystem()
        self.name = name

    def upload(self, model: str = "fake", but: str = "") -> Path:
        folder = write_version(self.scratch, model)
        for path in folder.iterdir():
            if path.name != but:
                self.put(path, model)
        return folder

    def put(self, path: Path, model: str = "fake") -> None:
        self.files.pipe_file(f"/{self.name}/{model}/{path.parent.name}/{path.name}", path.read_bytes())


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    made = Bucket(tmp_path.name, tmp_path / "published")
    made.upload()
    return made


@pytest.fixture
async def manifold(bucket: Bucket, tmp_path: Path) -> AsyncIterator[Manifold]:
    store = Store(path=bucket.url, cache=tmp_path / "cache", poll_interval=0.01)
    made = Manifold(tmp_path, store=store)
    with anyio.fail_after(30):
        async with running(made.parts), made.client:
            await made.ready()
            yield made


async def version_of(manifold: Manifold) -> int:
    reply = await manifold.predict(GOOD)
    assert reply.status_code == 200, reply.text
    return int(reply.json()["version"])


async def test_a_version_is_served_and_the_next_takes_over_once_it_is_whole(manifold: Manifold, bucket: Bucket) -> None:
    assert await version_of(manifold) == 1
    folder = bucket.upload(but="model.keras")
    await manifold.parts.manager.reconcile()
    assert await version_of(manifold) == 1
    assert manifold.parts.manager.status_of("fake").on_disk == (1,)
    bucket.put(folder / "model.keras")
    with anyio.fail_after(20):
        while await version_of(manifold) != 2:
            await anyio.lowlevel.checkpoint()
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert await manifold.metric("store_fetched_bytes_total", version="2") == size
    assert not list((manifold.store / "cache").rglob(PART))


async def test_a_store_out_of_reach_takes_nothing_away(
    manifold: Manifold, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    with monkeypatch.context() as patch:
        patch.setattr(MemoryFileSystem, "find", unreachable)
        with pytest.raises(OSError, match="no route to host"):
            await manifold.parts.manager.reconcile()
        assert await version_of(manifold) == 1
        assert (await manifold.client.get("/readyz")).status_code == 200
    bucket.upload()
    with anyio.fail_after(20):
        while await version_of(manifold) != 2:
            await anyio.lowlevel.checkpoint()


async def test_a_version_that_cannot_be_fetched_leaves_the_others_and_says_why(
    manifold: Manifold, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = MemoryFileSystem.cat_file

    def forgetful(self: MemoryFileSystem, path: str, **how: int) -> bytes:
        if path.endswith("/2/model.keras"):
            raise FileNotFoundError(path)
        return bytes(real(self, path, **how))

    monkeypatch.setattr(MemoryFileSystem, "cat_file", forgetful)
    bucket.upload()
    await manifold.parts.manager.reconcile()
    with anyio.fail_after(20):
        while len(manifold.parts.manager.status_of("fake").versions) < 2:
            await anyio.lowlevel.checkpoint()
        await manifold.parts.manager.reconcile()
    newest = manifold.parts.manager.status_of("fake").versions[-1]
    assert (newest.number, newest.state) == (2, "END")
    assert newest.reason.endswith("/fake/2/model.keras: it is gone from the store")
    assert await version_of(manifold) == 1
