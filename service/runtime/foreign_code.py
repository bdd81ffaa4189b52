"""Code that a `.keras` file brings along: it is never run, and the layer is named, which Keras does not do."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

CONFIG = "config.json"
SERIALIZED = "__lambda__"
"""What Keras calls a function that stands in the file as byte code; one that is named is looked up and harmless."""


def refuse_code(graph: Path) -> None:
    """Raises ValueError with the layers that are Python lambdas, and for a file that has no graph in it."""
    with zipfile.ZipFile(graph) as file:
        if CONFIG not in file.namelist():
            raise ValueError(f"{graph.name} is no .keras file: it has no {CONFIG}")
        layers = sorted(set(lambdas_in(orjson.loads(file.read(CONFIG)))))
    if layers:
        names = ", ".join(map(repr, layers))
        raise ValueError(f"a Lambda layer brings code, which is not run: {names}")


def lambdas_in(config: Any) -> Iterator[str]:
    """The names of the layers. Without recursion: the file is somebody else's."""
    waiting = [config]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            own = each.get("config")
            if each.get("class_name") == "Lambda" and isinstance(own, dict) and is_code(own.get("function")):
                yield str(own.get("name"))
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each


def is_code(function: Any) -> bool:
    return isinstance(function, dict) and function.get("class_name") == SERIALIZED
