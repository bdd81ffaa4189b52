"""Invented second-hand clothes: a seeded generator of metadata, description, photo, and the price that a rule makes.

Synthetic: brands, sellers and prices are made up. Ground truth: the price in euros is a product of factors, and each
part of an item shows factors that the others do not. Only the metadata tell brand and age (and, for whoever does not
recognise a garment, its category); only the description tells material, how often it was worn, flaws, and whether it
was dear when new; only the photo tells colour and pattern, and how worn it looks. The seller's `condition` is that wear
in four steps, some of them too kind or too harsh. The size is worth nothing, but for the rare ones. On top comes
noise that nothing shows: a normal one of deviation 0.08 on the logarithm, so that an answer that knows the whole rule
is still 6.4% off on average. Knows no tensors and no model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.datasets.garments import KINDS, PATTERNS, render
from training.datasets.second_hand_words import FLAWS, MATERIALS, PAID, USES, description
from training.recipe import Split

NOISE = 0.08
MONTHS = 120
MONTHLY = 0.995
"""What remains of the value each month; without use, that is."""
WORN_OUT = 0.4
"""What a garment that looks as worn as can be is worth, beside one that looks new."""
BASE = dict(zip(KINDS, (70.0, 30.0, 40.0, 110.0, 60.0, 48.0, 90.0, 35.0, 45.0, 28.0), strict=True))
"""Euros for each category, all other factors being 1."""
BRANDS = {
    "Nordhavn": 2.1, "Maison Alba": 1.8, "Casa Lume": 1.6, "Fjordline": 1.4, "Petit Quai": 1.2, "Hartwell": 1.1,
    "Studio Mira": 1.0, "Common Thread": 0.9, "Daywear": 0.8, "Basics & Co": 0.7, "Quickstitch": 0.6, "Pennywise": 0.5,
}  # fmt: skip
SIZES = {"XS": 0.9, "S": 1.0, "M": 1.0, "L": 1.0, "XL": 1.0, "XXL": 0.9}
CONDITIONS = ("like new", "very good", "good", "well worn")
COLOUR = {
    "black": 1.35, "navy": 1.3, "purple": 1.2, "brown": 1.15, "red": 1.1, "blue": 1.1, "green": 1.05, "grey": 1.0,
    "turquoise": 0.95, "orange": 0.9, "pink": 0.85, "beige": 0.85, "white": 0.8, "yellow": 0.75,
}  # fmt: skip
"""Dark colours fetch more."""
PATTERN = {"plain": 1.3, "stripes": 0.9, "checks": 1.0, "dots": 0.85, "flecks": 0.75}


@dataclass(frozen=True)
class Item:
    """The ground truth. Words are keys of the tables above."""

    category: str
    brand: str
    size: str
    age_months: int
    material: str
    use: str
    flaw: str
    paid: str
    colour: str
    pattern: str
    wear: float
    """From 0 (looks new) to 1."""
    condition: str
    """What the seller says of the wear."""
    noise: float

    @property
    def worth(self) -> float:
        """Euros by the rule alone: the best answer there is."""
        told = BASE[self.category] * BRANDS[self.brand] * SIZES[self.size] * MONTHLY**self.age_months
        written = MATERIALS[self.material] * USES[self.use] * FLAWS[self.flaw] * PAID[self.paid]
        seen = COLOUR[self.colour] * PATTERN[self.pattern] * WORN_OUT**self.wear
        return float(told * written * seen)

    @property
    def price(self) -> float:
        """Euros and cents."""
        return round(self.worth * float(np.exp(self.noise)), 2)

    @property
    def metadata(self) -> dict[str, str | int]:
        return {
            "brand": self.brand,
            "category": self.category,
            "size": self.size,
            "condition": self.condition,
            "age_months": self.age_months,
        }


def items(count: int, seed: int) -> list[Item]:
    """That many items; the same seed gives the same ones."""
    random = np.random.default_rng([seed, 71])
    return [item(random) for _ in range(count)]


def item(random: np.random.Generator) -> Item:
    def pick(words: Any) -> str:
        chosen = tuple(words)
        return str(chosen[int(random.integers(len(chosen)))])

    wear = float(random.random())
    said = int(np.clip(4 * wear + random.normal(0.0, 0.8), 0, len(CONDITIONS) - 1))
    return Item(
        category=pick(KINDS),
        brand=pick(BRANDS),
        size=pick(SIZES),
        age_months=int(random.integers(0, MONTHS + 1)),
        material=pick(MATERIALS),
        use=pick(USES),
        flaw=pick(FLAWS) if random.random() < 0.6 else "",
        paid=pick(PAID),
        colour=pick(COLOUR),
        pattern="plain" if random.random() < 0.3 else pick(PATTERNS),
        wear=wear,
        condition=CONDITIONS[said],
        noise=float(random.normal(0.0, NOISE)),
    )


def photo(each: Item, random: np.random.Generator, size: int) -> NDArray[np.uint8]:
    return render(each.category, random, size=size, colour=each.colour, pattern=each.pattern, wear=each.wear)


def columns(offered: list[Item], seed: int, size: int) -> Split:
    """The items as named inputs and a named target; pictures and wording follow from the seed."""
    random = np.random.default_rng([seed, 72])
    return Split(
        inputs={
            "metadata": [each.metadata for each in offered],
            "description": [words(each, random) for each in offered],
            "photo": [photo(each, random, size) for each in offered],
        },
        targets={"price": np.array([each.price for each in offered], np.float32)},
    )


def words(each: Item, random: np.random.Generator) -> str:
    return description(random, each.category, each.material, each.use, each.flaw, each.paid)


def best_error(offered: list[Item]) -> float:
    """The mean absolute error of an answer that knows the rule and everything but the noise."""
    return float(np.mean([abs(each.price - each.worth) for each in offered]))
