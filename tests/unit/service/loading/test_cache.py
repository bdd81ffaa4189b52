"""Entries that come back whole or not at all."""

import json
import os
import threading
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from service.loading import cache as module
from service.loading.cache import Cache, name_of, replace

KEY = {"artifact": "abc", "device": "cpu"}


class Found(msgspec.Struct, frozen=True):
    rows: int
    seconds: list[float]


FOUND = Found(3, [0.1, 0.25])


def test_what_was_written_is_read_by_its_key_alone(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "deep" / "cache")
    assert cache.read(KEY, Found) is None
    cache.write(KEY, FOUND)
    assert Cache(tmp_path / "deep" / "cache").read(dict(reversed(KEY.items())), Found) == FOUND
    for other in ({"artifact": "abd"}, {"device": "gpu"}, {"more": ""}):
        assert cache.read(KEY | other, Found) is None
    assert [path.name for path in (tmp_path / "deep" / "cache").iterdir()] == [name_of(KEY)]


def test_the_name_depends_on_every_part_of_the_key_and_on_nothing_else() -> None:
    assert name_of(KEY) == name_of(dict(reversed(KEY.items())))
    assert len({name_of(key) for key in ({}, {"a": "b"}, {"a": "c"}, {"b": "a"}, {"a": "b", "c": ""})}) == 5


def entry(**changes: object) -> bytes:
    return json.dumps({"format": 1, "key": KEY, "content": {"rows": 3, "seconds": []}} | changes).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\x00",
        entry()[:-9],
        entry(format=2),
        entry(key=KEY | {"device": "gpu"}),
        entry(content={"rows": "three", "seconds": []}),
        entry(content=7),
        entry(more=1),
        b"[]",
    ],
)
def test_what_is_damaged_or_foreign_is_told_ignored_and_made_anew(tmp_path: Path, content: bytes) -> None:
    cache = Cache(tmp_path)
    (tmp_path / name_of(KEY)).write_bytes(content)
    with capture_logs() as logs:
        assert cache.read(KEY, Found) is None
    assert [(line["event"], line["log_level"]) for line in logs] == [("cache entry ignored", "warning")]
    assert logs[0]["reason"]
    cache.write(KEY, FOUND)
    assert cache.read(KEY, Found) == FOUND


def test_an_entry_as_another_writer_made_it_is_read(tmp_path: Path) -> None:
    (tmp_path / name_of(KEY)).write_bytes(entry())
    assert Cache(tmp_path).read(KEY, Found) == Found(3, [])


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_where_nothing_can_be_written_that_is_said_once(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / place)
    with capture_logs() as logs:
        for _ in range(3):
            cache.write(KEY, FOUND)
            assert cache.read(KEY, Found) is None
    told = [line for line in logs if line["event"] == "nothing is cached"]
    assert [(line["log_level"], line["folder"]) for line in told] == [("info", str(tmp_path / place))]


def test_without_a_folder_nothing_is_kept_or_said() -> None:
    cache = Cache()
    with capture_logs() as logs:
        cache.write(KEY, FOUND)
        assert cache.read(KEY, Found) is None
    assert (logs, cache.is_on) == ([], False)


def test_the_oldest_go_and_what_was_read_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    cache, keys = Cache(tmp_path), [{"number": str(number)} for number in range(5)]
    (tmp_path / "left by a killed writer.part").write_text("{")
    (tmp_path / "other.txt").write_text("not ours")
    for age, name in enumerate(["left by a killed writer.part", *map(name_of, keys[:3])]):
        if age:
            cache.write(keys[age - 1], FOUND)
        os.utime(tmp_path / name, (age, age))
    assert cache.read(keys[0], Found) == FOUND  # now the one that was used last
    cache.write(keys[3], FOUND)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"other.txt", *map(name_of, (keys[0], keys[2], keys[3]))}


def test_two_writers_and_a_reader_never_see_half_an_entry(tmp_path: Path) -> None:
    contents = [Found(number, [0.5] * 5000 * (number + 1)) for number in range(2)]
    Cache(tmp_path).write(KEY, contents[0])

    def write(content: Found) -> None:
        for _ in range(40):
            Cache(tmp_path).write(KEY, content)

    writers = [threading.Thread(target=write, args=[each]) for each in contents]
    with capture_logs() as logs:
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            assert Cache(tmp_path).read(KEY, Found) in contents
        for writer in writers:
            writer.join()
    assert logs == []
    assert [path.name for path in tmp_path.iterdir()] == [name_of(KEY)]


def test_a_write_that_fails_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "entry.json"
    replace(path, b"old")

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        replace(path, b"new")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("entry.json", b"old")]
