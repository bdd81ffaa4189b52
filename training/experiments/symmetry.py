"""What the chapter's graph of two sentences says when they are swapped, beside graphs that cannot tell (7.1.5)."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.experiments import siamese
from training.experiments.figures import Cell, Figures
from training.experiments.siamese import Ids

NOTE = (
    "Invented pairs. The chapter joins both states end to end: before the sigmoid stands a sum of one term for each "
    "side, so swapping changes the answer, and the sides are never compared at all. |l−r| and l·r mend both."
)


def run(preset: str, seed: int) -> Figures:
    train, held_out, epochs = (64, 64, 1) if preset == "smoke" else (8_000, 2_000, 8)
    data, held, ids = siamese.examples(train, held_out, seed)
    rows: list[tuple[Cell, ...]] = []
    for name, model in graphs(ids, seed).items():
        siamese.trained(model, data, epochs, seed)
        rows.append((name, *asymmetry(model, held), *siamese.quality(model, held)))
    truth = held.similarity[:, 0]
    naive = float(np.abs(truth - np.median(data.similarity)).mean())
    rows.append(("always the median", 0.0, 0.0, naive, 0.0))
    return Figures(
        title="Swapping the two sentences",
        columns=("graph", "mean |f(a,b)−f(b,a)|", "largest", "mean absolute error", "pearson"),
        rows=rows,
        note=NOTE,
    )


def graphs(ids: int, seed: int) -> dict[str, Any]:
    from models.zoo import sentence_similarity

    return {
        "chapter: [l, r]": siamese.on_ids(sentence_similarity.build("chapter"), ids, seed),
        "symmetric: |l−r|, l·r": siamese.on_ids(siamese.comparing(shared=True), ids, seed),
        "served": sentence_similarity.build(vocabulary=ids),
    }


def asymmetry(model: Any, data: Ids) -> tuple[float, float]:
    """The mean and the largest difference that swapping makes."""
    moved = np.abs(siamese.answers(model, data.inputs) - siamese.answers(model, data.swapped))
    return float(moved.mean()), float(moved.max())
