"""A 1×1 convolution is a Dense layer on each pixel; what it costs to learn channels and space apart (7.1.4)."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.experiments.figures import Figures

CHANNELS = 128
NARROW = 32
SIDE = 9
"""Of the pictures: odd, so that there is a pixel in the middle."""


def run(preset: str, seed: int) -> Figures:
    from keras import layers

    conv = layers.Conv2D
    stacks = {
        "Dense on each pixel": [layers.Dense(CHANNELS)],
        "1×1 convolution": [conv(CHANNELS, 1)],
        "3×3 convolution: both at once": [conv(CHANNELS, 3, padding="same")],
        f"1×1 to {NARROW} channels, then 3×3": [conv(NARROW, 1), conv(CHANNELS, 3, padding="same")],
        "depthwise separable: 3×3 on each channel, then 1×1": [layers.SeparableConv2D(CHANNELS, 3, padding="same")],
    }
    picture = np.random.default_rng([seed]).normal(size=(1, SIDE, SIDE, CHANNELS)).astype(np.float32)
    rows: list[tuple[str | int | float, ...]] = []
    for name, stack in stacks.items():
        call(stack, picture)
        rows.append((name, parameters(stack), multiplications(stack), reached(stack, picture)))
    differences = [difference(picture, strides) for strides in (1, 2)] + [separated(picture)]
    return Figures(
        f"What mixes channels and what mixes pixels, {CHANNELS} channels in and out",
        ("layers", "parameters", "multiply-adds per pixel", "output pixels that one input pixel changes"),
        rows,
        "With equal weights the 1×1 convolution answers like Dense, with stride 2 like Dense on every second pixel; a "
        "separable convolution like a depthwise one followed by 1×1. The largest differences are "
        f"{', '.join(f'{each:.1g}' for each in differences)}.",
    )


def call(stack: list[Any], picture: Any) -> Any:
    for layer in stack:
        picture = layer(picture)
    return np.asarray(picture)


def parameters(stack: list[Any]) -> int:
    return int(sum(layer.count_params() for layer in stack))


def multiplications(stack: list[Any]) -> int:
    """At one pixel each weight multiplies once; biases only add."""
    return int(sum(np.prod(weight.shape) for layer in stack for weight in layer.weights if len(weight.shape) > 1))


def reached(stack: list[Any], picture: Any) -> int:
    """In how many pixels the answer differs once the middle one has changed."""
    changed = picture.copy()
    changed[:, SIDE // 2, SIDE // 2] += 1
    return int((call(stack, changed) != call(stack, picture)).any(-1).sum())


def difference(picture: Any, strides: int) -> float:
    from keras import layers

    dense, convolution = layers.Dense(CHANNELS), layers.Conv2D(CHANNELS, 1, strides=strides)
    pixels = picture[:, ::strides, ::strides]
    dense.build(pixels.shape)
    convolution.build(picture.shape)
    kernel, bias = dense.get_weights()
    convolution.set_weights([kernel[None, None], bias])
    return float(np.abs(call([dense], pixels) - call([convolution], picture)).max())


def separated(picture: Any) -> float:
    """A separable convolution beside its two halves as layers of their own."""
    from keras import layers

    whole = layers.SeparableConv2D(CHANNELS, 3, padding="same")
    halves = [layers.DepthwiseConv2D(3, padding="same", use_bias=False), layers.Conv2D(CHANNELS, 1)]
    answer = call([whole], picture)
    call(halves, picture)
    depthwise, pointwise, bias = whole.get_weights()
    halves[0].set_weights([depthwise])
    halves[1].set_weights([pointwise, bias])
    return float(np.abs(answer - call(halves, picture)).max())
