"""One network written as a stack and as a graph: same parameters, same answers, same training (section 7.1.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from training.experiments.figures import Figures
from training.recipe import Split

EPOCHS = {"smoke": 1, "quick": 10}
INK = 16


def run(preset: str, seed: int) -> Figures:
    from models.zoo.digits import twins
    from training.datasets.digits import digits

    train, held_out = digits(seed, 1437)
    models = dict(zip(("sequential", "functional"), twins(), strict=True))
    rows: list[tuple[str | int | float, ...]] = [
        ("parameters", *(model.count_params() for model in models.values()), 0),
        compared("held-out loss, equal weights", models, held_out, "loss"),
    ]
    for model in models.values():  # the same three calls for both
        model.compile("rmsprop", "categorical_crossentropy", metrics=["accuracy"])
        pixels, truth = arrays(train)
        model.fit(named(model, pixels), truth, epochs=EPOCHS[preset], batch_size=128, shuffle=False, verbose=0)
    rows.append(compared(f"held-out loss, epochs of training: {EPOCHS[preset]}", models, held_out, "loss"))
    rows.append(compared("held-out accuracy", models, held_out, "accuracy"))
    sides = [np.concatenate([each.ravel() for each in model.get_weights()]) for model in models.values()]
    lengths = (float(np.linalg.norm(side)) for side in sides)
    rows.append(("length of the vector of all weights", *lengths, distance(*sides)))
    return Figures(
        "A stack of layers and the same network as a graph",
        ("", "sequential", "functional", "largest difference"),
        rows,
        "Both go through the same compile, fit and evaluate. The difference is that of single answers or weights.",
    )


def compared(what: str, models: Mapping[str, Any], split: Split, figure: str) -> tuple[str | int | float, ...]:
    pixels, truth = arrays(split)
    answers = [answer(model, pixels) for model in models.values()]
    return (what, *(score(each, truth, figure) for each in answers), distance(*answers))


def arrays(split: Split) -> tuple[Any, Any]:
    return np.asarray(split.inputs["pixels"], np.float32) / INK, split.targets["digit"]


def named(model: Any, pixels: Any) -> Any:
    """By the input's name for the graph; a stack has one input and asks for no name."""
    import keras

    return pixels if isinstance(model, keras.Sequential) else {"pixels": pixels}


def answer(model: Any, pixels: Any) -> Any:
    found = model(named(model, pixels), training=False)
    return np.asarray(found["digit"] if isinstance(found, dict) else found)


def score(answers: Any, truth: Any, figure: str) -> float:
    if figure == "accuracy":
        return float((answers.argmax(-1) == truth.argmax(-1)).mean())
    return float(-np.log(np.maximum((answers * truth).sum(-1), 1e-7)).mean())


def distance(one: Any, other: Any) -> float:
    return float(np.abs(one - other).max())
