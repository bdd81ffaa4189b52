"""What the tests of the price's graph share: its sizes, made-up rows, and its answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.zoo.clothing_price import Sizes

SIZES = Sizes(fields=33, vocabulary=50, side=32)


def inputs(seed: int = 0, count: int = 4) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    return {
        "metadata": random.normal(size=(count, SIZES.fields)).astype(np.float32),
        "description": random.integers(1, SIZES.vocabulary, (count, 9)).astype(np.int32),
        "photo": random.random((count, SIZES.side, SIZES.side, 3)).astype(np.float32),
    }


def price(model: Any, values: dict[str, Any]) -> Any:
    return np.asarray(model(values, training=False)["price"])
