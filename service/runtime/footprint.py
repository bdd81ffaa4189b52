"""How many bytes a traced graph takes, worked out from its shapes: where a device cannot be asked, and before it can.

An estimate: kernels that need room of their own are not in it, nor is what the allocator rounds up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from service.runtime.placement import Footprint


def footprint_of(function: Any, rows: int, length: int) -> Footprint:
    """Of a concrete function, with batches of so many rows; other open sides are so long."""
    weights = sum(size(each.shape, each.dtype.size, 0, 0) for each in function.variables)
    return Footprint(weights, peak(function.graph, rows, length))


def peak(graph: Any, rows: int, length: int) -> int:
    """What is alive at the worst moment, each tensor from the operation that makes it to the last that reads it."""
    operations = graph.get_operations()
    last = {tensor.ref(): number for number, each in enumerate(operations) for tensor in each.inputs}
    ends: dict[int, int] = {}
    alive = most = 0
    for number, operation in enumerate(operations):
        for tensor in dynamic(operation):
            taken = size(tensor.shape, tensor.dtype.size, rows, length)
            alive += taken
            # What nobody reads is an answer, and stays.
            end = last.get(tensor.ref(), len(operations))
            ends[end] = ends.get(end, 0) + taken
        most = max(most, alive)
        alive -= ends.pop(number, 0)
    return most


def dynamic(operation: Any) -> Iterator[Any]:
    """The outputs that grow with the batch; the others are weights, seen once more, or small."""
    return (each for each in operation.outputs if each.shape.rank is not None and None in each.shape.as_list())


def size(shape: Any, width: int, rows: int, length: int) -> int:
    """Bytes of a tensor. Its first open side counts rows, the others are so long."""
    total, open_side = width, rows
    for side in shape.as_list():
        total *= open_side if side is None else side
        if side is None:
            open_side = length
    return total
