"""Labels from a file: one a line, or Keras's index of ImageNet; what cannot be right is refused with the line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.labels import read_labels


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "labels"


@pytest.mark.parametrize("said", ["cat\ndog\n", "cat\r\n dog \n\n", "\ufeffcat\ndog"])
def test_one_label_a_line(file: Path, said: str) -> None:
    file.write_text(said, encoding="utf-8")

    assert read_labels(file) == ("cat", "dog")


def test_the_index_of_imagenet_in_the_order_of_its_numbers(file: Path) -> None:
    index = {"1": ["n01484850", "great_white_shark"], "0": ["n01440764", "tench"]}
    file.write_text(json.dumps(index))

    assert read_labels(file) == ("tench", "great white shark")


def test_two_classes_of_one_name_are_told_apart(file: Path) -> None:
    index = {"0": ["n02012849", "crane"], "1": ["n03126707", "crane"], "2": ["n01440764", "tench"]}
    file.write_text(json.dumps(index))

    assert read_labels(file) == ("crane (n02012849)", "crane (n03126707)", "tench")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("cat\n\ndog", ":2: an empty label"),
        ("cat\ndog\ncat", ":3: 'cat' stands in line 1 already"),
        ("cat", "at least two, not 1"),
        ("", "at least two, not 0"),
        ('{"0": "tench"}', "no class index"),
        ('{"0": ["n01440764", "tench"], "2": ["n01484850", "shark"]}', "no class index"),
        ('{"0": [', "no class index"),
    ],
)
def test_what_cannot_be_labels_is_refused(file: Path, said: str, why: str) -> None:
    file.write_text(said)

    with pytest.raises(ValueError, match=why):
        read_labels(file)


def test_a_file_that_is_not_there_or_no_text_is_refused(file: Path) -> None:
    with pytest.raises(ValueError, match="No such file"):
        read_labels(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="can't decode"):
        read_labels(file)
