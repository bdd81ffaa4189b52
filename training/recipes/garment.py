"""The kind of a garment from its photo, by stacked inception modules (section 7.1.4).

    python -m training garment

Cost: two minutes of processor time, start included, so 70 to 120 seconds on 2 cores; smoke 12 seconds of processor
time, full 20 minutes. The photos are rendered, the garments invented (training/datasets/garments.py): the kind shows
in the outline and its seams; colours, patterns, wear, light and background say nothing of it. Held out, with seed 0:

    training/results/garment-quick.json            model   naive
    label/accuracy                                 .845    .122
    label/macro_f1                                 .849    .022

Such a model knows no real photo. For those:

    python -m training garment --preset full --data FOLDER

reads FOLDER/SPLIT/CLASS/FILE or FOLDER/CLASS/FILE with PNG, JPEG or WebP files, also from within .zip files in the
folder (training/datasets/image_folder.py); classes are named by their folders. It judges by the validation split;
`--option judge=test` judges by the test split, which is never trained on. From scratch, on the 3,068 training photos
of clothing-dataset-small (A. Grigorev, 2020, CC0), 64 pixels wide, in 17 minutes of processor time, so 9 to 12 on
2 cores, it reaches on the 341 for validation:

    training/results/garment-full-clothing.json    model   naive
    label/accuracy                                 .827    .238
    label/macro_f1                                 .790    .038

The modules have 64 filters a branch, not the chapter's 128 (`--option filters=128`: twice the cost), and batch
normalisation. `python -m training.experiments inception` sets them beside plain convolutions.
"""

from __future__ import annotations

from typing import Any

from training import augment
from training.photos import load, optimizer, options
from training.recipe import Data, Goal, Option, Preset, Recipe


def build(data: Data, preset: Preset) -> Any:
    from models.zoo import garment

    (head,) = data.signature.heads
    return garment.build(
        len(head.labels),
        int(preset.options["side"]),
        int(preset.options["filters"]),
        int(preset.options["modules"]),
        float(preset.options["dropout"]),
    )


def preset(epochs: int, examples: int, held_out: int, side: int = 64, filters: int = 64, **more: Option) -> Preset:
    return Preset(
        epochs=epochs, batch_size=32, examples=examples, held_out=held_out,
        options=options(side, filters=filters, modules=2, **more),
    )  # fmt: skip


RECIPE = Recipe(
    name="garment",
    description="Tells ten kinds of garments apart on photos.",
    presets={
        "smoke": preset(1, 40, 20, side=32, filters=8),
        "quick": preset(14, 3_000, 600, side=48, filters=48, learning_rate=0.004, dropout=0.1, smoothing=0.05),
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
