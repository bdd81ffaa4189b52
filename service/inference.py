"""The story of a predict request: lease a version, admit, read, batch, answer.

Knows no HTTP, no JSON and no TensorFlow.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from numpy.typing import NDArray

from models.artifact import Manifest
from models.signature import Signature
from service.admission import Admission

C = TypeVar("C")

Row = Mapping[str, NDArray[Any]]
Outputs = Mapping[str, Sequence[NDArray[Any]]]
"""For each head one tensor for each row."""


class Submit(Protocol):
    """What runs rows: the batcher of one version."""

    async def submit(self, rows: Sequence[Row], heads: Collection[str], deadline: float) -> Outputs: ...


class Call(Protocol):
    """A request that was read and fits the signature."""

    @property
    def rows(self) -> Sequence[Row]: ...
    @property
    def heads(self) -> Collection[str]: ...


K = TypeVar("K", bound=Call)


@dataclass(frozen=True)
class Served(Generic[C]):
    """A version that can answer. The codecs are of the protocols' making; here they are only carried along."""

    model: str
    version: int
    signature: Signature
    manifest: Manifest | None
    codec: C
    batcher: Submit


@dataclass(frozen=True)
class Answer(Generic[C, K]):
    """Which version answered which call, and the heads asked for."""

    served: Served[C]
    call: K
    outputs: Outputs


class Inference(Generic[C]):
    """Takes a request from its name to its answer."""

    def __init__(
        self, lease: Callable[[str, int | None], AbstractContextManager[Served[C]]], admission: Admission
    ) -> None:
        self._lease = lease
        self._admission = admission

    async def predict(
        self, model: str, version: int | None, read: Callable[[Served[C]], Awaitable[K]], deadline: float
    ) -> Answer[C, K]:
        """`read` turns what the caller sent into a call, and raises InvalidInput before anything is queued.

        Raises ModelNotFound, ModelNotReady, ShuttingDown, Overloaded, InvalidInput, DeadlineExceeded, InferenceFailed.
        """
        with self._lease(model, version) as served, self._admission.enter():
            call = await read(served)
            return Answer(served, call, await served.batcher.submit(call.rows, call.heads, deadline))
