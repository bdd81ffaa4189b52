"""How files of sentence pairs are laid out: which columns hold what, found by looking at the first lines.

Knows STS-B with and without a header, SICK, Quora's question pairs, and columns called left, right and similarity.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

LOOKED_AT = 20
"""Lines; one of them has to be right for a file without a header."""


class Unreadable(ValueError):
    """A file whose columns are none of those known."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Columns by place, and how the file is written."""

    left: int
    right: int
    score: int
    low: float = 0.0
    high: float = 1.0
    kind: int | None = None
    part: int | None = None
    """A column that says train, trial or test of each row."""
    header: bool = True
    delimiter: str = "\t"
    quoted: bool = True

    EXPECTED: ClassVar[str] = (
        "expected a header with left, right, similarity (0 to 1), or question1, question2, is_duplicate, or "
        "sentence_A, sentence_B, relatedness_score (1 to 5), or sentence1, sentence2, score (0 to 5), "
        "or STS-B lines without a header"
    )

    @property
    def last_needed(self) -> int:
        return max(place for place in (self.left, self.right, self.score, self.kind, self.part) if place is not None)

    @property
    def dialect(self) -> dict[str, Any]:
        return {"delimiter": self.delimiter, "quoting": csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE}


@dataclass(frozen=True)
class Columns:
    """A known header: names in lower case. The public TSV sets write quotation marks as they are."""

    left: str
    right: str
    score: str
    low: float = 0.0
    high: float = 1.0
    kind: str = ""
    part: str = ""
    quoted_tsv: bool = True


KNOWN = (
    Columns("left", "right", "similarity", kind="kind"),
    Columns("question1", "question2", "is_duplicate"),
    Columns("sentence_a", "sentence_b", "relatedness_score", 1.0, 5.0, part="semeval_set", quoted_tsv=False),
    Columns("sentence1", "sentence2", "score", 0.0, 5.0, kind="genre", quoted_tsv=False),
)
STS_B = Layout(left=5, right=6, score=4, high=5.0, kind=0, header=False, quoted=False)


def find_layout(path: Path) -> Layout:
    """Raises Unreadable."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as lines:
        first = list(islice(lines, LOOKED_AT))
    if not first:
        raise Unreadable("an empty file")
    for delimiter in "\t,":
        names = [name.strip().lower() for name in next(csv.reader([first[0]], delimiter=delimiter))]
        for columns in KNOWN:
            if {columns.left, columns.right, columns.score} <= set(names):
                return by_header(names, columns, delimiter)
    if any(is_sts_b(line.rstrip("\r\n").split("\t")) for line in first):
        return STS_B
    raise Unreadable(Layout.EXPECTED)


def by_header(names: list[str], columns: Columns, delimiter: str) -> Layout:
    return Layout(
        left=names.index(columns.left),
        right=names.index(columns.right),
        score=names.index(columns.score),
        low=columns.low,
        high=columns.high,
        kind=names.index(columns.kind) if columns.kind in names else None,
        part=names.index(columns.part) if columns.part in names else None,
        delimiter=delimiter,
        quoted=columns.quoted_tsv or delimiter == ",",
    )


def is_sts_b(fields: list[str]) -> bool:
    if len(fields) <= STS_B.last_needed:
        return False
    try:
        return 0.0 <= float(fields[STS_B.score]) <= STS_B.high
    except ValueError:
        return False
