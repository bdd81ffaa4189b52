"""Xception and Inception V3 from a file of weights: the right parameters, the answers of whoever wrote the file."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from models.artifact import open_artifact, versions
from models.preprocessing import Image, encoder
from training import recipes
from training.pretrained import RANDOM, described, export_pretrained
from training.weights import WrongWeights

LABELS = ("cat", "dog", "hen")


@pytest.fixture(scope="session")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("labels") / "labels.txt"
    file.write_text("\n".join(LABELS))
    return file


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What somebody else has trained with Keras's own architecture, as far as anyone can tell."""
    keras.utils.set_random_seed(7)
    file = tmp_path_factory.mktemp("weights") / "mine.weights.h5"
    keras.applications.Xception(weights=None, classes=len(LABELS)).save_weights(file)
    return file


@pytest.mark.parametrize(("name", "parameters"), [("xception", 22_910_480), ("inception_v3", 23_851_784)])
def test_with_a_thousand_classes_each_has_the_chapters_parameters(name: str, parameters: int) -> None:
    model = recipes.pretrained(name).build(1_000)

    assert model.count_params() == parameters
    assert [each.name for each in model.inputs] == ["photo"]
    assert list(model.output) == ["label"]
    assert tuple(model.inputs[0].shape) == (None, 299, 299, 3)


@pytest.mark.parametrize("name", recipes.PRETRAINED)
def test_pixels_are_scaled_as_keras_scales_them(name: str) -> None:
    preprocessing = recipes.pretrained(name).preprocessing
    pixels = np.arange(256, dtype=np.float32)
    theirs = getattr(keras.applications, name).preprocess_input(pixels.copy())

    np.testing.assert_allclose(pixels * preprocessing.scale + preprocessing.offset, theirs, atol=1e-6)


def test_an_export_answers_as_the_model_that_wrote_the_weights(weights: Path, labels: Path, tmp_path: Path) -> None:
    version = export_pretrained(recipes.pretrained("xception"), str(weights), labels, tmp_path)

    artifact = open_artifact(version)
    assert artifact.manifest is not None
    assert artifact.manifest.signature.head("label").labels == LABELS
    assert artifact.manifest.training["weights"] == "mine.weights.h5"
    assert artifact.manifest.description.endswith("Weights from mine.weights.h5.")
    theirs = keras.applications.Xception(weights=str(weights), classes=len(LABELS))
    ours = keras.models.load_model(artifact.graph)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)
    declared = artifact.manifest.signature.input("photo")
    encode = encoder(artifact.manifest.preprocessing["photo"], declared.spec, version)
    for golden in artifact.golden():
        photo = encode.encode(golden.inputs["photo"])
        answer = np.asarray(golden.outputs["label"], np.float32)
        np.testing.assert_allclose(answer, np.asarray(theirs(photo[None]))[0], rtol=1e-4, atol=1e-6)


def test_weights_of_the_other_architecture_are_refused_and_nothing_is_exported(
    weights: Path, labels: Path, tmp_path: Path
) -> None:
    with pytest.raises(WrongWeights, match=r"no weights of inception_v3: layer '.*' .there 'block1_conv1_bn'. wants"):
        export_pretrained(recipes.pretrained("inception_v3"), str(weights), labels, tmp_path)
    assert versions(tmp_path / "inception_v3") == []


def test_weights_for_another_number_of_classes_are_refused_with_the_layer(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(WrongWeights, match=r"layer 'predictions' wants 2048×1000, 1000, the file has 2048×3, 3"):
        export_pretrained(recipes.pretrained("xception"), str(weights), None, tmp_path)


@pytest.mark.slow
def test_random_weights_are_exported_only_by_that_name_and_say_so(labels: Path, tmp_path: Path) -> None:
    with pytest.raises(WrongWeights, match="there is no file"):
        export_pretrained(recipes.pretrained("inception_v3"), str(tmp_path / "none.h5"), labels, tmp_path)
    version = export_pretrained(recipes.pretrained("inception_v3"), RANDOM, labels, tmp_path)

    manifest = open_artifact(version).manifest
    assert manifest is not None
    assert manifest.training["weights"] == RANDOM
    assert "random: what it answers means nothing" in manifest.description


def test_examples_are_photos_that_the_encoder_takes(tmp_path: Path) -> None:
    pretrained = recipes.pretrained("xception")
    data = described(pretrained, LABELS)
    spec = data.signature.input("photo").spec
    encode = encoder(pretrained.preprocessing, spec, tmp_path)

    assert isinstance(pretrained.preprocessing, Image)
    photos = [encode.encode(each["photo"]) for each in data.golden]
    assert [photo.shape for photo in photos] == [(299, 299, 3)] * 2
    assert all(-1 <= photo.min() < -0.5 and 0.5 < photo.max() <= 1 for photo in photos)
