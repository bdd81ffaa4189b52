"""The story of a predict request: lease a version, admit, read, batch, answer.

Knows no HTTP, no JSON and no TensorFlow.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from numpy.typing import NDArray

from models.artifact import Manifest
from models.evidence import Evidence
from models.signature import Signature
from models.tensors import size_in_bytes
from service.admission import Admission
from service.batching.forecast import Forecast

C = TypeVar("C")

Row = Mapping[str, NDArray[Any]]
Outputs = Mapping[str, Sequence[NDArray[Any]]]
"""For each head one tensor for each row."""


class Submit(Protocol):
    """What runs rows: the batcher of one version."""

    async def submit(self, rows: Sequence[Row], heads: Collection[str], deadline: float, priority: int) -> Outputs: ...

    def forecast(self, rows: Sequence[Row], priority: int) -> Forecast: ...

    @property
    def is_idle(self) -> bool:
        """Whether rows that nobody waits for could run now without keeping anybody."""

    def describe(self) -> dict[str, Any]:
        """How it batches, for people."""


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
    evidence: Evidence | None
    """What a trial showed of padding and neighbours; None where nobody tried."""
    codec: C
    batcher: Submit
    aside: Submit
    """What runs rows that nobody waits for. It has a queue and a turn of its own: whatever happens there, no caller
    stands behind it."""
    load: Mapping[str, Any] = field(default_factory=dict)
    """How it was loaded, for people."""
    placement: Mapping[str, Any] = field(default_factory=dict)
    """Where it runs and why, for people."""


@dataclass(frozen=True)
class Answer(Generic[C, K]):
    """Which version answered which call, and the heads asked for."""

    served: Served[C]
    call: K
    outputs: Outputs


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked, until when an answer is of use, as a moment of `time.monotonic`, and how urgent it is."""

    model: str
    version: int | str | None
    """A number, or a label; None for the default."""
    deadline: float
    priority: int


Read = Callable[[Served[C]], Awaitable[K]]
"""Turns what a caller sent into a call, for the version given. Raises InvalidInput."""


class Mirror(Protocol[C]):
    """Is told of every answer of a model. Returns at once, and never raises."""

    def __call__(self, answer: Answer[C, K], read: Read[C, K], held: int) -> None:
        """`held`: bytes that stay as long as `read` does."""


class Inference(Generic[C]):
    """Takes a request from its name to its answer."""

    def __init__(
        self,
        lease: Callable[[str, int | str | None], AbstractContextManager[Served[C]]],
        admission: Admission,
        reading_time: Callable[[Served[C]], float] = lambda served: 0.0,
        clock: Callable[[], float] = time.monotonic,
        mirrors: Mapping[str, Mirror[C]] | None = None,
    ) -> None:
        """`reading_time` says how many seconds pass before a request that comes now is read. `mirrors` by model."""
        self._lease = lease
        self._admission = admission
        self._reading_time = reading_time
        self._clock = clock
        self._mirrors = {} if mirrors is None else mirrors

    def look_ahead(self, asked: Asked, inside: int = 0) -> None:
        """Before anything of the request is read. `inside` as for Admission.judge.

        Raises ModelNotFound, ModelNotReady, Overloaded, DeadlineExceeded.
        """
        with self._lease(asked.model, asked.version) as served:
            self._judge(served, (), asked, inside, self._reading_time(served))

    async def predict(self, asked: Asked, read: Read[C, K], held: int = 0) -> Answer[C, K]:
        """`read` turns what the caller sent into a call, and raises InvalidInput before anything is queued.

        `held`: bytes that the request keeps already while it is answered.

        Raises ModelNotFound, ModelNotReady, ShuttingDown, Overloaded, InvalidInput, TooLarge, DeadlineExceeded,
        InferenceFailed.
        """
        with self._lease(asked.model, asked.version) as served, self._admission.enter(asked.model):
            call = await read(served)
            self._judge(served, call.rows, asked)
            with self._admission.holding(size_of(call.rows), held):
                outputs = await served.batcher.submit(call.rows, call.heads, asked.deadline, asked.priority)
            self._admission.load.answered()
            answer = Answer(served, call, outputs)
            if (mirror := self._mirrors.get(served.model)) is not None:
                mirror(answer, read, held)
            return answer

    def _judge(
        self, served: Served[C], rows: Sequence[Row], asked: Asked, inside: int = 0, before: float = 0.0
    ) -> None:
        forecast = served.batcher.forecast(rows, asked.priority)
        self._admission.judge(
            forecast, asked.deadline - self._clock(), inside, before, model=asked.model, is_new=not rows
        )


def size_of(rows: Sequence[Row]) -> int:
    """Bytes of the tensors. What is shared counts once."""
    return sum({id(tensor): size_in_bytes(tensor) for row in rows for tensor in row.values()}.values())
