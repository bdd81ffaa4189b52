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

from training.batches import Batch, Batches, Rows, as_column, encode, encode_columns
from training.execution import PLAIN, Execution, distributed, precision, replicas, tensorboard
from training.frameworks import import_keras, make_reproducible
from training.recipe import Augment, Data, Preset, Recipe

VALIDATED = 256
"""Held-out examples that are looked at after each epoch."""


def fit(
    recipe: Recipe,
    data: Data,
    preset: Preset,
    seed: int,
    checkpoints: Path | None = None,
    label: str = "",
    execution: Execution = PLAIN,
    curves: dict[str, list[float]] | None = None,
) -> Any:
    """The trained keras.Model, in float32 whatever it was trained in; `curves` takes the figures of each epoch.

    With a folder for checkpoints, a training that was killed goes on after its last epoch. Raises TrainingDiverged.
    """
    make_reproducible(seed, ordered=not execution.xla)
    keras = import_keras()
    import tensorflow as tf

    from training.callbacks import Checkpoints, Curves, NanGuard, Watch

    rows = encode(data, data.train)
    batches = batches_of(recipe, data, rows, data.train.targets, preset.batch_size, seed)
    with distributed(execution), precision(execution):
        model = compiled(recipe, data, preset, steps=preset.epochs * len(batches), xla=execution.xla)
        shares = replicas()
    watch = Watch(label or recipe.name, preset.epochs, len(batches))
    drawn = Curves({} if curves is None else curves)
    callbacks = [NanGuard(list(recipe.losses)), watch, drawn, *tensorboard(execution, f"{recipe.name}-seed{seed}")]
    done = 0
    if checkpoints is not None:
        saved = Checkpoints(checkpoints / fingerprint(recipe, preset, seed, model, rows, data.train.targets), drawn)
        done = saved.restore(model)
        callbacks.append(saved)
    if done:
        print(f"{recipe.name}: going on after epoch {done} of {preset.epochs}", flush=True)
    feed = Feed(batches, data, recipe.augment, seed, shares)
    callbacks.append(keras.callbacks.LambdaCallback(on_epoch_begin=feed.begin))
    sample = validation(recipe, data, preset, seed, shares)
    try:
        model.fit(
            feed.dataset(), validation_data=sample, initial_epoch=done, epochs=preset.epochs, shuffle=False, verbose=0,
            callbacks=callbacks,
        )  # fmt: skip
    except tf.errors.InvalidArgumentError:
        # Weights that are no numbers break TensorFlow's sparse updates before a loss is seen to be none.
        refuse_broken(model, batches, list(recipe.losses))
        raise
    finally:
        watch.close()
    return in_float32(recipe, data, preset, model) if execution.mixed_precision else model


def refuse_broken(model: Any, batches: Batches, heads: Sequence[str]) -> None:
    """Raises TrainingDiverged when a head no longer answers numbers."""
    from training.callbacks import TrainingDiverged

    inputs, _ = next(batches.epoch(0))
    answers = call(model, inputs)
    broken = [head for head in heads if not np.isfinite(answers[head]).all()]
    if broken:
        raise TrainingDiverged(
            f"the answers of {', '.join(broken)} are no numbers any more; a smaller learning rate may help"
        )


def batches_of(
    recipe: Recipe, data: Data, rows: Rows, targets: Mapping[str, NDArray[Any]], size: int, seed: int
) -> Batches:
    return Batches(data.signature, rows, targets, size=size, seed=seed, step=recipe.length_step)


def validation(recipe: Recipe, data: Data, preset: Preset, seed: int, shares: int) -> Any:
    """A sample of the held-out examples for the learning curves, the same in each epoch; it decides nothing."""
    known = np.all([as_column(target).min(axis=1) >= 0 for target in label_targets(data)], axis=0)
    places = np.flatnonzero(np.broadcast_to(known, len(data.held_out)))
    places = np.sort(np.random.default_rng([seed, len(places)]).permutation(places)[:VALIDATED])
    columns = {name: [column[int(place)] for place in places] for name, column in data.held_out.inputs.items()}
    targets = {name: target[places] for name, target in data.held_out.targets.items()}
    rows = encode_columns(data, columns)
    return Feed(batches_of(recipe, data, rows, targets, preset.batch_size, seed), data, shares=shares).dataset()


def label_targets(data: Data) -> list[NDArray[Any]]:
    """Targets that are labels: one below 0 was never seen in training, and no loss is defined for it."""
    kinds = {head.name: head.kind for head in data.signature.heads}
    return [target for name, target in data.held_out.targets.items() if kinds[name] in ("classes", "binary")]


def compiled(recipe: Recipe, data: Data, preset: Preset, steps: int, xla: bool = False) -> Any:
    """The recipe's model, ready for fit(). Losses and weights go by head name, never by position."""
    model = recipe.build(data, preset)
    keep_heads_in_float32(model)
    model.compile(
        optimizer=recipe.optimizer(preset, steps),
        loss=dict(recipe.losses),
        loss_weights=dict(recipe.loss_weights),
        metrics={head: list(names) for head, names in recipe.metrics.items()},
        jit_compile=xla,
    )
    return model


def keep_heads_in_float32(model: Any) -> None:
    """With mixed precision: a year or a probability of 1e-6 cannot be said in 16 bits, and no loss taken of it."""
    for tensor in model.output.values():
        layer = tensor._keras_history.operation  # Keras offers no public way from tensor to layer
        if hasattr(layer, "dtype_policy"):
            layer.dtype_policy = "float32"


def in_float32(recipe: Recipe, data: Data, preset: Preset, model: Any) -> Any:
    """The same weights in a graph that computes in float32: what is served does not depend on how it was trained."""
    plain = recipe.build(data, preset)
    plain.set_weights(model.get_weights())
    return plain


class Feed:
    """The batches of one epoch after another as a tf.data pipeline with the signature's shapes."""

    def __init__(
        self, batches: Batches, data: Data, augment: Augment | None = None, seed: int = 0, shares: int = 1
    ) -> None:
        """`shares` is how many equal parts a batch is cut into."""
        self._batches, self._data = batches, data
        self._augment, self._seed = augment, seed
        self._shares = shares
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
        options = tf.data.Options()
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
        return batches.apply(counted).with_options(options).prefetch(2)

    def _generate(self) -> Iterator[Batch]:
        for number, (inputs, targets) in enumerate(self._batches.epoch(self._epoch)):
            if self._augment is not None:
                inputs = self._augment(inputs, np.random.default_rng([self._seed, self._epoch, number]))
            yield filled(inputs, self._shares), filled(targets, self._shares)


def filled(columns: dict[str, NDArray[Any]], shares: int) -> dict[str, NDArray[Any]]:
    """With the first rows once more at the end, until the batch falls into equal shares: copies must not differ."""
    rows = len(next(iter(columns.values())))
    missing = -rows % shares
    if not missing:
        return columns
    places = np.resize(np.arange(rows), rows + missing)
    return {name: column[places] for name, column in columns.items()}


def predict(model: Any, data: Data, rows: Rows, size: int, step: int = 1) -> dict[str, NDArray[Any]]:
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
        "augment": getattr(recipe.augment, "__qualname__", None),
        "model": model.to_json(),
        "optimizer": keras.optimizers.serialize(model.optimizer),
    }
    digest = hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode())
    columns: list[Sequence[NDArray[Any]]] = [*rows.values(), *(list(target) for target in targets.values())]
    for column in columns:
        for row in column:
            digest.update(np.ascontiguousarray(row).tobytes())
    return digest.hexdigest()[:16]
