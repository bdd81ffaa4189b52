"""From recipe to artifact in the preset smoke: opened again, it gives the golden answers."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from models.artifact import open_artifact, versions
from models.preprocessing import encoder
from tests.training.toy import RECIPE
from training import recipes
from training.batches import pad
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


def test_what_does_not_beat_its_naive_baseline_is_not_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NotGoodEnough, match=r"total/mean_absolute_error .* does not beat the naive"):
        train(RECIPE, Run("quick", 0, tmp_path))

    assert versions(tmp_path / "toy") == []
    train(RECIPE, Run("smoke", 0, tmp_path))
    assert "claims no accuracy" in capsys.readouterr().out
