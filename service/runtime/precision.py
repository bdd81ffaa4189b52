"""Makes a loaded graph compute in half precision, its variables staying as they are."""

from __future__ import annotations

import keras

from service.runtime.placement import Precision


def compute_in(model: keras.Model, precision: Precision) -> None:
    """Every layer, but those that give the heads: a probability or a price needs its digits.

    Raises ValueError for a subclassed model, whose heads nobody knows.
    """
    if precision == "float32":
        return
    if not hasattr(model, "outputs"):
        raise ValueError(
            f"only functional and Sequential models compute in {precision}; set its runtime.precision to float32"
        )
    last = {id(tensor._keras_history.operation) for tensor in model.outputs}  # no public way from tensor to layer
    for layer in model._flatten_layers(include_self=False):  # nor to the layers within models used as layers
        if id(layer) not in last and layer.dtype_policy.name == "float32":
            layer.dtype_policy = precision
