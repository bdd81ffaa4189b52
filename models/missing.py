"""What stands for an input that is not there, where the model learnt to do without; the same in training and serving.

Knows no TensorFlow and no HTTP.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.signature import Input
from models.values import say


def learnt_null(each: Input) -> NDArray[Any]:
    """One row of it that is not there. Raises ValueError for what is no number that the tensor can hold."""
    value = each.missing.value
    wrong = f"input {each.name!r}: a learnt null is a finite number that {each.spec.dtype} can hold, not {say(value)}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(wrong)
    try:
        with np.errstate(all="ignore"):
            tensor = np.full([1 if side is None else side for side in each.spec.shape], value, each.spec.dtype)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(wrong) from None
    if not np.isfinite(tensor).all() or (tensor.dtype.kind in "biu" and (tensor != value).any()):
        raise ValueError(wrong)
    return tensor
