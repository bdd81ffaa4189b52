"""The distance to an object from the photos of two cameras, with one Xception base for both (section 7.1.6).

    python -m training stereo_depth
    python -m training stereo_depth --option side=250
    python -m training stereo_depth --data FOLDER --option focal=3740 --option baseline=0.16 --option scale=4

On 2 cores: 110 to 150 seconds (preset quick), 20 seconds (smoke; most of it traces the graph), about 45
minutes (full), all with the import of TensorFlow. Held-out figures of the preset quick with seed 0:

    training/results/stereo_depth-quick.json   model   naive
    distance/mean_absolute_error                .251    .765
    distance/pearson                            .934    .000

The scenes are rendered (training/datasets/stereo_scenes.py): size in pixels, place on the floor and disparity all tell
the distance. The model uses the first two. Behind the base, where the chapter stops, stand a mean over all places and
a linear head, so the answer is a number from the left photo plus a number from the right one, and what lies where in
one is never compared with where it lies in the other. Measured on the held-out pairs: with the left photo given for
both cameras the error is .255, with the right one .251, so a second view is not missed; with the right photo of
another scene it is .56, so both photos count. For a depth that comes from disparity the maps have to meet before they
are pooled, for instance in a correlation along the rows.

Normalisation keeps its statistics with a momentum of .9, not Keras's .99: a quick training has some two hundred steps.

A FOLDER has scenes as the Middlebury sets have them (training/datasets/stereo_pairs.py): `im0`, `im1`, `disp0.pfm` and
`calib.txt`, or `im2`, `im6` and `disp2.pgm`. The options give what the latter do not say: the focal length in pixels,
the baseline in metres, and how many grey levels a pixel of disparity is. An Xception from scratch wants thousands of
pairs; on a few dozen it does not beat the median, and then nothing is exported.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.preprocessing import Image
from models.signature import Head, Input, Signature, TensorSpec
from training.recipe import Data, Goal, Preset, Recipe

HELD_OUT_SEED = 1_000_003
EXAMPLE_SEED = 2_000_003
EXAMPLE_SIDE = 96
GOLDEN = 3


def load(preset: Preset, seed: int, folder: Path | None) -> Data:
    from training.datasets import stereo, stereo_scenes

    side = int(preset.options["side"])
    if folder is not None:
        return real(preset, seed, folder)
    return Data(
        train=stereo.columns(stereo_scenes.scenes(preset.examples, seed), side),
        held_out=stereo.columns(stereo_scenes.scenes(preset.held_out, HELD_OUT_SEED + seed), side),
        signature=signature(side),
        preprocessing=preprocessing(),
        golden=examples(),
        source="synthetic stereo scenes",
    )


def real(preset: Preset, seed: int, folder: Path) -> Data:
    from training.datasets.disparity import Rig
    from training.datasets.stereo_pairs import columns, read

    focal, baseline, scale = (float(preset.options[name]) for name in ("focal", "baseline", "scale"))
    pairs = read(folder, seed, Rig(focal=focal, baseline=baseline, scale=scale))
    return Data(
        train=columns(pairs.train),
        held_out=columns(pairs.held_out),
        signature=signature(int(preset.options["side"])),
        preprocessing=preprocessing(),
        golden=examples(),
        description="Tells how far away is what stands in the middle of two cameras' photos.",
        source=f"stereo pairs of {folder.name}",
        goals=(Goal("distance", "mean_absolute_error", margin=0.0),),
        problems=pairs.problems,
    )


def preprocessing() -> dict[str, Image]:
    """Pixels from -1 to 1, as Xception wants them."""
    pixels = Image(fit="crop", scale=1 / 127.5, offset=-1.0)
    return {"left": pixels, "right": pixels}


def signature(side: int) -> Signature:
    example = examples()[0]
    return Signature(
        tuple(
            Input(
                name=name,
                spec=TensorSpec("float32", (side, side, 3)),
                description=f"What the {name} one of two cameras, a few centimetres apart, sees.",
                example=example[name],
            )
            for name in ("left", "right")
        ),
        (
            Head(name="distance", spec=TensorSpec("float32", (1,)), kind="regression", unit="metres",
                 description="How far the object in the middle lies before the cameras."),
        ),
    )  # fmt: skip


def examples() -> list[dict[str, str]]:
    """A few pairs as a caller would send them."""
    from training.datasets import stereo, stereo_scenes
    from training.photos import jpeg

    seen = stereo_scenes.scenes(GOLDEN, EXAMPLE_SEED)
    return [dict(zip(("left", "right"), map(jpeg, stereo.pair(each, EXAMPLE_SIDE)), strict=True)) for each in seen]


def build(data: Data, preset: Preset) -> Any:
    from models.zoo import stereo_depth

    distances = data.train.targets["distance"]
    return stereo_depth.build(
        side=int(preset.options["side"]),
        mean=float(distances.mean()),
        deviation=float(distances.std()) or 1.0,
        momentum=float(preset.options["momentum"]),
    )


def optimizer(preset: Preset, steps: int) -> Any:
    """Adam with a tenth of the steps to warm up: a fresh Xception at once at full rate forgets its initialisation."""
    import keras

    rate, warm = float(preset.options["learning_rate"]), steps // 10
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 20, max(1, steps - warm), warmup_target=rate, warmup_steps=warm
    )
    return keras.optimizers.Adam(schedule)


def preset(epochs: int, examples: int, held_out: int, batch_size: int = 8, side: int = 71) -> Preset:
    return Preset(
        epochs=epochs,
        batch_size=batch_size,
        examples=examples,
        held_out=held_out,
        options={
            "side": side,
            "learning_rate": 0.001,
            "momentum": 0.9,
            "focal": 0.0,
            "baseline": 0.0,
            "scale": 1.0,
        },
    )


RECIPE = Recipe(
    name="stereo_depth",
    description="Tells how far a ball or box of a rendered scene is from the photos of two cameras side by side.",
    presets={
        "smoke": preset(epochs=1, examples=4, held_out=2, batch_size=2),
        "quick": preset(epochs=3, examples=450, held_out=200),
        "full": preset(epochs=10, examples=3_000, held_out=500, side=96),
    },
    load=load,
    build=build,
    optimizer=optimizer,
    losses={"distance": "mse"},
    loss_weights={"distance": 1.0},
    metrics={"distance": ["mae"]},
    goals=(Goal("distance", "mean_absolute_error", margin=0.4),),
)
