"""A training's history sorted by head: which numbers are one curve in training and in validation. Draws nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

VALIDATION = "val_"
NOT_SHOWN = ("learning_rate", "lr")
SAME = {"mae": "mean_absolute_error", "acc": "accuracy", "sparse_categorical_accuracy": "accuracy"}
"""What Keras calls figures that are held-out figures too."""


@dataclass(frozen=True)
class Curve:
    """One loss or metric over the epochs; without a head it is of the whole model."""

    head: str
    name: str
    training: tuple[float, ...]
    validation: tuple[float, ...]

    @property
    def figure(self) -> str:
        """The held-out figure that measures the same: `age/mean_absolute_error`."""
        return f"{self.head}/{SAME.get(self.name, self.name)}"


def curves_of(history: Mapping[str, Sequence[float]], heads: Sequence[str]) -> list[Curve]:
    """The whole loss first, then head by head, losses before metrics."""
    names = dict.fromkeys(key.removeprefix(VALIDATION) for key in history)
    curves = [curve(key, history, heads) for key in names if key not in NOT_SHOWN]
    order = {head: place for place, head in enumerate(heads, 1)}
    return sorted(curves, key=lambda each: (order.get(each.head, 0), each.name != "loss"))


def curve(key: str, history: Mapping[str, Sequence[float]], heads: Sequence[str]) -> Curve:
    """Keras puts the head's name before that of a metric, unless there is only one head."""
    head = max((each for each in heads if key.startswith(f"{each}_")), key=len, default="")
    name = key[len(head) + 1 :] if head else key
    if not head and len(heads) == 1 and name != "loss":
        head = heads[0]
    seen = [tuple(float(number) for number in history.get(f"{when}{key}", ())) for when in ("", VALIDATION)]
    return Curve(head, name, seen[0], seen[1])


def shares(history: Mapping[str, Sequence[float]], weights: Mapping[str, float], epoch: int) -> dict[str, float]:
    """Each head's part of the weighted training loss in an epoch (-1 for the last); empty where that is unknown."""
    losses = {}
    for head, weight in weights.items():
        numbers = history.get(f"{head}_loss", ())
        if not numbers or not math.isfinite(numbers[epoch]):
            return {}
        losses[head] = abs(weight * numbers[epoch])
    total = sum(losses.values())
    return {head: loss / total for head, loss in losses.items()} if total else {}
