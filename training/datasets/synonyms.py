"""What the invented sentences of `paraphrases` are made of, each concept in two ways to say it. Knows no grammar."""

from __future__ import annotations

PEOPLE = (
    ("the doctor", "the physician"), ("the teacher", "the instructor"), ("the lawyer", "the attorney"),
    ("the boy", "the lad"), ("the child", "the kid"), ("the policeman", "the cop"), ("the actor", "the performer"),
    ("the writer", "the author"), ("the sailor", "the mariner"), ("the boss", "the chief"),
    ("the thief", "the robber"), ("the king", "the monarch"),
)  # fmt: skip
TO_PEOPLE = (
    (("help", "helped", "helped"), ("assist", "assisted", "assisted")),
    (("call", "called", "called"), ("phone", "phoned", "phoned")),
    (("see", "saw", "seen"), ("notice", "noticed", "noticed")),
    (("meet", "met", "met"), ("encounter", "encountered", "encountered")),
    (("fool", "fooled", "fooled"), ("trick", "tricked", "tricked")),
    (("thank", "thanked", "thanked"), ("praise", "praised", "praised")),
    (("follow", "followed", "followed"), ("chase", "chased", "chased")),
    (("scare", "scared", "scared"), ("frighten", "frightened", "frightened")),
)
"""Each action in two words, each word as infinitive, past and participle."""
TO_THINGS = (
    (("buy", "bought", "bought"), ("purchase", "purchased", "purchased")),
    (("fix", "fixed", "fixed"), ("repair", "repaired", "repaired")),
    (("find", "found", "found"), ("discover", "discovered", "discovered")),
    (("clean", "cleaned", "cleaned"), ("wash", "washed", "washed")),
    (("break", "broke", "broken"), ("smash", "smashed", "smashed")),
    (("hide", "hid", "hidden"), ("conceal", "concealed", "concealed")),
    (("build", "built", "built"), ("construct", "constructed", "constructed")),
    (("lose", "lost", "lost"), ("misplace", "misplaced", "misplaced")),
)
THINGS = (
    ("cars", "automobiles"), ("bikes", "bicycles"), ("sofas", "couches"), ("rocks", "stones"), ("boats", "ships"),
    ("gifts", "presents"), ("cups", "mugs"), ("photos", "pictures"), ("phones", "telephones"), ("coats", "jackets"),
)  # fmt: skip
COUNTS = (
    ("two", "a pair of"), ("three", "3"), ("four", "4"), ("twelve", "a dozen"), ("hundreds of", "countless"),
    ("a few", "some"),
)  # fmt: skip
PLACES = (
    ("in the shop", "in the store"), ("in the woods", "in the forest"), ("by the sea", "at the shore"),
    ("in the hospital", "in the clinic"), ("at home", "in the house"), ("on the street", "on the road"),
    ("at the airport", "at the terminal"), ("in the city", "in the town"),
)  # fmt: skip
TIMES = (
    ("at noon", "at midday"), ("at night", "after dark"), ("at dawn", "at sunrise"), ("in autumn", "in fall"),
    ("last year", "a year ago"), ("yesterday", "the day before"),
)  # fmt: skip
