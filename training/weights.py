"""Reads a file of weights into a model, after checking every layer: Keras 3's own, the older HDF5, a whole `.keras`.

Nothing in the file is run: a `.keras` gives its numbers only, never its configuration. Knows no architecture.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

LARGEST = 2**30
"""Bytes that the weights within a `.keras` may unpack to."""
MEMBER = "model.weights.h5"


class WrongWeights(ValueError):
    """A file that cannot be a model's weights: which layer, and what was expected."""


@dataclass(frozen=True)
class Stored:
    """A layer as the file has it: its name there and its arrays, not yet read."""

    name: str
    arrays: Sequence[Any]


def load_weights(model: Any, path: Path) -> None:
    """Gives the model every weight of the file. Raises WrongWeights: before any has changed, if a shape differs."""
    with opened(path) as file:
        try:
            pairs = matched(model, file)
            for layer, stored in pairs:
                check(layer, stored)
            for layer, stored in pairs:
                assign(layer, stored)
        except WrongWeights as error:
            raise WrongWeights(f"{path.name} has no weights of {model.name}: {error}") from None
        except (OSError, RuntimeError, KeyError, TypeError, AttributeError) as error:
            raise WrongWeights(f"{path.name} is damaged: {error}") from error


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The file's HDF5 tree, also from within a `.keras`. Raises WrongWeights."""
    if not path.is_file():
        raise WrongWeights(f"there is no file {path}")
    with path.open("rb") as raw:
        zipped = raw.read(2) == b"PK"
    source = unpacked(path) if zipped else path
    try:
        file = import_module("h5py").File(source, "r")
    except OSError as error:
        raise WrongWeights(f"{path.name} is no HDF5 file of weights, or was cut off: {error}") from error
    with file:
        yield file


def unpacked(path: Path) -> io.BytesIO:
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(MEMBER).file_size > LARGEST:
                raise WrongWeights(f"{path.name} unpacks to more than {LARGEST:,} bytes")
            return io.BytesIO(archive.read(MEMBER))
    except KeyError:
        raise WrongWeights(f"{path.name} is an archive without {MEMBER}, so not a .keras file") from None
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise WrongWeights(f"{path.name} is damaged or was cut off: {error}") from error


def matched(model: Any, file: Any) -> list[tuple[Any, Stored]]:
    """Each layer that has weights, with what the file has for it: nothing, if it comes to that."""
    group = file.get("model_weights", file)  # there in a whole model in HDF5
    if "layer_names" in group.attrs:
        return by_order(model, group)
    for name in ("layers", "_layer_checkpoint_dependencies"):  # the second in files of Keras 2.12 and 2.13
        if name in file:
            return by_path(model, file[name])
    raise WrongWeights("it is an HDF5 file, but in none of the layouts in which Keras writes weights")


def by_order(model: Any, group: Any) -> list[tuple[Any, Stored]]:
    """The older layout: names differ from session to session, so the n-th layer with weights is the n-th."""
    there = []
    for name in map(text, group.attrs["layer_names"]):
        arrays = [group[name][text(each)] for each in group[name].attrs["weight_names"]]
        if arrays:
            there.append(Stored(name, arrays))
    layers = weighted(model)
    pairs = [(layer, there[at] if at < len(there) else Stored("", ())) for at, layer in enumerate(layers)]
    return refuse_more(pairs, there[len(layers) :])


def by_path(model: Any, group: Any) -> list[tuple[Any, Stored]]:
    """Keras 3's layout: `layers/conv2d_3/vars/0` is the first weight of the fourth Conv2D, whatever its name."""
    there = {}
    for path, layer in group.items():
        arrays: Any = layer.get("vars", {})
        if len(arrays):
            name = text(arrays.attrs.get("name", path))
            there[path] = Stored(name, [arrays[str(at)] for at in range(len(arrays))])
    pairs = []
    seen: Counter[str] = Counter()
    for layer in model.layers:
        kind = snake_case(type(layer).__name__)
        path = f"{kind}_{seen[kind]}" if seen[kind] else kind
        seen[kind] += 1
        if layer.weights:
            pairs.append((layer, there.pop(path, Stored("", ()))))
    return refuse_more(pairs, list(there.values()))


def refuse_more(pairs: list[tuple[Any, Stored]], more: Sequence[Stored]) -> list[tuple[Any, Stored]]:
    """A difference in a layer says more than a layer too many, so that comes first."""
    if more:
        for layer, stored in pairs:
            check(layer, stored)
        raise WrongWeights(f"it has {len(more)} layers too many, the first of them {more[0].name!r}")
    return pairs


def check(layer: Any, stored: Stored) -> None:
    """Raises WrongWeights unless the file's arrays are of the layer's shapes."""
    expected = [tuple(each.shape) for each in weights(layer)]
    found = [tuple(each.shape) for each in stored.arrays]
    if expected != found:
        there = f" (there {stored.name!r})" if stored.name not in ("", layer.name) else ""
        raise WrongWeights(f"layer {layer.name!r}{there} wants {shapes(expected)}, the file has {shapes(found)}")


def assign(layer: Any, stored: Stored) -> None:
    for weight, array in zip(weights(layer), stored.arrays, strict=True):
        values = np.asarray(array[()])
        if values.dtype.kind != "f" or not np.isfinite(values).all():
            raise WrongWeights(f"layer {layer.name!r} has values that are no finite numbers")
        weight.assign(values)


def weighted(model: Any) -> list[Any]:
    return [layer for layer in model.layers if layer.weights]


def weights(layer: Any) -> list[Any]:
    """In the order in which Keras writes them."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def shapes(each: Sequence[tuple[int, ...]]) -> str:
    return ", ".join("×".join(map(str, shape)) or "one number" for shape in each) or "nothing"


def snake_case(name: str) -> str:
    """`BatchNormalization` as `batch_normalization`, `Conv2D` as `conv2d`: Keras's own spelling of classes."""
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()


def text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
