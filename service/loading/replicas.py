"""One model several times, each time on another device. Which of them runs a batch is for the batcher to say."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from models.signature import Signature
from service.loading.preparation import Preparable
from service.progress import Progress
from service.runtime.placement import Footprint
from service.runtime.servable import Tensors


class Replicas:
    """Prepared as one, and checked as one: what is established with the first holds for all."""

    def __init__(self, each: Sequence[Preparable]) -> None:
        self.each = tuple(each)

    def __repr__(self) -> str:
        return f"<Replicas [{len(self.each)}]>"

    @property
    def signature(self) -> Signature:
        return self.each[0].signature

    @signature.setter
    def signature(self, signature: Signature) -> None:
        for replica in self.each:
            replica.signature = signature

    @property
    def retraces(self) -> int:
        return sum(replica.retraces for replica in self.each)

    def run(self, inputs: Tensors, heads: Collection[str]) -> Tensors:
        """On the first: while a model is tried and measured."""
        return self.each[0].run(inputs, heads)

    @property
    def environment(self) -> Mapping[str, str]:
        return self.each[0].environment

    @property
    def made_with(self) -> Mapping[str, str]:
        return self.each[0].made_with

    def warm_up(self, rows: Iterable[int], progress: Progress | None = None) -> None:
        counts = tuple(rows)
        for replica in self.each:
            replica.warm_up(counts, progress)

    def footprint(self, rows: int, length: int) -> Footprint:
        """Of one of them."""
        return self.each[0].footprint(rows, length)

    def close(self) -> None:
        for replica in self.each:
            replica.close()
