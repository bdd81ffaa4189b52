"""What counts as a version."""

import os
import time
from pathlib import Path

from service.store.scanner import Scanner


def put(path: Path, content: str = "x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def names(store: Path, scanner: Scanner | None = None) -> dict[str, list[int]]:
    listing = (scanner or Scanner(store)).scan()
    return {model: sorted(found) for model, found in listing.items()}


def test_a_store_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    assert names(tmp_path / "nowhere") == {}


def test_versions_are_whole_numbers_and_drafts_are_not_seen(tmp_path: Path) -> None:
    for version in ("1", "10", "02", "-3", "x", ".draft-5"):
        put(tmp_path / "digits" / version / "manifest.json")
    assert names(tmp_path) == {"digits": [1, 10]}


def test_a_model_without_versions_is_listed(tmp_path: Path) -> None:
    (tmp_path / "digits").mkdir()
    assert names(tmp_path) == {"digits": []}


def test_hidden_folders_and_files_are_no_models(tmp_path: Path) -> None:
    (tmp_path / ".training").mkdir()
    put(tmp_path / "notes.txt")
    assert names(tmp_path) == {}


def test_a_bare_graph_counts_once_nobody_writes_it_any_more(tmp_path: Path) -> None:
    put(tmp_path / "foreign" / "1" / "any.keras")
    written = (tmp_path / "foreign" / "1" / "any.keras").stat().st_mtime
    assert not Scanner(tmp_path, lambda: written + 1).scan()["foreign"][1].settled
    assert Scanner(tmp_path, lambda: written + 3).scan()["foreign"][1].settled


def later() -> float:
    return time.time() + 60


def test_a_bare_graph_without_a_version_is_version_one(tmp_path: Path) -> None:
    put(tmp_path / "foreign" / "any.keras")
    assert Scanner(tmp_path, later).scan()["foreign"][1].path == tmp_path / "foreign"


def test_an_empty_version_is_not_served(tmp_path: Path) -> None:
    (tmp_path / "digits" / "1").mkdir(parents=True)
    assert names(tmp_path, Scanner(tmp_path, later)) == {"digits": []}


def test_a_changed_file_changes_the_fingerprint(tmp_path: Path) -> None:
    put(tmp_path / "digits" / "1" / "manifest.json", "a")
    before = Scanner(tmp_path).scan()["digits"][1].fingerprint
    put(tmp_path / "digits" / "1" / "manifest.json", "ab")
    assert Scanner(tmp_path).scan()["digits"][1].fingerprint != before


def put_saved_model(folder: Path) -> None:
    put(folder / "saved_model.pb")
    put(folder / "variables" / "variables.index")
    put(folder / "assets" / "words.txt")
    put(folder / "report" / "index.html")


def test_a_saved_model_is_a_version_with_or_without_a_number(tmp_path: Path) -> None:
    put_saved_model(tmp_path / "numbered" / "3")
    put_saved_model(tmp_path / "bare")
    assert names(tmp_path, Scanner(tmp_path, later)) == {"bare": [1], "numbered": [3]}


def test_what_stands_below_a_saved_model_is_part_of_it(tmp_path: Path) -> None:
    """Its variables are copied last, and may be replaced alone; a report beside them is nobody's business."""
    folder = tmp_path / "foreign" / "1"
    put_saved_model(folder)
    found = Scanner(tmp_path).scan()["foreign"][1]
    assert [name for name, _, _ in found.fingerprint] == [
        "assets/words.txt", "saved_model.pb", "variables/variables.index"
    ]  # fmt: skip
    written = (folder / "variables" / "variables.index").stat().st_mtime
    put(folder / "variables" / "variables.index", "longer")
    assert Scanner(tmp_path).scan()["foreign"][1].fingerprint != found.fingerprint
    os.utime(folder / "variables" / "variables.index", (written + 60, written + 60))
    assert not Scanner(tmp_path, lambda: written + 61).scan()["foreign"][1].settled
    assert Scanner(tmp_path, lambda: written + 63).scan()["foreign"][1].settled
    put(folder / "report" / "index.html", "another")
    assert "report/index.html" not in dict.fromkeys(name for name, _, _ in found.fingerprint)
