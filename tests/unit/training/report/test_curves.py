"""Which of Keras's names are one curve of one head, and what part of the loss a head was."""

from __future__ import annotations

from training.report.curves import Curve, curves_of, shares
from training.report.figures import curve_figure
from training.report.png import as_png, drawing


def test_training_and_validation_of_each_head_belong_together() -> None:
    history = {"age_mae": [4.0, 2.0], "loss": [9.0, 5.0], "val_loss": [8.0, 6.0], "age_loss": [7.0, 3.0],
               "val_age_mae": [3.0, 2.5], "learning_rate": [0.1, 0.1]}  # fmt: skip

    assert curves_of(history, ["age", "gender"]) == [
        Curve("", "loss", (9.0, 5.0), (8.0, 6.0)),
        Curve("age", "loss", (7.0, 3.0), ()),
        Curve("age", "mae", (4.0, 2.0), (3.0, 2.5)),
    ]


def test_of_one_head_keras_leaves_the_name_out() -> None:
    assert curves_of({"loss": [1.0], "accuracy": [0.5]}, ["answer"]) == [
        Curve("", "loss", (1.0,), ()),
        Curve("answer", "accuracy", (0.5,), ()),
    ]


def test_the_longer_of_two_heads_with_the_same_beginning_is_meant() -> None:
    found = curves_of({"age_group_loss": [1.0], "age_loss": [2.0]}, ["age", "age_group"])

    assert [(each.head, each.name) for each in found] == [("age", "loss"), ("age_group", "loss")]


def test_a_curve_knows_the_held_out_figure_of_the_same_name() -> None:
    assert Curve("age", "mae", (), ()).figure == "age/mean_absolute_error"
    assert Curve("label", "accuracy", (), ()).figure == "label/accuracy"


def test_parts_of_the_weighted_loss() -> None:
    history = {"age_loss": [30.0, 4.0], "gender_loss": [1.0, 0.2]}

    assert shares(history, {"age": 0.1, "gender": 1.0}, 0) == {"age": 0.75, "gender": 0.25}
    assert shares(history, {"age": 0.1, "gender": 1.0}, -1)["gender"] == 0.2 / 0.6000000000000001
    assert shares(history, {"age": 0.1, "other": 1.0}, 0) == {}
    assert shares({"age_loss": [float("nan")]}, {"age": 1.0}, 0) == {}
    assert shares({"age_loss": [0.0]}, {"age": 1.0}, 0) == {}


def test_a_wide_loss_is_drawn_on_a_logarithmic_axis_with_plain_numbers() -> None:
    with drawing():
        figure = curve_figure(Curve("", "loss", (5.0, 0.5, 0.0004), ()), None, {})
        (axes,) = figure.axes
        as_png(figure)
        said = [label.get_text() for label in axes.get_yticklabels(which="both")]

    assert axes.get_yscale() == "log"
    assert "0.01" in said
    assert not [each for each in said if "$" in each]
