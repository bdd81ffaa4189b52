"""What stands in the store now: models, their versions and where each is. Reads names and times, never contents."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

from models.artifact import MANIFEST, SAVED_MODEL, versions

MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")

FOLDERS = ("variables", "assets", "assets.extra")
"""Of a SavedModel: what stands in other folders is no part of a model."""

QUIET = 2.0
"""Seconds without a write after which a copied file counts as whole."""

Fingerprint = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Found:
    """A version's folder. The fingerprint changes when any file in it does."""

    path: Path
    fingerprint: Fingerprint
    settled: bool = True
    """False while somebody may still be writing it: such a version is not begun, but one that is served is kept."""

    @property
    def bytes(self) -> int:
        return sum(size for _, size, _ in self.fingerprint)


Listing = dict[str, dict[int, Found]]
"""Versions by model. A model without any is known but absent: still in training, say."""


class Scanner:
    """Lists the store. A folder without a manifest counts once nothing in it was touched for a while, because

    somebody may still be copying it; one with a manifest was renamed into place whole. `clock` is that of the files.
    """

    def __init__(self, store: Path, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def scan(self) -> Listing:
        """Raises OSError when the store cannot be read; a store that does not exist yet is empty."""
        if not self._store.exists():
            return {}
        return {
            folder.name: self._versions(folder)
            for folder in sorted(self._store.iterdir())
            if folder.is_dir() and MODEL_NAME.fullmatch(folder.name)
        }

    def _versions(self, model: Path) -> dict[int, Found]:
        folders = {number: model / str(number) for number in versions(model)}
        if not folders and has_graph(model):
            folders = {1: model}  # a graph dropped in without a version number
        found = {}
        for number, folder in folders.items():
            fingerprint = fingerprint_of(folder)
            has_manifest = any(name == MANIFEST for name, _, _ in fingerprint)
            if has_manifest or any(is_graph(name) for name, _, _ in fingerprint):
                found[number] = Found(folder, fingerprint, has_manifest or self._is_quiet(fingerprint))
        return found

    def _is_quiet(self, fingerprint: Fingerprint) -> bool:
        now = self._clock()
        return all(abs(now - nanoseconds / 1e9) > QUIET for _, _, nanoseconds in fingerprint)


def is_graph(name: str) -> bool:
    return name.endswith(".keras") or name == SAVED_MODEL


def has_graph(folder: Path) -> bool:
    return any(is_graph(path.name) for path in folder.iterdir())


def fingerprint_of(folder: Path) -> Fingerprint:
    """Name, size and time of every file; what goes while we look is left out."""
    files: list[tuple[str, int, int]] = []
    with suppress(FileNotFoundError):
        for path in files_of(folder):
            with suppress(FileNotFoundError):
                stat = path.stat()
                if S_ISREG(stat.st_mode):
                    files.append((path.relative_to(folder).as_posix(), stat.st_size, stat.st_mtime_ns))
    return tuple(sorted(files))


def files_of(folder: Path) -> Iterator[Path]:
    """What stands in the folder, and of a SavedModel what stands below it."""
    names = list(folder.iterdir())
    yield from names
    if folder / SAVED_MODEL in names:
        for each in FOLDERS:
            yield from (folder / each).rglob("*")
