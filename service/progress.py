"""How far the loading of one version is: its stages, and the seconds each took. Knows nothing of what is loaded."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Stage = Literal[
    "waiting",
    "reading",
    "loading graph",
    "golden examples",
    "padding trial",
    "warming up",
    "measuring",
    "rehearsing",
]


@dataclass(frozen=True, slots=True)
class Step:
    """`done` of `of` parts; 0 of 0 where a stage has none. `began` is a moment of the clock."""

    stage: Stage
    began: float
    done: int = 0
    of: int = 0


class Progress:
    """Written by the thread that loads, read by anybody: what is read is replaced as a whole."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._step = Step("waiting", self._began)
        self.seconds: dict[str, float] = {}
        """Of the stages that are over."""

    def __repr__(self) -> str:
        return f"<Progress {self._step.stage} {self._step.done}/{self._step.of}>"

    def enter(self, stage: Stage, of: int = 0) -> None:
        """The stage before it is over."""
        self.end()
        self._step = Step(stage, self._clock(), 0, of)

    def advance(self) -> None:
        """One part more."""
        step = self._step
        self._step = Step(step.stage, step.began, step.done + 1, step.of)

    def end(self) -> None:
        step, now = self._step, self._clock()
        self.seconds = {**self.seconds, step.stage: self.seconds.get(step.stage, 0.0) + now - step.began}
        self._step = Step(step.stage, now, step.done, step.of)

    def told(self) -> dict[str, str | int | float]:
        """For people who wait. Seconds count from the beginning."""
        step = self._step
        parts = {"done": step.done, "of": step.of} if step.of else {}
        return {"stage": step.stage, **parts, "seconds": round(self._clock() - self._began, 3)}


Loads = Mapping[tuple[str, int], Progress]
"""Of the versions that load now, by model and number."""
