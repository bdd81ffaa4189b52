"""Held-out figures of a trained model beside those of one that ignores its input. Knows nothing of files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from models.missing import learnt_null
from models.signature import Head, HeadKind
from training.batches import Rows, encode
from training.fit import predict
from training.recipe import Data, Goal, Metric, Recipe

Answers = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Evaluation:
    """Figures by `head/metric`, their baselines by `head/metric/baseline`, parts by `head/metric/group=value`."""

    metrics: Mapping[str, float]
    misses: tuple[str, ...]
    """Goals that are not met, in words."""
    answers: Answers
    """The raw tensor of every head for every held-out example, in order."""


def evaluate(recipe: Recipe, data: Data, model: Any, batch_size: int = 128) -> Evaluation:
    """Answers every held-out example and compares; once more without each input that the model can do without."""
    rows = encode(data, data.held_out)
    answers = predict(model, data, rows, batch_size, recipe.length_step)
    metrics: dict[str, float] = {}
    for head in data.signature.heads:
        if head.kind != "tensor":
            metrics |= figures(head, data, answers[head.name])
    for name, blank in left_out(data, rows):
        without = predict(model, data, blank, batch_size, recipe.length_step)
        metrics |= compared(data, name, answers, without)
    goals = recipe.goals if data.goals is None else data.goals
    return Evaluation(metrics, tuple(miss for goal in goals if (miss := missed(goal, metrics))), answers)


def figures(head: Head, data: Data, answer: NDArray[Any]) -> dict[str, float]:
    """Every figure of one head, its baseline, and the first one by group."""
    truth = data.held_out.targets[head.name]
    naive = naive_answers(head, data.train.targets[head.name], len(truth))
    found: dict[str, float] = {}
    for metric, figure in METRICS[head.kind].items():
        found[f"{head.name}/{metric}"] = figure(head, truth, answer)
        found[f"{head.name}/{metric}/baseline"] = figure(head, truth, naive)
    first = next(iter(METRICS[head.kind]))
    for group, names in data.held_out.groups.items():
        found |= parts(f"{head.name}/{first}/{group}", score(head, truth, answer), np.asarray(names))
    return found


def left_out(data: Data, rows: Rows) -> Iterator[tuple[str, Rows]]:
    """Each input for which the model learnt a null, and the rows with that null in its place."""
    for each in data.signature.inputs:
        if each.missing.policy == "learnt_null":
            yield each.name, {**rows, each.name: [learnt_null(each)] * len(data.held_out)}


def compared(data: Data, name: str, answers: Answers, without: Answers) -> dict[str, float]:
    """The first figure of each head with that input and without it."""
    found = {}
    for head in data.signature.heads:
        if head.kind != "tensor":
            metric, figure = next(iter(METRICS[head.kind].items()))
            for said, answer in (("given", answers), ("left_out", without)):
                value = figure(head, data.held_out.targets[head.name], answer[head.name])
                found[f"{head.name}/{metric}/{name}={said}"] = value
    return found


def naive_answers(head: Head, trained_on: NDArray[Any], count: int) -> NDArray[Any]:
    """What a model that ignores its input does best to say: the training set's median, or its most frequent label."""
    if head.kind == "regression":
        return np.full((count, 1), np.median(values(head, trained_on)))
    majority = np.bincount(labels(head, trained_on)).argmax()
    if head.kind == "binary":
        return np.full((count, 1), float(majority))
    return np.broadcast_to(np.eye(len(head.labels))[majority], (count, len(head.labels)))


def score(head: Head, truth: NDArray[Any], answer: NDArray[Any]) -> NDArray[np.float64]:
    """For each example: how far off a number is, or whether a label is right (1 or 0)."""
    if head.kind == "regression":
        return np.asarray(np.abs(values(head, truth) - values(head, answer)), np.float64)
    return np.asarray(labels(head, truth) == labels(head, answer), np.float64)


def mean_score(head: Head, truth: NDArray[Any], answer: NDArray[Any]) -> float:
    return float(score(head, truth, answer).mean())


def pearson(head: Head, truth: NDArray[Any], answer: NDArray[Any]) -> float:
    """The correlation of truth and answer, 0 where one of them never varies."""
    pair = np.stack([values(head, truth), values(head, answer)]).astype(np.float64)
    deviations = pair - pair.mean(axis=1, keepdims=True)
    sizes = np.sqrt((deviations**2).sum(axis=1))
    return float((deviations[0] * deviations[1]).sum() / sizes.prod()) if sizes.all() else 0.0


def macro_f1(head: Head, truth: NDArray[Any], answer: NDArray[Any]) -> float:
    """The mean over the labels that occur of the harmonic mean of precision and recall."""
    true, said = labels(head, truth), labels(head, answer)
    present = [label for label in range(len(head.labels)) if (true == label).any() or (said == label).any()]
    hits = [((true == label) & (said == label)).sum() for label in present]
    sizes = [(true == label).sum() + (said == label).sum() for label in present]
    return float(np.mean([2 * hit / size for hit, size in zip(hits, sizes, strict=True)]))


Figure = Callable[[Head, NDArray[Any], NDArray[Any]], float]
METRICS: Mapping[HeadKind, Mapping[Metric, Figure]] = {
    "regression": {"mean_absolute_error": mean_score, "pearson": pearson},
    "binary": {"accuracy": mean_score},
    "classes": {"accuracy": mean_score, "macro_f1": macro_f1},
}
"""By kind of head; the first of them is also told by group. A head without a declared meaning has no figures."""


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
