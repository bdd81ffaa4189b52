"""Invented second-hand clothes: seeded, priced by a documented rule, each factor told by one part of the item."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.datasets import second_hand
from training.datasets.second_hand import COLOUR, MONTHS, NOISE, PATTERN, WORN_OUT, Item, best_error, items
from training.datasets.second_hand_words import FLAWS, MATERIALS, OF_PAID, OF_USE, PAID, USES

PLAIN = Item(
    category="t-shirt", brand="Studio Mira", size="M", age_months=0, material="cotton", use="now and then", flaw="",
    paid="", colour="grey", pattern="checks", wear=0.0, condition="like new", noise=0.0,
)  # fmt: skip


def test_the_seed_gives_the_items() -> None:
    assert items(5, 0) == items(5, 0)
    assert items(5, 0) != items(5, 1)
    one, again, other = (second_hand.columns(items(3, 0), seed, 32) for seed in (0, 0, 1))
    assert one.inputs["description"] == again.inputs["description"]
    first, second, third = (np.asarray(each.inputs["photo"]) for each in (one, again, other))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, third)


def test_the_plain_item_is_worth_its_base() -> None:
    assert PLAIN.price == PLAIN.worth == second_hand.BASE["t-shirt"]


@pytest.mark.parametrize(
    ("changes", "factor"),
    [
        ({"brand": "Nordhavn"}, second_hand.BRANDS["Nordhavn"]),
        ({"size": "XXL"}, second_hand.SIZES["XXL"]),
        ({"age_months": 24}, second_hand.MONTHLY**24),
        ({"material": "silk"}, MATERIALS["silk"]),
        ({"use": "never"}, USES["never"]),
        ({"flaw": "a broken zip"}, FLAWS["a broken zip"]),
        ({"paid": "dear"}, PAID["dear"]),
        ({"colour": "black"}, COLOUR["black"]),
        ({"pattern": "plain"}, PATTERN["plain"]),
        ({"wear": 1.0}, WORN_OUT),
        ({"condition": "well worn"}, 1.0),
        ({"noise": 0.1}, np.exp(0.1)),
        ({"category": "outwear", "colour": "pink", "paid": "cheap"}, 110 / 28 * 0.85 * 0.8),
    ],
)
def test_the_price_is_a_product(changes: dict[str, object], factor: float) -> None:
    changed = replace(PLAIN, **changes)  # type: ignore[arg-type]

    assert changed.price == pytest.approx(PLAIN.price * factor, abs=0.006)


def test_each_part_tells_its_own_factors_only() -> None:
    """What the metadata say depends on nothing of the description and the photo, and so on round."""
    other = replace(PLAIN, material="silk", use="never", flaw="a broken zip", paid="dear", colour="red", pattern="dots")
    assert other.metadata == PLAIN.metadata == {
        "brand": "Studio Mira", "category": "t-shirt", "size": "M", "condition": "like new", "age_months": 0,
    }  # fmt: skip

    other = replace(PLAIN, brand="Pennywise", size="XS", age_months=99, colour="red", pattern="dots", wear=0.9)
    assert words(other) == words(PLAIN)

    other = replace(PLAIN, brand="Pennywise", age_months=99, material="silk", flaw="a broken zip", paid="dear")
    np.testing.assert_array_equal(photo(other), photo(PLAIN))
    for changes in ({"colour": "red"}, {"pattern": "dots"}, {"wear": 0.9}):
        assert not np.array_equal(photo(replace(PLAIN, **changes)), photo(PLAIN))


def test_every_description_tells_material_use_flaw_and_whether_it_was_dear() -> None:
    random = np.random.default_rng(0)
    for each in items(200, 1):
        said = second_hand.words(each, random).lower()
        assert [material for material in MATERIALS if material in said] == [each.material]
        assert [use for use, phrases in OF_USE.items() if any(one.lower() in said for one in phrases)] == [each.use]
        assert [flaw for flaw in FLAWS if flaw and flaw in said] == [each.flaw] * bool(each.flaw)
        paid = [name for name, phrases in OF_PAID.items() if name and any(one.lower() in said for one in phrases)]
        assert paid == [each.paid] * bool(each.paid)


def test_the_noise_is_what_the_best_answer_is_off_by() -> None:
    many = items(5_000, 2)
    noise = np.array([each.noise for each in many])

    assert noise.std() == pytest.approx(NOISE, rel=0.05)
    off = np.mean([abs(each.price - each.worth) / each.worth for each in many])
    assert off == pytest.approx(0.064, abs=0.003)
    assert best_error(many) == pytest.approx(off * np.mean([each.worth for each in many]), rel=0.1)
    assert best_error([replace(each, noise=0.0) for each in many]) < 0.005


def test_condition_follows_wear_not_exactly() -> None:
    many = items(3_000, 3)
    steps = np.array([second_hand.CONDITIONS.index(each.condition) for each in many])
    wear = np.array([each.wear for each in many])

    assert 0.6 < np.corrcoef(steps, wear)[0, 1] < 0.95
    assert {each.age_months for each in many} >= {0, MONTHS}


def test_columns_are_records_texts_photos_and_euros() -> None:
    split = second_hand.columns(items(4, 0), 0, 48)

    assert [np.shape(each) for each in np.asarray(split.inputs["photo"])] == [(48, 48, 3)] * 4
    assert all(isinstance(each, dict) for each in split.inputs["metadata"])
    assert split.targets["price"].tolist() == pytest.approx([each.price for each in items(4, 0)])


def words(each: Item) -> str:
    return second_hand.words(each, np.random.default_rng(5))


def photo(each: Item) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return second_hand.photo(each, np.random.default_rng(6), 48)
