"""What the invented books are made of: what each genre speaks of, and the words that come and go with the years.

Chosen by hand to sound like an era; no count of any real book stands behind them. Knows no random numbers.
"""

from __future__ import annotations

FASHIONS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "devotion": ((1705, 30, 1.0), (1850, 25, 0.25)),
    "travels": ((1745, 35, 0.8), (1880, 25, 0.3)),
    "romance": ((1800, 22, 1.0),),
    "historical": ((1832, 20, 0.9),),
    "domestic": ((1862, 22, 1.0),),
    "detective": ((1902, 16, 1.0),),
    "scientific": ((1912, 14, 0.9),),
}
"""By genre, when it is in fashion: a year, a width in years, and how much. Outside of it, it is rare but not unheard
of: genre and year tell of each other, and neither settles the other."""

SUBJECTS: dict[str, tuple[str, ...]] = {
    "devotion": (
        "the mercy of Providence", "the soul and its salvation", "a sermon upon repentance", "the vanity of the world",
        "the holy scriptures", "the duty of a Christian", "the wages of sin", "a prayer at the bedside",
        "the good minister", "a life to come",
    ),
    "travels": (
        "the savages of the coast", "a long voyage", "the latitude and the soundings", "our provisions of biscuit",
        "the captain and his charts", "a harbour without a name", "the caravan in the desert",
        "the source of the river", "an island of turtles", "the customs of the natives",
    ),
    "romance": (
        "the ruined abbey", "a spectre in the gallery", "the marquis and his secret", "her fainting heart",
        "the midnight bell", "a veil and a dagger", "the dungeon beneath the castle", "an orphan of unknown birth",
        "the storm about the turrets", "the portrait of the dead countess",
    ),
    "historical": (
        "the clansmen and the claymore", "the banner of the king", "a knight upon his charger",
        "the siege of the castle", "the rebellion in the north", "the archers at the ford",
        "a cavalier and his sword", "the abbot", "the outlaw", "the tournament", "the crown and the usurper",
    ),
    "domestic": (
        "the vicar and his tea", "an imprudent engagement", "the mill and its workmen", "her brother's debts",
        "the governess in the schoolroom", "a legacy from an aunt", "the parlour and the needlework",
        "the entail of the estate", "a proposal at the picnic", "the squire's eldest daughter",
    ),
    "detective": (
        "the footprints in the flower bed", "an inspector from the Yard", "the missing necklace",
        "a revolver in a drawer", "the alibi of the butler", "the forged cheque", "a body in the library",
        "the clue of the torn glove", "the stolen plans", "the lodger on the second floor",
    ),
    "scientific": (
        "the ray and its inventor", "a machine in the laboratory", "the canals of Mars", "the engine beneath the sea",
        "a new element", "the men of the future", "the comet and the panic", "the professor's flying apparatus",
        "a race of giants", "the experiment with gravity",
    ),
}  # fmt: skip
SHARED: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"romance", "historical"}), "the old castle by moonlight"),
    (frozenset({"romance", "detective"}), "a secret passage"),
    (frozenset({"romance", "domestic"}), "a letter that was never sent"),
    (frozenset({"travels", "scientific"}), "an unknown shore"),
    (frozenset({"travels", "historical"}), "a march over the mountains"),
    (frozenset({"devotion", "domestic"}), "the sickness of a child"),
    (frozenset({"detective", "scientific"}), "a strange light at the window"),
    (frozenset({"detective", "domestic"}), "the reading of the will"),
    (frozenset({"devotion", "travels"}), "a deliverance from shipwreck"),
)
"""Subjects of two genres each, of which the year may know which is the likelier."""

THINGS: tuple[tuple[float, str], ...] = (
    (1700, "a periwig"), (1705, "the coffee-house"), (1715, "a sedan chair"), (1722, "the South Sea stock"),
    (1735, "a snuff-box"), (1745, "a tallow candle"), (1755, "the turnpike"), (1765, "a powdered wig"),
    (1775, "the post-chaise"), (1785, "an air balloon"), (1793, "the guillotine"), (1800, "a reticule"),
    (1805, "the militia"), (1812, "the mail-coach"), (1820, "a quadrille"), (1828, "the steam-packet"),
    (1835, "a lucifer match"), (1842, "the new railway"), (1848, "a daguerreotype"), (1853, "the crinoline"),
    (1858, "the electric telegraph"), (1865, "a gas-lamp"), (1870, "a hansom cab"), (1876, "a photograph"),
    (1881, "the telephone"), (1887, "a safety bicycle"), (1892, "a typewriter"), (1897, "the phonograph"),
    (1902, "a motor-car"), (1907, "the wireless"), (1911, "an aeroplane"), (1915, "the trenches"),
    (1918, "the cinema"),
)  # fmt: skip

SPELLINGS: tuple[tuple[str, tuple[tuple[float, str], ...]], ...] = (
    ("He {} the letter to nobody.", ((1700, "shew'd"), (1770, "shewed"), (1860, "showed"), (1915, "showed"))),
    ("It had become a {} quarrel.", ((1700, "publick"), (1755, "publick"), (1830, "public"), (1915, "public"))),
    ('"{} done well," said he.', ((1700, "Thou hast"), (1750, "You have"), (1830, "You have"), (1910, "You've"))),
    ('"{} a fine evening," said she.', ((1700, "'Tis"), (1780, "It is"), (1850, "It is"), (1910, "It's"))),
    ("We shall not see him {}.", ((1700, "to day"), (1790, "to-day"), (1860, "to-day"), (1918, "today"))),
    ("{} the fellow is honest.", ((1700, "Methinks"), (1760, "I fancy"), (1840, "I believe"), (1910, "I guess"))),
    ("She {} no fortune of her own.", ((1700, "hath"), (1760, "has"), (1840, "has"), (1915, "has"))),
    ("The wine was {} good.", ((1700, "exceeding"), (1780, "vastly"), (1840, "very"), (1910, "awfully"))),
)  # fmt: skip
"""One thing said in the way of its day: `shew'd` becomes `showed`."""

ABOUT_SUBJECT = (
    "There was much talk of {}.", "He could think of nothing but {}.", "She had not forgotten {}.",
    "I must now relate the matter of {}.", "It began with {}.", "Nobody there would speak of {}.",
    "And so they came to {}.", "We had heard before of {}.",
)  # fmt: skip
ABOUT_THING = (
    "Then somebody spoke of {}.", "He owed everything to {}.", "The whole town had come to see {}.",
    "She laughed at the mention of {}.", "Of {} I had only read.", "They quarrelled about {}.",
)  # fmt: skip
CHATTER = (
    "The rain had not ceased since the morning.", "He took his hat and went out.", "Nothing was said for some time.",
    "She sat down by the fire.", "The dog lay across the threshold.", "It was past midnight when they parted.",
    "The road was long, and the company silent.", "An old man looked up and nodded.", "The bread was stale.",
    "All this happened within a week.", "They shook hands upon it.", "The clock struck four.",
    "His brother was of another opinion.", "A boy was sent for the doctor.", "The window stood open.",
    "I knew him well in those years.",
)  # fmt: skip
