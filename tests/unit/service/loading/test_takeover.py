"""Who may answer in place of whom: by manifests on disk, by what answers, and by trying out only where that decides."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from models.artifact import GRAPH, MANIFEST, InvalidArtifact, Manifest, written
from models.signature import Head, Input, Signature, TensorSpec
from service.events import ContractBroken
from service.loading.memory import NotEnoughMemory
from service.loading.takeover import Refused, Takeover
from service.store.scanner import Found, fingerprint_of
from service.store.source import Folder
from service.store.succession import Predecessor
from service.store.trouble import StoreUnavailable

X = Input(name="x", spec=TensorSpec("float32", (2,)))
YEARS, MONTHS = (
    Signature((X,), (Head(name="age", spec=TensorSpec("float32", (1,)), kind="regression", unit=unit),))
    for unit in ("years", "months")
)
BARE = Signature((X,), (Head(name="age", spec=TensorSpec("float32", (1,))),))


class Shelf:
    """Versions in a folder, and who is told to try one out: those that are bad raise what is put there for them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bare: dict[int, Signature] = {}
        self.bad: dict[int, Exception] = {}
        self.tried: list[int] = []
        self.takeover = Takeover(self.try_out, Folder(Path("unused")))

    def try_out(self, model: str, folder: Path) -> Signature:
        number = int(folder.name)
        self.tried.append(number)
        if number in self.bad:
            raise self.bad[number]
        if number in self.bare:
            return self.bare[number]
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest).signature

    def put(self, number: int, signature: Signature, breaking: str = "") -> None:
        folder = self.folder / str(number)
        folder.mkdir(exist_ok=True)
        manifest = Manifest(model="m", signature=signature, preprocessing={}, breaking=breaking)
        (folder / MANIFEST).write_bytes(written(manifest))

    def put_bare(self, number: int, signature: Signature) -> None:
        (self.folder / str(number)).mkdir()
        (self.folder / str(number) / GRAPH).write_bytes(b"a graph")
        self.bare[number] = signature

    def found(self, number: int) -> Found:
        folder = self.folder / str(number)
        return Found(folder, fingerprint_of(folder))

    def judge(self, number: int, *before: int | Predecessor[Any]) -> list[ContractBroken]:
        known = [Predecessor[Any](each, self.found(each)) if isinstance(each, int) else each for each in before]
        told = self.takeover.judge("m", number, self.found(number), known)
        return [event for event in told if isinstance(event, ContractBroken)]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


class Answering:
    """What is known of a version that answers."""

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self.manifest = None


def test_a_version_that_keeps_the_contract_passes_and_nobody_is_tried(shelf: Shelf) -> None:
    shelf.put(1, YEARS)
    shelf.put(2, YEARS)
    assert (shelf.judge(1), shelf.judge(2, 1), shelf.tried) == ([], [], [])


def test_of_bare_graphs_only_the_highest_below_is_loaded_to_know_what_it_promises(shelf: Shelf) -> None:
    shelf.put(1, BARE)
    for number in (2, 3, 4):
        shelf.put_bare(number, BARE)
    assert shelf.judge(4, 1, 2, 3) == []
    assert shelf.tried == [4, 3]


def test_a_store_out_of_reach_opens_no_gate(shelf: Shelf) -> None:
    shelf.put_bare(1, BARE)
    shelf.put(2, MONTHS)
    shelf.bad[1] = StoreUnavailable("no answer")
    with pytest.raises(StoreUnavailable):
        shelf.judge(2, 1)
    del shelf.bad[1]
    with pytest.raises(Refused):
        shelf.judge(2, 1)


def test_one_that_breaks_it_is_refused_line_by_line(shelf: Shelf) -> None:
    shelf.put(1, YEARS)
    shelf.put(2, MONTHS)
    with pytest.raises(Refused) as refused:
        shelf.judge(2, 1)
    assert str(refused.value) == (
        "it breaks the contract of version 1 and does not announce it:\nhead 'age': unit was 'years', is 'months'"
    )
    assert shelf.tried == [1]


def test_one_that_announces_it_passes_and_is_told_of(shelf: Shelf) -> None:
    shelf.put(1, YEARS)
    shelf.put(2, MONTHS, "months are finer")
    lines = ("head 'age': unit was 'years', is 'months'",)
    assert shelf.judge(2, 1) == [ContractBroken("m", 2, 1, "months are finer", lines)]
    shelf.put(3, MONTHS)
    assert shelf.judge(3, 1, 2) == []


def test_what_answers_is_believed_whatever_became_of_its_files(shelf: Shelf) -> None:
    shelf.put(1, YEARS)
    shelf.put(2, MONTHS)
    answering = Predecessor[Any](1, Found(Path("gone"), ()), Answering(MONTHS))
    assert (shelf.judge(2, answering), shelf.tried) == ([], [])
    shelf.put(3, YEARS)
    with pytest.raises(Refused, match="contract of version 1"):
        shelf.judge(3, answering)


def test_one_before_it_that_could_not_answer_decides_nothing(shelf: Shelf) -> None:
    shelf.put(1, YEARS)
    shelf.put(2, MONTHS, "months are finer")
    shelf.put(3, MONTHS)
    shelf.bad[2] = InvalidArtifact("golden example 0")
    with pytest.raises(Refused, match="contract of version 1"):
        shelf.judge(3, 1, 2)


def test_where_none_before_it_could_answer_it_passes(shelf: Shelf) -> None:
    shelf.put(1, YEARS)
    shelf.put(2, MONTHS)
    shelf.bad[1] = InvalidArtifact("golden example 0")
    assert shelf.judge(2, 1) == []


def test_without_memory_to_try_it_a_manifest_is_believed(shelf: Shelf) -> None:
    shelf.put(1, YEARS)
    shelf.put(2, MONTHS)
    shelf.bad[1] = NotEnoughMemory("not enough memory")
    with pytest.raises(Refused, match="contract of version 1"):
        shelf.judge(2, 1)


def test_a_manifest_that_cannot_be_read_promises_nothing(shelf: Shelf) -> None:
    shelf.put(1, YEARS)
    (shelf.folder / "1" / MANIFEST).write_text("{")
    shelf.put(2, MONTHS)
    assert shelf.judge(2, 1) == []
    with pytest.raises(InvalidArtifact, match=r"manifest\.json"):
        shelf.judge(1, 2)


def test_a_bare_graph_is_compared_by_its_own_signature(shelf: Shelf) -> None:
    shelf.put_bare(1, BARE)
    shelf.put_bare(2, BARE)
    assert shelf.judge(2, 1) == []
    shelf.put_bare(3, Signature((X,), (Head(name="years", spec=TensorSpec("float32", (1,))),)))
    with pytest.raises(Refused, match=r"version 2 .*\nhead 'age': is gone \(was it renamed to 'years'\?\)"):
        shelf.judge(3, 1, 2)
    shelf.put(4, YEARS)
    with pytest.raises(Refused, match="kind was 'tensor', is 'regression'"):
        shelf.judge(4, 1, 2)
    assert sorted(shelf.tried) == [1, 2, 3]  # once each


def test_what_passed_once_passes_again_until_its_files_change(shelf: Shelf) -> None:
    """It may have answered, and whoever goes back to it wants that."""
    shelf.put(1, YEARS)
    shelf.put(3, YEARS)
    assert shelf.judge(3, 1) == []
    shelf.put(2, MONTHS, "months are finer")
    assert shelf.judge(3, 1, 2) == []
    shutil.rmtree(shelf.folder / "3")
    shelf.put(3, YEARS, breaking=" ")
    shelf.put(3, YEARS)
    with pytest.raises(Refused, match="contract of version 2"):
        shelf.judge(3, 1, 2)
