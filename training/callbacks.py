"""What watches a training: progress with the time left, a guard against NaN, checkpoints to resume from.

Imported only where Keras already is. Knows no recipe.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

QUIET_SECONDS = 5.0
Logs = Mapping[str, float] | None


class TrainingDiverged(RuntimeError):
    """A loss is no longer a number: which head's, and when."""


class NanGuard(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends a training whose loss is NaN or infinite, and says whose."""

    def __init__(self, heads: Sequence[str]) -> None:
        super().__init__()
        self._heads = heads
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        values = logs or {}
        if math.isfinite(values.get("loss", 0.0)):
            return
        broken = [head for head in self._heads if not math.isfinite(values.get(f"{head}_loss", 0.0))]
        names = ", ".join(broken or self._heads)
        raise TrainingDiverged(
            f"the loss of {names} is {values['loss']} in epoch {self._epoch + 1}, batch {batch + 1}; "
            "a smaller learning rate or another loss weight may help"
        )


class Curves(keras.callbacks.Callback):  # type: ignore[misc]
    """Adds each epoch's figures to `figures`, by the names that Keras gives them."""

    def __init__(self, figures: dict[str, list[float]]) -> None:
        super().__init__()
        self.figures = figures

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        for name, value in (logs or {}).items():
            self.figures.setdefault(name, []).append(float(value))


class Checkpoints(keras.callbacks.Callback):  # type: ignore[misc]
    """Weights and optimizer after each epoch; the newest finished one is where a killed training goes on.

    Comes after `curves`, whose figures so far are kept with it.
    """

    def __init__(self, folder: Path, curves: Curves) -> None:
        super().__init__()
        self._folder = folder
        self._curves = curves

    def restore(self, model: Any) -> int:
        """Loads the newest checkpoint into a compiled model. How many epochs it has behind it, 0 without one."""
        newest = self._newest()
        if newest is None:
            return 0
        model.optimizer.build(model.trainable_variables)
        model.load_weights(newest)
        kept = json.loads(newest.with_suffix(".json").read_text(encoding="utf-8"))
        for generator, state in zip(seed_generators(model), kept["seeds"], strict=True):
            generator.state.assign(state)
        self._curves.figures.update(kept["curves"])
        return epoch_of(newest)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        older = self._newest()
        draft = self._folder / "draft.weights.h5"
        final = self._folder / f"{epoch + 1:06d}.weights.h5"
        self.model.save_weights(draft, overwrite=True)
        seeds = [each.state.numpy().tolist() for each in seed_generators(self.model)]
        kept = {"seeds": seeds, "curves": self._curves.figures}
        final.with_suffix(".json").write_text(json.dumps(kept), encoding="utf-8")
        os.replace(draft, final)
        if older is not None:
            older.unlink()
            older.with_suffix(".json").unlink(missing_ok=True)

    def _newest(self) -> Path | None:
        return max(self._folder.glob("[0-9]*.weights.h5"), default=None)


def seed_generators(model: Any) -> list[Any]:
    """Where dropout and its like stand: Keras leaves these states out of saved weights."""
    layers = model._flatten_layers(include_self=False)
    return [generator for layer in layers for generator in getattr(layer, "_seed_generators", [])]


def epoch_of(checkpoint: Path) -> int:
    return int(checkpoint.name.split(".")[0])


class Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Loss, metrics and time left: a bar in a terminal, else a line now and then."""

    def __init__(
        self,
        name: str,
        epochs: int,
        batches: int,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._name, self._epochs, self._batches, self._clock = name, epochs, batches, clock
        self._console = console or Console()
        self._bar = Progress(TextColumn("{task.description}"), BarColumn(), console=self._console, transient=True)
        self._task = self._bar.add_task(name, total=epochs * batches)
        self._epoch = self._first = 0
        self._done = 0
        self._begun = self._spoken = 0.0

    def on_train_begin(self, logs: Logs = None) -> None:
        self._begun = self._spoken = self._clock()
        if self._console.is_terminal:
            self._bar.start()

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._first = self._first if self._done else epoch * self._batches
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._done = self._epoch * self._batches + batch + 1
        now = self._clock()
        if self._done == self._first + 1:
            self._begun = now  # the first batch traces the graph: it says nothing about the others
        last = self._done == self._epochs * self._batches
        if self._console.is_terminal:
            self._bar.update(self._task, completed=self._done, description=self.line(logs or {}, now))
        elif now - self._spoken >= QUIET_SECONDS or last:
            self._spoken = now
            self._console.print(self.line(logs or {}, now), highlight=False, soft_wrap=True)

    def on_train_end(self, logs: Logs = None) -> None:
        self.close()

    def close(self) -> None:
        """Takes the bar away; also after a training that failed."""
        if self._console.is_terminal:
            self._bar.stop()

    def line(self, logs: Mapping[str, float], now: float) -> str:
        figures = "  ".join(f"{name} {value:.4g}" for name, value in logs.items())
        return f"{self._name}  epoch {self._epoch + 1}/{self._epochs}  {figures}  {self._left(now)}"

    def _left(self, now: float) -> str:
        measured = self._done - self._first - 1
        if measured <= 0:
            return "time left unknown"
        rest = self._epochs * self._batches - self._done
        return f"{duration(rest * (now - self._begun) / measured)} left"


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
