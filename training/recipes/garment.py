"""The kind of a garment from its photo, by stacked inception modules (section 7.1.4).

python -m training garment
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
