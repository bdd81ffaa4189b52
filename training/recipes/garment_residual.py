"""The kind of a garment from its photo, by a deep network of residual blocks (section 7.1.4).

    python -m training garment_residual

Cost: 140 seconds of processor time, start included, so 80 to 120 seconds on 2 cores; smoke 12 seconds of processor
time, full 40 minutes. The photos are rendered, the garments invented (training/datasets/garments.py). Held out, with
seed 0:

    training/results/garment_residual-quick.json    model   naive
    label/accuracy                                  .750    .122
    label/macro_f1                                  .756    .022

17 convolutions of 3 × 3 lie between a photo and its label. They are the chapter's blocks, narrower, and with batch
normalisation, which lets the plain twin (`--option variant=plain`) learn too. What residual connections do when
nothing is normalised (`--option normalise=0`) is shown by `python -m training.experiments depth`: forty plain
convolutions learn nothing, forty residual ones learn well.

`--data FOLDER` reads real photos as the recipe `garment` does; of clothing-dataset-small, from scratch, in two and a
half minutes of processor time:

    training/results/garment_residual-quick-clothing.json    model   naive
    label/accuracy                                           .724    .238
    label/macro_f1                                           .672    .038
"""

from __future__ import annotations

from typing import Any

from training import augment
from training.photos import load, optimizer, options
from training.recipe import Data, Goal, Option, Preset, Recipe


def build(data: Data, preset: Preset) -> Any:
    from models.zoo import garment_residual

    (head,) = data.signature.heads
    variant = preset.options["variant"]
    if variant not in ("residual", "plain"):
        raise ValueError(f"variant is residual or plain, not {variant}")
    return garment_residual.build(
        "plain" if variant == "plain" else "residual",
        len(head.labels),
        int(preset.options["side"]),
        int(preset.options["filters"]),
        int(preset.options["blocks"]),
        float(preset.options["dropout"]),
        bool(preset.options["normalise"]),
    )


def preset(
    epochs: int, examples: int, held_out: int, side: int = 64, filters: int = 32, blocks: int = 2, **more: Option
) -> Preset:
    return Preset(
        epochs=epochs, batch_size=32, examples=examples, held_out=held_out,
        options=options(side, filters=filters, blocks=blocks, normalise=1, variant="residual", **more),
    )  # fmt: skip


RECIPE = Recipe(
    name="garment_residual",
    description="Tells ten kinds of garments apart on photos, by a network some twenty layers deep.",
    presets={
        "smoke": preset(1, 40, 20, side=32, filters=8, blocks=1),
        "quick": preset(14, 3_000, 600, side=48, filters=24, learning_rate=0.004, dropout=0.1, smoothing=0.05),
        "full": preset(60, 4_000, 1_000),
    },
    load=load,
    build=build,
    optimizer=optimizer,
    losses={"label": "categorical_crossentropy"},
    loss_weights={"label": 1.0},
    metrics={"label": ["accuracy"]},
    goals=(Goal("label", "accuracy", margin=0.5), Goal("label", "macro_f1", margin=0.5)),
    augment=augment.photos,
)
