"""Handwritten digits of 8 by 8 pixels, as scikit-learn brings them, split into training and held-out examples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from training.recipe import Split

LABELS = tuple(str(digit) for digit in range(10))
HELD_OUT = 0.2


def digits(seed: int, limit: int) -> tuple[Split, Split]:
    """1,437 training and 360 held-out digits, each digit's share the same in both; fewer to train on by `limit`."""
    images, targets = load_digits(return_X_y=True)
    train_x, held_x, train_y, held_y = train_test_split(
        images, targets, test_size=HELD_OUT, stratify=targets, random_state=seed
    )
    return split(train_x[:limit], train_y[:limit]), split(held_x, held_y)


def split(images: NDArray[np.float64], targets: NDArray[np.int64]) -> Split:
    return Split(
        inputs={"pixels": images.tolist()},
        targets={"digit": np.eye(len(LABELS), dtype=np.float32)[targets]},
    )
