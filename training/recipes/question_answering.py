"""One word in answer to a question about a small-world story (section 7.1.2).

    python -m training question_answering

Cost: 90 seconds of processor time, start and export included, so 60 to 90 seconds on 2 cores; smoke 10 seconds.
`full` sees seven times the examples of `quick`, in the same proportion of time.

Expected with `quick` on 3,000 held-out stories, none of which was trained on; seeds 1 and 2 give the same:

    training/results/question_answering-quick.json   model   naive
    answer/accuracy                                  1.000    .201

So for each kind (one fact, two facts, yes or no, counting, negation) and each length (2 to 20 sentences). The
chapter's two LSTMs, trained on the same stories for as many epochs (`python -m
training.recipes.question_answering_chapter`, three minutes of processor time for both):

    one fact  two facts  yes/no  counting  negation | 2–5 sentences  6–10  11–15  16–20 | all
    .43       .40        .49     .48       .52      | .56            .46   .42    .43   | .46

Two facts are learnt at once, after three epochs or so: a training that ends before that stays at .7 to .8 on them.
A text of more than 32 sentences is answered from its last 32.

    python -m training question_answering --data FOLDER

reads bAbI task files (`qa1_…_train.txt`, and `_test.txt` where there is one; else a tenth of the stories is held out)
and trains one model on all one-word tasks together, with dropout and a third hop. It prints a table by task beside
published figures and exports nothing. Expected with `quick` on the 18 tasks of 1,000 questions: a mean of 89 %, where
an LSTM for each task has 51.7 % and the two-branch network of the Keras examples 59.4 %; six minutes of processor
time, so three to four on two free cores. Weak: qa14 (77 %), qa17 (69 %), qa15 (52 %), qa16 (49 %).
bAbI: Weston et al. 2015, "Towards AI-Complete Question Answering", CC BY 3.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

from models.preprocessing import Text
from models.signature import Head, Input, Padding, Signature, TensorSpec
from training.datasets import stories
from training.datasets.stories import Example
from training.recipe import Data, Goal, Option, Preset, Recipe, Split
from training.text import tokenizer_of

TOKENIZER = "words.tokenizer.json"
PERIOD = "."
LENGTHS = ((2, 5), (6, 10), (11, 15), (16, 20))
SENTENCES = 32
EXAMPLES = (
    ("Mary went to the kitchen. John moved to the garden.", "Where is Mary?"),
    ("Daniel went to the office. Daniel took the milk. Daniel travelled to the park.", "Where is the milk?"),
    ("Sandra is no longer in the school", "is sandra in the school"),
    ("John is in the park. John got the apple. John picked up the milk.", "How many objects is John carrying?"),
    ("hello", "hello"),
)


def load(preset: Preset, seed: int, folder: Path | None) -> Data:
    """Invented stories. A folder is read by `benchmark`, not here."""
    split = stories.generate(seed, preset.examples, preset.held_out)
    groups = {"kind": [each.kind for each in split.held_out], "sentences": [length(each) for each in split.held_out]}
    return tokenized(split.train, split.held_out, groups, "synthetic stories")


def length(example: Example) -> str:
    """The example's range of story lengths, written so that the ranges sort."""
    return next(f"{low:02}-{high:02}" for low, high in LENGTHS if example.sentences <= high)


def tokenized(
    train: Sequence[Example], held_out: Sequence[Example], groups: Mapping[str, Sequence[str]], source: str
) -> Data:
    """Both parts with one tokenizer and one choice of answers, those of the training part."""
    labels = tuple(sorted({each.answer for each in train}))
    tokenizer = words(each for example in train for each in (example.text, example.question))
    return Data(
        train=columns(train, labels, {}),
        held_out=columns(held_out, labels, groups),
        signature=signature(labels),
        preprocessing={"text": text(tokenizer, max_tokens=4_000), "question": text(tokenizer, max_tokens=200)},
        tokenizers={TOKENIZER: tokenizer},
        golden=[{"text": story, "question": question} for story, question in EXAMPLES],
        source=source,
    )


def columns(examples: Sequence[Example], labels: Sequence[str], groups: Mapping[str, Sequence[str]]) -> Split:
    """An answer that training never saw is no label: -1, which no prediction equals."""
    number = {label: place for place, label in enumerate(labels)}
    return Split(
        inputs={"text": [each.text for each in examples], "question": [each.question for each in examples]},
        targets={"answer": np.array([number.get(each.answer, -1) for each in examples], np.int32)},
        groups=groups,
    )


def words(texts: Iterable[str]) -> Tokenizer:
    """All words of these texts. The period has the id that the graph expects; whatever ends a sentence becomes one."""
    plain = tokenizer_of([])
    ends = normalizers.Replace(Regex(r"[!?;\n]"), " . ")
    normalizer = normalizers.Sequence([plain.normalizer, ends])
    splitter = pre_tokenizers.Sequence([plain.pre_tokenizer, pre_tokenizers.Punctuation("isolated")])
    found: set[str] = set()
    for each in {part for whole in texts for part in whole.split(PERIOD)}:
        found.update(word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(each)))
    tokenizer = tokenizer_of([PERIOD, *sorted(found - {PERIOD})])
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    return tokenizer


def text(tokenizer: Tokenizer, max_tokens: int) -> Text:
    size = tokenizer.get_vocab_size()
    return Text(tokenizer=TOKENIZER, vocabulary_size=size, max_tokens=max_tokens, max_characters=10 * max_tokens)


def signature(labels: tuple[str, ...]) -> Signature:
    story, question = EXAMPLES[0]
    ragged = TensorSpec("int32", (None,))
    return Signature(
        (
            Input(name="text", spec=ragged, example=story, padding=Padding("pad"),
                  description=f"A story in short sentences, of which the last {SENTENCES} are read."),
            Input(name="question", spec=ragged, example=question, padding=Padding("pad"),
                  description="A question that the story answers in one word."),
        ),
        (
            Head(name="answer", spec=TensorSpec("float32", (len(labels),)), kind="classes", labels=labels,
                 description="The one word that answers the question."),
        ),
    )  # fmt: skip


def build(data: Data, preset: Preset) -> Any:
    from models.zoo import question_answering

    vocabulary, answers = data.preprocessing["text"], len(data.signature.head("answer").labels)
    assert isinstance(vocabulary, Text)
    sizes = {"vocabulary": vocabulary.vocabulary_size, "answers": answers}
    if preset.options["variant"] == "chapter":
        return question_answering.build("chapter", **sizes)
    own = {name: preset.options[name] for name in ("hops", "sentences", "dropout")}
    return question_answering.build("default", **sizes, **own)


def optimizer(preset: Preset, steps: int) -> Any:
    """Adam with a short warm-up and a cosine down to nothing."""
    import keras

    peak, rising = float(preset.options["learning_rate"]), min(200, steps // 5)
    rate = keras.optimizers.schedules.CosineDecay(peak / 10, steps - rising, warmup_target=peak, warmup_steps=rising)
    return keras.optimizers.AdamW(rate, weight_decay=float(preset.options["weight_decay"]), clipnorm=1.0)


def preset(epochs: int, examples: int, held_out: int, **options: Option) -> Preset:
    own: dict[str, Option] = {
        "variant": "default", "hops": 2, "sentences": SENTENCES, "dropout": 0.0,
        "learning_rate": 0.003, "weight_decay": 0.0,
    }  # fmt: skip
    return Preset(epochs=epochs, batch_size=64, examples=examples, held_out=held_out, options=own | options)


def benchmark(folder: Path, preset: Preset, seed: int) -> None:
    from training.recipes import question_answering_babi

    question_answering_babi.benchmark(folder, preset, seed)


RECIPE = Recipe(
    name="question_answering",
    description="Answers a question about a short story with one word.",
    presets={
        "smoke": preset(epochs=1, examples=320, held_out=100, babi_epochs=1),
        "quick": preset(epochs=7, examples=30_000, held_out=3_000, babi_epochs=20),
        "full": preset(epochs=12, examples=100_000, held_out=10_000, babi_epochs=60),
    },
    load=load,
    build=build,
    optimizer=optimizer,
    losses={"answer": "sparse_categorical_crossentropy"},
    loss_weights={"answer": 1.0},
    metrics={"answer": ["accuracy"]},
    goals=(Goal("answer", "accuracy", margin=0.5),),
    length_step=32,
    on_data=benchmark,
)
