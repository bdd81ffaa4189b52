"""A whole report: every plot is there and valid, the page holds them all, and no text becomes markup."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.signature import Head, Input, Signature, TensorSpec
from training.report import Report, write_report
from training.report.dag import Dag, Edge, Node

ODD = "<script>alert('x')</script> & \"$x^$\" \u4e16\x00\x1b"
COUNT = 60


def graph() -> Dag:
    inside = Dag(
        name="tower", nodes=(node("a", "input"), node("b", "head")), edges=(edge("a", "b"),), parameters=3, layers=1
    )
    nodes = (node("text", "input"), node(ODD, "layer"), node("tower", "model"), node("age", "head"))
    edges = (edge("text", ODD), edge(ODD, "tower"), edge("tower", "age"))
    return Dag(name=ODD, nodes=nodes, edges=edges, parameters=1_234, layers=3, models={"tower": inside})


def node(name: str, kind: Any) -> Node:
    return Node(id=name, kind=kind, name=name, type="Dense", detail=ODD, shapes=((None, 2),))


def edge(source: str, target: str) -> Edge:
    return Edge(source=source, target=target)


def signature(labels: int) -> Signature:
    names = (ODD, *(f"label {number}" for number in range(1, labels)))
    return Signature(
        (Input(name="text", spec=TensorSpec("int32", (None,)), description=ODD, example=ODD),),
        (
            Head(name="age", spec=TensorSpec("float32", (1,)), kind="regression", unit=ODD, description=ODD),
            Head(name="genre", spec=TensorSpec("float32", (labels,)), kind="classes", labels=names),
            Head(name="gender", spec=TensorSpec("float32", (1,)), kind="binary", labels=("no", ODD)),
            Head(name="free", spec=TensorSpec("float32", (2, 2))),
        ),
    )


def report(labels: int = 12, epochs: int = 3) -> Report:
    random = np.random.default_rng([labels, epochs])
    truth = {"age": random.uniform(20, 60, COUNT), "genre": random.integers(-1, labels, COUNT),
             "gender": random.integers(0, 2, (COUNT, 1)), "free": np.zeros((COUNT, 2, 2))}  # fmt: skip
    answers = {"age": random.uniform(20, 60, (COUNT, 1)), "genre": random.uniform(0, 1, (COUNT, labels)),
               "gender": random.uniform(0, 1, (COUNT, 1)), "free": np.zeros((COUNT, 2, 2))}  # fmt: skip
    curve = np.linspace(2.0, 1.0, epochs).tolist()
    names = ("loss", "age_loss", "age_mae", "genre_loss", "genre_accuracy", "gender_loss")
    return Report(
        title=ODD, description=ODD, signature=signature(labels),
        metrics={"age/mean_absolute_error": 2.5, "age/mean_absolute_error/baseline": 5.0, "genre/accuracy": 0.25,
                 "genre/accuracy/baseline": 0.5, f"genre/accuracy/group={ODD}": 0.125, "gender/accuracy": float("nan")},
        history={f"{when}{name}": curve for name in names for when in ("", "val_")} if epochs else {},
        truth=truth, answers=answers, loss_weights={"age": 0.5, "genre": 1.0, "gender": 10.0},
        training={"preset": "quick", "seed": 7, "data": ODD, "examples": 6_000, "held_out": COUNT, "seconds": 38.4},
        frameworks={"keras": "3.15.1"}, problems=[f"{ODD}:{number}: why" for number in range(130)], graph=graph(),
    )  # fmt: skip


class Reader(HTMLParser):
    """Tags that are open, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "new" / "report"
    write_report(folder, report())
    return folder


def test_every_curve_and_every_head_has_a_plot(written: Path) -> None:
    assert {path.name for path in written.iterdir()} == {
        "index.html", "not-used.txt", "graph.png", "loss.png", "age-loss.png", "age-mae.png", "age-scatter.png",
        "genre-loss.png", "genre-accuracy.png", "genre-confusion.png", "gender-loss.png", "gender-confusion.png",
        "gender-probabilities.png",
    }  # fmt: skip


def test_plots_are_valid_pictures_with_something_on_them(written: Path) -> None:
    for path in written.glob("*.png"):
        with Image.open(path) as image:
            image.load()
            assert image.format == "PNG"
            assert min(image.size) >= 100
            assert len(image.convert("L").getcolors() or []) > 5


def test_the_page_holds_every_plot_and_needs_nothing_else(written: Path) -> None:
    page = (written / "index.html").read_text(encoding="utf-8")
    reader = Reader(page)
    sources = [value for _, name, value in reader.attributes if name == "src"]
    held = {base64.b64decode(each.removeprefix("data:image/png;base64,")) for each in sources}

    assert held == {path.read_bytes() for path in written.glob("*.png") if path.name != "graph.png"}
    assert reader.open == []
    links = {value for _, name, value in reader.attributes if name == "href"}
    assert {each for each in links if not each.startswith("#")} == {"graph.png", "not-used.txt"}
    places = {value for _, name, value in reader.attributes if name == "id"}
    assert {each[1:] for each in links if each.startswith("#")} <= places
    assert not re.search(r"url\((?!#)|@import|https?://", page)


def test_no_text_becomes_markup(written: Path) -> None:
    page = (written / "index.html").read_text(encoding="utf-8")
    reader = Reader(page)

    assert "script" not in {tag for tag, _, _ in reader.attributes}
    assert "<script" not in page
    assert "<script>alert('x')</script> & \"$x^$\" \u4e16" in reader.text
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", page)


def test_what_was_learnt_is_said(written: Path) -> None:
    text = " ".join(Reader((written / "index.html").read_text(encoding="utf-8")).text.split())

    for said in ("2.50", "naive 5.00", "✓ −50 %", "✗ −0.250", "nan", "1,234 parameters", "6,000 examples", "0.125",
                 "Inside tower: 1 layers", "3.15.1", "38.4", "130 rows, with the reason", "30 more are"):  # fmt: skip
        assert said in text, said


def test_all_rows_that_were_not_used_are_in_the_file(written: Path) -> None:
    assert (written / "not-used.txt").read_text(encoding="utf-8").count(": why\n") == 130


@pytest.mark.parametrize("labels", [2, 40, 1_000])
def test_any_number_of_labels_gives_a_matrix_of_a_sensible_size(tmp_path: Path, labels: int) -> None:
    only = replace(report(labels), history={}, problems=())
    write_report(tmp_path, only)

    with Image.open(tmp_path / "genre-confusion.png") as image:
        assert max(image.size) <= 1_800


def test_without_history_or_problems_the_page_says_so_and_is_whole(tmp_path: Path) -> None:
    write_report(tmp_path, replace(report(epochs=0), problems=(), metrics={}))
    reader = Reader((tmp_path / "index.html").read_text(encoding="utf-8"))

    assert "There is no history" in reader.text
    assert "not used" not in reader.text
    assert not (tmp_path / "not-used.txt").exists()


def hostile(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: np.full_like(value, np.nan, dtype=float) for name, value in values.items()}


def test_one_epoch_and_answers_that_are_no_numbers_are_drawn_all_the_same(tmp_path: Path) -> None:
    broken = replace(report(epochs=1), history={"loss": [float("nan")], "val_loss": [float("inf")], "age_mae": [1.0]})
    write_report(tmp_path, replace(broken, answers={**hostile(broken.answers), "genre": broken.answers["genre"]}))

    with Image.open(io.BytesIO((tmp_path / "age-scatter.png").read_bytes())) as image:
        image.load()


def test_names_that_no_file_can_have_do_not_collide(tmp_path: Path) -> None:
    heads = tuple(
        Head(name=name, spec=TensorSpec("float32", (1,)), kind="regression") for name in ("a/b", "a b", "../a")
    )
    numbers = {head.name: np.arange(5.0) for head in heads}
    odd = replace(report(), signature=Signature(signature(2).inputs, heads), truth=numbers, answers=numbers)
    write_report(tmp_path, replace(odd, history={}, metrics={}))

    assert {path.name for path in tmp_path.glob("*scatter*")} == {
        "a_b-scatter.png", "a_b-scatter-2.png", "a-scatter.png",
    }  # fmt: skip


def test_a_photo_is_shown_as_an_example(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "PNG")
    photo = base64.b64encode(file.getvalue()).decode()
    shown = Signature((Input(name="photo", spec=TensorSpec("float32", (8, 8, 3)), example=photo),), signature(2).heads)
    write_report(tmp_path, replace(report(2, epochs=0), signature=shown))

    assert f'src="data:image/png;base64,{photo}"' in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_matplotlib_and_keras_are_not_loaded_before_a_report_is_written() -> None:
    code = (
        "import sys, training.report, training.report.dag; print(sorted({'matplotlib', 'keras'} & sys.modules.keys()))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.strip() == "[]"
