"""The experiments on inception modules, depth and bottlenecks: that they run, and what holds before any training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from training.experiments import bottleneck, depth, experiment, inception


@pytest.mark.slow
@pytest.mark.parametrize(("name", "rows"), [("inception", 3), ("depth", 2), ("bottleneck", 1)])
def test_smoke_gives_a_table(name: str, rows: int) -> None:
    figures = experiment(name)("smoke", 0)

    numbers = np.array([row[1:] for row in figures.rows], np.float64)
    assert len(numbers) == rows
    assert np.isfinite(numbers).all()
    assert (numbers >= 0).all()


def test_the_stack_has_as_many_parameters_as_the_modules() -> None:
    module, alike, wide = (build().count_params() for build in inception.contenders(24).values())

    assert alike == pytest.approx(module, rel=0.02)
    assert wide > 2 * module


@pytest.mark.parametrize(("width", "filters"), [(3, 4), (10, 6)])
def test_parameters_are_counted_right(width: int, filters: int) -> None:
    def stack(x: Any) -> Any:
        return inception.plain(x, width)

    model = inception.network(stack, filters)

    assert inception.plain_parameters(width, filters) == model.count_params()


def test_without_shortcuts_the_gradient_fades_on_its_way_back() -> None:
    """Before any training: a fact of the graph and its first weights, not a tendency of a run."""
    norms = depth.norms_of_both(22, seed=0)

    assert {name: len(each) for name, each in norms.items()} == {"plain": 22, "residual": 22}
    assert norms["plain"][0] / norms["plain"][-1] < 0.01
    assert norms["residual"][0] / norms["residual"][-1] > 0.5


def test_gradients_are_drawn(tmp_path: Path) -> None:
    depth.plot(tmp_path / "gradients.png", depth=4)

    with Image.open(tmp_path / "gradients.png") as drawn:
        assert drawn.width > 400
        assert len(np.unique(np.asarray(drawn.convert("L")))) > 10


def test_the_connection_past_the_narrow_layer_adds_no_parameters() -> None:
    assert bottleneck.network(2, past=True).count_params() == bottleneck.network(2, past=False).count_params()
