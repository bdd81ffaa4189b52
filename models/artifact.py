"""An artifact: `<store>/<model>/<version>/` with the graph, its manifest, preprocessing files and golden examples.

Written to a temporary folder and renamed, so that a half-written one is never seen. Knows no TensorFlow and no HTTP.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from models.contract import Contract
from models.evidence import Evidence
from models.preprocessing import Preprocessing
from models.signature import Signature

GRAPH = "model.keras"
SAVED_MODEL = "saved_model.pb"
MANIFEST = "manifest.json"
GOLDEN = "golden.json"

T = TypeVar("T")


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an artifact says of itself. Names stand in declared order."""

    format: int = 1
    model: str
    description: str = ""
    signature: Signature
    preprocessing: dict[str, Preprocessing]
    metrics: dict[str, float] = {}
    """Held-out figures, by `head/metric`, and naive baselines, by `head/metric/baseline`."""
    training: dict[str, str | int | float] = {}
    """Preset, seed, data source, examples, seconds."""
    frameworks: dict[str, str] = {}
    """What the golden answers were made with: versions by name, `device` and `precision`."""
    evidence: Evidence | None = None
    """What the trial of padding and neighbours showed on export, None where nobody tried."""
    golden_tolerance: float = 1e-3
    """Largest relative difference of a golden answer on another device, precision or framework version than it was made
    with; with the same it has to be equal."""
    breaking: str = ""
    """Why this version does not keep to the contract of the one before it; empty where it does."""
    digests: dict[str, str] = {}
    """SHA-256 of every other file of the folder, by name; what stands in folders below it is no part of the model."""


class Golden(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request as a caller would write it, and the raw tensor of each head."""

    inputs: dict[str, object]
    outputs: dict[str, object]


class InvalidArtifact(Exception):
    """A folder that cannot be served: which file, and why."""


class Artifact(msgspec.Struct, frozen=True):
    """A version's folder, read and checked. `manifest` is None for a folder with only a graph in it."""

    folder: Path
    graph: Path
    manifest: Manifest | None

    def golden(self) -> list[Golden]:
        """The golden examples, none when the folder has no such file. Raises InvalidArtifact."""
        path = self.folder / GOLDEN
        return read_json(path, list[Golden]) if path.exists() else []


def open_artifact(folder: Path) -> Artifact:
    """Reads a version's folder and verifies its digests. Raises InvalidArtifact."""
    path = folder / MANIFEST
    if not path.exists():
        return Artifact(folder, find_graph(folder), None)
    manifest = read_json(path, Manifest)
    for name, expected in manifest.digests.items():
        if not (folder / name).is_file():
            raise InvalidArtifact(f"{name}: missing")
        if digest(folder / name) != expected:
            raise InvalidArtifact(f"{name}: its content does not match the manifest's digest")
    return Artifact(folder, find_graph(folder), manifest)


def digest_of(artifact: Artifact) -> str:
    """Of all that decides how the artifact answers: the files of its folder, and of a SavedModel those below it.

    What the manifest vouches for was verified on opening.
    """
    vouched = artifact.manifest.digests if artifact.manifest else {}
    files = {path for path in artifact.folder.iterdir() if path.is_file()}
    if artifact.graph.name == SAVED_MODEL:
        files |= {path for path in artifact.folder.rglob("*") if path.is_file()}
    names = sorted((path.relative_to(artifact.folder).as_posix(), path) for path in files)
    digests = [(name, vouched.get(name) or digest(path)) for name, path in names]
    return hashlib.sha256(msgspec.json.encode(digests)).hexdigest()


def find_graph(folder: Path) -> Path:
    """`model.keras`, or the one `.keras` file of the folder, else `saved_model.pb`. Raises InvalidArtifact.

    A `.keras` file comes first, because it keeps the names of heads in their declared order.
    """
    graphs = sorted(folder.glob("*.keras"))
    if (folder / GRAPH) in graphs:
        return folder / GRAPH
    if not graphs and (folder / SAVED_MODEL).exists():
        return folder / SAVED_MODEL
    if len(graphs) != 1:
        raise InvalidArtifact(f"expected one .keras file or a {SAVED_MODEL}, found {len(graphs)} .keras files")
    return graphs[0]


def publish(store: Path, manifest: Manifest, golden: list[Golden], write: Callable[[Path], None]) -> Path:
    """Writes the model's next version and returns its folder.

    `write(folder)` puts the graph and the preprocessing files in place; digests are taken afterwards, of files and not
    of folders: a report in one may be opened, moved or deleted without harm.
    """
    model = store / manifest.model
    model.mkdir(parents=True, exist_ok=True)
    draft = model / f".draft-{uuid.uuid4().hex}"
    draft.mkdir()
    try:
        write(draft)
        (draft / GOLDEN).write_bytes(msgspec.json.format(msgspec.json.encode(golden), indent=1))
        digests = {path.name: digest(path) for path in sorted(draft.iterdir()) if path.is_file()}
        sealed = msgspec.structs.replace(manifest, digests=digests)
        (draft / MANIFEST).write_bytes(written(sealed))
        for path in draft.iterdir():
            sync(path)
        return rename_to_next_version(draft, model)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def written(manifest: Manifest) -> bytes:
    """As JSON. What is not said is left out where older readers, which know only their own fields, can do without."""
    fields = msgspec.to_builtins(manifest)
    kept = {name: value for name, value in fields.items() if value or name != "breaking"}
    return msgspec.json.format(msgspec.json.encode(kept), indent=1)


def rename_to_next_version(draft: Path, model: Path) -> Path:
    while True:
        target = model / str(max(versions(model), default=0) + 1)
        try:
            draft.rename(target)
        except OSError:
            if not target.exists():
                raise
            continue  # another writer took this number
        sync(model)
        return target


def versions(model: Path) -> list[int]:
    """The version numbers that stand in a model's folder, ascending; drafts and other names are no versions."""
    if not model.is_dir():
        return []
    names = (path.name for path in model.iterdir() if path.is_dir())
    return sorted(int(name) for name in names if name.isdecimal() and name.isascii() and str(int(name)) == name)


def contract_in(folder: Path, version: int) -> Contract | None:
    """What the manifest promises, None without one. Digests are not looked at. Raises InvalidArtifact."""
    path = folder / MANIFEST
    if not path.exists():
        return None
    return contract_of(read_json(path, Manifest), version)


def contract_of(manifest: Manifest, version: int) -> Contract:
    return Contract(version, manifest.signature, manifest.preprocessing, manifest.breaking)


def read_json(path: Path, kind: type[T]) -> T:
    """The file as that type. Raises InvalidArtifact with the place in the file."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidArtifact(f"{path.name}: {error}") from error


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Flushes a file or a folder to disk, so that a renamed version is whole after a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
