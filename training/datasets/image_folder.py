"""Reads photos by class from a folder: FOLDER/SPLIT/CLASS/FILE or FOLDER/CLASS/FILE, or the same within its .zip files.

The folder right above a file names its class, the one above that its split, if it is one of SPLITS; else the archive's
name does (train.zip, clothes_test.zip). What lies deeper than a class could be of either folder's and is not used.
Archives are read where they are. A file that cannot be used is reported with its name and the reason, and the rest goes
on. Knows no model.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from models.photo import ImageEncoder
from models.resizing import Pixels
from models.values import InvalidValue
from training.recipe import Split

ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".webp"})
SPLITS = {"train": "train", "training": "train", "validation": "validation", "valid": "validation", "val": "validation",
          "dev": "validation", "test": "test", "testing": "test"}  # fmt: skip
HELD_OUT_SHARE = 0.2
MAX_BYTES = 100_000_000
"""Of one file, as its archive declares it."""
NOT_READABLE = (OSError, ValueError, RuntimeError, NotImplementedError, EOFError, zipfile.BadZipFile, zlib.error)
"""What zipfile raises for a broken, an encrypted or a strangely packed member, and open() for a file."""


@dataclass(frozen=True)
class File:
    """Something within the folder, not yet read."""

    name: str
    """For people: the path, or `archive.zip:member`."""
    parts: tuple[str, ...]
    """The path within the folder or the archive."""
    read: Callable[[], bytes]
    archive_split: str = ""
    """What the archive's name says."""

    @property
    def splits(self) -> list[str]:
        """Of the folders above, the outermost first."""
        return [SPLITS[each.lower()] for each in self.parts[:-1] if each.lower() in SPLITS]

    @property
    def split(self) -> str:
        """`train`, `validation`, `test`, or empty."""
        return self.splits[-1] if self.splits else self.archive_split

    @property
    def folders(self) -> tuple[str, ...]:
        """Those below the split: the class, if the layout is one that we know."""
        above = self.parts[:-1]
        return above[max((place for place, each in enumerate(above, 1) if each.lower() in SPLITS), default=0) :]

    @property
    def label(self) -> str:
        """The class, or empty."""
        return self.folders[-1] if self.folders else ""


class Photo(NamedTuple):
    """A file that can be used."""

    pixels: Pixels
    label: str
    name: str


@dataclass
class Photos:
    """Usable photos by split; those without a split are under ``""`` until they are settled."""

    by_split: dict[str, list[Photo]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    judged_by: str = ""
    """Where the held-out photos come from, in words."""

    def labels(self) -> tuple[str, ...]:
        """The classes of the training photos, in alphabetical order."""
        return tuple(sorted({each.label for each in self.by_split["train"]}))

    def columns(self, split: str) -> Split:
        """Photos and one-hot classes of `train` or `held_out`."""
        chosen, labels = self.by_split[split], self.labels()
        places = [labels.index(each.label) for each in chosen]
        return Split(
            inputs={"photo": [each.pixels for each in chosen]},
            targets={"label": np.eye(len(labels), dtype=np.float32)[places]},
        )


def read(folder: Path, encoder: ImageEncoder, seed: int, judge: str = "") -> Photos:
    """The splits `train` and `held_out`: the photos in the encoder's size.

    `judge` names the split that is held out. Empty, it is the validation split, else the test split, else a share of
    each class of the training photos, drawn by seed. Raises ValueError when there is nothing to train on or judge by.
    """
    photos = Photos()
    for file in files(folder, photos.problems):
        try:
            pixels = encoder.pixels(content(file))
        except NOT_READABLE as error:
            photos.problems.append(f"{file.name}: {error}")
        else:
            photos.by_split.setdefault(file.split, []).append(Photo(pixels, file.label, file.name))
    settle(photos, np.random.default_rng([seed, 714]), judge)
    if not photos.by_split["train"] or not photos.by_split["held_out"]:
        said = "".join(f"\n{problem}" for problem in photos.problems[:10])
        raise ValueError(f"{folder}: no photos by class to train on, or none to judge by{said}")
    return photos


def content(file: File) -> bytes:
    """Raises InvalidValue or one of NOT_READABLE for what is no photo of a class."""
    if len(set(file.splits)) > 1:
        raise InvalidValue("a photo of one split", f"one of {' and '.join(file.splits)}")
    if not file.label:
        raise InvalidValue("a photo in a folder that names its class", "one outside of any")
    if len(file.folders) > 1:
        raise InvalidValue("a photo in CLASS or SPLIT/CLASS", f"one in {printable('/'.join(file.folders))}")
    if printable(file.label) != file.label:
        raise InvalidValue("a class whose name is UTF-8", printable(file.label))
    if PurePosixPath(file.parts[-1]).suffix.lower() not in ENDINGS:
        raise InvalidValue(f"a file that ends in {', '.join(sorted(ENDINGS))}", "another")
    return file.read()


def settle(photos: Photos, random: np.random.Generator, judge: str) -> None:
    """Turns the splits found into `train` and `held_out`; classes must have been seen in training."""
    found = photos.by_split
    train = found.pop("train", []) or found.pop("", [])
    judge = judge or next((name for name in ("validation", "test") if name in found), "")
    if judge:
        held_out, photos.judged_by = found.pop(judge, []), f"its {judge} split"
    else:
        train, held_out = parted(train, random)
        photos.judged_by = f"{HELD_OUT_SHARE:.0%} of each class"
    known = {each.label for each in train}
    unknown = [f"{each.name}: no photo of this class to train on" for each in held_out if each.label not in known]
    outside = [f"{each.name}: outside of any split, where others have one" for each in found.get("", [])]
    photos.problems += unknown + outside
    photos.by_split = {"train": train, "held_out": [each for each in held_out if each.label in known]}


def parted(photos: list[Photo], random: np.random.Generator) -> tuple[list[Photo], list[Photo]]:
    """Without and with the share of each class that is held out: at least one, but never the last."""
    held: set[int] = set()
    for label in sorted({each.label for each in photos}):
        places = [place for place, each in enumerate(photos) if each.label == label]
        count = min(max(1, round(len(places) * HELD_OUT_SHARE)), len(places) - 1)
        held |= set(random.permutation(places)[:count].tolist())
    rest = [each for place, each in enumerate(photos) if place not in held]
    return rest, [photos[place] for place in sorted(held)]


def files(folder: Path, problems: list[str]) -> Iterator[File]:
    """What lies in folders within the folder and its archives, in order. Hidden things, and those beside the classes
    that do not look like photos (a licence, a table), are none of ours."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if not path.is_file():
            if path.suffix.lower() in ENDINGS and is_ours(parts):
                problems.append(printable(f"{path}:1: {'a link to nothing' if path.is_symlink() else 'not a file'}"))
        elif path.suffix.lower() == ".zip" and len(parts) == 1:
            yield from members(path, problems)
        elif is_ours(parts):
            yield File(printable(f"{path}:1"), parts, path.read_bytes)


def members(path: Path, problems: list[str]) -> Iterator[File]:
    """The files of one archive, which stays open for as long as they are asked for."""
    try:
        archive = zipfile.ZipFile(path)
    except NOT_READABLE as error:
        problems.append(printable(f"{path}:1: {error}"))
        return
    split = archive_split(path.stem)
    with archive:
        for each in sorted(archive.infolist(), key=lambda info: info.filename):
            parts = PurePosixPath(each.filename).parts
            if not each.is_dir() and is_ours(parts):
                yield File(printable(f"{path}:{each.filename}"), parts, partial(member, archive, each), split)


def archive_split(stem: str) -> str:
    """The one split that the words of an archive's name tell; empty if they tell none, or several."""
    told = {SPLITS[word] for word in re.split(r"[^a-z]+", stem.lower()) if word in SPLITS}
    return told.pop() if len(told) == 1 else ""


def printable(name: str) -> str:
    """The name with escapes for what is not UTF-8."""
    return name.encode(errors="backslashreplace").decode()


def member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Raises one of NOT_READABLE."""
    if info.file_size > MAX_BYTES:
        raise ValueError(f"{info.file_size:,} bytes, at most {MAX_BYTES:,} are read")
    return archive.read(info)


def is_ours(parts: tuple[str, ...]) -> bool:
    if not parts or any(part.startswith((".", "__MACOSX")) for part in parts):
        return False
    return len(parts) > 1 or PurePosixPath(parts[-1]).suffix.lower() in ENDINGS
