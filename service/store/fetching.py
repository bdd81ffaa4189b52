"""Brings the files of one version to a folder: in blocks, going on where it broke off, checked against the manifest.

Knows neither where the folder stands nor what becomes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.artifact import MANIFEST, InvalidArtifact, Manifest, digest, read_json, sync
from service.events import BlockFetched, Emit, FetchInterrupted
from service.store.trouble import Patience, StoreUnavailable

BLOCK = 8 * 2**20
"""Bytes asked for at once. A connection of a quarter of a megabyte a second brings them within the default timeout."""
PAUSES = (0.5, 1.0, 2.0)
"""Seconds before a block is asked for again, each time."""

ReadRange = Callable[[str, int, int], bytes]
"""The bytes of a file from one position up to another."""


@dataclass(frozen=True)
class RemoteFile:
    """A file as the store lists it. `mark` changes with its content; `written` is when, where the store says so."""

    path: str
    size: int
    mark: int
    written: float | None = None


Files = Mapping[str, RemoteFile]
"""Those of one version, by their names in its folder."""


class Fetcher:
    """Fetches files. A block that does not come is asked for again a few times, with growing pauses."""

    def __init__(
        self, read: ReadRange, patience: Patience, emit: Emit, block: int = BLOCK, pauses: Sequence[float] = PAUSES
    ) -> None:
        self._read_range = read
        self._patience = patience
        self._emit = emit
        self._block = block
        self._pauses = pauses

    def fill(self, folder: Path, files: Files, model: str, number: int) -> int:
        """Makes the folder hold the files, and returns how many bytes had to come for that.

        Raises StoreUnavailable, InvalidArtifact for a content that is not the manifest's, and OSError of the disk.
        """
        folder.mkdir(parents=True, exist_ok=True)
        fetch = _Fetch(self, folder, files, model, number)
        if MANIFEST in files:
            fetch.file(MANIFEST, None)
        digests = digests_in(folder)
        missing = [name for name in digests if name not in files]
        if missing:
            raise StoreUnavailable(f"{missing[0]}: the manifest lists it, the store does not have it yet")
        for name in sorted(files.keys() - {MANIFEST}):
            fetch.file(name, digests.get(name))
        for each in (*(path for path in folder.rglob("*") if path.is_dir()), folder):
            sync(each)
        return fetch.fetched

    def block(self, file: RemoteFile, start: int, model: str, number: int) -> bytes:
        """What follows `start`: a block, or less of it when the connection broke off. Raises StoreUnavailable."""
        end = min(start + self._block, file.size)
        for pause in (*self._pauses, None):
            try:
                got = self._patience.call(lambda: self._read_range(file.path, start, end))
            except FileNotFoundError:
                raise StoreUnavailable(f"{file.path}: it is gone from the store") from None
            except Exception as error:  # each backend has errors of its own
                reason = said(error)
            else:
                if 0 < len(got) <= end - start:
                    return got
                reason = f"{len(got):,} bytes came where {end - start:,} were asked for"
            if pause is None:
                break
            self._emit(FetchInterrupted(model, number, file.path, start, reason, pause))
            self._patience.pause(pause)
        raise StoreUnavailable(f"{file.path}: {reason}")

    def note(self, model: str, number: int, size: int) -> None:
        self._emit(BlockFetched(model, number, size))


@dataclass
class _Fetch:
    """One version on its way."""

    fetcher: Fetcher
    folder: Path
    files: Files
    model: str
    number: int
    fetched: int = 0

    def file(self, name: str, expected: str | None) -> None:
        """From what is there already, if it is right; a file that turns out wrong is fetched once more, whole."""
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(2):
            self._complete(target, self.files[name])
            if expected is None or digest(target) == expected:
                return
            target.unlink()
        raise InvalidArtifact(f"{name}: its content does not match the manifest's digest")

    def _complete(self, target: Path, file: RemoteFile) -> None:
        if target.exists() and target.stat().st_size > file.size:
            target.unlink()
        with target.open("ab") as content:
            while (start := content.tell()) < file.size:
                block = self.fetcher.block(file, start, self.model, self.number)
                content.write(block)
                content.flush()
                self.fetched += len(block)
                self.fetcher.note(self.model, self.number, len(block))
        sync(target)


def digests_in(folder: Path) -> dict[str, str]:
    """Those of the manifest, none without one. Raises InvalidArtifact."""
    path = folder / MANIFEST
    return read_json(path, Manifest).digests if path.exists() else {}


def is_whole(folder: Path, files: Files) -> bool:
    """Whether the folder holds these files: by size, and by digest where there is one."""
    try:
        digests = digests_in(folder)
    except InvalidArtifact:
        return False
    for name, file in files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != file.size:
            return False
        if name in digests and digest(path) != digests[name]:
            return False
    return True


def said(error: BaseException) -> str:
    """Some libraries' errors have no text."""
    return f"{error}" or type(error).__name__
