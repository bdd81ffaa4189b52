"""Whether two JSON answers have the same shape: the same keys and types, the same names, whatever the figures say."""

from __future__ import annotations

from typing import Any


def differences(documented: Any, real: Any, where: str = "answer") -> list[str]:
    """What differs in shape. Lists may differ in length, not in emptiness; `…` as a key or an item stands for more."""
    if kind(documented) != kind(real):
        return [f"{where}: documented {kind(documented)}, got {kind(real)}"]
    if isinstance(documented, dict):
        return of_objects(documented, real, where)
    if isinstance(documented, list):
        items = [item for item in documented if item != "…"]
        if bool(items) != bool(real):
            return [f"{where}: documented {len(items)} items, got {len(real)}"]
        return [each for item in items for each in differences(item, real[0], f"{where}[]")]
    return []


def of_objects(documented: dict[str, Any], real: dict[str, Any], where: str) -> list[str]:
    found = [f"{where}.{key}: not in the answer" for key in documented if key not in real and key != "…"]
    if "…" not in documented:
        found += [f"{where}.{key}: not documented" for key in real if key not in documented]
    for key in documented.keys() & real.keys():
        found += differences(documented[key], real[key], f"{where}.{key}")
    return found


def kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return {dict: "object", list: "list", str: "text", type(None): "null"}[type(value)]
