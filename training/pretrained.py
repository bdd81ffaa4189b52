"""Models that others have trained: a known architecture, weights and labels from files that the user gives.

Nothing is trained here and nothing is downloaded. Knows no architecture.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Picture

from models.artifact import GRAPH, Manifest, digest, publish
from models.preprocessing import Image
from models.signature import Head, Input, Signature, TensorSpec
from training.labels import read_labels
from training.recipe import Data, Split

RANDOM = "random"
CLASSES = 1_000


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """An architecture whose weights come from a file."""

    name: str
    description: str
    build: Callable[[int], Any]
    """`build(classes)`: a keras.Model with the input `photo` and the head `label`, and random weights."""
    side: int
    """Height and width of the photos it takes."""
    preprocessing: Image


def export_pretrained(
    pretrained: Pretrained, weights: str, labels: Path | None, store: Path, breaking: str = ""
) -> Path:
    """The new version's folder. `weights` is a file, or `random`. Raises ValueError in words for the user."""
    from training.export import golden, warn_of_refusal
    from training.frameworks import made_with, make_reproducible
    from training.weights import load_weights

    named = read_labels(labels) if labels is not None else tuple(f"class {number}" for number in range(CLASSES))
    make_reproducible(0)
    model = pretrained.build(len(named))
    if weights != RANDOM:
        load_weights(model, Path(weights))
    data = described(pretrained, named)
    manifest = Manifest(
        model=pretrained.name,
        description=said(pretrained, weights),
        signature=data.signature,
        preprocessing=dict(data.preprocessing),
        training=origin(weights) | {"parameters": int(model.count_params())},
        frameworks=made_with(),
        breaking=breaking,
    )
    warn_of_refusal(manifest, store)
    return publish(store, manifest, golden(data, model), lambda folder: model.save(folder / GRAPH))


def said(pretrained: Pretrained, weights: str) -> str:
    if weights == RANDOM:
        return f"{pretrained.description} Its weights are random: what it answers means nothing."
    return f"{pretrained.description} Weights from {Path(weights).name}."


def origin(weights: str) -> dict[str, str | int | float]:
    """Where the weights come from, for the manifest."""
    if weights == RANDOM:
        return {"weights": RANDOM}
    return {"weights": Path(weights).name, "weights_sha256": digest(Path(weights))}


def described(pretrained: Pretrained, labels: tuple[str, ...]) -> Data:
    """What a recipe would say of its data, without any example to train on."""
    photos = [photo(kind) for kind in ("ramp", "rings")]
    declared = Input(
        name="photo",
        spec=TensorSpec("float32", (pretrained.side, pretrained.side, 3)),
        description="A photo with the thing to name in the middle.",
        example=photos[0],
    )
    label = Head(
        name="label",
        spec=TensorSpec("float32", (len(labels),)),
        kind="classes",
        labels=labels,
        description="What the photo shows.",
    )
    nothing = Split(inputs={"photo": []}, targets={"label": np.zeros((0, len(labels)), np.float32)})
    return Data(
        train=nothing,
        held_out=nothing,
        signature=Signature((declared,), (label,)),
        preprocessing={"photo": pretrained.preprocessing},
        golden=[{"photo": each} for each in photos],
    )


def photo(kind: str, side: int = 48) -> str:
    """A small drawn photo as base64 of a PNG: the same pixels wherever it is decoded."""
    down, across = np.mgrid[0:side, 0:side] / (side - 1)
    rings = np.sin(20 * np.hypot(down - 0.5, across - 0.5)) / 2 + 0.5
    planes = (down, across, 1 - down) if kind == "ramp" else (rings, 1 - rings, across)
    file = io.BytesIO()
    Picture.fromarray((np.stack(planes, -1) * 255).astype(np.uint8)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
