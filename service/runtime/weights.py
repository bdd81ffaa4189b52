"""Whether a model's weights are numbers: one that is not answers nothing but NaN. Takes variables, knows no graph."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import tensorflow as tf

SHOWN = 5
"""Variables that a message names."""


class NotFiniteWeights(ValueError):
    """Variables that hold NaN, or infinity where it was to be learnt."""


def refuse_not_finite(variables: Iterable[Any]) -> None:
    """Raises NotFiniteWeights with their names.

    Infinity counts only in what is trained: a fixed mask of minus infinity is a common constant. NaN counts anywhere.
    """
    broken = [said for each in variables if (said := wrong_with(each))]
    if broken:
        more = f"; and {len(broken) - SHOWN:,} more" if len(broken) > SHOWN else ""
        raise NotFiniteWeights(f"weights that are no numbers: {'; '.join(broken[:SHOWN])}{more}")


def wrong_with(variable: Any) -> str:
    """In words; empty for a variable that is as it should be."""
    values = tf.convert_to_tensor(variable)
    if not (values.dtype.is_floating or values.dtype.is_complex):
        return ""
    if values.dtype.is_complex:
        values = tf.stack([tf.math.real(values), tf.math.imag(values)])
    if tf.reduce_all(tf.math.is_finite(values)):  # to count takes twice the memory of the weights
        return ""
    nan, infinite = count_of(tf.math.is_nan(values)), count_of(tf.math.is_inf(values)) if variable.trainable else 0
    counts = [f"{count:,} {what}" for count, what in ((nan, "NaN"), (infinite, "infinite")) if count]
    name = getattr(variable, "path", variable.name)
    return f"{name!r} ({' and '.join(counts)} of {int(tf.size(values)):,})" if counts else ""


def count_of(flags: Any) -> int:
    return int(tf.math.count_nonzero(flags))
