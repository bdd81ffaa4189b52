"""A graph made of a subclassed model: inputs from the shapes that it was built with, heads from what its call returns.

Such a model is code, and its file holds weights alone: its class has to be registered with Keras in this process.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import keras

Symbols = dict[str, Any]
"""KerasTensors by name."""
WAY_OUT = "save a functional model instead, or export a SavedModel with a signature (model.export)"


def traced(model: keras.Model) -> tuple[Symbols, Symbols]:
    """Its inputs and heads, from one call of it. Raises ValueError, which says what to do, where that cannot be."""
    name = type(model).__name__
    shapes = shapes_by_argument(model)
    if not shapes:
        raise ValueError(f"{name} is a subclassed model, and its file does not say which inputs it takes: {WAY_OUT}")
    inputs: Symbols = {}
    given = {argument: placed(argument, shape, model, inputs) for argument, shape in shapes.items()}
    built = len(model.variables)
    try:
        answer = model(**given)
    except Exception as error:  # whatever the call of a class raises that somebody else wrote
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"{name} cannot be called with the shapes in its file ({reason}): {WAY_OUT}") from error
    if len(model.variables) != built:
        raise ValueError(
            f"{name} makes weights only when it is called, after its file was read: give it build(), or {WAY_OUT}"
        )
    return inputs, heads_of(name, answer)


def shapes_by_argument(model: keras.Model) -> dict[str, Any]:
    """What each argument of its call was built with: a shape, or a list or a dict of shapes; empty if nothing tells."""
    config = model.get_build_config() or {}
    arguments = [name for name in inspect.signature(model.call).parameters if name not in ("training", "mask")]
    if "shapes_dict" in config:
        return {name.removesuffix("_shape"): shape for name, shape in config["shapes_dict"].items()}
    shape = config.get("input_shape") or keras.tree.map_structure(
        lambda spec: getattr(spec, "shape", None), model.input_spec
    )
    return {arguments[0]: shape} if shape and arguments else {}


def placed(argument: str, shape: Any, model: keras.Model, inputs: Symbols) -> Any:
    """Symbols in the structure of the shapes; each is noted in `inputs` under its key, or its argument's name."""
    if isinstance(shape, Mapping):
        return {key: placed(key, each, model, inputs) for key, each in shape.items()}
    if not all(side is None or isinstance(side, int) for side in shape):
        return [placed(f"{argument}_{place}", each, model, inputs) for place, each in enumerate(shape)]
    inputs[argument] = keras.Input(tuple(shape[1:]), dtype=dtype_of(argument, model), name=argument)
    return inputs[argument]


def dtype_of(argument: str, model: keras.Model) -> str:
    """What the model's `input_spec` says, else what it computes with: the file does not keep it."""
    spec = model.input_spec.get(argument) if isinstance(model.input_spec, Mapping) else model.input_spec
    return str(getattr(spec, "dtype", None) or model.input_dtype)


def heads_of(name: str, answer: Any) -> Symbols:
    """By the keys of a dict; `output_0`, `output_1` … of a list, as an export names them; `output` of one tensor."""
    if isinstance(answer, list | tuple):
        answer = {f"output_{place}": each for place, each in enumerate(answer)}
    heads = dict(answer) if isinstance(answer, Mapping) else {"output": answer}
    if not all(isinstance(each, keras.KerasTensor) for each in heads.values()):
        raise ValueError(f"{name} answers with more than a flat dict or list of tensors: {WAY_OUT}")
    return heads
