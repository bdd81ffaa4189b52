"""Flags that change how a training uses the machine, and nothing about what it makes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.running import ROOT
from tests.training.toy import PRESET, RECIPE
from training.execution import Execution, precision
from training.fit import call, compiled, filled, fit

MIRRORED = """
from dataclasses import replace
import numpy as np
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tests.training.toy import PRESET, RECIPE
from training.execution import Execution
from training.fit import call, fit
uneven = replace(PRESET, examples=65, epochs=2, options={"dropout": 0.0})
data = RECIPE.load(uneven, 0, None)
models = [fit(RECIPE, data, uneven, 0, execution=Execution(strategy=name)) for name in ("none", "mirrored")]
copies = [len(getattr(model.trainable_variables[0].value, "values", [None])) for model in models]
assert copies == [1, 2], copies
inputs = {"numbers": np.array([[1.0, 2.0], [-3.0, 0.5]], np.float32)}
one, two = (call(model, inputs) for model in models)
print("difference", max(abs(one[head] - two[head]).max() for head in one))
"""


def test_trained_in_16_bits_served_in_32() -> None:
    data = RECIPE.load(PRESET, 0, None)

    model = fit(RECIPE, data, PRESET, 0, execution=Execution(mixed_precision=True))

    assert keras.config.dtype_policy().name == "float32", "the policy is that of one training alone"
    assert {layer.compute_dtype for layer in model.layers if layer.weights} == {"float32"}
    plain = fit(RECIPE, data, PRESET, 0)
    inputs = {"numbers": np.array([[1.0, 2.0], [-3.0, 0.5]], np.float32)}
    ours, theirs = call(model, inputs), call(plain, inputs)
    assert any(np.abs(ours[head] - theirs[head]).max() > 1e-6 for head in ours), "nothing was computed in 16 bits"
    for head in ours:
        np.testing.assert_allclose(ours[head], theirs[head], atol=0.05)


def test_heads_are_answered_in_32_bits_also_while_the_rest_is_trained_in_16() -> None:
    with precision(Execution(mixed_precision=True)):
        model = compiled(RECIPE, RECIPE.load(PRESET, 0, None), PRESET, steps=1)

    answers = call(model, {"numbers": np.ones((1, 2), np.float32)})

    assert {answer.dtype for answer in answers.values()} == {np.dtype(np.float32)}
    hidden = [layer for layer in model.layers if layer.weights and layer.name not in answers]
    assert [layer.compute_dtype.endswith("float16") for layer in hidden] == [True]


def test_tensorboard_gets_its_logs(tmp_path: Path) -> None:
    fit(RECIPE, RECIPE.load(PRESET, 0, None), PRESET, 0, execution=Execution(tensorboard=tmp_path))

    assert {path.name for path in (tmp_path / "toy-seed0").iterdir()} == {"train", "validation"}
    assert all(path.stat().st_size for path in tmp_path.rglob("events.*"))


def in_a_process(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_two_copies_learn_what_one_learns_though_the_batches_are_uneven() -> None:
    said = in_a_process(MIRRORED).split("difference")[1]

    assert float(said) < 0.05


def test_xla_compiles_the_step() -> None:
    said = in_a_process(
        "import warnings; warnings.simplefilter('error', UserWarning)\n"
        "from tests.training.toy import PRESET, RECIPE\n"
        "from training.execution import Execution\n"
        "from training.fit import fit\n"
        "model = fit(RECIPE, RECIPE.load(PRESET, 0, None), PRESET, 0, execution=Execution(xla=True))\n"
        "print('compiled', model.jit_compile)"
    )

    assert "compiled True" in said


@pytest.mark.parametrize(
    ("rows", "shares", "expected"), [(3, 2, [0, 1, 2, 0]), (4, 2, [0, 1, 2, 3]), (1, 3, [0, 0, 0])]
)
def test_a_batch_is_filled_with_its_own_first_rows(rows: int, shares: int, expected: list[int]) -> None:
    assert filled({"row": np.arange(rows)}, shares)["row"].tolist() == expected


def test_augmentation_changes_training_batches_alone_and_follows_from_the_seed() -> None:
    seen: list[float] = []

    def noisy(inputs: dict[str, np.ndarray], random: np.random.Generator) -> dict[str, np.ndarray]:
        noise = random.normal(size=inputs["numbers"].shape).astype(np.float32)
        seen.append(float(noise[0, 0]))
        return {"numbers": inputs["numbers"] + noise}

    recipe, data = replace(RECIPE, augment=noisy), RECIPE.load(PRESET, 0, None)
    before = [list(row) for row in data.train.inputs["numbers"]]  # type: ignore[call-overload]

    first = fit(recipe, data, PRESET, 0).get_weights()

    epochs = PRESET.epochs * PRESET.examples // PRESET.batch_size
    assert len(seen) == len(set(seen)) == epochs, "every batch of every epoch has noise of its own"
    again = fit(recipe, data, PRESET, 0).get_weights()
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    assert [list(row) for row in data.train.inputs["numbers"]] == before  # type: ignore[call-overload]
