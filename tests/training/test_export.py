"""From recipe to artifact in the preset smoke: opened again, it gives the golden answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from models.artifact import open_artifact, versions
from models.preprocessing import encoder
from tests.training.toy import RECIPE
from training import recipes
from training.batches import pad
from training.recipe import Data, Goal, Preset
from training.run import CHECKPOINTS, NotGoodEnough, Run, train


@pytest.mark.parametrize("name", ["digits", "author_profile"])
def test_an_artifact_describes_itself_and_replays_its_golden_examples(name: str, tmp_path: Path) -> None:
    recipe = recipes.recipe(name)

    artifact = open_artifact(train(recipe, Run("smoke", 0, tmp_path, results=tmp_path / "results")))

    manifest = artifact.manifest
    assert manifest is not None
    assert manifest.model == name
    assert manifest.training["preset"] == "smoke"
    assert manifest.frameworks["keras"] == keras.__version__
    assert set(manifest.signature.head_names) == set(recipe.losses)
    graph = keras.models.load_model(artifact.graph)
    golden = artifact.golden()
    assert golden
    for example in golden:
        inputs = {}
        for declared in manifest.signature.inputs:
            encode = encoder(manifest.preprocessing[declared.name], declared.spec, artifact.folder)
            inputs[declared.name] = pad([encode.encode(example.inputs[declared.name])], declared)
        answers = graph(inputs)
        assert list(example.outputs) == list(manifest.signature.head_names)
        for head, expected in example.outputs.items():
            np.testing.assert_allclose(answers[head][0], np.asarray(expected), rtol=1e-5, atol=1e-5)
    results = json.loads((tmp_path / "results" / f"{name}-smoke.json").read_text())
    assert results["metrics"] == manifest.metrics


def test_every_input_has_an_example_that_can_be_encoded(tmp_path: Path) -> None:
    for name in ("digits", "author_profile"):
        recipe = recipes.recipe(name)
        data = recipe.load(recipe.presets["smoke"], 0, None)
        assert all(each.example is not None and each.description for each in data.signature.inputs)


def test_no_checkpoint_is_left_behind(tmp_path: Path) -> None:
    train(RECIPE, Run("smoke", 0, tmp_path))

    assert not (tmp_path / CHECKPOINTS / "toy").exists()
    assert versions(tmp_path / "toy") == [1]


def test_a_report_stands_beside_the_graph_and_is_no_part_of_the_artifact(tmp_path: Path) -> None:
    version = train(RECIPE, Run("smoke", 0, tmp_path))

    assert (version / "report" / "index.html").stat().st_size > 1_000
    manifest = open_artifact(version).manifest
    assert manifest is not None
    assert "report" not in manifest.digests
    assert all((version / name).is_file() for name in manifest.digests)
    (version / "report" / "index.html").unlink()
    assert open_artifact(version).manifest == manifest


def test_figures_on_real_data_have_a_file_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "sums").mkdir()

    train(RECIPE, Run("smoke", 0, tmp_path / "store", folder=tmp_path / "sums", results=tmp_path / "results"))

    assert [path.name for path in (tmp_path / "results").iterdir()] == ["toy-smoke-sums.json"]


def test_rows_that_cannot_be_used_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problems = ("sums.csv:3: the total is not a number",)

    def load(preset: Preset, seed: int, folder: Path | None) -> Data:
        return replace(RECIPE.load(preset, seed, folder), problems=problems)

    train(replace(RECIPE, load=load), Run("smoke", 0, tmp_path))

    said = capsys.readouterr().out
    assert "toy: not used: sums.csv:3: the total is not a number" in said
    assert "64 examples to train on, 32 held out, 1 rows not used" in said


def test_data_may_set_goals_of_their_own(tmp_path: Path) -> None:
    goals = (Goal("total", "pearson", margin=-1.0),)

    def load(preset: Preset, seed: int, folder: Path | None) -> Data:
        return replace(RECIPE.load(preset, seed, folder), goals=goals)

    assert train(replace(RECIPE, load=load), Run("quick", 0, tmp_path)).name == "1"


def test_options_of_the_command_line_reach_the_recipe(tmp_path: Path) -> None:
    seen: list[object] = []

    def load(preset: Preset, seed: int, folder: Path | None) -> Data:
        seen.append(preset.options["dropout"])
        return RECIPE.load(preset, seed, folder)

    version = train(replace(RECIPE, load=load), Run("smoke", 0, tmp_path, options={"dropout": 0.25}))

    assert seen == [0.25]
    manifest = open_artifact(version).manifest
    assert manifest is not None
    assert manifest.training["option dropout"] == 0.25, "the artifact says what was changed"


def test_what_does_not_beat_its_naive_baseline_is_not_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NotGoodEnough, match=r"total/mean_absolute_error .* does not beat the naive"):
        train(RECIPE, Run("quick", 0, tmp_path))

    assert versions(tmp_path / "toy") == []
    assert (tmp_path / CHECKPOINTS / "toy" / "report" / "index.html").is_file(), "why it failed can be looked at"
    train(RECIPE, Run("smoke", 0, tmp_path))
    assert "claims no accuracy" in capsys.readouterr().out
