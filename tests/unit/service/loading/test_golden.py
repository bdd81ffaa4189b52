"""Golden answers: equal where they were made, close elsewhere, and how far off they are is told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from models.artifact import GRAPH, Golden, InvalidArtifact, Manifest, publish
from models.signature import Head, Input, Signature, TensorSpec
from service.loading.preparation import prepare
from service.runtime.fake import FakeServable

SIGNATURE = Signature(
    (Input(name="x", spec=TensorSpec("float32", (2,))),), (Head(name="y", spec=TensorSpec("float32", (1,))),)
)
HERE = {"tensorflow": "2.21.0", "keras": "3.15.1", "device": "AMD EPYC", "precision": "float32"}


class On(FakeServable):
    """Says that its answers are made with something."""

    def __init__(self, made_with: dict[str, str]) -> None:
        super().__init__(SIGNATURE)
        self._made_with = made_with

    @property
    def made_with(self) -> dict[str, str]:
        return self._made_with


def put(store: Path, off_by: float, made_with: Mapping[str, str]) -> Path:
    """A version whose golden answer is that much beside the one it gives."""
    row = [1.0, 2.0]
    answer = FakeServable(SIGNATURE).run({"x": np.asarray([row], np.float32)}, ["y"])["y"][0]
    assert abs(answer[0]) <= 1  # differences are relative to one, then
    frameworks = {"python": "3.11.7", **made_with}
    manifest = Manifest(model="m", signature=SIGNATURE, preprocessing={}, frameworks=frameworks)
    golden = [Golden({"x": row}, {"y": [float(answer[0]) + off_by]})]
    return publish(store, manifest, golden, write_graph)


def write_graph(folder: Path) -> None:
    (folder / GRAPH).write_bytes(b"a graph")


def replayed(folder: Path) -> list[str]:
    """What is logged of it. Raises InvalidArtifact."""
    with capture_logs() as lines:
        prepare("m", folder, lambda graph, declared: On(HERE), ())
    return [f"{line['head']} {line['example']} {line['difference']:.1g}" for line in lines]


def test_where_they_were_made_answers_have_to_be_equal(tmp_path: Path) -> None:
    assert replayed(put(tmp_path, 5e-6, HERE)) == []
    with pytest.raises(
        InvalidArtifact, match=r"golden example 0, head 'y': the answer differs by 5e-05, more than 1e-05"
    ):
        replayed(put(tmp_path, 5e-5, HERE))


@pytest.mark.parametrize(
    "other",
    [
        {},
        {name: value for name, value in HERE.items() if name != "device"},
        HERE | {"device": "NVIDIA H100"},
        HERE | {"precision": "tf32"},
        HERE | {"tensorflow": "2.20.0"},
        HERE | {"keras": "3.14.0"},
    ],
)
def test_elsewhere_they_may_differ_by_a_thousandth_and_that_is_told(tmp_path: Path, other: Mapping[str, str]) -> None:
    assert replayed(put(tmp_path, 5e-6, other)) == []
    assert replayed(put(tmp_path, 5e-4, other)) == ["y 0 0.0005"]
    with pytest.raises(InvalidArtifact, match=r"differs by 0\.0015, more than 0\.001"):
        replayed(put(tmp_path, 1.5e-3, other))


def test_what_rounds_to_fewer_digits_is_never_equal(tmp_path: Path) -> None:
    rounding = HERE | {"device": "NVIDIA H100", "precision": "tf32"}
    folder = put(tmp_path, 5e-4, rounding)
    prepare("m", folder, lambda graph, declared: On(rounding), ())


def test_an_answer_that_is_no_number_is_none(tmp_path: Path) -> None:
    with pytest.raises(InvalidArtifact, match=r"differs by nan, more than 0\.001"):
        replayed(put(tmp_path, float("nan"), {}))
