"""A store behind any of fsspec's file systems: S3, Google's, a folder, memory. Lists it, and keeps what is fetched.

Object stores know no rename, so a version with a manifest is whole when every file that its manifest lists is there;
one without, when nothing of it has changed for a while. fsspec is imported when a store is opened; the backends bring
their own credentials.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from models.artifact import MANIFEST, SAVED_MODEL, Manifest, contract_of
from models.contract import Contract
from service.events import Emit, FetchBegan, VersionFetched
from service.store.cache import PART, Cache
from service.store.fetching import Fetcher, Files, RemoteFile, digests_in, is_whole, said
from service.store.scanner import FOLDERS, MODEL_NAME, QUIET, Fingerprint, Found, Listing, is_graph
from service.store.trouble import Patience, StoreUnavailable, begin

T = TypeVar("T")

LONG_AGO = 60.0
"""Seconds after which a file's own time is believed: the store's clock may differ from ours by less than that."""
CONTENT = ("ETag", "etag", "md5Hash", "content_md5", "generation", "version_id")
TIMES = ("mtime", "LastModified", "last_modified", "modified", "updated", "created")
"""What the backends of fsspec say of a file that changes when it does."""

Numbered = dict[str, dict[int, Files]]
"""The files of every version, by model and number."""
Info = Mapping[str, object]


class FileSystem(Protocol):
    """What is used of fsspec's."""

    def invalidate_cache(self) -> None: ...

    def find(self, path: str, *, detail: bool, **how: str) -> Mapping[str, Info]: ...

    def cat_file(self, path: str, start: int | None = None, end: int | None = None) -> bytes: ...

    def cat(self, path: Sequence[str], *, on_error: str) -> Mapping[str, bytes | Exception]: ...


class RemoteStore:
    """Lists the store and fetches versions into the cache, from one thread at a time."""

    def __init__(
        self,
        files: FileSystem,
        root: str,
        cache: Cache,
        fetcher: Fetcher,
        patience: Patience,
        emit: Emit,
        in_use: Callable[[], Collection[Path]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`root` is the store's path in the file system. `in_use`: folders that have to stay in the cache."""
        self._files = files
        self._root = root
        self._cache = cache
        self._fetcher = fetcher
        self._patience = patience
        self._emit = emit
        self._in_use = in_use
        self._clock = clock
        self._look: Future[Numbered] | None = None
        self._manifests: dict[RemoteFile, Manifest | None] = {}
        self._since: dict[Path, float] = {}
        self._listed: dict[Path, Files] = {}

    def __repr__(self) -> str:
        return f"<RemoteStore {self._root} [{len(self._listed)} versions]>"

    def scan(self) -> Listing:
        """Raises StoreUnavailable. A look that hangs is waited for again by the next, rather than begun anew."""
        self._look = self._look or begin(self._look_around)
        try:
            models = self._patience.wait_for(self._look)
        except StoreUnavailable as error:
            raise StoreUnavailable(f"{self._root}: {error}") from error
        finally:
            if self._look.done():
                self._look = None
        listing: Listing = {}
        listed: dict[Path, Files] = {}
        for model, versions in models.items():
            listing[model] = {}
            for number, files in versions.items():
                fingerprint = fingerprint_of(files)
                folder = self._cache.place(model, number, fingerprint)
                listed[folder] = files
                listing[model][number] = Found(folder, fingerprint, self._is_settled(folder, files))
        self._listed = listed
        self._since = {folder: since for folder, since in self._since.items() if folder in listed}
        return listing

    def fetch(self, model: str, number: int, folder: Path) -> Path:
        """Raises StoreUnavailable, InvalidArtifact."""
        files = self._listed.get(folder)
        if files is None:
            raise StoreUnavailable("the store does not list this version any more")
        try:
            if not is_whole(folder, files):
                self._bring(model, number, folder, files)
            self._cache.tidy(self._listed, {folder, *self._in_use()})
        except StoreUnavailable:
            raise
        except OSError as error:
            raise StoreUnavailable(f"the cache {self._cache}: {error}") from error
        return folder

    def contract(self, number: int, folder: Path) -> Contract | None:
        """By what the last `scan` read of the manifest; one that is none is told of when the version is loaded.

        Raises StoreUnavailable for one that could not be read.
        """
        files = self._listed.get(folder, {})
        if self._is_unread(files):
            raise StoreUnavailable(f"{files[MANIFEST].path} could not be read")
        manifest = self._manifest_of(files)
        return None if manifest is None else contract_of(manifest, number)

    def close(self) -> None:
        self._patience.close()
        self._cache.close()

    def _bring(self, model: str, number: int, folder: Path, files: Files) -> None:
        if folder.exists():
            shutil.rmtree(folder)
        began = time.monotonic()
        self._emit(FetchBegan(model, number, len(files), sum(file.size for file in files.values())))
        part = folder.with_name(PART)
        fetched = self._fetcher.fill(part, files, model, number)
        if not digests_in(part) and self._patience.call(self._find).get(model, {}).get(number) != files:
            raise StoreUnavailable("its files changed while they were fetched")
        part.rename(folder)
        self._emit(VersionFetched(model, number, fetched, time.monotonic() - began))

    def _look_around(self) -> Numbered:
        """What is there, and the manifests that were not read yet."""
        models = self._find()
        manifests = [files[MANIFEST] for each in models.values() for files in each.values() if MANIFEST in files]
        unread = [each for each in manifests if each not in self._manifests]
        read = {each: self._manifests[each] for each in manifests if each in self._manifests}
        if unread:
            contents = asked(lambda: self._files.cat([each.path for each in unread], on_error="return"))
            came = ((each, contents.get(each.path)) for each in unread)
            read |= {each: manifest_in(content) for each, content in came if isinstance(content, bytes)}
        self._manifests = read
        return models

    def _find(self) -> Numbered:
        def find() -> Mapping[str, Info]:
            self._files.invalidate_cache()
            return self._files.find(self._root, detail=True, **loudly(self._files))

        return numbered(self._root, asked(find))

    def _manifest_of(self, files: Files) -> Manifest | None:
        return self._manifests.get(files[MANIFEST]) if MANIFEST in files else None

    def _is_unread(self, files: Files) -> bool:
        return MANIFEST in files and files[MANIFEST] not in self._manifests

    def _is_settled(self, folder: Path, files: Files) -> bool:
        """False while somebody may still be writing it."""
        if self._is_unread(files):
            return False
        manifest = self._manifest_of(files)
        if manifest is not None and manifest.digests:
            return manifest.digests.keys() <= files.keys()
        now = self._clock()
        since = self._since.setdefault(folder, now)  # a change makes it another folder
        times = [file.written for file in files.values()]
        return now - since >= QUIET or all(time is not None and now - time > LONG_AGO for time in times)


def open_remote(
    url: str, cache: Path, timeout: float, emit: Emit, in_use: Callable[[], Collection[Path]]
) -> RemoteStore:
    """Raises OSError when the cache cannot be written, ValueError when the backend cannot use the URL."""
    from fsspec.core import url_to_fs

    try:
        files, root = url_to_fs(url)
    except Exception as error:  # each backend has errors of its own
        raise ValueError(f"{url}: {said(error)}") from error
    patience = Patience(timeout)
    # By name: some backends have other parameters between.
    fetcher = Fetcher(lambda path, start, end: files.cat_file(path, start=start, end=end), patience, emit)
    return RemoteStore(files, root, Cache(cache, url), fetcher, patience, emit, in_use)


def asked(work: Callable[[], T]) -> T:
    """Each backend has errors of its own; here they are one. Raises StoreUnavailable."""
    try:
        return work()
    except Exception as error:
        raise StoreUnavailable(said(error)) from error


def loudly(files: FileSystem) -> dict[str, str]:
    """fsspec's own `find` takes a folder that cannot be read for an empty one, unless told: a store out of reach would
    look as if everything had been deleted. Backends that bring their own raise by themselves."""
    find = getattr(type(files), "_find", None) or type(files).find
    return {"on_error": "raise"} if find.__module__ in ("fsspec.spec", "fsspec.asyn") else {}


def numbered(root: str, found: Mapping[str, Info]) -> Numbered:
    """What is no model's is left out, and so are names that would lead out of a version's folder."""
    models: dict[str, dict[str, RemoteFile]] = {}
    for path, info in found.items():
        model, _, name = path.removeprefix(root).lstrip("/").partition("/")
        is_file = info.get("type") != "directory" and name
        if MODEL_NAME.fullmatch(model) and is_file:
            files = models.setdefault(model, {})
            if not {"", ".", ".."} & set(name.split("/")):
                files[name] = remote_file(path, info)
    return {model: versions_in(files) for model, files in models.items()}


def versions_in(files: Files) -> dict[int, Files]:
    """Versions with a graph or a manifest; a graph dropped in without a number is version 1."""
    versions: dict[int, dict[str, RemoteFile]] = {}
    for name, file in files.items():
        number, _, rest = name.partition("/")
        if rest and number.isascii() and number.isdecimal() and str(int(number)) == number:
            versions.setdefault(int(number), {})[rest] = file
    if not versions:
        below = FOLDERS if SAVED_MODEL in files else ()
        versions = {1: {n: file for n, file in files.items() if "/" not in n or n.partition("/")[0] in below}}
    return {number: each for number, each in versions.items() if MANIFEST in each or has_graph(each)}


def has_graph(files: Files) -> bool:
    return any(is_graph(name) and "/" not in name for name in files)


def remote_file(path: str, info: Info) -> RemoteFile:
    """Raises StoreUnavailable where the size is not known: who could say when the file is here?"""
    size = info.get("size")
    if not isinstance(size, int):
        raise StoreUnavailable(f"{path}: the store does not say how large it is")
    stamps = repr([(name, str(info[name])) for name in (*CONTENT, *TIMES) if name in info])
    mark = int.from_bytes(hashlib.sha256(stamps.encode()).digest()[:8])
    times = (written_at(info[name]) for name in TIMES if name in info)
    return RemoteFile(path, size, mark, max((each for each in times if each is not None), default=None))


def written_at(value: object) -> float | None:
    """Seconds since 1970 of a time as the backends give it; None for anything else."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, int | float):
        return float(value)
    try:
        return datetime.fromisoformat(value).timestamp() if isinstance(value, str) else None
    except ValueError:
        return None


def fingerprint_of(files: Files) -> Fingerprint:
    return tuple(sorted((name, file.size, file.mark) for name, file in files.items()))


def manifest_in(content: bytes) -> Manifest | None:
    """None where it is no manifest: to load it will say why."""
    try:
        return msgspec.json.decode(content, type=Manifest)
    except msgspec.DecodeError:
        return None
