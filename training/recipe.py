"""What a recipe says: where its data comes from, what is built, how it is trained, and what it must reach.

A recipe is data and a few functions. Importing one loads neither TensorFlow nor Keras: `build` and `optimizer` import
them when they are called. Knows nothing of how training runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.preprocessing import Preprocessing
from models.signature import Signature

Metric = Literal["accuracy", "macro_f1", "mean_absolute_error", "pearson"]
Option = str | int | float
Augment = Callable[[dict[str, NDArray[Any]], np.random.Generator], dict[str, NDArray[Any]]]


@dataclass(frozen=True, kw_only=True)
class Preset:
    """How much of everything. `smoke` proves the structure alone, `quick` is what is served, `full` takes its time."""

    epochs: int
    batch_size: int
    examples: int
    """Examples to train on, for a source that makes as many as it is asked for."""
    held_out: int
    """Examples to judge by, none of them seen in training."""
    options: Mapping[str, Option] = field(default_factory=dict)
    """Whatever else the recipe's own functions want to know: widths, learning rate … `--option NAME=VALUE` changes
    one; its type is that of the value here."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """Examples by column: values as a caller would write them, targets as the loss takes them.

    A target of a `classes` head is one-hot (categorical cross-entropy) or a label's index (the sparse one); of a
    `binary` head 0 or 1; of a `regression` head a number. `groups` cut the held-out figures: `{"kind": […]}` gives
    `answer/accuracy/kind=counting` beside `answer/accuracy`.
    """

    inputs: Mapping[str, Sequence[object]]
    targets: Mapping[str, NDArray[Any]]
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.targets.values())))

    def __post_init__(self) -> None:
        lengths = {len(column) for columns in (self.inputs, self.groups) for column in columns.values()}
        if len(lengths | {len(target) for target in self.targets.values()}) != 1:
            raise ValueError("the columns of a split differ in length")


@dataclass(frozen=True, kw_only=True)
class Data:
    """Both splits, and everything the artifact says about its inputs and heads."""

    train: Split
    held_out: Split
    signature: Signature
    preprocessing: Mapping[str, Preprocessing]
    """By input. A `Text` names its tokenizer's file, which stands in `tokenizers`."""
    tokenizers: Mapping[str, Tokenizer] = field(default_factory=dict)
    """By file name in the artifact."""
    golden: Sequence[Mapping[str, object]] = ()
    """Inputs of the golden examples, as a caller would write them; their answers are computed on export."""
    source: str = "synthetic"
    """Where the examples come from, for the manifest."""
    description: str = ""
    """What the model does that is trained on these data, where that differs from the recipe's own words."""
    goals: Sequence[Goal] | None = None
    """What these data let a model reach, where that differs from the recipe's own goals."""
    problems: Sequence[str] = ()
    """Rows of real data that could not be used: `FILE:LINE: why`. All are printed."""


@dataclass(frozen=True)
class Goal:
    """A held-out figure must beat that of a model that ignores its input, by `margin`, or nothing is exported.

    `accuracy` and `macro_f1` must exceed those of always answering the training set's most frequent label, `pearson`
    must exceed 0, `mean_absolute_error` must stay below that of always answering the training set's median.
    """

    head: str
    metric: Metric
    margin: float

    def is_met(self, value: float, baseline: float) -> bool:
        ahead = baseline - value if self.metric == "mean_absolute_error" else value - baseline
        return bool(np.isfinite(value)) and ahead >= self.margin


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that tells one model's training from another's. Mappings by head stand in declared order."""

    name: str
    description: str
    presets: Mapping[str, Preset]
    load: Callable[[Preset, int, Path | None], Data]
    """`load(preset, seed, folder)`: the folder is what `--data` names, None for the recipe's own source."""
    build: Callable[[Data, Preset], Any]
    """A keras.Model with the signature's named inputs and a dict of heads."""
    optimizer: Callable[[Preset, int], Any]
    """`optimizer(preset, steps)`: a name or a Keras optimizer; `steps` counts all batches of all epochs."""
    losses: Mapping[str, Any]
    loss_weights: Mapping[str, float]
    metrics: Mapping[str, Sequence[str]]
    """What Keras shows during training. Held-out figures follow from the kind of the head."""
    goals: Sequence[Goal]
    augment: Augment | None = None
    """Changes the inputs of a training batch: flips, shifts. The generator follows from seed, epoch and batch."""
    length_step: int = 1
    """Batches are padded to a multiple of this many tokens: a larger step means fewer shapes."""
    report: Callable[[Mapping[str, float]], None] | None = None
    """Prints more about the held-out figures (`head/metric`, `head/metric/group=value`) than the usual table."""
    on_data: Callable[[Path, Preset, int], None] | None = None
    """What `--data` runs instead, for a benchmark that is not one training with one artifact."""
