"""README's tables say what the code says: settings, metrics, targets of make, models."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from service.observability.metrics import Metrics
from service.settings import ROOT, Settings
from training.recipes import NAMES

README = (ROOT / "README.md").read_text(encoding="utf-8")


def settings_rows(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """A row of the table for every setting: name, default, meaning."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings_rows(field.annotation, f"{prefix}{name}.")
        else:
            yield f"| `{prefix}{name}` | {shown(field.default)} | {field.description} |"


def shown(default: Any) -> str:
    if isinstance(default, Path):
        default = default.relative_to(ROOT)
    if default in ((), {}, ""):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def test_every_setting_is_documented_with_its_default() -> None:
    missing = [row for row in settings_rows(Settings) if row not in README]
    assert not missing, "README lacks\n" + "\n".join(missing)


def test_no_setting_is_documented_that_is_not_there() -> None:
    documented = set(re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", README, re.MULTILINE))
    assert documented <= {row.split("`")[1] for row in settings_rows(Settings)}


def test_every_metric_is_documented() -> None:
    names = {family.name + ("_total" if family.type == "counter" else "") for family in Metrics().registry.collect()}
    assert [name for name in sorted(names) if f"`{name}`" not in README and f"`{name}{{" not in README] == []


def test_every_model_is_documented() -> None:
    assert [name for name in NAMES if f"| `{name}` |" not in README] == []


def test_every_target_of_make_is_documented() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert [target for target in targets if f"make {target}" not in README] == []
