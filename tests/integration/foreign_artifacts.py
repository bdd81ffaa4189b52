"""Models as somebody else makes them, tiny, and the folders that they are saved in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

HEADS = [f"head_{number * 5 % 12}" for number in range(12)]
"""In an order that is neither that of their numbers nor the alphabet's."""


def two_inputs(heads: Any) -> keras.Model:
    """Ragged ids and three numbers; `heads` makes the outputs of what it is given."""
    keras.utils.set_random_seed(1)
    text = keras.Input((None,), dtype="int32", name="text")
    meta = keras.Input((3,), name="meta")
    encoded = keras.layers.LSTM(4)(keras.layers.Embedding(10, 4)(text))
    return keras.Model([text, meta], heads(keras.layers.concatenate([encoded, meta])))


def dict_of_heads(merged: Any) -> dict[str, Any]:
    return {"zeta": keras.layers.Dense(2, name="a")(merged), "alpha": keras.layers.Dense(1, name="b")(merged)}


def twelve_heads(as_list: bool) -> keras.Model:
    """Head number n answers the sum of the row plus n."""
    row = keras.Input((4,), name="row")
    heads = {name: summed(name, float(name.removeprefix("head_")))(row) for name in HEADS}
    return keras.Model(row, list(heads.values()) if as_list else heads)


def summed(name: str, number: float) -> keras.layers.Layer:
    bias = keras.initializers.Constant(number)
    return keras.layers.Dense(1, kernel_initializer="ones", bias_initializer=bias, name=name)


def exported(model: keras.Model, folder: Path) -> Path:
    """The `saved_model.pb`."""
    model.export(folder, verbose=False)
    return folder / "saved_model.pb"


def saved(module: tf.Module, folder: Path, signatures: Any) -> Path:
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return folder / "saved_model.pb"


def spec(shape: Any, dtype: str, name: str) -> tf.TensorSpec:
    return tf.TensorSpec(shape, dtype, name)


class Words(tf.Module):  # type: ignore[misc]
    """Strings in and out, by hand: joined, measured, and a list of them counted."""

    def __init__(self) -> None:
        super().__init__()
        self.suffix = tf.Variable("!")

    @tf.function(input_signature=[spec([None], "string", "word"), spec([None, None], "string", "list")])  # type: ignore[untyped-decorator]
    def tell(self, word: Any, words: Any) -> dict[str, Any]:
        given = tf.cast(tf.strings.length(words) > 0, tf.int32)
        return {
            "joined": tf.strings.join([word, tf.repeat(self.suffix, tf.size(word))]),
            "echo": word,
            "length": tf.strings.length(word),
            "count": tf.reduce_sum(given, axis=1),
        }


class Several(tf.Module):  # type: ignore[misc]
    """Two signatures of different inputs, on one variable."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = tf.Variable([[2.0], [3.0]])

    @tf.function(input_signature=[spec([None, 2], "float32", "z"), spec([None, 2], "float32", "a")])  # type: ignore[untyped-decorator]
    def score(self, z: Any, a: Any) -> dict[str, Any]:
        return {"score": tf.matmul(z, self.weight) - tf.matmul(a, self.weight)}

    @tf.function(input_signature=[spec([None], "string", "text")])  # type: ignore[untyped-decorator]
    def embed(self, text: Any) -> dict[str, Any]:
        return {"length": tf.strings.length(text)}


class Pictures(tf.Module):  # type: ignore[misc]
    """Files of pictures as strings, and nothing else."""

    @tf.function(input_signature=[spec([None], "string", "file")])  # type: ignore[untyped-decorator]
    def brightness(self, file: Any) -> dict[str, Any]:
        return {"mean": tf.map_fn(self.of_one, file, fn_output_signature="float32")}

    def of_one(self, file: Any) -> Any:
        pixels = tf.io.decode_image(file, channels=3, expand_animations=False)
        return tf.reduce_mean(tf.cast(pixels, "float32"))


class OneRow(tf.Module):  # type: ignore[misc]
    """A graph that was frozen at a batch of one, or of more."""

    def __init__(self, rows: int | None) -> None:
        super().__init__()
        self.call = tf.function(self.double, input_signature=[spec([rows, 3], "float32", "x")])

    def double(self, x: Any) -> dict[str, Any]:
        return {"twice": x * 2, "sum": tf.reduce_sum(x, axis=1)}


@keras.saving.register_keras_serializable("foreign")
class Subclassed(keras.Model):  # type: ignore[misc]
    """One tensor in, a dict of heads out."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.first, self.second = keras.layers.Dense(3), keras.layers.Dense(1)

    def call(self, pixels: Any, training: bool = False) -> dict[str, Any]:
        return {"zeta": self.first(pixels), "alpha": self.second(pixels)}


@keras.saving.register_keras_serializable("foreign")
class DictSubclassed(keras.Model):  # type: ignore[misc]
    """A dict in, a list of heads out."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.dense = keras.layers.Dense(3)

    def call(self, given: Any) -> list[Any]:
        return [self.dense(given["b"]), given["a"] * 2]


@keras.saving.register_keras_serializable("foreign")
class PairSubclassed(keras.Model):  # type: ignore[misc]
    """Two arguments and a build of its own, one tensor out."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.dense = keras.layers.Dense(2)

    def build(self, left_shape: Any, right_shape: Any) -> None:
        self.dense.build(left_shape)

    def call(self, left: Any, right: Any) -> Any:
        return self.dense(left) + self.dense(right)


@keras.saving.register_keras_serializable("foreign")
class LateSubclassed(keras.Model):  # type: ignore[misc]
    """Two arguments without a build: Keras cannot make its weights before it reads them."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.dense = keras.layers.Dense(2)

    def call(self, left: Any, right: Any = None) -> Any:
        return self.dense(left if right is None else left + right)


@keras.saving.register_keras_serializable("foreign")
class NeverBuilt(Subclassed):
    """Its file has weights that nothing makes room for before they are read; its inputs are told by its code."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.input_spec = keras.layers.InputSpec(shape=(None, 4))

    def build_from_config(self, config: Any) -> None:
        """Says that it is built, and builds nothing."""
        self.build_shapes = config


@keras.saving.register_keras_serializable("foreign")
class BothNeeded(keras.Model):  # type: ignore[misc]
    """The file keeps the shape of the first argument alone."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.dense = keras.layers.Dense(2)

    def call(self, left: Any, right: Any) -> Any:
        return self.dense(left + right)
