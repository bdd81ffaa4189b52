"""What decides without traffic: whether two versions read alike, and what a row keeps in memory."""

from typing import Any

import numpy as np
import pytest

from models.artifact import Manifest
from models.preprocessing import Numbers, Text
from models.signature import Head, Input, Missing, Padding, Signature, TensorSpec
from service.inference import Served
from service.shadow import kept_by, reads_alike

HEAD = Head(name="age", spec=TensorSpec("float32", (1,)))
TEXT = Input(name="text", spec=TensorSpec("int32", (None,)))
TOKENS = Text("tokenizer.json", 50, 20, 200)


def version(
    given: Input = TEXT, preprocessing: Any = TOKENS, digest: str = "a", graph: str = "g", head: Head = HEAD
) -> Served[None]:
    signature = Signature((given,), (head,))
    manifest = Manifest(
        model="m",
        signature=signature,
        preprocessing={"text": preprocessing},
        digests={"tokenizer.json": digest, "model.keras": graph},
    )
    return Served("m", 1, signature, manifest, None, None, None, None)  # type: ignore[arg-type]


def foreign(given: Input = TEXT) -> Served[None]:
    return Served("m", 1, Signature((given,), (HEAD,)), None, None, None, None, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("other", "alike"),
    [
        (version(), True),
        (version(graph="other weights"), True),
        (version(head=Head(name="mood", spec=HEAD.spec)), True),
        (version(Input(name="text", spec=TEXT.spec, example=[1], padding=Padding("pad", 3))), True),
        (version(digest="b"), False),
        (version(preprocessing=Text("tokenizer.json", 50, 10, 200)), False),
        (version(preprocessing=Numbers()), False),
        (version(Input(name="text", spec=TensorSpec("int64", (None,)))), False),
        (version(Input(name="text", spec=TEXT.spec, missing=Missing("default", "hello"))), False),
        (version(Input(name="words", spec=TEXT.spec)), False),
        (foreign(), False),
    ],
)
def test_tensors_are_reused_only_where_both_versions_would_make_the_same(other: Served[None], alike: bool) -> None:
    assert reads_alike(version(), other) is alike
    assert reads_alike(other, version()) is alike
    assert reads_alike(foreign(), foreign())


def test_a_row_keeps_the_batch_it_was_cut_from() -> None:
    batch = np.zeros((100, 8), np.float32)
    assert kept_by([batch[0], batch[1]]) == batch.nbytes
    assert kept_by([batch[0], np.zeros(2, np.float32)]) == batch.nbytes + 8
    assert kept_by([np.frombuffer(b"12345678", np.float32)]) == 8
    assert kept_by([]) == 0
    assert kept_by([np.array([b"x" * 1000], object)]) > 1000
