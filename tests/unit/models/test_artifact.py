"""Artifacts: seen whole or not at all, checked against their digests, numbered without gaps or collisions."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import msgspec
import pytest

from models.artifact import (
    Golden,
    InvalidArtifact,
    Manifest,
    contract_in,
    open_artifact,
    publish,
    versions,
)
from models.preprocessing import Numbers
from models.signature import Head, Input, Signature, TensorSpec

SIGNATURE = Signature(
    (Input(name="x", spec=TensorSpec("float32", (2,))),), (Head(name="y", spec=TensorSpec("float32", (1,))),)
)
MANIFEST = Manifest(model="toy", signature=SIGNATURE, preprocessing={"x": Numbers()})
GOLDEN = [Golden({"x": [1.0, 2.0]}, {"y": [3.0]})]


def graph(folder: Path) -> None:
    (folder / "model.keras").write_bytes(b"a graph")


def test_what_was_published_is_opened_again(tmp_path: Path) -> None:
    folder = publish(tmp_path, MANIFEST, GOLDEN, graph)

    artifact = open_artifact(folder)

    assert folder == tmp_path / "toy" / "1"
    assert artifact.manifest is not None
    assert artifact.manifest.signature == SIGNATURE
    assert sorted(artifact.manifest.digests) == ["golden.json", "model.keras"]
    assert artifact.golden() == GOLDEN


def test_why_it_breaks_the_contract_is_kept_and_left_out_where_it_does_not(tmp_path: Path) -> None:
    plain = publish(tmp_path, MANIFEST, GOLDEN, graph)
    announced = publish(tmp_path, msgspec.structs.replace(MANIFEST, breaking="y is a sum now"), GOLDEN, graph)

    told = [json.loads((folder / "manifest.json").read_bytes()) for folder in (plain, announced)]
    assert "breaking" not in told[0], "older readers refuse fields that they do not know"
    assert told[1]["breaking"] == "y is a sum now"
    assert [open_artifact(folder).manifest.breaking for folder in (plain, announced)] == ["", "y is a sum now"]  # type: ignore[union-attr]


def test_a_contract_is_read_from_the_manifest_alone(tmp_path: Path) -> None:
    folder = publish(tmp_path, msgspec.structs.replace(MANIFEST, breaking="why"), GOLDEN, graph)
    (folder / "model.keras").write_bytes(b"another graph")

    contract = contract_in(folder, 7)

    assert contract is not None
    assert (contract.version, contract.signature, contract.breaking) == (7, SIGNATURE, "why")
    (folder / "manifest.json").unlink()
    assert contract_in(folder, 7) is None


def test_a_published_folder_leaves_no_draft_behind(tmp_path: Path) -> None:
    publish(tmp_path, MANIFEST, GOLDEN, graph)

    assert [path.name for path in (tmp_path / "toy").iterdir()] == ["1"]


def test_nothing_is_visible_while_it_is_written(tmp_path: Path) -> None:
    seen: list[list[int]] = []

    def write(folder: Path) -> None:
        graph(folder)
        seen.append(versions(tmp_path / "toy"))

    publish(tmp_path, MANIFEST, GOLDEN, write)

    assert seen == [[]]


def test_a_failed_writer_leaves_nothing(tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        graph(folder)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        publish(tmp_path, MANIFEST, GOLDEN, write)

    assert list((tmp_path / "toy").iterdir()) == []


def test_versions_are_whole_numbers_in_numeric_order(tmp_path: Path) -> None:
    for name in ("10", "9", "1", "01", "-2", "1.5", ".draft-1", "٣", "latest"):
        (tmp_path / name).mkdir()
    (tmp_path / "7").write_text("a file is no version")

    assert versions(tmp_path) == [1, 9, 10]
    assert versions(tmp_path / "absent") == []


def test_the_next_version_follows_the_highest(tmp_path: Path) -> None:
    (tmp_path / "toy" / "41").mkdir(parents=True)

    assert publish(tmp_path, MANIFEST, GOLDEN, graph).name == "42"


def test_writers_at_the_same_time_get_a_version_each(tmp_path: Path) -> None:
    writers = 8
    together = threading.Barrier(writers)
    folders: list[Path] = []

    def write(folder: Path) -> None:
        graph(folder)
        together.wait()

    threads = [
        threading.Thread(target=lambda: folders.append(publish(tmp_path, MANIFEST, GOLDEN, write)))
        for _ in range(writers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert versions(tmp_path / "toy") == list(range(1, writers + 1))
    assert len(set(folders)) == writers
    for folder in folders:
        open_artifact(folder)


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    folder = publish(tmp_path, MANIFEST, GOLDEN, graph)
    (folder / "model.keras").write_bytes(b"another graph")

    with pytest.raises(InvalidArtifact, match=r"model\.keras: its content does not match"):
        open_artifact(folder)


def test_a_lost_file_is_noticed(tmp_path: Path) -> None:
    folder = publish(tmp_path, MANIFEST, GOLDEN, graph)
    (folder / "golden.json").unlink()

    with pytest.raises(InvalidArtifact, match=r"golden\.json: missing"):
        open_artifact(folder)


@pytest.mark.parametrize("content", [b"", b"{", b'{"model": 3}', b'{"model": "toy"}', b"\xff"])
def test_a_broken_manifest_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    folder = publish(tmp_path, MANIFEST, GOLDEN, graph)
    (folder / "manifest.json").write_bytes(content)

    with pytest.raises(InvalidArtifact, match=r"manifest\.json"):
        open_artifact(folder)


def test_a_folder_with_only_a_graph_has_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "anything.keras").write_bytes(b"a graph")

    artifact = open_artifact(tmp_path)

    assert artifact.manifest is None
    assert artifact.graph.name == "anything.keras"
    assert artifact.golden() == []


def test_a_folder_with_two_graphs_is_ambiguous(tmp_path: Path) -> None:
    for name in ("a.keras", "b.keras"):
        (tmp_path / name).write_bytes(b"a graph")

    with pytest.raises(InvalidArtifact, match="found 2"):
        open_artifact(tmp_path)
