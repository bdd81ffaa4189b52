"""The digits network as a stack and as a graph, and graphs whose tensors do not hang together."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from models.zoo import digits
from models.zoo.graph import GraphDisconnected, connected_model


@pytest.mark.parametrize("variant", ["default", "chapter"])
@pytest.mark.parametrize("kind", ["functional", "sequential"])
def test_each_twin_has_the_chapters_parameters(variant: str, kind: str) -> None:
    assert digits.build(variant, kind).count_params() == 3_466  # type: ignore[arg-type]


def test_the_functional_twin_names_its_input_and_head() -> None:
    model = digits.build()

    assert [each.name for each in model.inputs] == ["pixels"]
    assert list(model.output) == ["digit"]


def test_twins_with_the_same_weights_give_the_same_answers() -> None:
    pixels = np.random.default_rng(0).random((33, 64), np.float32)
    sequential, functional = digits.twins()

    np.testing.assert_allclose(functional({"pixels": pixels})["digit"], sequential(pixels), rtol=1e-6, atol=1e-7)


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(ValueError, match="'huge'"):
        digits.build("huge")  # type: ignore[arg-type]


def test_a_head_that_the_inputs_do_not_determine_is_refused_by_name() -> None:
    pixels, unrelated = keras.Input((64,), name="pixels"), keras.Input((32,), name="unrelated")
    digit = keras.layers.Dense(10)(pixels)

    with pytest.raises(GraphDisconnected, match=r"head 'digit' depends on 'pixels'.* inputs 'unrelated'"):
        connected_model({"unrelated": unrelated}, {"digit": digit}, name="bad")


def test_an_input_without_effect_is_refused_by_name() -> None:
    pixels, unrelated = keras.Input((64,), name="pixels"), keras.Input((32,), name="unrelated")
    digit = keras.layers.Dense(10)(pixels)

    with pytest.raises(GraphDisconnected, match=r"no head depends on 'unrelated'; the heads depend on 'pixels'"):
        connected_model({"pixels": pixels, "unrelated": unrelated}, {"digit": digit}, name="bad")


def test_a_branching_graph_with_a_shared_layer_is_connected() -> None:
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    shared = keras.layers.Dense(3)
    both = keras.layers.concatenate([shared(left), shared(right)])

    model = connected_model({"left": left, "right": right}, {"a": both, "b": shared(left)}, name="good")

    assert list(model.output) == ["a", "b"]
