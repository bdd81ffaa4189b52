"""Arrays of the dtypes that signatures name. A tensor of strings is an array of bytes objects.

numpy's own strings would drop the NULs at their end. Knows no TensorFlow and no HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

STRING = "string"
OBJECT = np.dtype(object)


def numpy_dtype(dtype: str) -> np.dtype[Any]:
    """Raises TypeError for a name that numpy does not know."""
    return OBJECT if dtype == STRING else np.dtype(dtype)


def blank(shape: Sequence[int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """What stands where nothing was given: zeros, or empty strings."""
    return np.full(shape, b"", OBJECT) if dtype == OBJECT else np.zeros(shape, dtype)


def rows_of(batch: NDArray[Any]) -> list[NDArray[Any]]:
    """Each row as an array, also where a row is one string."""
    return [batch[place, ...] for place in range(len(batch))] if batch.dtype == OBJECT else list(batch)


def size_in_bytes(tensor: NDArray[Any]) -> int:
    """Of a string its characters, too, which stand elsewhere."""
    return tensor.nbytes + (sum(map(len, tensor.flat)) if tensor.dtype == OBJECT else 0)
