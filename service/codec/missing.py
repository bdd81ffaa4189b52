"""What stands in for an input that a request leaves out: as a tensor, in words, and as a reply names it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.signature import Input, Missing
from models.values import say


@dataclass(frozen=True, slots=True)
class FilledIn:
    """An input that was left out, and in which rows; None where the request has a single row."""

    input: str
    policy: str
    rows: Sequence[int] | None = None

    def told(self) -> dict[str, Any]:
        about = {"input": self.input, "policy": self.policy}
        return about if self.rows is None else about | {"rows": self.rows}


def is_optional(each: Input) -> bool:
    """Whether a request may leave it out, or give null for it."""
    return each.missing.policy != "refuse"


def stands_in(missing: Missing) -> str:
    """What stands in, in words."""
    if missing.policy == "learnt_null":
        return f"a tensor full of {say(missing.value)}, from which the model learnt that nothing is there"
    return f"the default, which is {say(missing.value)}"
