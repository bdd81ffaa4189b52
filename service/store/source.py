"""What a store of versions can do, wherever it is: say what stands in it, and bring a version to this machine."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

from models.artifact import contract_in
from models.contract import Contract
from service.events import Emit
from service.settings import Store
from service.store.scanner import Listing, Scanner


class Source(Protocol):
    """Where versions come from. Both calls block."""

    def scan(self) -> Listing:
        """What stands in the store now. Raises OSError when that cannot be said."""

    def fetch(self, model: str, number: int, folder: Path) -> Path:
        """The version's folder, whole and on this machine, given as the last `scan` found it.

        Raises StoreUnavailable, InvalidArtifact.
        """

    def contract(self, number: int, folder: Path) -> Contract | None:
        """What the version's manifest promises, without fetching the version; None without a manifest.

        Raises InvalidArtifact.
        """

    def close(self) -> None:
        """Ends what is under way; nothing is fetched afterwards."""


class Folder(Scanner):
    """A store on this machine: nothing has to be fetched."""

    def fetch(self, model: str, number: int, folder: Path) -> Path:
        return folder

    def contract(self, number: int, folder: Path) -> Contract | None:
        return contract_in(folder, number)

    def close(self) -> None:
        pass


def open_source(store: Store, emit: Emit, in_use: Callable[[], Collection[Path]]) -> Source:
    """The store in a folder, or at a URL; only the latter imports fsspec. `in_use`: folders to be kept in the cache.

    Raises OSError when the cache cannot be written, ValueError for a URL that is none.
    """
    if isinstance(store.path, Path):
        return Folder(store.path)
    from service.store.remote import open_remote

    return open_remote(store.path, store.cache_folder, store.timeout, emit, in_use)
