"""Arrival times: seeded, in their window, as many and as irregular as they should be."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.arrivals import Stretch, constant, in_turn, poisson


def test_the_same_seed_gives_the_same_moments_and_another_one_others() -> None:
    assert poisson(50, 10, 1).tolist() == poisson(50, 10, 1).tolist()
    assert poisson(50, 10, 1).tolist() != poisson(50, 10, 2).tolist()


@pytest.mark.parametrize("rate", [0.5, 20, 3000])
def test_moments_ascend_within_the_duration(rate: float) -> None:
    moments = poisson(rate, 5, 3)
    assert (np.diff(moments) >= 0).all()
    assert ((moments >= 0) & (moments < 5)).all()


def test_there_are_about_as_many_as_the_rate_says_and_their_gaps_are_memoryless() -> None:
    moments = poisson(1000, 20, 4)
    assert len(moments) == pytest.approx(20_000, rel=0.05)
    gaps = np.diff(moments)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)  # a constant rate would have 0


def test_a_constant_rate_is_one_every_so_many_seconds() -> None:
    assert constant(4, 1.1).tolist() == pytest.approx([0, 0.25, 0.5, 0.75, 1.0])
    assert constant(10, 1).tolist() == pytest.approx(np.arange(10) / 10)


def test_stretches_follow_each_other_without_a_pause() -> None:
    moments = in_turn([Stretch("low", 100, 2), Stretch("high", 1000, 2)], 5)
    assert (np.diff(moments) >= 0).all()
    assert (moments < 2).sum() == pytest.approx(200, rel=0.2)
    assert (moments >= 2).sum() == pytest.approx(2000, rel=0.1)
    assert moments[-1] < 4
