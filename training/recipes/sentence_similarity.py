"""How similar two sentences are, from 0 (unrelated) to 1 (the same in other words) (section 7.1.5).

    python -m training sentence_similarity

Cost: 60 seconds of processor time, start included, so 35 to 60 on 2 cores; smoke 12 seconds, full 6 minutes. The
pairs are invented (training/datasets/paraphrases.py): meanings of up to six components, each said in one of many ways,
with synonyms, active or passive, in another order, negated, or with the roles swapped. The truth is the share of
components in common. Words in common do not tell it: their share among all words of a pair has a correlation of .54
with the truth. Held out, with seed 0:

    training/results/sentence_similarity-quick.json    model   naive
    similarity/mean_absolute_error                     .0440    .269
    similarity/pearson                                 .986    .000

Such a model knows the 167 words of its invented world; of sentences in other words it says something in the middle.
For real sentences:

    python -m training sentence_similarity --data FOLDER --option word_vectors=FILE

reads STS-B, SICK, Quora's question pairs, or files with the columns left, right and similarity
(training/datasets/sentence_pairs.py), and word vectors as GloVe has them, in text or as npz. The vectors stay as they
are, so that words count which training never saw: the artifact knows all that have one. 42 seconds of processor time
for the 5,749 pairs of STS-B. On its validation part, with 50 numbers a word:

    training/results/sentence_similarity-quick-stsb.json    model   naive
    similarity/mean_absolute_error                          .152    .268
    similarity/pearson                                      .810    .000

STS-B: Cer et al. 2017, "SemEval-2017 Task 1", scores CC BY-SA 4.0; GloVe: Pennington et al. 2014, PDDL 1.0.

The chapter's own graph is not symmetric and cannot compare: `python -m training.experiments symmetry sharing`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, pre_tokenizers

from models.preprocessing import Text
from models.signature import Head, Input, Padding, Signature, TensorSpec
from training import word_vectors
from training.datasets import paraphrases, sentence_pairs
from training.datasets.sentence_pairs import MAX_CHARACTERS, Pair
from training.recipe import Data, Goal, Option, Preset, Recipe, Split
from training.text import tokenizer_of
from training.word_vectors import WordVectors

TOKENIZER = "words.tokenizer.json"
MAX_TOKENS = MAX_CHARACTERS
SYNTHETIC = "synthetic paraphrases"
UNKNOWN = 1
FORGETFUL = 0.15
"""Share of the pairs of a training batch in which words are forgotten."""
HELD_OUT_SEED = 1_000_003
EXAMPLES = (
    ("The doctor bought three cars yesterday.", "Yesterday, 3 automobiles were purchased by the physician."),
    ("The teacher called the lawyer in the shop.", "The lawyer called the teacher in the shop."),
    ("A man is playing a guitar.", "Two dogs run through a field."),
    ("hello", "hello"),
)
REAL_GOALS = (Goal("similarity", "mean_absolute_error", margin=0.02), Goal("similarity", "pearson", margin=0.4))


def load(preset: Preset, seed: int, folder: Path | None) -> Data:
    if folder is None:
        train = paraphrases.generate(preset.examples, seed)
        held_out = paraphrases.generate(preset.held_out, HELD_OUT_SEED + seed, apart_from=train)
        return described(train, held_out, preset, SYNTHETIC)
    found = sentence_pairs.read(folder, seed)
    source = f"sentence pairs of {folder.resolve().name}"
    if file := str(preset.options["word_vectors"]):
        source += f", word vectors of {Path(file).name}"
    return described(found.train, found.held_out, preset, source, found.problems, REAL_GOALS)


def described(
    train: Sequence[Pair],
    held_out: Sequence[Pair],
    preset: Preset,
    source: str,
    problems: Sequence[str] = (),
    goals: Sequence[Goal] | None = None,
) -> Data:
    texts = [text for each in train for text in (each.left, each.right)]
    tokenizer = vocabulary(texts, vectors_of(preset, texts))
    text = Text(
        tokenizer=TOKENIZER,
        vocabulary_size=tokenizer.get_vocab_size(),
        max_tokens=MAX_TOKENS,
        max_characters=MAX_CHARACTERS,
    )
    return Data(
        train=columns(train),
        held_out=columns(held_out, by_kind=True),
        signature=signature(),
        preprocessing={"left": text, "right": text},
        tokenizers={TOKENIZER: tokenizer},
        golden=[{"left": left, "right": right} for left, right in EXAMPLES],
        source=source,
        goals=goals,
        problems=problems,
    )


def forgetful(inputs: dict[str, NDArray[Any]], random: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Of some pairs any share of the words is made unknown: callers have words that training never saw."""
    rows = len(inputs["left"])
    shares = np.where(random.random(rows) < FORGETFUL, random.random(rows), 0.0)[:, None]
    return {
        side: np.where((ids > UNKNOWN) & (random.random(ids.shape) < shares), UNKNOWN, ids).astype(ids.dtype)
        for side, ids in inputs.items()
    }


def columns(pairs: Sequence[Pair], by_kind: bool = False) -> Split:
    kinds = [each.kind for each in pairs]
    return Split(
        inputs={"left": [each.left for each in pairs], "right": [each.right for each in pairs]},
        targets={"similarity": np.array([each.similarity for each in pairs], np.float32)},
        groups={"kind": kinds} if by_kind and all(kinds) else {},
    )


def signature() -> Signature:
    left, right = EXAMPLES[0]
    ragged = TensorSpec("int32", (None,))
    return Signature(
        (
            Input(name="left", spec=ragged, example=left, padding=Padding("pad"), description="A sentence."),
            Input(name="right", spec=ragged, example=right, padding=Padding("pad"),
                  description="Another one. Which of the two is left makes no difference."),
        ),
        (
            Head(name="similarity", spec=TensorSpec("float32", (1,)), kind="regression",
                 description="From 0, unrelated, to 1, the same in the same or other words."),
        ),
    )  # fmt: skip


def vectors_of(preset: Preset, train: Iterable[str]) -> WordVectors | None:
    """Those of the file that the option names, if it names one."""
    file = str(preset.options["word_vectors"])
    return word_vectors.read(Path(file), set(counted(train))) if file else None


def vocabulary(train: Iterable[str], known: WordVectors | None) -> Tokenizer:
    """All words of the training sentences, and those that have a vector: serving meets words that training did not."""
    frequent = sorted((counts := counted(train)), key=lambda word: (-counts[word], word))
    others = (word for word in known.words if counted([word]) == {word: 1}) if known else ()
    tokenizer = tokenizer_of(dict.fromkeys([*frequent, *others]))
    tokenizer.pre_tokenizer = splitter()
    return tokenizer


def splitter() -> Any:
    """Runs of letters and digits, and every other mark by itself."""
    return pre_tokenizers.Split(Regex(r"\w+|[^\w\s]"), "removed", invert=True)


def counted(texts: Iterable[str]) -> Counter[str]:
    """In how many of the texts each word stands."""
    plain, split = tokenizer_of([]).normalizer, splitter()
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update({word for word, _ in split.pre_tokenize_str(plain.normalize_str(text))})
    return counts


def build(data: Data, preset: Preset) -> Any:
    from models.zoo import sentence_similarity

    texts = [str(text) for column in data.train.inputs.values() for text in column]
    words = data.tokenizers[TOKENIZER].get_vocab()
    known = vectors_of(preset, texts)
    options: dict[str, Any] = {name: preset.options[name] for name in ("projection", "hidden")}
    if data.source != SYNTHETIC:  # of invented pairs there are enough
        options |= {name: preset.options[name] for name in ("word_dropout", "dropout")}
    width = known.width if known else int(preset.options["width"])
    model = sentence_similarity.build(vocabulary=len(words), width=width, frozen=known is not None, **options)
    model.get_layer("importance").set_weights([importance(texts, words)])
    if known is not None:
        model.get_layer("words").set_weights([word_vectors.matrix(known, words)])
    return model


def importance(texts: Sequence[str], words: Mapping[str, int]) -> NDArray[np.float32]:
    """What each word weighs at the start, as a logarithm: rare words say more, by their inverse frequency."""
    counts = counted(texts)
    rarity = np.zeros((len(words), 1), np.float32)
    for word, number in words.items():
        rarity[number] = np.log(np.log(1 + len(texts) / (1 + counts[word])))
    return rarity


def optimizer(preset: Preset, steps: int) -> Any:
    import keras

    rate = keras.optimizers.schedules.CosineDecay(float(preset.options["learning_rate"]), steps)
    return keras.optimizers.AdamW(rate, weight_decay=float(preset.options["weight_decay"]), clipnorm=1.0)


def preset(epochs: int, examples: int, held_out: int) -> Preset:
    options: dict[str, Option] = {
        "word_vectors": "", "width": 48, "projection": 64, "hidden": 32,
        "word_dropout": 0.1, "dropout": 0.4, "learning_rate": 0.004, "weight_decay": 0.001,
    }  # fmt: skip
    return Preset(epochs=epochs, batch_size=64, examples=examples, held_out=held_out, options=options)


RECIPE = Recipe(
    name="sentence_similarity",
    description="Says how similar two sentences are, from 0 to 1, the same whichever comes first.",
    presets={
        "smoke": preset(epochs=1, examples=128, held_out=64),
        "quick": preset(epochs=8, examples=14_000, held_out=2_000),
        "full": preset(epochs=20, examples=30_000, held_out=4_000),
    },
    load=load,
    build=build,
    optimizer=optimizer,
    losses={"similarity": "mse"},
    loss_weights={"similarity": 1.0},
    metrics={"similarity": ["mae"]},
    goals=(Goal("similarity", "mean_absolute_error", margin=0.17), Goal("similarity", "pearson", margin=0.9)),
    augment=forgetful,
    length_step=4,
)
