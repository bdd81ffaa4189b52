"""Weights from a file: each layout that Keras writes, and each way in which a file can be the wrong one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from training.weights import WrongWeights, load_weights

h5py: Any = import_module("h5py")  # without types
PHOTO = np.linspace(0, 1, 2 * 8 * 8 * 3, dtype=np.float32).reshape(2, 8, 8, 3)


def network(seed: int, width: int = 4, classes: int = 3, extra: bool = False, scale: bool = True) -> keras.Model:
    """Two branches with every kind of layer that Xception and Inception V3 have, moving averages included."""
    keras.utils.set_random_seed(seed)
    photo = keras.Input((8, 8, 3), name="photo")
    x = keras.layers.Conv2D(width, 3, padding="same", name="first")(photo)
    x = keras.layers.BatchNormalization(scale=scale, name="first_norm")(x)
    y = keras.layers.SeparableConv2D(width, 3, padding="same", use_bias=False, name="second")(x)
    x = keras.layers.add([y, keras.layers.Conv2D(width, 1, name="shortcut")(x)])
    if extra:
        x = keras.layers.Conv2D(width, 1, name="more")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(photo, keras.layers.Dense(classes, activation="softmax", name="predictions")(x), name="net")
    for weight in model.weights:
        weight.assign(np.random.default_rng([seed, int(np.prod(weight.shape))]).uniform(0.5, 1.5, weight.shape))
    return model


def keras_3(model: Any, folder: Path) -> Path:
    model.save_weights(folder / "net.weights.h5")
    return folder / "net.weights.h5"


def keras_3_by_another_name(model: Any, folder: Path) -> Path:
    return keras_3(model, folder).rename(folder / "weights of mine.hdf5")


def whole(model: Any, folder: Path) -> Path:
    model.save(folder / "net.keras")
    return folder / "net.keras"


def older(model: Any, folder: Path) -> Path:
    """The layout of `xception_weights_tf_dim_ordering_tf_kernels.h5`: layers in order, under names of another day."""
    path = folder / "net_tf_kernels.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.asarray([f"layer_{at}" for at in range(len(model.layers))], "S")
        for at, layer in enumerate(model.layers):
            group = file.create_group(f"layer_{at}")
            values = [weight.numpy() for weight in (*layer.trainable_weights, *layer.non_trainable_weights)]
            group.attrs["weight_names"] = np.asarray([f"layer_{at}/w{n}:0" for n in range(len(values))], "S")
            for number, value in enumerate(values):
                group[f"layer_{at}/w{number}:0"] = value
    return path


def older_whole(model: Any, folder: Path) -> Path:
    """A whole model in HDF5, with the weights in a group of it."""
    with h5py.File(older(model, folder)) as weights, h5py.File(folder / "net.h5", "w") as file:
        file.create_group("optimizer_weights")
        weights.copy("/", file, "model_weights")
    return folder / "net.h5"


Write = Callable[[Any, Path], Path]
LAYOUTS = [keras_3, keras_3_by_another_name, whole, older, older_whole]


@pytest.mark.parametrize("write", LAYOUTS)
def test_every_layout_gives_the_answers_of_the_model_that_wrote_it(write: Write, tmp_path: Path) -> None:
    trained = network(1)
    path = write(trained, tmp_path)
    fresh = network(2)

    load_weights(fresh, path)

    np.testing.assert_array_equal(fresh(PHOTO), trained(PHOTO))


def test_the_older_layout_is_read_as_keras_reads_it(tmp_path: Path) -> None:
    path = older(network(1), tmp_path)
    ours, theirs = network(2), network(3)

    load_weights(ours, path)
    theirs.load_weights(path)

    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("write", LAYOUTS)
@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"width": 5}, r"no weights of net: layer 'first'.* wants 3×3×3×4, 4, the file has 3×3×3×5, 5"),
        ({"classes": 7}, r"layer 'predictions'.* wants 4×3, 3, the file has 4×7, 7"),
        ({"scale": False}, r"layer 'first_norm'.* wants 4, 4, 4, 4, the file has 4, 4, 4"),
        ({"extra": True}, r"too many|layer 'predictions'.* wants 4×3, 3, the file has 1×1×4×4, 4"),
    ],
)
def test_a_file_of_another_network_is_refused_with_its_layer(
    write: Write, wrong: dict[str, Any], why: str, tmp_path: Path
) -> None:
    path = write(network(1, **wrong), tmp_path)
    model = network(2)
    before = model.get_weights()

    with pytest.raises(WrongWeights, match=why):
        load_weights(model, path)

    for mine, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, kept)


@pytest.mark.parametrize("write", LAYOUTS)
def test_a_file_that_ends_early_is_refused_with_the_layer_it_lacks(write: Write, tmp_path: Path) -> None:
    headless = network(1)
    path = write(keras.Model(headless.input, headless.layers[-2].output), tmp_path)

    with pytest.raises(WrongWeights, match=r"layer 'predictions' wants 4×3, 3, the file has nothing"):
        load_weights(network(2), path)


@pytest.mark.parametrize("write", LAYOUTS)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_file_that_was_cut_off_is_refused_in_one_sentence(write: Write, share: float, tmp_path: Path) -> None:
    path = write(network(1), tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])

    with pytest.raises(WrongWeights, match=rf"^{path.name} (is|was|has)[^\n]*$"):
        load_weights(network(2), path)


def test_what_is_no_file_of_weights_is_refused(tmp_path: Path) -> None:
    text, archive, tree = tmp_path / "notes.h5", tmp_path / "notes.zip", tmp_path / "tree.h5"
    text.write_text("a text\n" * 100)
    shutil.make_archive(str(archive.with_suffix("")), "zip", tmp_path, text.name)
    with h5py.File(tree, "w") as file:
        file["numbers"] = [1, 2]

    for path, why in {
        tmp_path / "none.h5": "there is no file",
        text: "no HDF5 file of weights",
        archive: "an archive without model.weights.h5",
        tree: "in none of the layouts",
        tmp_path: "there is no file",
    }.items():
        with pytest.raises(WrongWeights, match=why):
            load_weights(network(1), path)


def test_a_weight_that_is_no_number_is_refused_with_its_layer(tmp_path: Path) -> None:
    model = network(1)
    model.get_layer("second").weights[1].assign(np.full((1, 1, 4, 4), np.nan))
    path = keras_3(model, tmp_path)

    with pytest.raises(WrongWeights, match="layer 'second' has values that are no finite numbers"):
        load_weights(network(2), path)


def test_a_name_of_the_file_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    path = older(network(1), tmp_path)
    with h5py.File(path, "a") as file:
        del file["layer_1/layer_1/w0:0"]

    with pytest.raises(WrongWeights, match="is damaged"):
        load_weights(network(2), path)
