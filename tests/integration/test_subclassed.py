"""Subclassed models from a `.keras` file: inputs from what they were built with, heads from what their call returns."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from models.signature import TensorSpec
from service.loading.preparation import import_modules
from service.runtime.tensorflow import TensorFlowServable
from tests.integration.foreign_artifacts import (
    BothNeeded,
    DictSubclassed,
    LateSubclassed,
    NeverBuilt,
    PairSubclassed,
    Subclassed,
)
from tests.running import environment


def loaded(model: keras.Model, folder: Path) -> TensorFlowServable:
    model.save(folder / "model.keras")
    return TensorFlowServable.load(folder / "model.keras")


def some(*shape: int) -> Any:
    return np.random.default_rng(1).random(shape, np.float32)


def test_a_tensor_is_named_by_its_argument_and_heads_by_their_keys(tmp_path: Path) -> None:
    model, rows = Subclassed(), some(2, 4)
    expected = model(rows)
    servable = loaded(model, tmp_path)
    assert servable.signature.input_names == ("pixels",)
    assert servable.signature.input("pixels").spec == TensorSpec("float32", (4,))
    assert servable.signature.head_names == ("zeta", "alpha")
    servable.warm_up([1, 4])
    for asked in (["zeta"], ["alpha"], ["zeta", "alpha"]):
        for name, tensor in servable.run({"pixels": rows}, asked).items():
            np.testing.assert_allclose(tensor, expected[name], atol=1e-6)
    assert servable.retraces == 0


def test_a_dict_of_inputs_keeps_its_keys_and_a_list_of_heads_is_numbered(tmp_path: Path) -> None:
    model, rows = DictSubclassed(), {"b": some(2, 3), "a": some(2, 2)}
    expected = model(rows)
    servable = loaded(model, tmp_path)
    assert (servable.signature.input_names, servable.signature.head_names) == (("b", "a"), ("output_0", "output_1"))
    for place, tensor in enumerate(expected):
        name = f"output_{place}"
        np.testing.assert_allclose(servable.run(rows, [name])[name], tensor, atol=1e-6)


def test_two_arguments_are_two_inputs(tmp_path: Path) -> None:
    model, rows = PairSubclassed(), {"left": some(2, 3), "right": some(2, 3)}
    expected = model(rows["left"], rows["right"])
    servable = loaded(model, tmp_path)
    assert (servable.signature.input_names, servable.signature.head_names) == (("left", "right"), ("output",))
    np.testing.assert_allclose(servable.run(rows, ["output"])["output"], expected, atol=1e-6)


@pytest.mark.filterwarnings("ignore")  # Keras says so, too
def test_weights_that_were_not_read_are_never_made_up(tmp_path: Path) -> None:
    model = NeverBuilt()
    model(some(2, 4))
    with pytest.raises(ValueError, match="NeverBuilt makes weights only when it is called, after its file was read"):
        loaded(model, tmp_path)


@pytest.mark.filterwarnings("ignore:Model 'both_needed")
def test_a_call_that_needs_more_than_the_file_tells_is_refused(tmp_path: Path) -> None:
    model = BothNeeded()
    model(some(2, 3), some(2, 3))
    with pytest.raises(
        ValueError, match=r"BothNeeded cannot be called with the shapes in its file .*: save a functional"
    ):
        loaded(model, tmp_path)


def test_an_argument_with_a_default_may_be_missing_in_the_file(tmp_path: Path) -> None:
    model = LateSubclassed()
    model(some(2, 3), some(2, 3))
    servable = loaded(model, tmp_path)
    np.testing.assert_allclose(servable.run({"left": some(2, 3)}, ["output"])["output"], model(some(2, 3)), atol=1e-6)


@pytest.mark.filterwarnings("ignore:You are saving a model that has not yet been built")
def test_without_shapes_it_is_refused_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"does not say which inputs it takes: save a functional model instead, or"):
        loaded(Subclassed(), tmp_path)


def test_a_class_that_nobody_registered_is_refused_with_a_way_out(tmp_path: Path) -> None:
    class Unknown(keras.Model):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x

    model = Unknown()
    model(some(2, 3))
    with pytest.raises(ValueError, match=r"Keras cannot read model\.keras: .*Unknown.*save a functional model instead"):
        loaded(model, tmp_path)


OF_AN_OPERATOR = """
import keras

@keras.saving.register_keras_serializable("theirs")
class Theirs(keras.Model):
    def __init__(self, **more):
        super().__init__(**more)
        self.dense = keras.layers.Dense(2)

    def call(self, x):
        return {"y": self.dense(x)}
"""
MAKE = "import sys, keras, theirs; m = theirs.Theirs(); m(keras.ops.ones((1, 3))); m.save(sys.argv[1])"


def test_a_class_is_known_once_its_module_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made in another process, where this one could not have learnt of the class."""
    (tmp_path / "theirs.py").write_text(OF_AN_OPERATOR)
    path = str(tmp_path / "model.keras")
    paths = environment(PYTHONPATH=str(tmp_path), KERAS_BACKEND="tensorflow")
    subprocess.run([sys.executable, "-c", MAKE, path], check=True, env=paths, capture_output=True)
    with pytest.raises(ValueError, match=r"Keras cannot read model\.keras"):
        TensorFlowServable.load(Path(path))
    monkeypatch.syspath_prepend(str(tmp_path))
    import_modules(["theirs"])
    assert TensorFlowServable.load(Path(path)).signature.head_names == ("y",)


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="'no_such_module' cannot be imported: No module named"):
        import_modules(["no_such_module"])
