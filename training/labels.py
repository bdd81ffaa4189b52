"""What the classes of a model are called, from a file that the user gives. Knows no model."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path


def read_labels(path: Path) -> tuple[str, ...]:
    """One label a line, or Keras's `imagenet_class_index.json`. Raises ValueError with the place in the file."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"labels {path}: {error}") from error
    labels = from_index(path, text) if text.lstrip().startswith("{") else from_lines(path, text)
    if len(labels) < 2:
        raise ValueError(f"labels {path}: a model of classes needs at least two, not {len(labels)}")
    return labels


def from_lines(path: Path, text: str) -> tuple[str, ...]:
    labels = [line.strip() for line in text.rstrip().splitlines()]
    first: dict[str, int] = {}
    for number, label in enumerate(labels, 1):
        if not label:
            raise ValueError(f"{path}:{number}: an empty label")
        if label in first:
            raise ValueError(f"{path}:{number}: {label!r} stands in line {first[label]} already")
        first[label] = number
    return tuple(labels)


def from_index(path: Path, text: str) -> tuple[str, ...]:
    """`{"0": ["n01440764", "tench"], …}`. ImageNet has two cranes: a name that comes twice has its number with it."""
    try:
        index = json.loads(text)
        pairs = [(str(number), str(name)) for number, name in (index[str(at)] for at in range(len(index)))]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f'labels {path}: no class index like {{"0": ["n01440764", "tench"], "1": …}} ({error!r})'
        ) from error
    names = [re.sub("_+", " ", name) for _, name in pairs]
    count = Counter(names)
    return tuple(name if count[name] == 1 else f"{name} ({pair[0]})" for name, pair in zip(names, pairs, strict=True))
