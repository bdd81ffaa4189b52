"""How sellers of invented clothes describe them: what each phrase is worth, and sentences around it.

Every fact can be read off the words: what is not mentioned (no flaw, neither dear nor cheap) is not there.
"""

from __future__ import annotations

import numpy as np

MATERIALS = {
    "cashmere": 1.7, "silk": 1.5, "wool": 1.3, "linen": 1.2, "denim": 1.05, "cotton": 1.0, "viscose": 0.85,
    "polyester": 0.7, "acrylic": 0.6,
}  # fmt: skip
USES = {"never": 1.3, "twice": 1.15, "now and then": 1.0, "all the time": 0.8}
FLAWS = {
    "": 1.0, "a loose seam": 0.9, "a missing button": 0.8, "a broken zip": 0.65, "a smell of mothballs": 0.7,
    "a hole in the lining": 0.75,
}  # fmt: skip
PAID = {"dear": 1.3, "": 1.0, "cheap": 0.8}

OPENINGS = (
    "Selling my {}.", "Lovely {} for sale.", "Clearing out my wardrobe, so this {} has to go.", "For sale.",
    "Looking for a new home.", "I hardly have space left.", "Up for sale: {}.", "Hi!",
)  # fmt: skip
OF_MATERIAL = ("Pure {}.", "It is made of {}.", "The label says {}.", "Soft {}, feels good on the skin.", "{}.")
OF_USE = {
    "never": ("Never worn.", "I have never worn it.", "Unworn, it only hung in the wardrobe."),
    "twice": ("Worn twice.", "Only worn twice, at weddings.", "I wore it twice at most."),
    "now and then": ("Worn now and then.", "I wore it now and then.", "Worn a few times."),
    "all the time": ("Worn all the time.", "My favourite, I wore it all the time.", "It was worn a lot."),
}
OF_FLAW = ("There is {}.", "It has {}, see for yourself.", "To be honest: {}.", "Only {} keeps it from being perfect.")
OF_PAID = {
    "dear": ("It cost a fortune.", "It was really expensive when new.", "I paid far too much for it."),
    "": ("",),
    "cheap": ("It was a bargain.", "It came from the sale.", "I did not pay much for it."),
}
CHATTER = (
    "From a smoke-free home.", "We have a cat.", "Happy to send more photos.", "Postage is extra.",
    "No returns, sorry.", "Collection in person is fine too.", "Please ask before you buy.",
    "Have a look at my other items!", "It does not fit me any more.", "First come, first served.",
)  # fmt: skip


def description(random: np.random.Generator, category: str, material: str, use: str, flaw: str, paid: str) -> str:
    """A few sentences, in any order but the first."""

    def pick(phrases: tuple[str, ...]) -> str:
        return phrases[int(random.integers(len(phrases)))]

    sentences = [pick(OF_MATERIAL).format(material), pick(OF_USE[use]), pick(OF_PAID[paid])]
    if flaw:
        sentences.append(pick(OF_FLAW).format(flaw))
    sentences += [pick(CHATTER) for _ in range(random.integers(3))]
    shuffled = [sentences[place] for place in random.permutation(len(sentences))]
    opening = pick(OPENINGS).format(category) if random.random() < 0.8 else ""
    return " ".join(sentence[0].upper() + sentence[1:] for sentence in [opening, *shuffled] if sentence)
