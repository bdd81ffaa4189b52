"""What people call the parts of a data set, in a column, a folder or a file's name, and what use is made of each.

One list for every reader, so that no spelling of a test part is trained on by one of them.
"""

from __future__ import annotations

import re
from typing import Literal

Part = Literal["train", "held_out", "test"]
PARTS: dict[str, Part] = {
    "train": "train", "training": "train", "validation": "held_out", "valid": "held_out", "val": "held_out",
    "dev": "held_out", "trial": "held_out", "test": "test", "testing": "test",
}  # fmt: skip
"""In lower case."""


def part_of(name: str) -> Part | None:
    """What the words of a name say: `sts-dev`, `SICK_test_annotated`, `test-00000.jsonl`. A test part before others."""
    said = {PARTS[word] for word in re.split(r"[^a-z]+", name.lower()) if word in PARTS}
    return next((part for part in ("test", "held_out", "train") if part in said), None)
