"""A publisher that is killed (SIGKILL) at any of its steps leaves a store in which every version is whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from models.artifact import Manifest, open_artifact, publish, versions
from models.signature import Head, Input, Signature, TensorSpec

ROOT = Path(__file__).resolve().parents[3]

KILLED = """
import sys
from pathlib import Path
from tests.unit.killed import killed_at
from tests.unit.models.test_publish_killed import publish_one

store, step = Path(sys.argv[1]), 0
while killed_at(step, lambda: publish_one(store / str(step))):
    step += 1
print(step)
"""


def publish_one(store: Path) -> Path:
    spec = TensorSpec("float32", (2,))
    signature = Signature((Input(name="row", spec=spec),), (Head(name="score", spec=spec),))
    manifest = Manifest(model="m", signature=signature, preprocessing={})

    def write(folder: Path) -> None:
        (folder / "model.keras").write_bytes(b"a graph" * 100_000)
        (folder / "words.json").write_text("{}")

    return publish(store, manifest, [], write)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One for each step at which its publisher was killed."""
    root = tmp_path_factory.mktemp("killed")
    done = subprocess.run([sys.executable, "-c", KILLED, str(root)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [root / str(number) for number in range(int(done.stdout))]


def test_whatever_is_there_is_whole(stores: list[Path]) -> None:
    found = [versions(store / "m") for store in stores]
    assert all(each in ([], [1]) for each in found), found
    assert found[0] == []  # killed at the first step
    assert found[-1] == [1]  # at the last, when all that is left is to make sure that it lasts
    for store in stores:
        for number in versions(store / "m"):
            open_artifact(store / "m" / str(number))


def test_the_next_publisher_gets_on(stores: list[Path]) -> None:
    for store in stores:
        before = versions(store / "m")
        folder = publish_one(store)
        assert versions(store / "m") == [*before, int(folder.name)]
        open_artifact(folder)
