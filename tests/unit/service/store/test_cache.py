"""What stays of fetched versions, and whose it is."""

import os
from pathlib import Path

import pytest

from service.store.cache import PART, Cache
from service.store.scanner import Fingerprint


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path, "s3://bucket/models")


def mark(name: str) -> Fingerprint:
    return ((name, 0, 0),)


def whole(cache: Cache, model: str, number: int, name: str = "") -> Path:
    place = cache.place(model, number, mark(name))
    place.mkdir(parents=True)
    return place


def test_the_highest_version_out_of_use_stays_for_who_goes_back_to_it(cache: Cache) -> None:
    places = [whole(cache, "m", number, str(number)) for number in (8, 9, 10, 11)]
    other = whole(cache, "n", 1)
    cache.tidy({*places, other}, {places[3]})
    assert [each.exists() for each in (*places, other)] == [False, False, True, True, True]
    cache.close()


def test_what_the_store_does_not_list_goes_unless_it_is_in_use(cache: Cache) -> None:
    old, used = whole(cache, "m", 1, "old"), whole(cache, "m", 1, "used")
    gone = whole(cache, "n", 3)
    cache.tidy([], [used])
    assert [each.exists() for each in (old, used, gone)] == [False, True, False]
    cache.close()


def test_what_was_begun_stays_while_the_store_lists_it(cache: Cache) -> None:
    begun = cache.place("m", 1, mark("begun"))
    begun.with_name(PART).mkdir(parents=True)
    cache.tidy([begun], [])
    assert begun.with_name(PART).exists()
    cache.tidy([], [])
    assert not begun.parent.exists()
    cache.close()


def test_two_at_once_have_a_slot_each_and_the_first_is_taken_over(tmp_path: Path) -> None:
    first, second = Cache(tmp_path, "s3://a"), Cache(tmp_path, "s3://a")
    places = [each.place("m", 1, mark("")) for each in (first, second)]
    assert places[0] != places[1]
    first.close()
    third = Cache(tmp_path, "s3://a")
    assert third.place("m", 1, mark("")) == places[0]
    elsewhere = Cache(tmp_path, "s3://b")
    assert elsewhere.place("m", 1, mark("")) not in places
    for each in (second, third, elsewhere):
        each.close()


def test_a_cache_that_is_somebody_elses_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Cache(tmp_path, "s3://a").close()
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(PermissionError, match="belongs to another user"):
        Cache(tmp_path, "s3://a")
