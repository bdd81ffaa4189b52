"""What recipes of one photo and one label share: their data, signature, examples and learning rate.

Knows neither a graph nor what is on the photos. Imports no TensorFlow before an optimizer is asked for.
"""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np

from models.preprocessing import Image, ImageEncoder
from models.signature import Head, Input, Signature, TensorSpec
from training.recipe import Data, Goal, Option, Preset, Split

HELD_OUT_SEED = 1_000_003
EXAMPLE_SEED = 2_000_003
EXAMPLE_SIDE = 96
EXAMPLES = ("dress", "pants", "shoes")
PREPROCESSING = Image(fit="crop")
REAL_GOALS = (Goal("label", "accuracy", margin=0.1), Goal("label", "macro_f1", margin=0.1))


def load(preset: Preset, seed: int, folder: Path | None) -> Data:
    """Rendered garments, or the photos by class of a folder. Raises ValueError for a folder without any."""
    side = int(preset.options["side"])
    smoothing = float(preset.options["smoothing"])
    if folder is not None:
        return real(folder, seed, side, smoothing, str(preset.options["judge"]))
    from training.datasets.garments import KINDS, columns

    return Data(
        train=smoothed(columns(preset.examples, seed, side), smoothing),
        held_out=columns(preset.held_out, HELD_OUT_SEED + seed, side),
        signature=signature(side, KINDS),
        preprocessing={"photo": PREPROCESSING},
        golden=[{"photo": example} for example in examples()],
        source="synthetic photos of rendered garments",
    )


def real(folder: Path, seed: int, side: int, smoothing: float, judge: str) -> Data:
    from training.datasets.image_folder import read

    photos = read(folder, ImageEncoder(PREPROCESSING, spec(side)), seed, judge)
    return Data(
        train=smoothed(photos.columns("train"), smoothing),
        held_out=photos.columns("held_out"),
        signature=signature(side, photos.labels()),
        preprocessing={"photo": PREPROCESSING},
        golden=[{"photo": example} for example in examples()],
        description=f"Tells {len(photos.labels())} classes of photos apart.",
        source=f"photos of {folder.resolve().name}, judged by {photos.judged_by}",
        goals=REAL_GOALS,
        problems=photos.problems,
    )


def smoothed(split: Split, share: float) -> Split:
    """One-hot labels with this share spread evenly over all: a photo that is wrongly labelled then costs less."""
    soft = {name: each * (1 - share) + share / each.shape[1] for name, each in split.targets.items()}
    return Split(inputs=split.inputs, targets={name: each.astype(np.float32) for name, each in soft.items()})


def spec(side: int) -> TensorSpec:
    return TensorSpec("float32", (side, side, 3))


def signature(side: int, labels: tuple[str, ...]) -> Signature:
    photo = Input(name="photo", spec=spec(side), description="A photo of one garment.", example=examples()[0])
    label = Head(
        name="label", spec=TensorSpec("float32", (len(labels),)), kind="classes", labels=labels,
        description="The kind of garment.",
    )  # fmt: skip
    return Signature((photo,), (label,))


def examples() -> list[str]:
    """A few rendered garments as a caller would send them."""
    from training.datasets.garments import render

    random = np.random.default_rng(EXAMPLE_SEED)
    return [jpeg(render(kind, random, size=EXAMPLE_SIDE, wear=0.2)) for kind in EXAMPLES]


def jpeg(pixels: Any) -> str:
    """Base64 text of the picture, some 4 KB."""
    from PIL import Image as Pictures

    file = io.BytesIO()
    Pictures.fromarray(pixels).save(file, "JPEG", quality=85)
    return base64.b64encode(file.getvalue()).decode("ascii")


def optimizer(preset: Preset, steps: int) -> Any:
    """AdamW; the rate rises over a twentieth of the steps, then falls along a cosine."""
    import keras

    rate, warm = float(preset.options["learning_rate"]), steps // 20
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 20, max(1, steps - warm), warmup_target=rate, warmup_steps=warm
    )
    return keras.optimizers.AdamW(schedule, weight_decay=float(preset.options["weight_decay"]))


def options(side: int, **more: Option) -> dict[str, Option]:
    """The options of a preset. `judge` names the split of real data to hold out: `validation`, `test`."""
    common: dict[str, Option] = {
        "side": side, "learning_rate": 0.0015, "weight_decay": 0.05, "smoothing": 0.1, "dropout": 0.3, "judge": "",
    }  # fmt: skip
    return common | more
