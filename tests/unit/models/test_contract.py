"""What callers would notice, line by line, and whose contract a version has to keep."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from models.contract import Contract, broken, differences, to_keep
from models.preprocessing import Choice, Image, Numbers, Quantity, Record, Text
from models.signature import Head, Input, Missing, Padding, Signature, TensorSpec

PHOTO = Input(name="photo", spec=TensorSpec("float32", (8, 8, 3)))
NOTE = Input(name="note", spec=TensorSpec("int32", (None,)), missing=Missing("default", "nothing"))
AGE = Head(name="age", spec=TensorSpec("float32", (1,)), kind="regression", unit="years")
ROOM = Head(name="room", spec=TensorSpec("float32", (2,)), kind="classes", labels=("kitchen", "garden"))
OLD = Signature((PHOTO, NOTE), (AGE, ROOM))


def changed(item: Any, **fields: Any) -> Any:
    return msgspec.structs.replace(item, **fields)


def lines(new: Signature, old: Signature = OLD) -> list[str]:
    return [str(each) for each in differences(old, new)]


def with_head(head: Head) -> Signature:
    return Signature(OLD.inputs, tuple(head if each.name == head.name else each for each in OLD.heads))


def with_input(given: Input) -> Signature:
    return Signature(tuple(given if each.name == given.name else each for each in OLD.inputs), OLD.heads)


@pytest.mark.parametrize(
    ("new", "line"),
    [
        (Signature((PHOTO,), OLD.heads), "input 'note': is gone"),
        (Signature(OLD.inputs, (ROOM,)), "head 'age': is gone"),
        (
            Signature(OLD.inputs, (changed(AGE, name="years"), ROOM)),
            "head 'age': is gone (was it renamed to 'years'?)",
        ),
        (
            with_input(changed(PHOTO, spec=TensorSpec("uint8", (8, 8, 3)))),
            "input 'photo': dtype was 'float32', is 'uint8'",
        ),
        (
            with_input(changed(PHOTO, spec=TensorSpec("float32", (8, None, 3)))),
            "input 'photo': shape was [8, 8, 3], is [8, any, 3]",
        ),
        (with_head(changed(AGE, spec=TensorSpec("float64", (1,)))), "head 'age': dtype was 'float32', is 'float64'"),
        (with_head(changed(AGE, spec=TensorSpec("float32", ()))), "head 'age': shape was [1], is []"),
        (with_head(changed(AGE, kind="tensor")), "head 'age': kind was 'regression', is 'tensor'"),
        (with_head(changed(AGE, unit="months")), "head 'age': unit was 'years', is 'months'"),
        (with_head(changed(AGE, unit="")), "head 'age': unit was 'years', is none"),
        (with_head(changed(ROOM, labels=("kitchen", "office"))), "head 'room': labels: 'garden' gone; 'office' new"),
        (
            with_head(changed(ROOM, labels=("garden", "kitchen"))),
            "head 'room': labels are in another order: were 'kitchen', 'garden', are 'garden', 'kitchen'",
        ),
        (with_input(changed(NOTE, missing=Missing())), "input 'note': was optional, is required"),
        (
            Signature((*OLD.inputs, Input(name="size", spec=TensorSpec("float32", (1,)))), OLD.heads),
            "input 'size': is new and required",
        ),
    ],
)
def test_what_a_caller_would_notice_is_one_line(new: Signature, line: str) -> None:
    assert lines(new) == [line]


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        Signature(OLD.inputs, (*OLD.heads, changed(AGE, name="height", unit="cm"))),
        Signature((*OLD.inputs, changed(NOTE, name="more")), OLD.heads),
        Signature(OLD.inputs[::-1], OLD.heads[::-1]),
        with_input(changed(PHOTO, description="any", example=[1.0], padding=Padding("alone"))),
        with_input(changed(PHOTO, missing=Missing("learnt_null", -1))),
        with_input(changed(NOTE, missing=Missing("default", "something else"))),
        with_head(changed(AGE, description="How old.")),
    ],
)
def test_what_no_caller_notices_is_none(new: Signature) -> None:
    assert lines(new) == []


def test_a_renamed_input_is_gone_and_another_is_asked_for() -> None:
    assert lines(Signature((changed(PHOTO, name="image"), NOTE), OLD.heads)) == [
        "input 'photo': is gone (was it renamed to 'image'?)",
        "input 'image': is new and required",
    ]


def test_every_difference_has_its_line() -> None:
    new = Signature((changed(PHOTO, spec=TensorSpec("int32", (8,))),), (changed(AGE, unit="months", kind="tensor"),))
    assert [line.split(":")[0] for line in lines(new)] == [
        "input 'photo'",
        "input 'photo'",
        "input 'note'",
        "head 'age'",
        "head 'age'",
        "head 'room'",
    ]


def test_a_long_list_of_labels_is_cut() -> None:
    was = changed(ROOM, spec=TensorSpec("float32", (30,)), labels=tuple(f"room {n}" for n in range(30)))
    (line,) = lines(with_head(changed(was, labels=tuple(f"place {n}" for n in range(30)))), with_head(was))
    assert "'room 9' and 20 more gone; 'place 0'" in line


TEXT = Text("t.json", 50, 200, 2_000)
FORM = Record((Choice("brand", ("a", "b")), Quantity("age", 0, 10, unit="years")))


def with_form(*fields: Choice | Quantity) -> Contract:
    return Contract(2, OLD, {"photo": Record(fields)})


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        (TEXT, Numbers(), ["input 'photo': kind was 'text', is 'numbers'"]),
        (Image(), Record(FORM.fields), ["input 'photo': kind was 'image', is 'record'"]),
        (TEXT, changed(TEXT, vocabulary_size=9), []),
        (FORM, Record(FORM.fields[:1]), ["input 'photo', field 'age': is gone"]),
        (Record(FORM.fields[:1]), FORM, ["input 'photo', field 'age': is new and required"]),
        (
            FORM,
            Record((Choice("brand", ("b", "c")), FORM.fields[1])),
            ["input 'photo', field 'brand': labels: 'a' gone"],
        ),
        (FORM, Record((Choice("brand", ("b",), open=True), FORM.fields[1])), []),
        (
            Record((Choice("brand", ("a",), open=True),)),
            Record((Choice("brand", ("a", "b")),)),
            ["input 'photo', field 'brand': took any text, takes only its labels"],
        ),
        (
            FORM,
            Record((FORM.fields[0], Quantity("age", 0, 10, unit="months"))),
            ["input 'photo', field 'age': unit was 'years', is 'months'"],
        ),
        (
            FORM,
            Record((FORM.fields[0], Choice("age", ("old", "new")))),
            ["input 'photo', field 'age': type was 'number', is 'choice'"],
        ),
        (FORM, Record((FORM.fields[0], Quantity("age", 0, 5, mean=2, unit="years", description="More."))), []),
    ],
)
def test_what_a_caller_has_to_write_counts_too(was: Any, now: Any, said: list[str]) -> None:
    told = broken(Contract(1, OLD, {"photo": was}), Contract(2, OLD, {"photo": now}))
    assert [str(each) for each in told] == said


YEARS, MONTHS, DAYS = (
    Signature((PHOTO,), (Head(name="age", spec=AGE.spec, unit=unit),)) for unit in ("years", "months", "days")
)
MORE = Signature((PHOTO,), (*YEARS.heads, ROOM))


def version(number: int, signature: Signature, breaking: str = "") -> Contract:
    return Contract(number, signature, breaking=breaking)


def kept(newcomer: Contract, *below: Contract, bad: tuple[int, ...] = ()) -> int | None:
    found = to_keep(newcomer, below, lambda contract: contract.version not in bad)
    return found.version if found is not None else None


def test_the_first_has_nothing_to_keep() -> None:
    assert kept(version(1, YEARS)) is None


def test_the_one_before_is_kept_to() -> None:
    assert kept(version(3, MONTHS), version(1, YEARS), version(2, YEARS)) == 2


def test_one_that_broke_unannounced_sets_no_contract() -> None:
    refused = version(2, MONTHS)
    assert kept(version(3, MONTHS), version(1, YEARS), refused) == 1
    assert kept(version(3, YEARS), version(1, YEARS), refused) == 1


def test_one_that_broke_as_announced_sets_the_contract_from_then_on() -> None:
    below = version(1, YEARS), version(2, MONTHS, "months are finer")
    assert kept(version(3, MONTHS), *below) == 2
    assert kept(version(3, YEARS), *below) == 2
    assert kept(version(4, DAYS), *below, version(3, YEARS)) == 2


def test_what_was_added_has_to_stay() -> None:
    below = version(1, YEARS), version(2, MORE)
    assert kept(version(3, YEARS), *below) == 2
    assert [str(each) for each in broken(below[1], version(3, YEARS))] == ["head 'room': is gone"]


def test_one_that_could_not_answer_decides_nothing() -> None:
    below = version(1, YEARS), version(2, MONTHS, "months are finer")
    assert kept(version(3, MONTHS), *below, bad=(2,)) == 1
    assert kept(version(3, MONTHS), *below, bad=(1,)) == 2
    assert kept(version(2, MONTHS), version(1, YEARS), bad=(1,)) is None
    assert kept(version(3, YEARS), version(1, YEARS), version(2, MORE), bad=(2,)) == 1
    assert kept(version(3, MONTHS), version(1, YEARS), version(2, MONTHS), bad=(1,)) == 2


def test_nobody_is_tried_while_nothing_differs() -> None:
    asked: list[int] = []

    def is_good(contract: Contract) -> bool:
        asked.append(contract.version)
        return True

    below = [version(1, YEARS), version(2, YEARS), version(3, MORE)]
    to_keep(replace(version(4, MORE), breaking="more"), below, is_good)
    assert asked == []
    to_keep(version(4, MONTHS), below, is_good)
    assert asked == [3]
