"""When requests are due. Pure and seeded: a rate and a duration to moments, in seconds after the start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Moments = NDArray[np.float64]
"""Ascending."""


def poisson(rate: float, seconds: float, seed: int) -> Moments:
    """Callers who know nothing of each other: how long one lets the next wait says nothing about the one after."""
    draw = np.random.default_rng(seed)
    moments = np.zeros(0)
    while not len(moments) or moments[-1] < seconds:
        gaps = draw.exponential(1 / rate, int(rate * seconds) + 16)
        moments = np.concatenate([moments, (moments[-1] if len(moments) else 0.0) + np.cumsum(gaps)])
    return moments[moments < seconds]


def constant(rate: float, seconds: float) -> Moments:
    """One every `1 / rate` seconds, the first at once."""
    moments: Moments = np.arange(int(np.ceil(rate * seconds))) / rate
    return moments[moments < seconds]


@dataclass(frozen=True)
class Stretch:
    """A load that stays the same for a while."""

    name: str
    rate: float
    seconds: float


def in_turn(stretches: Sequence[Stretch], seed: int) -> Moments:
    """Poisson arrivals of one stretch after the other, without a pause between them."""
    moments, start = [], 0.0
    for place, stretch in enumerate(stretches):
        moments.append(start + poisson(stretch.rate, stretch.seconds, seed + place))
        start += stretch.seconds
    return np.concatenate(moments)
