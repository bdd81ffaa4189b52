"""Two blocks of convolutional networks: the inception module and residual connections. Knows no network they stand in.

With their defaults both are the chapter's layers exactly; `normalise` puts batch normalisation before each relu.
"""

from __future__ import annotations

from typing import Any, Literal

from keras import layers

FILTERS = 128
Same = Literal["same", "valid"]


def inception_module(x: Any, filters: int = FILTERS, padding: Same = "same", normalise: bool = False) -> Any:
    """Four branches of stride 2 side by side: 4 × `filters` channels, half the height and width, rounded up.

    639,872 parameters for 128 channels in. The chapter prints no padding, which is "valid": the branches of a map of
    35 pixels are then 18, 17, 15 and 16 wide, and cannot be concatenated; with "same" all four are 18.
    """
    return layers.concatenate(inception_branches(x, filters, padding, normalise), axis=-1)


def inception_branches(x: Any, filters: int = FILTERS, padding: Same = "same", normalise: bool = False) -> list[Any]:
    """The branches a, b, c and d before they are concatenated."""

    def conv(y: Any, kernel: int, strides: int = 1) -> Any:
        return convolution(y, filters, kernel, strides, padding, normalise)

    a = conv(x, 1, strides=2)
    b = conv(conv(x, 1), 3, strides=2)
    c = conv(layers.AveragePooling2D(3, strides=2, padding=padding)(x), 3)
    d = conv(conv(conv(x, 1), 3), 3, strides=2)
    return [a, b, c, d]


def residual_block(
    x: Any,
    filters: int = FILTERS,
    kind: Literal["identity", "linear"] = "identity",
    shortcut: bool = True,
    normalise: bool = False,
) -> Any:
    """The chapter's residual connections; without `shortcut` the same convolutions as a plain stack.

    `identity` keeps the shape (442,752 parameters for 128 channels) and needs `filters` channels in. `linear` halves
    height and width (311,680). The chapter's pool rounds an odd size down and its convolution rounds it up, so the sum
    fails; here the pool is padded too, and both round up. Even sizes are as printed.
    """
    if kind == "identity":
        if x.shape[-1] != filters:
            raise ValueError(f"an identity needs {filters} channels in, not {x.shape[-1]}: use a linear one")
        y, past = stack(x, filters, 3, normalise), x
    else:
        y = layers.MaxPooling2D(2, strides=2, padding="same")(stack(x, filters, 2, normalise))
        past = layers.Conv2D(filters, 1, strides=2, padding="same")(x) if shortcut else x
    return layers.add([y, past]) if shortcut else y


def stack(x: Any, filters: int, depth: int, normalise: bool = False) -> Any:
    """Convolutions of 3 × 3, one after another."""
    for _ in range(depth):
        x = convolution(x, filters, 3, normalise=normalise)
    return x


def convolution(
    x: Any, filters: int, kernel: int, strides: int = 1, padding: Same = "same", normalise: bool = False
) -> Any:
    """Conv2D and relu, with batch normalisation between them if asked for."""
    if not normalise:
        return layers.Conv2D(filters, kernel, strides=strides, padding=padding, activation="relu")(x)
    x = layers.Conv2D(filters, kernel, strides=strides, padding=padding, use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
