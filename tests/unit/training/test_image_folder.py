"""Photos by class from folders and archives: splits, shares, and a reason for every file that is not used."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures

from models.photo import Image, ImageEncoder
from models.signature import TensorSpec
from training.datasets.image_folder import Photos, read
from training.recipes.garment import RECIPE

ENCODER = ImageEncoder(Image(), TensorSpec("float32", (8, 8, 3)))
GREYS = {"train": 40, "validation": 120, "test": 200}


def picture(grey: int, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Pictures.fromarray(np.full((12, 12, 3), grey, np.uint8)).save(file, kind)
    return file.getvalue()


def fill(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def pack(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def split_files(splits: Iterable[str], each: int = 2) -> dict[str, bytes]:
    return {
        f"{split}/{label}/{number}.png": picture(GREYS[split])
        for split in splits
        for label in ("hat", "dress")
        for number in range(each)
    }


def greys(photos: Photos, split: str) -> set[int]:
    return {int(each.pixels[0, 0, 0]) for each in photos.by_split[split]}


def test_splits_are_kept_apart(tmp_path: Path) -> None:
    photos = read(fill(tmp_path, split_files(GREYS)), ENCODER, seed=0)

    assert photos.labels() == ("dress", "hat")
    assert (greys(photos, "train"), greys(photos, "held_out")) == ({40}, {120})
    assert (len(photos.by_split["train"]), photos.judged_by, photos.problems) == (4, "its validation split", [])
    columns = photos.columns("held_out")
    np.testing.assert_array_equal(columns.targets["label"], [[1, 0], [1, 0], [0, 1], [0, 1]])
    assert np.asarray(columns.inputs["photo"]).shape == (4, 8, 8, 3)


def test_the_test_split_judges_when_asked_or_alone(tmp_path: Path) -> None:
    fill(tmp_path, split_files(GREYS))

    assert greys(read(tmp_path, ENCODER, 0, judge="test"), "held_out") == {200}
    assert greys(read(tmp_path, ENCODER, 0, judge="test"), "train") == {40}

    alone = fill(tmp_path / "alone", split_files(["train", "test"]))
    assert greys(read(alone, ENCODER, 0), "held_out") == {200}
    assert read(alone, ENCODER, 0).judged_by == "its test split"


def test_archives_are_read_like_folders_and_together_with_them(tmp_path: Path) -> None:
    pack(tmp_path / "clothes.zip", {f"clothes/{name}": data for name, data in split_files(["train"]).items()})
    pack(tmp_path / "more.ZIP", split_files(["validation"]) | {"__MACOSX/validation/hat/._0.png": b"?"})
    fill(tmp_path, {"train/coat/1.jpg": picture(40, "JPEG"), "LICENSE.txt": b"free", ".DS_Store": b"?"})

    photos = read(tmp_path, ENCODER, 0)

    assert photos.labels() == ("coat", "dress", "hat")
    assert (len(photos.by_split["train"]), len(photos.by_split["held_out"]), photos.problems) == (5, 4, [])


@pytest.mark.parametrize("name", ["{}.zip", "clothes-{}2.ZIP"])
def test_an_archive_can_be_named_after_its_split(name: str, tmp_path: Path) -> None:
    for split in ("train", "test"):
        pack(tmp_path / name.format(split), {
            file.removeprefix(f"{split}/"): data for file, data in split_files([split]).items()
        })  # fmt: skip

    photos = read(tmp_path, ENCODER, 0)

    assert (greys(photos, "train"), greys(photos, "held_out")) == ({40}, {200})
    assert (photos.judged_by, photos.problems) == ("its test split", [])


def test_the_folders_of_an_archive_say_more_than_its_name(tmp_path: Path) -> None:
    pack(tmp_path / "train.zip", split_files(["train", "validation"]))
    pack(tmp_path / "train_validation.zip", split_files(["train", "validation"]))

    photos = read(tmp_path, ENCODER, 0)

    assert (greys(photos, "train"), greys(photos, "held_out"), photos.problems) == ({40}, {120}, [])


def test_what_lies_deeper_than_a_class_or_in_two_splits_is_told(tmp_path: Path) -> None:
    fill(tmp_path, split_files(["train", "test"]))
    deeper = ["train/hat/batch0/1.png", "test/hat/batch1/1.png", "hat/batch0/1.png", "train/test/hat/1.png",
              "hat/train/1.png"]  # fmt: skip
    fill(tmp_path, {name: picture(9) for name in deeper})

    photos = read(tmp_path, ENCODER, 0)

    assert dict(each.removeprefix(f"{tmp_path}/").split(":1: ", 1) for each in photos.problems) == {
        "train/hat/batch0/1.png": "expected a photo in CLASS or SPLIT/CLASS, got one in hat/batch0",
        "test/hat/batch1/1.png": "expected a photo in CLASS or SPLIT/CLASS, got one in hat/batch1",
        "hat/batch0/1.png": "expected a photo in CLASS or SPLIT/CLASS, got one in hat/batch0",
        "train/test/hat/1.png": "expected a photo of one split, got one of train and test",
        "hat/train/1.png": "expected a photo in a folder that names its class, got one outside of any",
    }
    assert (photos.labels(), greys(photos, "train"), greys(photos, "held_out")) == (("dress", "hat"), {40}, {200})


def test_a_class_whose_name_is_not_utf_8_is_told_and_the_file_of_such_a_name_used(tmp_path: Path) -> None:
    fill(tmp_path, split_files(["train", "validation"]))
    fill(tmp_path, {f"train/{os.fsdecode(b'caf' + bytes([0xE9]))}/1.png": picture(9),
                    f"train/hat/{os.fsdecode(bytes([0xE9]))}.png": picture(40)})  # fmt: skip

    photos = read(tmp_path, ENCODER, 0)

    assert photos.problems == [
        f"{tmp_path}/train/caf\\udce9/1.png:1: expected a class whose name is UTF-8, got caf\\udce9"
    ]
    assert photos.labels() == ("dress", "hat")
    assert [each.name for each in photos.by_split["train"]][-1] == f"{tmp_path}/train/hat/\\udce9.png:1"


def test_without_splits_a_share_of_each_class_is_held_out(tmp_path: Path) -> None:
    sizes = {"dress": 10, "hat": 3, "coat": 1}
    names = [f"{label}/{number}.webp" for label, size in sizes.items() for number in range(size)]
    fill(tmp_path, {name: picture(place * 9, "WebP") for place, name in enumerate(names)})

    one, again, other = (read(tmp_path, ENCODER, seed) for seed in (0, 0, 1))

    assert one.judged_by == "20% of each class"
    held = [each.label for each in one.by_split["held_out"]]
    assert {label: held.count(label) for label in sizes} == {"dress": 2, "hat": 1, "coat": 0}
    assert not greys(one, "held_out") & greys(one, "train")
    assert greys(one, "held_out") == greys(again, "held_out") != greys(other, "held_out")


def test_a_training_split_alone_is_parted_too(tmp_path: Path) -> None:
    photos = read(fill(tmp_path, split_files(["train"], each=5)), ENCODER, 0)

    assert (len(photos.by_split["train"]), len(photos.by_split["held_out"])) == (8, 2)


def test_every_file_that_is_not_used_is_named_with_the_reason(tmp_path: Path) -> None:
    fill(tmp_path, split_files(["train", "validation"]))
    fill(tmp_path, {
        "train/hat/empty.png": b"",
        "train/hat/cut.jpg": picture(9, "JPEG")[:200],
        "train/hat/notes.txt": b"see the photos",
        "train/hat/moving.gif": b"GIF89a",
        "train/loose.png": picture(9),
        "loose.png": picture(9),
        "validation/cape/1.png": picture(9),
        "hat/1.png": picture(9),
    })  # fmt: skip
    pack(tmp_path / "a.zip", {"train/hat/page.png": b"<html>"})
    (tmp_path / "b.zip").write_bytes(b"PK, or so it says")

    photos = read(tmp_path, ENCODER, 0)

    told = {name.removeprefix(f"{tmp_path}/"): why for name, why in (each.split(": ", 1) for each in photos.problems)}
    assert told == {
        "a.zip:train/hat/page.png": "expected a PNG, JPEG or WebP photo, got HTML or XML",
        "b.zip:1": "File is not a zip file",
        "validation/cape/1.png:1": "no photo of this class to train on",
        "loose.png:1": "expected a photo in a folder that names its class, got one outside of any",
        "train/hat/cut.jpg:1": "expected a PNG, JPEG or WebP photo, got a truncated JPEG",
        "train/hat/empty.png:1": "expected a PNG, JPEG or WebP photo, got an empty file",
        "train/hat/moving.gif:1": "expected a file that ends in .jpeg, .jpg, .png, .webp, got another",
        "train/hat/notes.txt:1": "expected a file that ends in .jpeg, .jpg, .png, .webp, got another",
        "train/loose.png:1": "expected a photo in a folder that names its class, got one outside of any",
        "hat/1.png:1": "outside of any split, where others have one",
    }
    assert (greys(photos, "train"), greys(photos, "held_out")) == ({40}, {120})


def test_damaged_members_of_an_archive_are_named(tmp_path: Path) -> None:
    fill(tmp_path, split_files(["train", "validation"]))
    path = tmp_path / "c.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("train/hat/good.png", picture(40))
        archive.writestr("train/hat/wrong.png", picture(77))
    content = bytearray(path.read_bytes())
    start = content.index(picture(77))
    content[start + 20] ^= 255
    path.write_bytes(content)

    photos = read(tmp_path, ENCODER, 0)

    assert photos.problems == [f"{path}:train/hat/wrong.png: Bad CRC-32 for file 'train/hat/wrong.png'"]
    assert len(photos.by_split["train"]) == 5


@pytest.mark.parametrize(
    "files",
    [{}, {"readme.txt": b"?"}, {"test/hat/1.png": picture(9)}, {"hat/1.png": picture(9)}, {"train/hat/1.png": b"?"}],
    ids=["nothing", "no photos", "only a test split", "only one photo", "only what cannot be used"],
)
def test_a_folder_without_enough_is_refused(files: dict[str, bytes], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no photos by class to train on, or none to judge by"):
        read(fill(tmp_path, files), ENCODER, 0)


def test_the_recipe_takes_labels_goals_and_problems_from_the_folder(tmp_path: Path) -> None:
    fill(tmp_path, split_files(["train", "validation"]) | {"train/hat/bad.png": b"?"})

    data = RECIPE.load(RECIPE.presets["smoke"], 0, tmp_path)

    assert data.signature.heads[0].labels == ("dress", "hat")
    assert (len(data.train), len(data.held_out)) == (4, 4)
    assert data.source == f"photos of {tmp_path.name}, judged by its validation split"
    assert data.goals is not None
    assert [each.partition(": ")[0] for each in data.problems] == [f"{tmp_path / 'train/hat/bad.png'}:1"]


def test_what_is_named_like_a_photo_and_is_no_file_is_told(tmp_path: Path) -> None:
    folder = fill(tmp_path, split_files(("train", "validation")))
    (folder / "train" / "hat" / "gone.jpg").symlink_to(tmp_path / "nowhere")
    (folder / "train" / "hat" / "folder.png").mkdir()

    found = read(folder, ENCODER, 0)

    said = sorted(problem.rsplit("/", 1)[1] for problem in found.problems)
    assert said == ["folder.png:1: not a file", "gone.jpg:1: a link to nothing"]
    assert len(found.by_split["train"]) == 4
