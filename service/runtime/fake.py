"""A servable without a model: arithmetic on each row alone, and a hand on everything that can go wrong.

For functional tests, and for measuring what the service costs without a model.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.signature import Head, Input, Padding, Signature, TensorSpec
from service.runtime.servable import Tensors

Row = Mapping[str, NDArray[Any]]


class FakeServable:
    """Answers each row from its own values.

    Padding changes the answer exactly where a model would be hurt by it: in inputs that are not declared safe, and
    where the declared tail is missing. `gate`, when cleared, holds batches until it is set. A row that `poison`
    says yes to makes its batch raise. `batches` records what ran: how many rows, and which heads.
    """

    def __init__(self, signature: Signature, poison: Callable[[Row], bool] | None = None) -> None:
        self.signature = signature
        self.poison = poison
        self.retraces = 0
        self.batches: list[tuple[int, frozenset[str]]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        """Released once for each batch that has begun."""
        self._failures = 0
        self._lock = threading.Lock()

    @property
    def made_with(self) -> dict[str, str]:
        """No golden answer was ever made with it."""
        return {"device": "fake"}

    def fail_next(self, batches: int = 1) -> None:
        """The next batches raise."""
        with self._lock:
            self._failures = batches

    def forget(self) -> None:
        """As if nothing had run yet: loading it did not count."""
        self.batches.clear()
        self.entered = threading.Semaphore(0)

    def warm_up(self, rows: Iterable[int]) -> None:
        """Nothing here is ever cold."""

    def run(self, inputs: Tensors, heads: Collection[str]) -> Tensors:
        count = len(next(iter(inputs.values())))
        with self._lock:
            self.batches.append((count, frozenset(heads)))
            fails = self._failures > 0
            self._failures -= fails
        self.entered.release()
        self.gate.wait()
        if fails:
            raise RuntimeError("the fake was told to fail")
        if self.poison is not None:
            for index in range(count):
                if self.poison({name: tensor[index] for name, tensor in inputs.items()}):
                    raise RuntimeError("a row is poison")
        scores = np.zeros(count)
        for weight, each in enumerate(self.signature.inputs, 1):
            scores += weight * score(each, inputs[each.name])
        return {name: answer(self.signature.head(name), scores) for name in heads}

    def close(self) -> None:
        self.gate.set()


def score(each: Input, tensor: NDArray[Any]) -> NDArray[np.float64]:
    """A number for each row: every element counts with its place, zeros for nothing, padding only where it hurts."""
    # Bounded elements: a large sum would lose the digits that tell one row from the next.
    values: NDArray[np.float64] = np.sin(tensor.astype(np.float64))
    while values.ndim > 1:
        values = values @ np.sqrt(np.arange(1.0, values.shape[-1] + 1))
    if not each.spec.is_ragged:
        return values
    size = int(np.prod(tensor.shape[1:]))
    if each.padding.kind != "pad":
        return values + float(size)
    tail = tensor.reshape(len(tensor), size)[:, size - min(size, each.padding.tail) :]
    values += np.count_nonzero(tail, axis=1)
    return values


def answer(head: Head, scores: NDArray[np.float64]) -> NDArray[Any]:
    """A tensor of the head's shape for each row, of probabilities where the head promises them."""
    shape = tuple(1 if side is None else side for side in head.spec.shape)
    places = np.arange(1, int(np.prod(shape)) + 1)
    waves = np.sin(scores[:, None] * 0.1 * places + sum(map(ord, head.name)))
    if head.kind == "classes":
        waves = np.exp(waves) / np.exp(waves).sum(axis=1, keepdims=True)
    elif head.kind == "binary":
        waves = (waves + 1) / 2
    return waves.reshape(-1, *shape).astype(head.spec.dtype)


def fake_signature() -> Signature:
    """Two ragged inputs, one that may be padded and one that may not, and three heads of three kinds."""
    return Signature(
        inputs=(
            Input(name="text", spec=TensorSpec("int32", (None,)), example=[1, 2, 3], padding=Padding("pad", tail=2)),
            Input(name="series", spec=TensorSpec("float32", (None,)), example=[0.5, 1.5]),
        ),
        heads=(
            Head(name="age", spec=TensorSpec("float32", (1,)), kind="regression", unit="years"),
            Head(name="room", spec=TensorSpec("float32", (3,)), kind="classes", labels=("kitchen", "garden", "office")),
            Head(name="sure", spec=TensorSpec("float32", (1,)), kind="binary", labels=("no", "yes")),
        ),
    )
