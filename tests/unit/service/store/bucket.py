"""A bucket in fsspec's memory that can be told to fail, to break off, and to hang; and a store on top of it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path

from fsspec.implementations.memory import MemoryFileSystem

from models.artifact import Manifest, publish
from models.signature import Head, Input, Signature, TensorSpec
from service.events import Event, FetchInterrupted
from service.store.cache import Cache
from service.store.fetching import Fetcher
from service.store.remote import Info, RemoteStore
from service.store.trouble import Patience

BLOCK = 1000
BUCKETS = count()
"""fsspec has one memory for the whole process."""


class Bucket:
    """`faults` come one for each read: an error to raise, or how many bytes come of what was asked for."""

    def __init__(self) -> None:
        self.memory = MemoryFileSystem()
        self.root = f"/bucket-{next(BUCKETS)}"
        self.url = f"memory:/{self.root}"
        self.reads: list[tuple[str, int, int]] = []
        self.faults: deque[Exception | int] = deque()
        self.down: Exception | None = None
        self.listings = 0
        self.gate = threading.Event()
        self.gate.set()
        self.on_read: Callable[[], object] = lambda: None

    def put(self, name: str, content: bytes = b"x") -> None:
        self.memory.pipe_file(f"{self.root}/{name}", content)

    def publish(self, scratch: Path, graph: bytes = b"a graph", only: Sequence[str] | None = None) -> None:
        """The next version of `m`, or those files of it."""
        self.upload(publish_graph(scratch, graph), only)

    def upload(self, folder: Path, only: Sequence[str] | None = None) -> None:
        for path in folder.iterdir():
            if only is None or path.name in only:
                self.put(f"m/{folder.name}/{path.name}", path.read_bytes())

    def remove(self, name: str) -> None:
        self.memory.rm_file(f"{self.root}/{name}")

    def read_of(self, name: str) -> list[tuple[int, int]]:
        """The ranges of it that were asked for."""
        return [(start, end) for path, start, end in self.reads if path == f"{self.root}/{name}"]

    def invalidate_cache(self) -> None:
        self.memory.invalidate_cache()

    def find(self, path: str, *, detail: bool, **how: str) -> Mapping[str, Info]:
        self.listings += 1
        self.gate.wait(30)
        if self.down is not None:
            raise self.down
        return dict(self.memory.find(path, detail=detail, **how))

    def cat(self, path: Sequence[str], *, on_error: str) -> Mapping[str, bytes | Exception]:
        return dict(self.memory.cat(path, on_error=on_error))

    def cat_file(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        assert start is not None
        assert end is not None
        self.reads.append((path, start, end))
        self.gate.wait(30)
        self.on_read()
        fault = self.faults.popleft() if self.faults else end - start
        if isinstance(fault, Exception):
            raise fault
        return bytes(self.memory.cat_file(path, start=start, end=end))[:fault]


class Elsewhere:
    """A store on a bucket, in small blocks and without pauses, at a given time."""

    def __init__(self, bucket: Bucket, cache: Path, timeout: float = 10.0, retries: int = 2) -> None:
        self.now = 1e10  # long after what was written just now
        self.events: list[Event] = []
        self.in_use: set[Path] = set()
        self.cache = Cache(cache, bucket.url)
        patience = Patience(timeout)
        fetcher = Fetcher(bucket.cat_file, patience, self.events.append, BLOCK, (0.0,) * retries)
        self.store = RemoteStore(
            bucket,
            bucket.root,
            self.cache,
            fetcher,
            patience,
            self.events.append,
            lambda: self.in_use,
            lambda: self.now,
        )

    def fetch(self, number: int = 1) -> Path:
        """The version of `m` as it stands there now."""
        return self.store.fetch("m", number, self.store.scan()["m"][number].path)

    def settled(self, model: str = "m") -> dict[int, bool]:
        return {number: found.settled for number, found in self.store.scan()[model].items()}

    def interruptions(self) -> list[tuple[int, str]]:
        return [(each.position, each.reason) for each in self.events if isinstance(each, FetchInterrupted)]


def publish_graph(store: Path, graph: bytes) -> Path:
    """The next version of `m`, as training makes them."""
    spec = TensorSpec("float32", (2,))
    signature = Signature((Input(name="row", spec=spec),), (Head(name="score", spec=spec),))
    manifest = Manifest(model="m", signature=signature, preprocessing={})

    def write(folder: Path) -> None:
        (folder / "model.keras").write_bytes(graph)

    return publish(store, manifest, [], write)
