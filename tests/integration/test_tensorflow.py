"""Real graphs through the real runtime: names, orders, shapes, safe mode."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from models.signature import Head, Input, Signature, TensorSpec
from service.runtime.tensorflow import TensorFlowServable
from training import frameworks


def two_inputs() -> tuple[Any, Any, Any]:
    text = keras.Input((None,), dtype="int32", name="text")
    meta = keras.Input((3,), name="meta")
    encoded = keras.layers.LSTM(4)(keras.layers.Embedding(10, 4)(text))
    return text, meta, keras.layers.concatenate([encoded, meta])


def saved(model: Any, folder: Path) -> Path:
    path = folder / "model.keras"
    model.save(path)
    return path


ROWS = {"text": np.array([[1, 2, 3], [4, 5, 6]], np.int32), "meta": np.ones((2, 3), np.float32)}


def test_a_dict_of_heads_keeps_its_names_in_declared_order(tmp_path: Path) -> None:
    text, meta, merged = two_inputs()
    heads = {"zeta": keras.layers.Dense(2, name="a")(merged), "alpha": keras.layers.Dense(1, name="b")(merged)}
    model = keras.Model([text, meta], heads)
    servable = TensorFlowServable.load(saved(model, tmp_path))
    assert servable.signature.input_names == ("text", "meta")
    assert servable.signature.head_names == ("zeta", "alpha")
    expected = model([ROWS["text"], ROWS["meta"]])
    for name, tensor in servable.run(ROWS, ["zeta", "alpha"]).items():
        np.testing.assert_allclose(tensor, expected[name], atol=1e-5)


def test_a_list_of_heads_carries_its_layers_names(tmp_path: Path) -> None:
    text, meta, merged = two_inputs()
    names = [f"head_{number}" for number in range(12)]
    model = keras.Model([text, meta], [keras.layers.Dense(1, name=name)(merged) for name in names])
    servable = TensorFlowServable.load(saved(model, tmp_path))
    assert servable.signature.head_names == tuple(names)
    expected = dict(zip(names, model([ROWS["text"], ROWS["meta"]]), strict=True))
    for name, tensor in servable.run(ROWS, names).items():
        np.testing.assert_allclose(tensor, expected[name], atol=1e-5)


def test_a_reloaded_sequential_has_a_named_head(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,), name="pixels"), keras.layers.Dense(2, name="digit")])
    servable = TensorFlowServable.load(saved(model, tmp_path))
    assert (servable.signature.input_names, servable.signature.head_names) == (("pixels",), ("digit",))
    assert servable.signature.input("pixels").spec == TensorSpec("float32", (4,))


def test_each_head_set_computes_exactly_what_is_asked(tmp_path: Path) -> None:
    text, meta, merged = two_inputs()
    heads = {name: keras.layers.Dense(1, name=name)(merged) for name in ("a", "b", "c")}
    servable = TensorFlowServable.load(saved(keras.Model([text, meta], heads), tmp_path))
    whole = servable.run(ROWS, ["a", "b", "c"])
    for asked in (["a"], ["c"], ["b", "c"]):
        part = servable.run(ROWS, asked)
        assert sorted(part) == asked
        for name in asked:
            np.testing.assert_allclose(part[name], whole[name], atol=1e-6)


def test_nothing_is_traced_after_warm_up(tmp_path: Path) -> None:
    text, meta, merged = two_inputs()
    heads = {name: keras.layers.Dense(1, name=name)(merged) for name in ("a", "b", "c")}
    servable = TensorFlowServable.load(saved(keras.Model([text, meta], heads), tmp_path))
    servable.warm_up([1, 4])
    for rows in (1, 3, 7):
        for length in (1, 5, 40):
            batch = {"text": np.ones((rows, length), np.int32), "meta": np.ones((rows, 3), np.float32)}
            for asked in (["a"], ["a", "b"], ["a", "b", "c"]):
                servable.run(batch, asked)
    assert servable.retraces == 0


def test_what_is_traced_late_is_counted(tmp_path: Path) -> None:
    text, meta, merged = two_inputs()
    servable = TensorFlowServable.load(saved(keras.Model([text, meta], keras.layers.Dense(1)(merged)), tmp_path))
    servable.warm_up([])
    servable.run(ROWS, servable.signature.head_names)
    assert servable.retraces == 1


def test_a_graph_that_needs_long_rows_is_warmed_with_long_rows(tmp_path: Path) -> None:
    series = keras.Input((None, 1), name="series")
    pooled = keras.layers.GlobalMaxPooling1D()(keras.layers.Conv1D(2, 50)(series))
    servable = TensorFlowServable.load(saved(keras.Model(series, pooled), tmp_path))
    servable.warm_up([1])
    assert servable.retraces == 0


def test_code_in_the_file_is_refused(tmp_path: Path) -> None:
    x = keras.Input((2,), name="x")
    path = saved(keras.Model(x, keras.layers.Lambda(lambda tensor: tensor + 1)(x)), tmp_path)
    with pytest.raises(ValueError, match=r"(?i)lambda"):
        TensorFlowServable.load(path)


def test_a_manifest_that_does_not_fit_the_graph_is_refused(tmp_path: Path) -> None:
    path = saved(keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(2, name="y")]), tmp_path)
    wrong = Signature(
        (Input(name="x", spec=TensorSpec("float32", (5,))),), (Head(name="y", spec=TensorSpec("float32", (2,))),)
    )
    with pytest.raises(ValueError, match="input 'x': the manifest says"):
        TensorFlowServable.load(path, wrong)


def test_a_model_without_a_graph_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(b"half a file")
    with pytest.raises(ValueError, match=r"model\.keras is not a whole \.keras file"):
        TensorFlowServable.load(path)


def test_bfloat16_is_answered_as_float32(tmp_path: Path) -> None:
    x = keras.Input((2,), name="x")
    servable = TensorFlowServable.load(saved(keras.Model(x, keras.layers.Dense(2, dtype="bfloat16")(x)), tmp_path))
    (head,) = servable.signature.heads
    assert head.spec.dtype == "float32"
    assert servable.run({"x": np.ones((1, 2), np.float32)}, [head.name])[head.name].dtype == np.float32


def test_strings_are_refused_in_a_sentence(tmp_path: Path) -> None:
    word = keras.Input((1,), dtype="string", name="word")
    looked_up = keras.layers.StringLookup(vocabulary=["a", "b"], output_mode="multi_hot")(word)
    with pytest.raises(ValueError, match="'word' is a tensor of strings, which is not served"):
        TensorFlowServable.load(saved(keras.Model(word, looked_up), tmp_path))


def test_a_model_that_does_not_answer_row_by_row_never_counts_as_warm(tmp_path: Path) -> None:
    x = keras.Input((2,), name="x")
    servable = TensorFlowServable.load(saved(keras.Model(x, keras.ops.sum(x, axis=0)), tmp_path))
    with pytest.raises(ValueError, match="not row by row"):
        servable.warm_up([1, 4])


def test_what_answers_are_made_with_is_what_the_exporter_writes_of_its_golden_ones(tmp_path: Path) -> None:
    """Otherwise no golden answer would ever have to be equal."""
    model = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(2, name="y")])
    made_with = TensorFlowServable.load(saved(model, tmp_path)).made_with
    written = frameworks.made_with()
    assert set(made_with) == {"tensorflow", "keras", "device", "precision"}
    assert {name: written[name] for name in made_with} == made_with
