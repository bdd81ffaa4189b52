"""What the rest of the service knows of a loaded model."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

from models.signature import Signature

Tensors = Mapping[str, NDArray[Any]]
"""Arrays by name. The first axis counts rows, the others are those of the spec."""


class Servable(Protocol):
    """A loaded model that answers batches. `run` blocks, and may be called from several threads at once."""

    @property
    def signature(self) -> Signature: ...

    def run(self, inputs: Tensors, heads: Collection[str]) -> Tensors:
        """The tensors of exactly these heads, each with as many rows as the inputs. Raises what the model raises."""

    def close(self) -> None:
        """Lets go of the model's memory. Nothing runs any more."""
