"""The reader of JSON lines and CSV: what it makes of rows, and where it says what is wrong with one."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from training.datasets.records import number_of, read_records, record_files, text_of

COLUMNS = ("text", "year")


def read(folder: Path, name: str, content: str | bytes) -> tuple[list[tuple[int, dict[str, Any]]], list[str]]:
    raw = content.encode() if isinstance(content, str) else content
    path = folder / name
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    problems: list[str] = []
    return list(read_records(path, problems, COLUMNS)), problems


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.jsonl.gz", "A.JSONL"])
def test_json_lines(tmp_path: Path, name: str) -> None:
    rows, problems = read(tmp_path, name, '{"text": "one", "year": 1800}\n\n{"text": "two", "year": 1900, "more": []}')
    assert rows == [(1, {"text": "one", "year": 1800}), (3, {"text": "two", "year": 1900, "more": []})]
    assert problems == []


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_csv_with_quotes_marks_of_order_and_fields_over_several_lines(tmp_path: Path, name: str) -> None:
    content = '\ufefftext, year\r\n"one, and\r\na half",1800\r\n\r\ntwo,1900\r\n'
    rows, problems = read(tmp_path, name, content)
    assert rows == [(2, {"text": "one, and\r\na half", "year": "1800"}), (5, {"text": "two", "year": "1900"})]
    assert problems == []


def test_every_bad_line_of_json_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    lines = [
        '{"text": "one", "year": 1800}', "{", "[1, 2]", '{"text": "two"}', "null", '{"text": null}', "[" * 100_000,
        '{"text": "last", "year": NaN}', '{"text": "last", "year": 1900}',
    ]  # fmt: skip
    rows, problems = read(tmp_path, "a.jsonl", "\n".join(lines))
    assert [line for line, _ in rows] == [1, 9]
    assert [problem.split(": ")[0] for problem in problems] == [f"a.jsonl:{line}" for line in range(2, 9)]
    assert problems[2] == "a.jsonl:4: no year"
    assert problems[4] == "a.jsonl:6: no text and no year"


def test_text_that_is_not_utf8_costs_its_line_alone(tmp_path: Path) -> None:
    rows, problems = read(tmp_path, "a.jsonl", b'{"text": "\xff", "year": 1}\n{"text": "two", "year": 2}')
    assert [line for line, _ in rows] == [2]
    assert len(problems) == 1
    assert problems[0].startswith("a.jsonl:1: ")
    rows, problems = read(tmp_path, "b.csv", b"text,year\n\xff,1\ntwo,2\n")
    assert rows == [(3, {"text": "two", "year": "2"})]
    assert problems == ["b.csv:2: not UTF-8"]


def test_every_bad_row_of_csv_is_named(tmp_path: Path) -> None:
    rows, problems = read(tmp_path, "a.csv", 'text,year\none,1,2\n,1\ntwo,2\nthree\n"four"4,5\nfive,5\n')
    assert [line for line, _ in rows] == [4, 7]
    assert problems[:3] == [
        "a.csv:2: 3 fields below a header of 2", "a.csv:3: no text", "a.csv:5: 1 fields below a header of 2",
    ]  # fmt: skip
    assert problems[3].startswith("a.csv:6: ")


def test_a_quote_that_never_ends_is_told_where_it_begins(tmp_path: Path) -> None:
    rows, problems = read(tmp_path, "a.csv", 'text,year\none,1\n"two,2\nthree,3\n')
    assert [line for line, _ in rows] == [2]
    assert len(problems) == 1
    assert problems[0].startswith("a.csv:3: ")


def test_of_a_broken_gzip_file_what_can_be_read_is_read(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(b'{"text": "%d", "year": %d}\n' % (n * n, n) for n in range(20_000)))
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(whole[: len(whole) // 2])
    problems: list[str] = []
    rows = list(read_records(path, problems, COLUMNS))
    assert 0 < len(rows) < 20_000
    assert len(problems) == 1
    assert problems[0].startswith(f"a.jsonl.gz:{rows[-1][0] + 1}: ")
    assert problems[0].endswith("nothing behind it was read")


def test_a_long_field_is_read(tmp_path: Path) -> None:
    rows, problems = read(tmp_path, "a.csv", f"text,year\n{'word ' * 100_000},1800\n")
    assert problems == []
    assert len(rows[0][1]["text"]) == 500_000


def test_files_of_a_folder_by_name(tmp_path: Path) -> None:
    for name in ("b.csv", "a.jsonl.gz", "README.md", "c.txt"):
        (tmp_path / name).write_text("")
    assert [path.name for path in record_files(tmp_path)] == ["a.jsonl.gz", "b.csv"]
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    with pytest.raises(ValueError, match="no records in"):
        record_files(nothing)


@pytest.mark.parametrize(("value", "number"), [(1800, 1800.0), ("1800", 1800.0), (" 1800.5 ", 1800.5), (-44, -44.0)])
def test_numbers(value: object, number: float) -> None:
    assert number_of({"year": value}, "year") == number


@pytest.mark.parametrize("value", ["about 1800", "", "nan", "inf", True, [], {}, "9" * 400])
def test_what_is_no_number_is_told(value: object) -> None:
    with pytest.raises(ValueError, match="year is not a number: "):
        number_of({"year": value}, "year")


def test_texts() -> None:
    assert text_of({"text": " said he "}, "text") == "said he"
    for value in ("", "  ", 7, ["words"]):
        with pytest.raises(ValueError, match="text is"):
            text_of({"text": value}, "text")
