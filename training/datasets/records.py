"""Reads files of records: JSON lines, or CSV with a header, plain or gzipped, with named columns.

A line that cannot be read is reported with its file and number, and the rest goes on. Knows no model: what a column
means is said by whoever reads it.
"""

from __future__ import annotations

import csv
import gzip
import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

JSON_LINES = (".jsonl", ".ndjson")
ENDINGS = tuple(f"{ending}{packed}" for ending in (*JSON_LINES, ".csv") for packed in ("", ".gz"))
LONGEST_FIELD = 64 * 2**20
"""Characters of a CSV field: a column may hold a chapter; the default of 128 KiB does not."""

Row = dict[str, Any]


def record_files(folder: Path) -> list[Path]:
    """The folder's files of records, by name. Raises ValueError when there is none."""
    files = sorted(path for path in folder.iterdir() if path.name.lower().endswith(ENDINGS) and path.is_file())
    if not files:
        raise ValueError(f"no records in {folder} (expected files that end in {', '.join(ENDINGS)})")
    return files


def read_records(path: Path, problems: list[str], columns: Sequence[str] = ()) -> Iterator[tuple[int, Row]]:
    """The line and the columns of every record that has at least `columns`; what is wrong goes to `problems`."""
    is_json = path.name.lower().removesuffix(".gz").endswith(JSON_LINES)
    for line, row in json_lines(path, problems) if is_json else csv_rows(path, problems):
        missing = [column for column in columns if row.get(column) is None]
        if missing:
            problems.append(f"{path.name}:{line}: no {' and no '.join(missing)}")
        else:
            yield line, row


def json_lines(path: Path, problems: list[str]) -> Iterator[tuple[int, Row]]:
    """One JSON object a line."""
    for line, raw in enumerate(raw_lines(path, problems), 1):
        if not raw.strip():
            continue
        try:
            row = msgspec.json.decode(raw, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            problems.append(f"{path.name}:{line}: {error}")
        else:
            yield line, row


def csv_rows(path: Path, problems: list[str]) -> Iterator[tuple[int, Row]]:
    """Rows below a header line; quoted fields may span lines, and the first of them counts."""
    texts = (raw.decode("utf-8", "surrogateescape") for raw in raw_lines(path, problems))
    reader = csv.reader(texts, strict=True)
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            with long_fields():
                fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.append(f"{path.name}:{line}: {error}")
            continue
        if header is None:
            header = [name.strip().removeprefix("\ufeff") for name in fields]
        elif fields and (why := unusable(fields, header)):
            problems.append(f"{path.name}:{line}: {why}")
        elif fields:
            yield line, {name: field for name, field in zip(header, fields, strict=True) if field}


@contextmanager
def long_fields() -> Iterator[None]:
    """The limit is one for the whole process, so it is put back for other readers."""
    before = csv.field_size_limit(LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def unusable(fields: list[str], header: list[str]) -> str:
    """What is wrong with a CSV row as such; empty when nothing is."""
    if len(fields) != len(header):
        return f"{len(fields)} fields below a header of {len(header)}"
    if any("\udc80" <= sign <= "\udcff" for field in fields for sign in field):
        return "not UTF-8"
    return ""


def raw_lines(path: Path, problems: list[str]) -> Iterator[bytes]:
    """The lines as bytes; of a broken gzip file, those before the break."""
    read = 0
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
            for raw in file:
                read += 1
                yield raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        problems.append(f"{path.name}:{read + 1}: {error}; nothing behind it was read")


def text_of(row: Row, column: str) -> str:
    """The column as text that is not blank. Raises ValueError."""
    value = row[column]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{column} is not text: {shortened(value)}" if value != "" else f"{column} is empty")
    return value.strip()


def number_of(row: Row, column: str) -> float:
    """The column as a finite number. Raises ValueError."""
    value = row[column]
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{column} is not a number: {shortened(value)}")
    return number


def shortened(value: object) -> str:
    said = repr(value)
    return said if len(said) <= 40 else f"{said[:37]}…"
