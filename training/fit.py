"""Turns a recipe and its data into a trained model, going on from the last finished epoch of a killed training.

Knows nothing of artifacts, stores or the command line.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.batches import Batch, Batches, encode
from training.frameworks import import_keras, make_reproducible
from training.recipe import Data, Preset, Recipe


def fit(recipe: Recipe, data: Data, preset: Preset, seed: int, checkpoints: Path | None = None, label: str = "") -> Any:
    """The trained keras.Model. With a folder for checkpoints, one that was killed goes on after its last epoch."""
    make_reproducible(seed)
    keras = import_keras()
    from training.callbacks import Checkpoints, NanGuard, Watch

    rows = encode(data, data.train)
    batches = Batches(
        data.signature, rows, data.train.targets, size=preset.batch_size, seed=seed, step=recipe.length_step
    )
    model = compiled(recipe, data, preset, steps=preset.epochs * len(batches))
    watch = Watch(label or recipe.name, preset.epochs, len(batches))
    callbacks = [NanGuard(list(recipe.losses)), watch]
    done = 0
    if checkpoints is not None:
        saved = Checkpoints(checkpoints / fingerprint(recipe, preset, seed, model, rows, data.train.targets))
        done = saved.restore(model)
        callbacks.append(saved)
    if done:
        print(f"{recipe.name}: going on after epoch {done} of {preset.epochs}", flush=True)
    feed = Feed(batches, data)
    callbacks.append(keras.callbacks.LambdaCallback(on_epoch_begin=feed.begin))
    try:
        model.fit(
            feed.dataset(), initial_epoch=done, epochs=preset.epochs, shuffle=False, verbose=0, callbacks=callbacks
        )
    finally:
        watch.close()
    return model


def compiled(recipe: Recipe, data: Data, preset: Preset, steps: int) -> Any:
    """The recipe's model, ready for fit(). Losses and weights go by head name, never by position."""
    model = recipe.build(data, preset)
    model.compile(
        optimizer=recipe.optimizer(preset, steps),
        loss=dict(recipe.losses),
        loss_weights=dict(recipe.loss_weights),
        metrics={head: list(names) for head, names in recipe.metrics.items()},
        jit_compile=recipe.jit_compile,
    )
    return model


class Feed:
    """The batches of one epoch after another as a tf.data pipeline with the signature's shapes."""

    def __init__(self, batches: Batches, data: Data) -> None:
        self._batches, self._data = batches, data
        self._epoch = 0

    def begin(self, epoch: int, logs: object = None) -> None:
        """Called before Keras asks for the epoch's batches."""
        self._epoch = epoch

    def dataset(self) -> Any:
        import tensorflow as tf

        signature = self._data.signature
        inputs = {each.name: tf.TensorSpec((None, *each.spec.shape), each.spec.dtype) for each in signature.inputs}
        _, example = next(self._batches.epoch(0))
        targets = {name: tf.TensorSpec((None, *each.shape[1:]), each.dtype) for name, each in example.items()}
        counted = tf.data.experimental.assert_cardinality(len(self._batches))
        batches = tf.data.Dataset.from_generator(self._generate, output_signature=(inputs, targets))
        return batches.apply(counted).prefetch(2)

    def _generate(self) -> Iterator[Batch]:
        yield from self._batches.epoch(self._epoch)


def predict(
    model: Any, data: Data, rows: Mapping[str, list[NDArray[Any]]], size: int, step: int = 1
) -> dict[str, NDArray[Any]]:
    """The raw tensor of every head for every row, in the rows' order."""
    count = len(next(iter(rows.values())))
    blank = {head.name: np.zeros(count, np.float32) for head in data.signature.heads}
    batches = Batches(data.signature, rows, blank, size=size, seed=0, step=step)
    answers: dict[str, NDArray[Any]] = {}
    for places, inputs in batches.in_order():
        for name, tensor in call(model, inputs).items():
            answers.setdefault(name, np.empty((count, *tensor.shape[1:]), tensor.dtype))[places] = tensor
    return answers


def call(model: Any, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """One batch through the model: no dropout, heads by name."""
    return {name: np.asarray(tensor) for name, tensor in model(dict(inputs), training=False).items()}


def fingerprint(
    recipe: Recipe,
    preset: Preset,
    seed: int,
    model: Any,
    rows: Mapping[str, list[NDArray[Any]]],
    targets: Mapping[str, NDArray[Any]],
) -> str:
    """What a checkpoint belongs to: another graph, optimizer, loss, size, seed or example gives another name."""
    keras = import_keras()
    said = {
        "preset": [preset.epochs, preset.batch_size, dict(preset.options)],
        "seed": seed,
        "losses": {head: str(loss) for head, loss in recipe.losses.items()},
        "weights": dict(recipe.loss_weights),
        "step": recipe.length_step,
        "model": model.to_json(),
        "optimizer": keras.optimizers.serialize(model.optimizer),
    }
    digest = hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode())
    columns: list[Sequence[NDArray[Any]]] = [*rows.values(), *(list(target) for target in targets.values())]
    for column in columns:
        for row in column:
            digest.update(np.ascontiguousarray(row).tobytes())
    return digest.hexdigest()[:16]
