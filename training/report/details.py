"""What a layer or operation says of itself in a few words: sizes, strides, activation. Imports no Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Say = Callable[[Any], str]
SIGNS = {"Add": "+", "Subtract": "−", "Multiply": "×", "Divide": "÷", "TrueDivide": "÷", "Power": "^"}
MOST = 48


def detail_of(operation: Any, call: Any) -> str:
    """`64 × 3×3, stride 2, relu`; empty where there is nothing to say."""
    inner = getattr(operation, "forward_layer", None) or getattr(operation, "layer", None)
    if inner is not None:
        return f"{type(inner).__name__} {detail_of(inner, call)}".strip()
    constants = [value for value in call.arguments.args if isinstance(value, int | float)]
    sign = SIGNS.get(type(operation).__name__)
    if sign and len(call.arguments.args) == 2 and len(constants) == 1:
        first, second = (f"{value:g}" if isinstance(value, int | float) else "x" for value in call.arguments.args)
        return f"{first} {sign} {second}"
    said = ", ".join(filter(None, [*(say(operation) for say in SAYINGS), axis(operation, call)]))
    return said if len(said) <= MOST else said[: MOST - 1] + "…"


def size(operation: Any) -> str:
    """The number that tells one such layer from another."""
    filters, kernel = getattr(operation, "filters", None), getattr(operation, "kernel_size", None)
    if kernel:
        return f"{filters} × {times(kernel)}" if filters else times(kernel)
    if hasattr(operation, "input_dim") and hasattr(operation, "output_dim"):
        return f"{operation.input_dim:,} × {operation.output_dim}"
    if hasattr(operation, "pool_size"):
        return times(operation.pool_size)
    units = getattr(operation, "units", None)
    return str(units) if units else ""


def stride(operation: Any) -> str:
    """Unless it is 1, or the pool's own size."""
    strides = getattr(operation, "strides", None)
    if not isinstance(strides, tuple) or set(strides) == {1} or strides == getattr(operation, "pool_size", None):
        return ""
    return f"stride {strides[0] if len(set(strides)) == 1 else times(strides)}"


def rate(operation: Any) -> str:
    value = getattr(operation, "rate", None)
    return f"{value:g}" if value and isinstance(value, int | float) else ""


def axis(operation: Any, call: Any) -> str:
    """Unless it is the last one."""
    value = getattr(operation, "axis", None)
    normalises = hasattr(operation, "momentum") or hasattr(operation, "epsilon")
    last = len(call.output_tensors[0].shape) - 1
    return f"axis {value}" if isinstance(value, int) and value not in (-1, last) and not normalises else ""


def every_step(operation: Any) -> str:
    return "every step" if getattr(operation, "return_sequences", False) else ""


def activation(operation: Any) -> str:
    function = getattr(operation, "activation", None)
    name = getattr(function, "__name__", type(function).__name__)
    return "" if function is None or name == "linear" or hasattr(operation, "cell") else str(name)


def target_dtype(operation: Any) -> str:
    return str(operation.dtype) if type(operation).__name__ == "Cast" else ""


def times(numbers: Any) -> str:
    return "×".join(str(number) for number in numbers) if isinstance(numbers, tuple | list) else str(numbers)


SAYINGS: tuple[Say, ...] = (size, stride, rate, every_step, activation, target_dtype)
