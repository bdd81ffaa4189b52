"""Fetched versions on this machine: `<cache>/<store>/<slot>/<model>/<mark>/<version>/`. Knows nothing of the store.

The mark is that of the version's fingerprint: files that changed are another version. A slot belongs to one process
at a time, so that no other fetches into it or clears it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Collection, Iterator
from itertools import count
from pathlib import Path
from typing import IO

from service.store.scanner import Fingerprint

PART = ".part"
"""What a version is called until it is whole. It stands beside its later place, so that a rename is enough."""


class Cache:
    """One slot of it, taken until the process ends, however it ends."""

    def __init__(self, cache: Path, store: str) -> None:
        """`store` is a URL. Raises OSError when the cache cannot be written or is somebody else's."""
        folder = cache / f"{store.partition(':')[0]}-{hashlib.sha256(store.encode()).hexdigest()[:12]}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            raise PermissionError(f"{folder} belongs to another user, who could put models there")
        self._root, self._lock = take_slot(folder)

    def __repr__(self) -> str:
        return f"<Cache {self._root}>"

    def place(self, model: str, number: int, fingerprint: Fingerprint) -> Path:
        """Where a version is once it is whole."""
        mark = hashlib.sha256(repr(fingerprint).encode()).hexdigest()[:16]
        return self._root / model / mark / str(number)

    def tidy(self, listed: Collection[Path], in_use: Collection[Path]) -> None:
        """Keeps what is in use, and of each model the highest other version that the store still lists, for who goes
        back to it; what was begun stays while the store lists it."""
        used, known = {each.parent for each in in_use}, {each.parent for each in listed}
        for model in folders(self._root):
            idle = {entry: number_in(entry) for entry in folders(model) if entry not in used}
            whole = {entry: number for entry, number in idle.items() if number is not None and entry in known}
            spare = max(whole, key=lambda entry: whole[entry], default=None)
            for entry, number in idle.items():
                is_begun = number is None and entry in known
                if entry != spare and not is_begun:
                    shutil.rmtree(entry, ignore_errors=True)

    def close(self) -> None:
        """Gives the slot to whoever comes next."""
        self._lock.close()


def take_slot(folder: Path) -> tuple[Path, IO[bytes]]:
    """The first that nobody holds, and the open file that holds it."""
    for slot in count():
        lock = (folder / f"{slot}.lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        except BaseException:
            lock.close()
            raise
        (folder / str(slot)).mkdir(exist_ok=True)
        return folder / str(slot), lock
    raise AssertionError("there is always another slot")


def folders(parent: Path) -> Iterator[Path]:
    return (each for each in list(parent.iterdir()) if each.is_dir())


def number_in(entry: Path) -> int | None:
    """The version that an entry holds whole."""
    return next((int(each.name) for each in folders(entry) if each.name.isdecimal()), None)
