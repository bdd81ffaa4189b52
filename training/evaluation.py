"""Held-out figures of a trained model beside those of one that ignores its input. Knows nothing of files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from models.signature import Head
from training.batches import encode
from training.fit import predict
from training.recipe import Data, Goal, Metric, Recipe


@dataclass(frozen=True)
class Evaluation:
    """Figures by `head/metric`, their baselines by `head/metric/baseline`, parts by `head/metric/group=value`."""

    metrics: Mapping[str, float]
    misses: tuple[str, ...]
    """Goals that are not met, in words."""


def evaluate(recipe: Recipe, data: Data, model: Any, batch_size: int = 128) -> Evaluation:
    """Answers every held-out example and compares."""
    answers = predict(model, data, encode(data, data.held_out), batch_size, recipe.length_step)
    metrics: dict[str, float] = {}
    for head in data.signature.heads:
        metric = metric_of(head)
        if metric is None:
            continue
        truth, trained_on = data.held_out.targets[head.name], data.train.targets[head.name]
        scores = score(head, truth, answers[head.name])
        metrics[f"{head.name}/{metric}"] = float(scores.mean())
        metrics[f"{head.name}/{metric}/baseline"] = baseline(head, truth, trained_on)
        for group, values in data.held_out.groups.items():
            metrics |= parts(f"{head.name}/{metric}/{group}", scores, np.asarray(values))
    return Evaluation(metrics, tuple(miss for goal in recipe.goals if (miss := missed(goal, metrics))))


def metric_of(head: Head) -> Metric | None:
    if head.kind == "tensor":
        return None
    return "mean_absolute_error" if head.kind == "regression" else "accuracy"


def score(head: Head, truth: NDArray[Any], answer: NDArray[Any]) -> NDArray[np.float64]:
    """For each example: how far off a number is, or whether a label is right (1 or 0)."""
    if head.kind == "regression":
        return np.asarray(np.abs(values(head, truth) - values(head, answer)), np.float64)
    return np.asarray(labels(head, truth) == labels(head, answer), np.float64)


def baseline(head: Head, truth: NDArray[Any], trained_on: NDArray[Any]) -> float:
    """The figure of always answering the training set's mean, or its most frequent label."""
    if head.kind == "regression":
        return float(np.abs(values(head, truth) - values(head, trained_on).mean()).mean())
    majority = np.bincount(labels(head, trained_on)).argmax()
    return float((labels(head, truth) == majority).mean())


def values(head: Head, column: NDArray[Any]) -> NDArray[Any]:
    return column.reshape(len(column), -1)[:, 0]


def labels(head: Head, column: NDArray[Any]) -> NDArray[np.int64]:
    """Label indices from one-hot rows, probabilities or indices."""
    if head.kind == "classes" and column.ndim == 2 and column.shape[1] == len(head.labels):
        return np.asarray(column.argmax(-1), np.int64)
    if head.kind == "binary":
        return np.asarray(values(head, column) >= 0.5, np.int64)
    return np.asarray(values(head, column), np.int64)


def parts(prefix: str, scores: NDArray[np.float64], groups: NDArray[Any]) -> dict[str, float]:
    return {f"{prefix}={value}": float(scores[groups == value].mean()) for value in np.unique(groups)}


def missed(goal: Goal, metrics: Mapping[str, float]) -> str:
    """Why the goal is not met, empty when it is."""
    name = f"{goal.head}/{goal.metric}"
    value, naive = metrics[name], metrics[f"{name}/baseline"]
    if goal.is_met(value, naive):
        return ""
    return f"{name} is {value:.3f}, which does not beat the naive {naive:.3f} by {goal.margin:g}"


def show(title: str, evaluation: Evaluation, console: Console | None = None) -> None:
    """A table: each figure, its baseline, and its parts."""
    table = Table("held-out figure", "model", "naive", title=title, title_justify="left")
    for name, value in evaluation.metrics.items():
        if not name.endswith("/baseline"):
            naive = evaluation.metrics.get(f"{name}/baseline")
            table.add_row(name, f"{value:.3f}", "" if naive is None else f"{naive:.3f}")
    (console or Console()).print(table)
