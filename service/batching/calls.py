"""A call with a caller behind it, and what of its answer has come. Knows no queue."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from service.batching.batch_queue import Call
from service.batching.execution import Outputs


@dataclass(eq=False, slots=True)
class Waiting(Call):
    """Everything about it changes on the event loop only; worker threads may ask whether it is settled."""

    future: asyncio.Future[Outputs] = field(kw_only=True)
    outputs: Outputs = field(default_factory=dict, init=False)
    started: int = field(default=0, init=False)
    """Rows that went to the model."""
    answered: int = field(default=0, init=False)
    settled: bool = field(default=False, init=False)
    context: Mapping[str, object] = field(default_factory=structlog.contextvars.get_contextvars, init=False)
    """What a log line about it should name: the request's id."""

    @property
    def request_id(self) -> str:
        return str(self.context.get("request_id", ""))

    @property
    def is_over(self) -> bool:
        """Whether nobody waits for it any more, be it that its caller left and has not come round to say so."""
        return self.settled or self.future.cancelled()

    def fill(self, places: Sequence[int], part: Outputs) -> None:
        """Puts rows of the answer where they stood in the request."""
        self.answered += len(places)
        if len(self.tickets) == 1:
            self.outputs = part
            return
        for head, tensors in part.items():
            filled = self.outputs.setdefault(head, [tensors[0]] * len(self.rows))
            for place, tensor in zip(places, tensors, strict=True):
                filled[place] = tensor
