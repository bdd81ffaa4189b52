"""Handwritten digits: 64 pixels, ten labels (section 7.1.1).

    python -m training digits

On 2 cores: 2 to 8 seconds with the import of TensorFlow (preset quick, ten epochs of 12 batches); full 10 seconds.
Held out, with seed 0; over twelve seeds the accuracy of quick is .958 to .983:

    training/results/digits-quick.json   model   naive
    digit/accuracy                        .967    .100

    training/results/digits-full.json    model   naive
    digit/accuracy                        .972    .100

The learning rate rises during the first epoch and falls off as a cosine: at a constant rate ten epochs of so few
batches end anywhere between .86 and .97.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.preprocessing import Numbers
from models.signature import Head, Input, Signature, TensorSpec
from training.recipe import Data, Goal, Preset, Recipe

PIXEL_MAXIMUM = 16


def load(preset: Preset, seed: int, folder: Path | None) -> Data:
    from training.datasets.digits import LABELS, digits

    if folder is not None:
        raise ValueError("digits reads no folder: its data comes with scikit-learn")
    train, held_out = digits(seed, preset.examples)
    examples = held_out.inputs["pixels"]
    pixels = Input(
        name="pixels",
        spec=TensorSpec("float32", (64,)),
        description="8 by 8 pixels of a handwritten digit, row by row from the top left; 0 is paper, 16 is ink.",
        example=examples[0],
    )
    digit = Head(
        name="digit",
        spec=TensorSpec("float32", (len(LABELS),)),
        kind="classes",
        labels=LABELS,
        description="Which digit is written there.",
    )
    return Data(
        train=train,
        held_out=held_out,
        signature=Signature((pixels,), (digit,)),
        preprocessing={"pixels": Numbers(minimum=0, maximum=PIXEL_MAXIMUM, scale=1 / PIXEL_MAXIMUM)},
        golden=[{"pixels": example} for example in examples[:5]],
        source="scikit-learn load_digits",
    )


def build(data: Data, preset: Preset) -> Any:
    from models.zoo import digits

    return digits.build()


def optimizer(preset: Preset, steps: int) -> Any:
    import keras

    highest, warm_up = float(preset.options["learning_rate"]), max(1, steps // 10)
    rate = keras.optimizers.schedules.CosineDecay(
        highest / 15, max(1, steps - warm_up), warmup_target=highest, warmup_steps=warm_up
    )
    return keras.optimizers.RMSprop(rate)


def preset(epochs: int, examples: int, learning_rate: float) -> Preset:
    return Preset(
        epochs=epochs, batch_size=128, examples=examples, held_out=360, options={"learning_rate": learning_rate}
    )


RECIPE = Recipe(
    name="digits",
    description="Reads a handwritten digit from 64 pixels.",
    presets={
        "smoke": preset(epochs=1, examples=256, learning_rate=0.03),
        "quick": preset(epochs=10, examples=1437, learning_rate=0.03),
        "full": preset(epochs=60, examples=1437, learning_rate=0.01),
    },
    load=load,
    build=build,
    optimizer=optimizer,
    losses={"digit": "categorical_crossentropy"},
    loss_weights={"digit": 1.0},
    metrics={"digit": ["accuracy"]},
    goals=(Goal("digit", "accuracy", margin=0.8),),
)
