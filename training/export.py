"""Writes a trained model into the store as its next version, with the answers of its golden examples.

Knows nothing of how it was trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from models.artifact import GRAPH, Golden, Manifest, publish
from models.preprocessing import save_tokenizer
from training.batches import encode_columns
from training.fit import predict
from training.frameworks import versions
from training.recipe import Data, Recipe


def export(
    recipe: Recipe,
    data: Data,
    model: Any,
    metrics: Mapping[str, float],
    training: Mapping[str, str | int | float],
    store: Path,
    beside: Callable[[Path], None] = lambda folder: None,
) -> Path:
    """The new version's folder. Nobody sees it before it is whole, and what `beside` writes into it."""
    manifest = Manifest(
        model=recipe.name,
        description=data.description or recipe.description,
        signature=data.signature,
        preprocessing=dict(data.preprocessing),
        metrics=dict(metrics),
        training=dict(training),
        frameworks=versions(),
    )

    def write(folder: Path) -> None:
        model.save(folder / GRAPH)
        for name, tokenizer in data.tokenizers.items():
            save_tokenizer(tokenizer, folder / name)
        beside(folder)

    return publish(store, manifest, golden(data, model), write)


def golden(data: Data, model: Any) -> list[Golden]:
    """The golden inputs with the raw tensor of each head, each computed alone, as a caller would get it."""
    found = []
    for inputs in data.golden:
        rows = encode_columns(data, {name: [value] for name, value in inputs.items()})
        answers = predict(model, data, rows, size=1)
        found.append(Golden(dict(inputs), {head: answers[head][0].tolist() for head in data.signature.head_names}))
    return found
