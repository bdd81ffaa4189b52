"""Models and layers called again and again: one set of weights, whose gradients add up (7.1.5 and 7.1.6)."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.experiments.figures import Figures

CALLS = 5
SIDE = {"smoke": 71, "quick": 250}
Rows = list[tuple[str | int | float, ...]]


def run(preset: str, seed: int) -> Figures:
    rows = [*one_input(), *sequential(), *two_inputs(), *many_calls(seed), *two_cameras(SIDE[preset])]
    return Figures(
        "Calling a model like a layer",
        ("call", "weights of the called one", "weights of the whole", "largest difference"),
        rows,
        "Weights are counted one by one; the difference is that from calling the inner model itself. For the layer "
        f"called {CALLS} times it is that of its gradient from the sum over {CALLS} copies, each called once.",
    )


def one_input() -> Rows:
    """`y = model(x)`."""
    import keras

    inner = small(keras.Input((4,)))
    x = keras.Input((4,))
    outer = keras.Model(x, inner(x))
    data = numbers(4)
    return [("y = model(x)", *sizes(inner, outer), distance(outer(data), inner(data)))]


def sequential() -> Rows:
    import keras

    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="tanh"), keras.layers.Dense(4)])
    x = keras.Input((4,))
    outer = keras.Model(x, inner(inner(x)))
    data = numbers(4)
    return [("y = sequential(sequential(x))", *sizes(inner, outer), distance(outer(data), inner(inner(data))))]


def two_inputs() -> Rows:
    """`y1, y2 = model([x1, x2])`."""
    import keras

    a, b = keras.Input((4,)), keras.Input((6,))
    both = keras.layers.concatenate([a, b])
    inner = keras.Model([a, b], [keras.layers.Dense(2)(both), keras.layers.Dense(3)(both)])
    x1, x2 = keras.Input((4,)), keras.Input((6,))
    y1, y2 = inner([x1, x2])
    outer = keras.Model([x1, x2], [y1, y2])
    data = [numbers(4), numbers(6)]
    found = max(distance(one, other) for one, other in zip(outer(data), inner(data), strict=True))
    return [("y1, y2 = model([x1, x2])", *sizes(inner, outer), found)]


def many_calls(seed: int) -> Rows:
    """One layer for all calls beside copies of it, which start alike: the gradients of the copies add up to its own."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    shared = keras.layers.Dense(4, activation="tanh")
    copies = [keras.layers.Dense(4, activation="tanh") for _ in range(CALLS)]
    data = tf.constant(numbers(4))
    for layer in (shared, *copies):
        layer.build(data.shape)
        layer.set_weights(shared.get_weights())
    gradients = []
    for layers in ([shared] * CALLS, copies):
        with tf.GradientTape() as tape:
            x = data
            for layer in layers:
                x = layer(x)
            loss = tf.reduce_sum(x**2)
        kernels = [layer.kernel for layer in dict.fromkeys(layers)]
        gradients.append(sum(each.numpy() for each in tape.gradient(loss, kernels)))
    x = keras.Input((4,))
    y = x
    for _ in range(CALLS):
        y = shared(y)
    outer = keras.Model(x, y)
    return [(f"a layer called {CALLS} times", shared.count_params(), outer.count_params(), distance(*gradients))]


def two_cameras(side: int) -> Rows:
    """The chapter's vision model: one Xception base for both cameras, as far as the chapter goes."""
    import keras

    base = keras.applications.Xception(weights=None, include_top=False, input_shape=(side, side, 3))
    left, right = keras.Input((side, side, 3), name="left"), keras.Input((side, side, 3), name="right")
    merged = keras.layers.concatenate([base(left), base(right)])
    outer = keras.Model([left, right], merged)
    photos = np.random.default_rng([side]).uniform(-1, 1, (2, 1, side, side, 3)).astype(np.float32)
    apart = np.concatenate([np.asarray(base(photo)) for photo in photos], -1)
    return [
        (f"one Xception base for two cameras, {side} pixels", *sizes(base, outer), distance(outer([*photos]), apart))
    ]


def small(x: Any) -> Any:
    import keras

    return keras.Model(x, keras.layers.Dense(2)(keras.layers.Dense(3, activation="tanh")(x)))


def sizes(inner: Any, outer: Any) -> tuple[int, int]:
    return int(inner.count_params()), int(outer.count_params())


def numbers(width: int) -> Any:
    return np.random.default_rng([width]).normal(size=(8, width)).astype(np.float32)


def distance(one: Any, other: Any) -> float:
    return float(np.abs(np.asarray(one) - np.asarray(other)).max())
