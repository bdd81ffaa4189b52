"""SavedModels of every making through the real runtime: names, order, strings, fixed batches, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.keras.protobuf import saved_metadata_pb2

from models.artifact import open_artifact
from models.signature import Head, Input, Padding, Signature, TensorSpec
from service.loading.preparation import load_graph, prepare
from service.runtime.placement import Target
from service.runtime.saved_model import load
from service.runtime.warmup import PICTURE
from tests.integration.foreign_artifacts import (
    HEADS,
    OneRow,
    Pictures,
    Several,
    Words,
    dict_of_heads,
    exported,
    saved,
    spec,
    twelve_heads,
    two_inputs,
)

ROWS = {"text": np.array([[1, 2, 3], [4, 5, 6]], np.int32), "meta": np.ones((2, 3), np.float32)}


def strings(*values: Any) -> Any:
    return np.array(values, object)


def test_a_dict_of_heads_keeps_its_names(tmp_path: Path) -> None:
    model = two_inputs(dict_of_heads)
    servable = load(exported(model, tmp_path))
    assert servable.signature.input_names == ("text", "meta")
    assert servable.signature.head_names == ("alpha", "zeta")
    assert servable.signature.input("text").spec == TensorSpec("int32", (None,))
    expected = model([ROWS["text"], ROWS["meta"]])
    for name, tensor in servable.run(ROWS, ["zeta", "alpha"]).items():
        np.testing.assert_allclose(tensor, expected[name], atol=1e-5)


def test_a_list_of_heads_is_numbered_in_its_order(tmp_path: Path) -> None:
    servable = load(exported(twelve_heads(as_list=True), tmp_path))
    assert servable.signature.head_names == tuple(f"output_{place}" for place in range(12))
    answers = servable.run({"row": np.zeros((1, 4), np.float32)}, servable.signature.head_names)
    found = [float(answers[f"output_{place}"][0, 0]) for place in range(12)]
    assert found == [float(name.removeprefix("head_")) for name in HEADS]


@pytest.mark.parametrize("asked", [HEADS, HEADS[:1], HEADS[3:6]])
def test_twelve_heads_are_looked_up_by_name(tmp_path: Path, asked: list[str]) -> None:
    servable = load(exported(twelve_heads(as_list=False), tmp_path))
    answers = servable.run({"row": np.zeros((2, 4), np.float32)}, asked)
    assert sorted(answers) == sorted(asked)
    for name in asked:
        assert answers[name].tolist() == [[float(name.removeprefix("head_"))]] * 2


def test_a_keras_file_beside_it_has_the_better_names(tmp_path: Path) -> None:
    model = twelve_heads(as_list=True)
    exported(model, tmp_path)
    model.save(tmp_path / "model.keras")
    servable = load_graph(open_artifact(tmp_path).graph, None)
    assert servable.signature.head_names == tuple(HEADS)


def test_keras_2_metadata_beside_it_has_the_declared_order_and_the_keys(tmp_path: Path) -> None:
    graph = exported(two_inputs(dict_of_heads), tmp_path)
    metadata = saved_metadata_pb2.SavedMetadata()
    heads = '{"second": ["zeta", 0, 0], "first": ["alpha", 0, 0]}'
    inputs = '[["meta", 0, 0], ["text", 0, 0]]'
    metadata.nodes.add(
        node_path="root", metadata=f'{{"config": {{"input_layers": {inputs}, "output_layers": {heads}}}}}'
    )
    (tmp_path / "keras_metadata.pb").write_bytes(metadata.SerializeToString())
    servable = load(graph)
    assert servable.signature.input_names == ("meta", "text")
    assert servable.signature.head_names == ("second", "first")
    assert servable.run(ROWS, ["second"])["second"].shape == (2, 2)


def test_metadata_that_cannot_be_read_costs_the_order_alone(tmp_path: Path) -> None:
    graph = exported(two_inputs(dict_of_heads), tmp_path)
    (tmp_path / "keras_metadata.pb").write_bytes(b"\xff\xff")
    assert load(graph).signature.head_names == ("alpha", "zeta")


def test_a_sequential_is_served(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,), name="pixels"), keras.layers.Dense(2, name="digit")])
    servable = load(exported(model, tmp_path))
    assert (servable.signature.input_names, servable.signature.head_names) == (("pixels",), ("output_0",))


def test_a_module_made_by_hand_has_its_arguments_in_order(tmp_path: Path) -> None:
    module = Several()
    servable = load(saved(module, tmp_path, {"serving_default": module.score, "embed": module.embed}))
    assert servable.signature.input_names == ("z", "a")
    inputs = {"z": np.ones((2, 2), np.float32), "a": np.zeros((2, 2), np.float32)}
    assert servable.run(inputs, ["score"])["score"].tolist() == [[5.0], [5.0]]


def test_another_signature_is_served_when_it_is_asked_for(tmp_path: Path) -> None:
    module = Several()
    graph = saved(module, tmp_path, {"serving_default": module.score, "embed": module.embed})
    servable = load_graph(graph, None, Target(signature="embed"))
    assert servable.run({"text": strings(b"ab\0")}, ["length"])["length"].tolist() == [3]
    with pytest.raises(ValueError, match="no signature 'other'; there are embed, serving_default"):
        load_graph(graph, None, Target(signature="other"))
    with pytest.raises(ValueError, match=r"model\.keras has no signatures, and runtime\.signature asks for 'embed'"):
        load_graph(tmp_path / "model.keras", None, Target(signature="embed"))


def test_strings_go_in_and_come_out_whole(tmp_path: Path) -> None:
    module = Words()
    servable = load(saved(module, tmp_path, module.tell))
    assert servable.signature.input("word").spec == TensorSpec("string", ())
    given = {"word": strings(b"end\0\0", b"\xff\xfe", b""), "list": strings([b"a", b""], [b"", b""], [b"b", b"c"])}
    answers = servable.run(given, ["joined", "echo", "length", "count"])
    assert answers["joined"].tolist() == [b"end\0\0!", b"\xff\xfe!", b"!"]
    assert answers["echo"].tolist() == given["word"].tolist()
    assert answers["length"].tolist() == [5, 2, 0]
    assert answers["count"].tolist() == [1, 0, 2]


def test_nothing_is_traced_after_warm_up(tmp_path: Path) -> None:
    servable = load(exported(two_inputs(dict_of_heads), tmp_path))
    servable.warm_up([1, 4])
    for rows in (1, 3, 7):
        for length in (1, 5, 40):
            batch = {"text": np.ones((rows, length), np.int32), "meta": np.ones((rows, 3), np.float32)}
            for asked in (["alpha"], ["zeta"], ["alpha", "zeta"]):
                servable.run(batch, asked)
    assert servable.retraces == 0


def test_padding_is_tried_as_on_any_graph(tmp_path: Path) -> None:
    """Empty strings behind a list change nothing that is counted; steps behind a text change an LSTM without a mask."""
    module = Words()
    saved(module, tmp_path / "1", module.tell)
    prepared = prepare("words", tmp_path / "1", load_graph, (1, 4))
    assert prepared.signature.input("list").padding.kind == "pad"
    exported(two_inputs(dict_of_heads), tmp_path / "2")
    prepared = prepare("lstm", tmp_path / "2", load_graph, (1, 4))
    assert prepared.signature.input("text").padding.kind == "exact"
    assert prepared.servable.retraces == 0


def test_a_graph_that_reads_pictures_is_warmed_with_one(tmp_path: Path) -> None:
    module = Pictures()
    saved(module, tmp_path, module.brightness)
    prepared = prepare("pictures", tmp_path, load_graph, (1, 4))
    assert prepared.servable.retraces == 0
    assert prepared.signature.input("file").padding.kind == "alone", "no rows could be made up to try it with"
    answers = prepared.servable.run({"file": strings(PICTURE, PICTURE)}, ["mean"])
    assert answers["mean"].tolist() == [0.0, 0.0]


def test_a_batch_of_one_runs_rows_alone(tmp_path: Path) -> None:
    module = OneRow(1)
    saved(module, tmp_path, module.call)
    prepared = prepare("one", tmp_path, load_graph, (1, 4))
    assert prepared.signature.input("x").padding == Padding("alone")
    answers = prepared.servable.run({"x": np.ones((1, 3), np.float32)}, ["twice", "sum"])
    assert (answers["twice"].tolist(), answers["sum"].tolist()) == ([[2.0, 2.0, 2.0]], [3.0])


def test_a_manifest_must_fit_the_signature(tmp_path: Path) -> None:
    graph = exported(two_inputs(dict_of_heads), tmp_path)
    head = Head(name="alpha", spec=TensorSpec("float32", (1,)))
    with pytest.raises(ValueError, match="input 'text': the manifest says None, the graph has"):
        load(graph, Signature((Input(name="meta", spec=TensorSpec("float32", (3,))),), (head,)))


def test_a_larger_fixed_batch_is_refused(tmp_path: Path) -> None:
    module = OneRow(32)
    with pytest.raises(ValueError, match="signature 'serving_default': input 'x' takes exactly 32 rows at a time"):
        load(saved(module, tmp_path, module.call))


def test_a_saved_model_without_signatures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the SavedModel has no signature"):
        load(saved(tf.Module(), tmp_path, None))


@pytest.mark.parametrize("content", [b"half a file", b""])
def test_a_file_that_is_not_whole_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(ValueError, match=r"saved_model\.pb is not a whole SavedModel"):
        load(tmp_path / "saved_model.pb")


def test_weights_that_are_missing_are_refused(tmp_path: Path) -> None:
    graph = exported(two_inputs(dict_of_heads), tmp_path)
    (tmp_path / "variables" / "variables.data-00000-of-00001").unlink()
    with pytest.raises(ValueError, match="TensorFlow cannot load the SavedModel"):
        load(graph)


class Reading(tf.Module):  # type: ignore[misc]
    @tf.function(input_signature=[spec([None], "string", "path")])  # type: ignore[untyped-decorator]
    def read(self, path: Any) -> Any:
        return tf.map_fn(tf.io.read_file, path)


class Calling(tf.Module):  # type: ignore[misc]
    @tf.function(input_signature=[spec([None], "float32", "x")])  # type: ignore[untyped-decorator]
    def call(self, x: Any) -> Any:
        return tf.ensure_shape(tf.py_function(lambda y: y + 1, [x], "float32"), [None])


def test_graph_code_that_reads_files_or_calls_python_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    reading, calling = Reading(), Calling()
    with pytest.raises(ValueError, match="has the op ReadFile: it reads or writes files"):
        load(saved(reading, tmp_path / "1", reading.read))
    with pytest.raises(ValueError, match="has the op EagerPyFunc: it calls Python"):
        load(saved(calling, tmp_path / "2", calling.call))
