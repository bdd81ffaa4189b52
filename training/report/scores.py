"""Held-out figures as people compare them: beside what a model that ignores its input would get, and by group."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

BASELINE = "baseline"
ERRORS = ("mean_absolute_error", "mean_squared_error", "mae", "mse")
WORDS = {"mean_absolute_error": "mean absolute error", "pearson": "Pearson correlation", "macro_f1": "macro F1"}


@dataclass(frozen=True)
class Score:
    """One figure of one head."""

    head: str
    metric: str
    value: float
    naive: float | None

    @property
    def words(self) -> str:
        return WORDS.get(self.metric, self.metric.replace("_", " "))

    @property
    def is_error(self) -> bool:
        """Whether less is better."""
        return self.metric in ERRORS

    @property
    def better(self) -> bool | None:
        """Whether it beats the naive figure; None where there is none."""
        if self.naive is None:
            return None
        return self.value < self.naive if self.is_error else self.value > self.naive


@dataclass(frozen=True)
class Parts:
    """One figure of one head, for each value of a group."""

    head: str
    metric: str
    group: str
    values: Mapping[str, float]


def scores_of(metrics: Mapping[str, float]) -> list[Score]:
    found = []
    for name, value in metrics.items():
        head, _, metric = name.partition("/")
        if metric and "/" not in metric:
            found.append(Score(head, metric, value, metrics.get(f"{name}/{BASELINE}")))
    return found


def parts_of(metrics: Mapping[str, float]) -> list[Parts]:
    """In the order of the figures; values sorted as people sort them, 2 before 10."""
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for name, value in metrics.items():
        head, _, rest = name.partition("/")
        metric, _, part = rest.partition("/")
        group, equals, one = part.partition("=")
        if equals:
            found.setdefault((head, metric, group), {})[one] = value
    return [
        Parts(*key, dict(sorted(values.items(), key=lambda each: natural(each[0])))) for key, values in found.items()
    ]


def natural(text: str) -> list[tuple[int, int, str]]:
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", text) if part]
