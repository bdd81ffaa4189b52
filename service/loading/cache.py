"""A folder of small JSON entries by key: what is slow to find out and can always be found out again.

Bounded, shared by any number of processes, and never trusted: what is damaged or belongs to another key counts as not
there. Knows nothing of what the entries mean.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

FORMAT = 1
MOST = 256
"""Entries that are kept: those that were written or read last."""

Key = Mapping[str, str]
T = TypeVar("T")

log = structlog.get_logger("manifold")


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The key stands in full: people can read what an entry rests on, and no other key can pass for it."""

    format: int
    key: dict[str, str]
    content: msgspec.Raw


class Cache:
    """Without a folder nothing is kept."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def __repr__(self) -> str:
        return f"<Cache {self._folder or 'off'}>"

    @property
    def is_on(self) -> bool:
        return self._folder is not None

    def read(self, key: Key, kind: type[T]) -> T | None:
        """None when there is no entry that can be used."""
        if self._folder is None:
            return None
        path = self._folder / name_of(key)
        try:
            content = content_of(path.read_bytes(), key, kind)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            log.warning("cache entry ignored", file=str(path), reason=f"{error}")
            return None
        with suppress(OSError):  # a folder that can only be read is of use too
            os.utime(path)
        return content

    def write(self, key: Key, content: object) -> None:
        """What cannot be written is not kept; the first time that is said, and nothing is tried afterwards."""
        if self._folder is None:
            return
        entry = Entry(FORMAT, dict(key), msgspec.Raw(msgspec.json.encode(content)))
        try:
            # Who could write here could talk a model into padding that it does not bear.
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace(self._folder / name_of(key), msgspec.json.format(msgspec.json.encode(entry), indent=1))
            trim(self._folder)
        except OSError as error:
            log.info("nothing is cached", folder=str(self._folder), reason=f"{error.strerror or error}")
            self._folder = None


def name_of(key: Key) -> str:
    return hashlib.sha256(msgspec.json.encode(sorted(key.items()))).hexdigest() + ".json"


def content_of(written: bytes, key: Key, kind: type[T]) -> T:
    """Raises ValueError for an entry of another format or key, msgspec.MsgspecError for what is none."""
    entry = msgspec.json.decode(written, type=Entry)
    if entry.format != FORMAT:
        raise ValueError(f"its format is {entry.format}, not {FORMAT}")
    if entry.key != key:
        raise ValueError("it belongs to another key")
    return msgspec.json.decode(entry.content, type=kind)


def replace(path: Path, content: bytes) -> None:
    """A reader sees the old content or the new one, also when two write at once. Raises OSError."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f"{path.stem}-", suffix=".part")
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise


def trim(folder: Path) -> None:
    """Removes the oldest beyond MOST, and with them what a killed writer left. Raises OSError."""
    ages = []
    for path in folder.iterdir():
        if path.suffix in (".json", ".part"):
            with suppress(FileNotFoundError):  # another process was faster
                ages.append((path.stat().st_mtime_ns, path))
    for _, path in sorted(ages)[: max(0, len(ages) - MOST)]:
        path.unlink(missing_ok=True)
