"""A killed training goes on after its last finished epoch, and ends where it would have ended."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.training.toy import PRESET, RECIPE, build
from training import recipes
from training.callbacks import Checkpoints, TrainingDiverged
from training.fit import fit


class Killed(BaseException):
    pass


def killed_in_epoch(number: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trains until the given epoch (from 1) is about to be saved."""
    save = Checkpoints.on_epoch_end

    def killing(self: Checkpoints, epoch: int, logs: Any = None) -> None:
        if epoch + 1 == number:
            raise Killed
        save(self, epoch, logs)

    data = RECIPE.load(PRESET, 0, None)
    monkeypatch.setattr(Checkpoints, "on_epoch_end", killing)
    with pytest.raises(Killed):
        fit(RECIPE, data, PRESET, 0, folder)
    monkeypatch.setattr(Checkpoints, "on_epoch_end", save)


def epochs_run(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    seen: list[int] = []
    save = Checkpoints.on_epoch_end

    def noting(self: Checkpoints, epoch: int, logs: Any = None) -> None:
        seen.append(epoch + 1)
        save(self, epoch, logs)

    monkeypatch.setattr(Checkpoints, "on_epoch_end", noting)
    return seen


def test_it_goes_on_after_the_last_finished_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn: dict[str, list[float]] = {}
    redrawn: dict[str, list[float]] = {}
    whole = fit(RECIPE, RECIPE.load(PRESET, 0, None), PRESET, 0, curves=drawn).get_weights()
    killed_in_epoch(3, tmp_path, monkeypatch)
    seen = epochs_run(monkeypatch)

    resumed = fit(RECIPE, RECIPE.load(PRESET, 0, None), PRESET, 0, tmp_path, curves=redrawn).get_weights()

    assert seen == [3, 4]
    assert "toy: going on after epoch 2 of 4" in capsys.readouterr().out
    for one, other in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(one, other)
    assert {len(figures) for figures in drawn.values()} == {4}
    assert redrawn == drawn, "the curves are those of the whole training"


def wider(data: Any, preset: Any) -> Any:
    model = build(data, preset)
    return keras.Model(model.input, {name: keras.layers.Identity()(t) for name, t in model.output.items()})


@pytest.mark.parametrize(
    ("recipe", "seed"),
    [
        (RECIPE, 1),
        (dataclasses.replace(RECIPE, optimizer=lambda preset, steps: "rmsprop"), 0),
        (dataclasses.replace(RECIPE, loss_weights={"total": 2.0, "positive": 1.0}), 0),
        (dataclasses.replace(RECIPE, build=wider), 0),
    ],
    ids=["seed", "optimizer", "loss weights", "graph"],
)
def test_another_configuration_starts_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: Any, seed: int
) -> None:
    killed_in_epoch(3, tmp_path, monkeypatch)
    seen = epochs_run(monkeypatch)

    fit(recipe, recipe.load(PRESET, seed, None), PRESET, seed, tmp_path)

    assert seen == [1, 2, 3, 4]


def test_one_checkpoint_is_kept(tmp_path: Path) -> None:
    fit(RECIPE, RECIPE.load(PRESET, 0, None), PRESET, 0, tmp_path)

    assert sorted(path.name for path in tmp_path.glob("*/*")) == ["000004.weights.h5", "000004.weights.json"]


def test_a_loss_that_is_no_number_ends_it_with_the_heads_name() -> None:
    data = RECIPE.load(PRESET, 0, None)
    data.train.targets["total"][3] = np.nan

    with pytest.raises(TrainingDiverged, match="the loss of total is nan in epoch 1"):
        fit(RECIPE, data, PRESET, 0)


def test_weights_that_are_no_numbers_end_it_though_tensorflow_fails_before_a_loss_is_seen() -> None:
    recipe = recipes.recipe("author_profile")
    preset = dataclasses.replace(recipe.presets["smoke"], options={"learning_rate": float("nan")})

    with pytest.raises(TrainingDiverged, match="age, income, gender"):
        fit(recipe, recipe.load(preset, 0, None), preset, 0)
