"""A service that is killed (SIGKILL) at any step of a fetch leaves a cache from which the next one goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from models.artifact import open_artifact
from tests.unit.service.store.bucket import publish_graph

ROOT = Path(__file__).resolve().parents[4]
BLOCK = 10_000
GRAPH = bytes(range(256)) * 300

KILLED = """
import json, sys
from pathlib import Path
from tests.unit.killed import killed_at
from tests.unit.service.store.test_fetch_killed import begun, fetch_one

store, caches, told, was_killed = Path(sys.argv[1]), Path(sys.argv[2]), [], True
fetch_one(store, caches / "warm")  # what is imported late is no step of a fetch
while was_killed:
    cache = caches / str(len(told))
    was_killed = killed_at(len(told), lambda: fetch_one(store, cache))
    told.append({"before": begun(cache), "asked": fetch_one(store, cache)})
print(json.dumps(told))
"""


def fetch_one(store: Path, cache: Path) -> int:
    """How many bytes of the graph were asked for."""
    from fsspec.implementations.local import LocalFileSystem

    from service.store.cache import Cache
    from service.store.fetching import Fetcher
    from service.store.remote import RemoteStore
    from service.store.trouble import Patience

    files, patience, asked = LocalFileSystem(), Patience(10.0), 0

    def read(path: str, start: int, end: int) -> bytes:
        nonlocal asked
        asked += (end - start) * path.endswith("model.keras")
        return bytes(files.cat_file(path, start=start, end=end))

    fetcher = Fetcher(read, patience, lambda event: None, BLOCK)
    place = Cache(cache, "file://store")
    remote = RemoteStore(files, str(store), place, fetcher, patience, lambda event: None, set)
    folder = remote.fetch("m", 1, remote.scan()["m"][1].path)
    assert open_artifact(folder).graph.read_bytes() == GRAPH
    assert [each.name for each in folder.parent.iterdir()] == ["1"]
    remote.close()
    return asked


def begun(cache: Path) -> int:
    """How many bytes of the graph are there, whole or not."""
    return max((path.stat().st_size for path in cache.rglob("model.keras")), default=0)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, int]]:
    """For each step at which the first was killed: what it left, and what the second asked for."""
    root = tmp_path_factory.mktemp("killed")
    publish_graph(root / "store", GRAPH)
    command = [sys.executable, "-c", KILLED, str(root / "store"), str(root / "caches")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [dict(each) for each in json.loads(done.stdout)]


def test_the_next_fetch_asks_for_what_is_missing_and_no_more(told: list[dict[str, int]]) -> None:
    assert [each["before"] + each["asked"] for each in told] == [len(GRAPH)] * len(told)


def test_it_was_killed_before_in_and_after_the_graph(told: list[dict[str, int]]) -> None:
    left = {each["before"] for each in told}
    assert {0, BLOCK, 2 * BLOCK, len(GRAPH)} <= left, left
