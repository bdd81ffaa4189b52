"""The three-headed stack: its size, its order of heads, its independence of padding, its losses by list and by name."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from models.zoo import author_profile
from models.zoo.author_profile import INCOME_GROUPS, RECEPTIVE_FIELD, STRIDE, TAIL

HEADS = ["age", "income", "gender"]
LOSSES = {"age": "mse", "income": "categorical_crossentropy", "gender": "binary_crossentropy"}
WEIGHTS = {"age": 0.25, "income": 1.0, "gender": 10.0}
SMALL = author_profile.Sizes(vocabulary=50, embedding=4, narrow=4, wide=6, dense=5)


def test_the_chapter_variant_has_the_chapters_parameters() -> None:
    assert author_profile.build("chapter").count_params() == 14_146_316


@pytest.mark.parametrize("variant", ["default", "chapter"])
def test_variants_share_inputs_heads_and_stack(variant: str) -> None:
    model = author_profile.build(variant)  # type: ignore[arg-type]

    assert [each.name for each in model.inputs] == ["posts"]
    assert list(model.output) == HEADS
    assert [type(layer).__name__ for layer in model.layers] == [
        "InputLayer", "Embedding", "Conv1D", "MaxPooling1D", "Conv1D", "Conv1D", "MaxPooling1D", "Conv1D", "Conv1D",
        "GlobalMaxPooling1D", "Dense", "Dense", "Dense", "Dense",
    ]  # fmt: skip


def test_one_position_for_the_receptive_field_and_one_more_for_each_stride() -> None:
    model = author_profile.build(sizes=SMALL)
    before_pooling = keras.Model(model.input, model.get_layer(index=8).output)

    def positions(tokens: int) -> int:
        return int(before_pooling({"posts": np.zeros((1, tokens), np.int32)}).shape[1])

    assert [positions(RECEPTIVE_FIELD + more) for more in (0, STRIDE - 1, STRIDE)] == [1, 1, 2]


def test_behind_the_tail_more_padding_changes_nothing() -> None:
    """Every length from 1 to 333, each in one batch of longer and longer tails."""
    keras.utils.set_random_seed(0)
    model = author_profile.build()
    random = np.random.default_rng(0)
    lengths = np.arange(1, 334)
    rows = [random.integers(2, 1_000, length) for length in lengths]
    answers = []
    for width in (333 + TAIL, 333 + TAIL + 13, 777 + 1):
        batch = np.zeros((len(rows), width), np.int32)
        for place, row in zip(batch, rows, strict=True):
            place[: len(row)] = row
        answers.append(by_name(model({"posts": batch})))
    for length in (1, 2, 24, 25, 26, 100, 268, 269, 333):
        alone = np.zeros((1, length + TAIL), np.int32)
        alone[0, :length] = rows[length - 1]
        for head, tensor in by_name(model({"posts": alone})).items():
            for answer in answers:
                np.testing.assert_allclose(answer[head][length - 1 : length], tensor, rtol=1e-5, atol=1e-5)
    for answer in answers[1:]:
        for head in HEADS:
            np.testing.assert_allclose(answer[head], answers[0][head], rtol=1e-5, atol=1e-5)


def test_losses_by_list_and_by_name_train_alike() -> None:
    by_list, by_dictionary = trained(as_list=True), trained(as_list=False)

    assert by_list.keys() == by_dictionary.keys()
    for name, weights in by_list.items():
        for one, other in zip(weights, by_dictionary[name], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def trained(as_list: bool) -> Any:
    """The weights after a few steps from the same start, with heads, losses and targets in one way or the other."""
    keras.utils.clear_session()  # layers are called alike in both models
    keras.utils.set_random_seed(3)
    model = author_profile.build(sizes=SMALL)
    random = np.random.default_rng(3)
    posts = random.integers(0, 50, (16, 300)).astype(np.int32)
    targets = {
        "age": random.uniform(18, 32, (16, 1)).astype(np.float32),
        "income": np.eye(INCOME_GROUPS, dtype=np.float32)[random.integers(0, INCOME_GROUPS, 16)],
        "gender": random.integers(0, 2, (16, 1)).astype(np.float32),
    }
    if as_list:
        model = keras.Model(model.input, [model.output[head] for head in HEADS])
        model.compile("rmsprop", loss=[LOSSES[head] for head in HEADS], loss_weights=[WEIGHTS[head] for head in HEADS])
        model.fit([posts], [targets[head] for head in HEADS], batch_size=8, epochs=2, shuffle=False, verbose=0)
    else:
        model.compile("rmsprop", loss=LOSSES, loss_weights=WEIGHTS)
        model.fit({"posts": posts}, targets, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return {layer.name: layer.get_weights() for layer in model.layers}


def by_name(answer: Any) -> dict[str, Any]:
    return {head: np.asarray(answer[head]) for head in HEADS}
