"""Versions that stand elsewhere: what counts as one, when it is whole, and how it comes here."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fsspec.spec import AbstractFileSystem

from models.artifact import InvalidArtifact, open_artifact
from service.events import BlockFetched, FetchBegan, VersionFetched
from service.store.cache import PART, folders
from service.store.remote import loudly, open_remote
from service.store.scanner import QUIET
from service.store.trouble import StoreUnavailable
from tests.unit.service.store.bucket import BLOCK, Bucket, Elsewhere

GRAPH = bytes(range(256)) * 13
"""Of three blocks and a bit."""


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def here(bucket: Bucket, tmp_path: Path) -> Iterator[Elsewhere]:
    made = Elsewhere(bucket, tmp_path / "cache")
    yield made
    bucket.gate.set()
    made.store.close()


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_what_counts_as_a_version_is_what_counts_in_a_folder(bucket: Bucket, here: Elsewhere) -> None:
    for name in ("a/1", "a/10", "a/02", "a/-3", "a/x", "a/.draft-5", ".training/1"):
        bucket.put(f"{name}/manifest.json", b"{}")
    for name in (
        "b/2/any.keras",
        "c/any.keras",
        "c/2/notes.txt",
        "d/notes.txt",
        "notes.txt",
        "e/1/sub/any.keras",
        "f/4/saved_model.pb",
    ):
        bucket.put(name)
    found = {model: sorted(versions) for model, versions in here.store.scan().items()}
    assert found == {"a": [1, 10], "b": [2], "c": [], "d": [], "e": [], "f": [4]}
    bucket.remove("c/2/notes.txt")
    assert sorted(here.store.scan()["c"]) == [1]


def test_a_version_with_a_manifest_is_whole_when_all_is_there_that_it_lists(
    bucket: Bucket, here: Elsewhere, tmp_path: Path
) -> None:
    bucket.publish(tmp_path, only=["manifest.json"])
    assert here.settled() == {1: False}
    bucket.upload(tmp_path / "m" / "1", ["model.keras"])
    assert here.settled() == {1: False}
    bucket.upload(tmp_path / "m" / "1", ["golden.json"])
    assert here.settled() == {1: True}


def test_what_a_version_promises_is_known_before_it_is_fetched(bucket: Bucket, here: Elsewhere, tmp_path: Path) -> None:
    bucket.publish(tmp_path)
    bucket.put("m/2/any.keras")
    bucket.put("m/3/manifest.json", b"{}")
    found = here.store.scan()["m"]
    contract = here.store.contract(1, found[1].path)
    assert contract is not None
    assert (contract.version, contract.signature) == (1, open_artifact(tmp_path / "m" / "1").manifest.signature)  # type: ignore[union-attr]
    assert [here.store.contract(number, found[number].path) for number in (2, 3)] == [None, None]
    assert not any(each.path.exists() for each in found.values())


def test_a_manifest_that_could_not_be_read_is_no_missing_one(
    bucket: Bucket, here: Elsewhere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.publish(tmp_path)
    monkeypatch.setattr(bucket, "cat", lambda paths, on_error: {path: OSError("slow down") for path in paths})
    found = here.store.scan()["m"][1]
    assert not found.settled
    with pytest.raises(StoreUnavailable, match=r"manifest\.json could not be read"):
        here.store.contract(1, found.path)
    monkeypatch.undo()
    assert here.settled() == {1: True}


def test_a_saved_model_without_a_number_has_its_variables(bucket: Bucket, here: Elsewhere) -> None:
    for name in ("saved_model.pb", "variables/variables.index", "notes/any.txt"):
        bucket.put(f"m/{name}")
    found = here.store.scan()["m"][1]
    assert [name for name, _, _ in found.fingerprint] == ["saved_model.pb", "variables/variables.index"]


def test_what_is_not_whole_is_not_fetched_either(bucket: Bucket, here: Elsewhere, tmp_path: Path) -> None:
    bucket.publish(tmp_path, only=["manifest.json", "model.keras"])
    with pytest.raises(StoreUnavailable, match=r"golden.json: the manifest lists it, the store does not have it yet"):
        here.fetch()


def test_a_version_without_a_manifest_is_whole_once_it_is_listed_the_same_for_a_while(
    bucket: Bucket, here: Elsewhere
) -> None:
    here.now = 0.0  # the store's clock differs: its times say nothing
    bucket.put("m/1/any.keras")
    assert here.settled() == {1: False}
    here.now += QUIET / 2
    assert here.settled() == {1: False}
    bucket.put("m/1/any.keras", b"more")
    here.now += QUIET
    assert here.settled() == {1: False}
    here.now += QUIET
    assert here.settled() == {1: True}


def test_one_that_was_written_long_ago_need_not_be_watched(bucket: Bucket, here: Elsewhere) -> None:
    bucket.put("m/1/any.keras")
    assert here.settled() == {1: True}


def test_a_manifest_that_cannot_be_read_says_so_when_it_is_loaded(bucket: Bucket, here: Elsewhere) -> None:
    bucket.put("m/1/manifest.json", b"{}")
    assert here.settled() == {1: True}
    with pytest.raises(InvalidArtifact, match=r"manifest\.json: Object missing required field"):
        here.fetch()


def test_a_changed_file_changes_the_fingerprint(bucket: Bucket, here: Elsewhere) -> None:
    bucket.put("m/1/any.keras", b"a")
    before = here.store.scan()["m"][1]
    assert here.store.scan()["m"][1] == before
    bucket.put("m/1/any.keras", b"b")
    after = here.store.scan()["m"][1]
    assert after.fingerprint != before.fingerprint
    assert after.path != before.path


def test_a_version_is_fetched_whole_and_once(bucket: Bucket, here: Elsewhere, tmp_path: Path) -> None:
    bucket.publish(tmp_path, GRAPH)
    bucket.put("m/1/variables/part-0", b"nested")
    folder = here.fetch()
    assert folder.name == "1"
    assert open_artifact(folder).graph.read_bytes() == GRAPH
    assert (folder / "variables" / "part-0").read_bytes() == b"nested"
    assert bucket.read_of("m/1/model.keras") == [(0, 1000), (1000, 2000), (2000, 3000), (3000, len(GRAPH))]
    began, *blocks, done = here.events
    assert isinstance(began, FetchBegan)
    assert isinstance(done, VersionFetched)
    sizes = [each.bytes for each in blocks if isinstance(each, BlockFetched)]
    assert (began.files, began.bytes, sum(sizes)) == (4, done.bytes, done.bytes)
    bucket.reads.clear()
    assert here.fetch() == folder
    assert bucket.reads == []


def test_a_block_that_breaks_off_is_asked_for_again_from_there(bucket: Bucket, here: Elsewhere, tmp_path: Path) -> None:
    bucket.put("m/1/any.keras", GRAPH)
    bucket.faults += [BLOCK, OSError("connection reset"), 300, 0]
    assert (here.fetch() / "any.keras").read_bytes() == GRAPH
    starts = [start for start, _ in bucket.read_of("m/1/any.keras")]
    assert starts == [0, 1000, 1000, 1300, 1300, 2300, 3300]
    assert here.interruptions() == [
        (1000, "connection reset"),
        (1300, "0 bytes came where 1,000 were asked for"),
    ]


def test_a_fetch_that_gives_up_is_gone_on_with_by_the_next(bucket: Bucket, here: Elsewhere, tmp_path: Path) -> None:
    bucket.publish(tmp_path, GRAPH)
    size = len((tmp_path / "m" / "1" / "manifest.json").read_bytes())
    bucket.faults += [BLOCK] * (-(-size // BLOCK) + 1) + [BLOCK, 700, *[ValueError()] * 3]
    with pytest.raises(StoreUnavailable, match=r"model.keras: ValueError"):
        here.fetch()
    assert here.store.scan()["m"][1].path.exists() is False
    bucket.reads.clear()
    assert (here.fetch() / "model.keras").read_bytes() == GRAPH
    assert bucket.read_of("m/1/manifest.json") == bucket.read_of("m/1/golden.json") == []
    assert bucket.read_of("m/1/model.keras") == [(1700, 2700), (2700, len(GRAPH))]


def test_a_store_that_sends_more_than_was_asked_for_is_not_believed(bucket: Bucket, here: Elsewhere) -> None:
    bucket.put("m/1/any.keras", GRAPH)
    folder = here.store.scan()["m"][1].path
    here.store._fetcher._read_range = lambda path, start, end: GRAPH  # as a server does that knows no ranges
    with pytest.raises(StoreUnavailable, match=r"3,328 bytes came where 1,000 were asked for"):
        here.store.fetch("m", 1, folder)


def test_what_came_wrong_is_fetched_once_more(bucket: Bucket, here: Elsewhere, tmp_path: Path) -> None:
    bucket.publish(tmp_path, GRAPH)
    part = here.store.scan()["m"][1].path.with_name(PART)
    part.mkdir(parents=True)
    (part / "model.keras").write_bytes(b"?" * 1500)
    assert (here.fetch() / "model.keras").read_bytes() == GRAPH
    assert [start for start, _ in bucket.read_of("m/1/model.keras")] == [1500, 2500, 0, 1000, 2000, 3000]


def test_what_is_wrong_in_the_store_is_a_fault_of_the_artifact(bucket: Bucket, here: Elsewhere, tmp_path: Path) -> None:
    bucket.publish(tmp_path, GRAPH)
    bucket.put("m/1/model.keras", b"?" * len(GRAPH))
    with pytest.raises(InvalidArtifact, match=r"model.keras: its content does not match the manifest's digest"):
        here.fetch()


def test_a_cached_version_that_was_damaged_is_fetched_anew(bucket: Bucket, here: Elsewhere, tmp_path: Path) -> None:
    bucket.publish(tmp_path, GRAPH)
    folder = here.fetch()
    (folder / "model.keras").write_bytes(b"?" * len(GRAPH))
    assert (here.fetch() / "model.keras").read_bytes() == GRAPH


def test_the_cache_keeps_what_is_in_use_and_one_more(bucket: Bucket, here: Elsewhere, tmp_path: Path) -> None:
    places = []
    for number in (1, 2, 3, 4):
        bucket.publish(tmp_path, GRAPH)
        places.append(here.fetch(number))
        here.in_use = {places[-1]}
    assert [each.exists() for each in places] == [False, True, True, True]  # 4 comes, 3 answers until then


def test_what_changes_while_it_is_fetched_is_not_taken(bucket: Bucket, here: Elsewhere) -> None:
    bucket.put("m/1/any.keras", GRAPH)
    folder = here.store.scan()["m"][1].path
    bucket.on_read = lambda: bucket.put("m/1/more.json")
    with pytest.raises(StoreUnavailable, match="its files changed while they were fetched"):
        here.store.fetch("m", 1, folder)
    assert not folder.exists()


def test_what_goes_while_it_is_fetched_is_told_at_once(bucket: Bucket, here: Elsewhere) -> None:
    bucket.put("m/1/any.keras", GRAPH)
    folder = here.store.scan()["m"][1].path
    bucket.remove("m/1/any.keras")
    with pytest.raises(StoreUnavailable, match=r"any.keras: it is gone from the store"):
        here.store.fetch("m", 1, folder)
    assert here.store.scan() == {}
    with pytest.raises(StoreUnavailable, match="does not list this version any more"):
        here.store.fetch("m", 1, folder)


def test_names_that_lead_out_of_the_folder_are_no_files(bucket: Bucket, here: Elsewhere, tmp_path: Path) -> None:
    bucket.put("m/1/any.keras")
    bucket.put("m/1/../../../../../out.txt")
    bucket.put("../1/any.keras")
    assert list(here.store.scan()) == ["m"]
    assert files_below(here.fetch()) == ["any.keras"]
    assert not list(tmp_path.rglob("out.txt"))


def test_a_disk_that_takes_nothing_is_the_stores_trouble_and_not_the_artifacts(bucket: Bucket, here: Elsewhere) -> None:
    bucket.put("m/1/any.keras", GRAPH)
    folder = here.store.scan()["m"][1].path
    folder.parent.parent.write_text("a file where a folder should be")
    with pytest.raises(StoreUnavailable, match=r"the cache <Cache .*: "):
        here.store.fetch("m", 1, folder)


@pytest.mark.parametrize("error", [OSError("no route to host"), ValueError("no credentials")])
def test_a_listing_that_fails_is_an_error_and_not_an_empty_store(
    bucket: Bucket, here: Elsewhere, error: Exception
) -> None:
    bucket.put("m/1/any.keras")
    bucket.down = error
    with pytest.raises(StoreUnavailable, match=str(error)):
        here.store.scan()
    bucket.down = None
    assert list(here.store.scan()) == ["m"]


def test_fsspecs_own_listing_does_not_take_what_it_cannot_read_for_empty() -> None:
    class Unreachable(AbstractFileSystem):  # type: ignore[misc]
        def ls(self, path: str, detail: bool = True, **how: object) -> list[object]:
            raise OSError("no route to host")

    files = Unreachable(skip_instance_cache=True)
    assert files.find("a/b", detail=True) == {}  # hence the trouble
    with pytest.raises(OSError, match="no route to host"):
        files.find("a/b", detail=True, **loudly(files))


def test_a_listing_that_hangs_is_an_error_and_the_next_look_waits_for_it_again(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("m/1/any.keras")
    here = Elsewhere(bucket, tmp_path, timeout=0.01)
    bucket.gate.clear()
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match=r"no answer within 0\.01 seconds"):
            here.store.scan()
    assert bucket.listings == 1
    bucket.gate.set()
    here.store._patience._timeout = 10.0
    assert list(here.store.scan()) == ["m"]
    assert bucket.listings == 1
    here.store.close()


def test_a_read_that_hangs_is_given_up(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("m/1/any.keras")
    here = Elsewhere(bucket, tmp_path, timeout=10.0)
    folder = here.store.scan()["m"][1].path
    here.store._patience._timeout = 0.01
    bucket.gate.clear()
    with pytest.raises(StoreUnavailable, match=r"any.keras: no answer within 0\.01 seconds"):
        here.store.fetch("m", 1, folder)
    assert len(here.interruptions()) == 2
    bucket.gate.set()
    here.store.close()


def test_the_end_of_the_service_ends_a_fetch(bucket: Bucket, here: Elsewhere) -> None:
    bucket.put("m/1/any.keras", GRAPH)
    folder = here.store.scan()["m"][1].path
    reading = threading.Event()
    bucket.on_read = reading.set
    bucket.faults += [OSError("connection reset")]
    here.store._fetcher._pauses = (30.0,)
    told: list[str] = []

    def fetch() -> None:
        try:
            here.store.fetch("m", 1, folder)
        except StoreUnavailable as error:
            told.append(str(error))

    fetching = threading.Thread(target=fetch)
    fetching.start()
    assert reading.wait(10)
    here.store.close()
    fetching.join(10)
    assert told == ["the service is going away"]


def test_a_url_is_opened_through_fsspec(bucket: Bucket, tmp_path: Path) -> None:
    bucket.publish(tmp_path, GRAPH)
    for url in (bucket.url, f"file://{tmp_path}"):
        store = open_remote(url, tmp_path / "cache", 10.0, lambda event: None, set)
        found = store.scan()["m"][1]
        assert found.settled
        assert open_artifact(store.fetch("m", 1, found.path)).graph.read_bytes() == GRAPH
        store.close()
    assert len(list(folders(tmp_path / "cache"))) == 2
