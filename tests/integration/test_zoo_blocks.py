"""The inception module and the residual blocks: the chapter's sizes, maps of any size, and the files they go into."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from models.zoo.blocks import FILTERS, inception_branches, inception_module, residual_block

Kind = Literal["identity", "linear"]
Map = tuple[int, int, int]


def module_of(shape: Map, **options: Any) -> keras.Model:
    x = keras.Input(shape)
    return keras.Model(x, inception_module(x, **options))


def block_of(shape: Map, kind: Kind, **options: Any) -> keras.Model:
    x = keras.Input(shape)
    return keras.Model(x, residual_block(x, kind=kind, **options))


def test_a_module_has_the_chapters_parameters_and_channels() -> None:
    model = module_of((35, 35, FILTERS))

    assert model.count_params() == 639_872
    assert model.output_shape == (None, 18, 18, 512)


@pytest.mark.parametrize(("padding", "widths"), [("valid", [18, 17, 15, 16]), ("same", [18, 18, 18, 18])])
def test_as_printed_the_branches_differ_in_width(padding: Literal["same", "valid"], widths: list[int]) -> None:
    branches = inception_branches(keras.Input((35, 35, FILTERS)), padding=padding)

    assert [branch.shape[2] for branch in branches] == widths
    assert [branch.shape[1] for branch in branches] == widths


def test_as_printed_a_module_cannot_be_concatenated() -> None:
    with pytest.raises(ValueError, match="Concatenate"):
        inception_module(keras.Input((35, 35, FILTERS)), padding="valid")


def test_branches_of_a_module_are_the_chapters_layers() -> None:
    branches = inception_branches(keras.Input((8, 8, 3)), filters=4)

    def made(tensor: Any) -> list[tuple[str, int, int]]:
        found: list[tuple[str, int, int]] = []
        while not isinstance(layer := tensor._keras_history.operation, layers.InputLayer):
            size = getattr(layer, "kernel_size", None) or layer.pool_size
            found.insert(0, (type(layer).__name__, size[0], layer.strides[0]))
            tensor = layer.input
        return found

    assert [made(branch) for branch in branches] == [
        [("Conv2D", 1, 2)],
        [("Conv2D", 1, 1), ("Conv2D", 3, 2)],
        [("AveragePooling2D", 3, 2), ("Conv2D", 3, 1)],
        [("Conv2D", 1, 1), ("Conv2D", 3, 1), ("Conv2D", 3, 2)],
    ]


@pytest.mark.parametrize("side", [1, 2, 5, 8])
def test_a_module_takes_a_map_of_any_size(side: int) -> None:
    assert module_of((side, side + 1, 3), filters=2).output_shape == (None, -(-side // 2), -(-(side + 1) // 2), 8)


def test_the_gradient_reaches_every_branch_of_a_module() -> None:
    keras.utils.set_random_seed(0)
    model = module_of((8, 8, 3), filters=4)
    photos = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)

    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(photos) ** 2)
    kernels = [each for each in model.trainable_variables if each.name == "kernel"]

    assert len(kernels) == 7
    assert all(float(tf.norm(gradient)) > 0 for gradient in tape.gradient(loss, [each.value for each in kernels]))


@pytest.mark.parametrize(("kind", "parameters"), [("identity", 442_752), ("linear", 311_680)])
def test_a_residual_block_has_the_chapters_parameters(kind: Kind, parameters: int) -> None:
    assert block_of((16, 16, FILTERS), kind).count_params() == parameters


@pytest.mark.parametrize("side", [1, 2, 5, 8, 35])
def test_a_linear_block_takes_odd_sizes_too(side: int) -> None:
    assert block_of((side, side, 3), "linear", filters=4).output_shape == (None, -(-side // 2), -(-side // 2), 4)


def test_as_printed_a_linear_block_fails_on_odd_sizes() -> None:
    x = keras.Input((35, 35, 4))
    pooled = layers.MaxPooling2D(2, strides=2)(x)
    past = layers.Conv2D(4, 1, strides=2, padding="same")(x)

    assert (pooled.shape[1], past.shape[1]) == (17, 18)
    with pytest.raises(ValueError, match="shape"):
        layers.add([pooled, past])


def test_on_even_sizes_padding_the_pool_changes_nothing() -> None:
    photos = np.random.default_rng(0).normal(size=(2, 6, 8, 3)).astype(np.float32)

    np.testing.assert_array_equal(
        layers.MaxPooling2D(2, strides=2, padding="same")(photos), layers.MaxPooling2D(2, strides=2)(photos)
    )


def test_what_goes_past_an_identity_block_is_added() -> None:
    model = block_of((6, 6, 4), "identity", filters=4)
    photos = np.random.default_rng(0).random((2, 6, 6, 4), np.float32)
    model.set_weights([np.zeros_like(each) for each in model.get_weights()])

    np.testing.assert_array_equal(model(photos), photos)


def test_an_identity_needs_as_many_channels_as_filters() -> None:
    with pytest.raises(ValueError, match="needs 128 channels in, not 64"):
        residual_block(keras.Input((8, 8, 64)))


@pytest.mark.parametrize("kind", ["identity", "linear"])
def test_without_a_shortcut_the_convolutions_are_the_same(kind: Kind) -> None:
    def kernels(shortcut: bool) -> list[tuple[int, ...]]:
        model = block_of((8, 8, 4), kind, filters=4, shortcut=shortcut)
        return [each.shape for each in model.trainable_variables if each.name == "kernel" and each.shape[0] == 3]

    assert kernels(True) == kernels(False)
    assert len(kernels(True)) == (3 if kind == "identity" else 2)


@pytest.mark.parametrize("normalise", [False, True])
def test_blocks_are_loaded_from_a_file_in_safe_mode(normalise: bool, tmp_path: Path) -> None:
    x = keras.Input((7, 7, 4))
    y = residual_block(x, 4, "identity", normalise=normalise)
    y = inception_module(residual_block(y, 4, "linear", normalise=normalise), 2, normalise=normalise)
    model = keras.Model(x, y)
    photos = np.random.default_rng(0).random((3, 7, 7, 4), np.float32)
    model.save(tmp_path / "blocks.keras")

    loaded = keras.models.load_model(tmp_path / "blocks.keras", safe_mode=True)

    np.testing.assert_allclose(loaded(photos), model(photos), rtol=1e-6, atol=1e-6)
