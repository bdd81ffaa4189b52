"""Bodies with photos take turns, photo by photo, on few threads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import orjson
import pytest
from numpy.typing import NDArray

from models.photo import ImageEncoder
from models.preprocessing import Encoder, Image, Preprocessing
from models.preprocessing import encoder as encoder_of
from models.signature import Head, Input, Missing, Signature, TensorSpec
from service.api.decoding import LARGE, Decoder
from service.codec.nested_json import Call, ModelCodec
from service.errors import DeadlineExceeded, InvalidInput

pytestmark = pytest.mark.anyio

SIGNATURE = Signature(
    (
        Input(name="photo", spec=TensorSpec("float32", (2, 2, 3)), missing=Missing("learnt_null", -1)),
        Input(name="number", spec=TensorSpec("float32", ())),
    ),
    (Head(name="y", spec=TensorSpec("float32", (1,))),),
)
PREPROCESSING: dict[str, Preprocessing] = {"photo": Image()}
LATER = float("inf")


class Gate(ImageEncoder):
    """An encoder of photos that lets one through for each permit. The photo of caller N is a pixel of N, or text."""

    def __init__(self) -> None:
        self.permits = threading.Semaphore(0)
        self.begun: list[int] = []
        self.threads: set[str] = set()

    def encode(self, value: Any) -> NDArray[np.float32]:
        self.begun.append(int(value[0][0][0]) if isinstance(value, np.ndarray) else int(value[0]))
        self.threads.add(threading.current_thread().name.rsplit("_", 1)[0])
        self.permits.acquire()
        return np.zeros((2, 2, 3), np.float32)

    def encode_small(self, value: Any) -> None:
        """None of them is."""

    def open(self) -> None:
        self.permits.release(10_000)


@pytest.fixture(autouse=True)
async def _in_time() -> AsyncIterator[None]:
    with anyio.fail_after(20):
        yield


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate()

    def encoder(preprocessing: Preprocessing, tensor: TensorSpec, folder: Path) -> Encoder:
        return made if isinstance(preprocessing, Image) else encoder_of(preprocessing, tensor, folder)

    monkeypatch.setattr("service.codec.nested_json.encoder", encoder)
    yield made
    made.open()


@pytest.fixture
def codec(gate: Gate) -> ModelCodec:
    return ModelCodec("m", SIGNATURE, PREPROCESSING, Path())


def body(caller: int, photos: int = 1, *, pixels: bool = True, padding: int = 0) -> bytes:
    """`padding` makes the body larger, by blanks."""
    photo = [[[caller] * 3]] if pixels else str(caller)
    return orjson.dumps({"instances": [{"photo": photo, "number": 1}] * photos}) + b" " * padding


async def until(is_true: Callable[[], bool]) -> None:
    while not is_true():
        await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("pixels", [True, False])
@pytest.mark.parametrize("padding", [0, LARGE])
async def test_one_photo_waits_for_a_step_of_each_and_not_for_three_hundred(
    codec: ModelCodec, gate: Gate, pixels: bool, padding: int
) -> None:
    decoder = Decoder(threads=1)

    def ask(caller: int, photos: int) -> asyncio.Task[Call]:
        return asyncio.create_task(decoder.decode(codec, body(caller, photos, pixels=pixels, padding=padding), LATER))

    many = [ask(0, 150)]
    await until(lambda: decoder.pending == 150)
    many.append(ask(1, 150))
    await until(lambda: decoder.pending == 300)
    one = ask(2, 1)
    await until(lambda: decoder.pending == 301)
    gate.permits.release(3)
    assert len((await one).rows) == 1
    assert gate.begun[:3] == [0, 1, 2]
    assert len(gate.begun) <= 4
    assert decoder.pending == 298
    gate.open()
    assert [len((await each).rows) for each in many] == [150, 150]
    assert gate.begun[3:7] == [0, 1, 0, 1]
    assert gate.threads == {"photos"}
    assert repr(decoder).startswith("<Decoder <PhotoTurns [0 requests, 0 photos")


async def test_as_many_photos_are_decoded_at_once_as_there_are_threads(codec: ModelCodec, gate: Gate) -> None:
    decoder = Decoder(threads=2)
    asked = [asyncio.create_task(decoder.decode(codec, body(caller, 2), LATER)) for caller in range(5)]
    await until(lambda: decoder.pending == 10 and len(gate.begun) == 2)
    gate.open()
    await asyncio.gather(*asked)
    assert sorted(gate.begun) == sorted([*range(5)] * 2)


async def test_who_has_no_photo_stands_in_no_line(codec: ModelCodec, gate: Gate) -> None:
    decoder = Decoder(threads=1)
    slow = asyncio.create_task(decoder.decode(codec, body(0), LATER))
    await until(lambda: bool(gate.begun))
    without = orjson.dumps({"instances": [{"number": 1}] * 100})
    for padding in (0, LARGE):
        call = await decoder.decode(codec, without + b" " * padding, LATER)
        assert call.filled_in[0].rows == list(range(100))
    with pytest.raises(InvalidInput):
        await decoder.decode(codec, b"{}", LATER)
    assert not slow.done()
    gate.open()
    await slow


async def test_who_leaves_is_decoded_no_further(codec: ModelCodec, gate: Gate) -> None:
    decoder = Decoder(threads=1)
    working, waiting = (asyncio.create_task(decoder.decode(codec, body(caller, 150), LATER)) for caller in (0, 1))
    await until(lambda: decoder.pending == 300 and bool(gate.begun))
    working.cancel()
    waiting.cancel()
    await asyncio.gather(working, waiting, return_exceptions=True)
    assert decoder.pending == 0
    gate.open()
    assert len((await decoder.decode(codec, body(2), LATER)).rows) == 1
    assert gate.begun == [0, 2]


async def test_whose_time_passes_is_decoded_no_further(codec: ModelCodec, gate: Gate) -> None:
    decoder = Decoder(threads=1)
    with pytest.raises(DeadlineExceeded):
        await decoder.decode(codec, body(0, 150), time.monotonic() + 0.01)
    assert decoder.pending == 0
    gate.open()
    await decoder.decode(codec, body(1), LATER)
    assert gate.begun in ([0, 1], [1])


async def test_what_is_wrong_frees_the_place_in_line(codec: ModelCodec, gate: Gate) -> None:
    decoder = Decoder(threads=1)
    gate.open()
    with pytest.raises(InvalidInput):
        await decoder.decode(codec, b'{"instances": [{"photo": "0", "number": "1"}]}', LATER)
    assert (decoder.pending, decoder.forecast()) == (0, 0.0)


async def test_the_wait_is_known_once_photos_were_timed(codec: ModelCodec, gate: Gate) -> None:
    decoder = Decoder(threads=1)
    asked = [asyncio.create_task(decoder.decode(codec, body(caller, 2), LATER)) for caller in range(3)]
    await until(lambda: decoder.pending == 6)
    assert decoder.forecast() == 0.0
    gate.permits.release(1)
    await until(lambda: decoder.pending == 5)
    assert decoder.forecast() > 0.0
    gate.open()
    await asyncio.gather(*asked)
    assert decoder.forecast() == 0.0


async def test_only_a_model_that_takes_photos_is_kept_waiting_by_them(codec: ModelCodec) -> None:
    numbers = Signature((Input(name="number", spec=TensorSpec("float32", ())),), SIGNATURE.heads)
    others = ModelCodec("others", numbers, {}, Path())
    decoder = Decoder(threads=2)
    decoder._turns.took(3.0)
    for line, wait in enumerate([0.0, 0.0, 4.5, 6.0, 7.5]):
        assert decoder.waiting_time(codec) == decoder.forecast() == wait, f"behind {line}"
        assert decoder.waiting_time(others) == 0.0
        decoder._turns.wait(line, 9)
    for line in range(5):
        decoder._turns.leave(line)
    assert decoder.waiting_time(codec) == 0.0


@pytest.mark.parametrize("padding", [0, LARGE])
async def test_who_comes_too_late_leaves_nothing(codec: ModelCodec, gate: Gate, padding: int) -> None:
    decoder = Decoder(threads=1)
    with pytest.raises(DeadlineExceeded, match="before it was read"):
        await decoder.decode(codec, body(0, padding=padding), time.monotonic() - 1)
    assert decoder.pending == 0
