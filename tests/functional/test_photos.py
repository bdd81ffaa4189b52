"""Photos, records and text together over HTTP: answers, refusals by name, and a service that goes on beside them."""

import asyncio
import base64
import io
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from PIL import Image as Pillow
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel

from models.preprocessing import Choice, Image, ImageEncoder, Preprocessing, Quantity, Record, Text
from models.resizing import Pixels
from models.signature import Head, Input, Padding, Signature, TensorSpec
from service.api.decoding import PHOTOS_AT_ONCE
from service.app import running
from tests.functional.conftest import Manifold, until, write_version

pytestmark = pytest.mark.anyio


def file(kind: str = "PNG", size: tuple[int, int] = (40, 30)) -> bytes:
    written = io.BytesIO()
    Pillow.new("RGB", size, (200, 30, 60)).save(written, kind, **({"lossless": True} if kind == "WEBP" else {}))
    return written.getvalue()


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


PREPROCESSING: dict[str, Preprocessing] = {
    "metadata": Record((Choice("condition", ("new", "good", "worn")), Quantity("age_months", 0, 240, unit="months"))),
    "description": Text("words.json", 3, 20, 500),
    "photo": Image(),
}
SIGNATURE = Signature(
    inputs=(
        Input(name="metadata", spec=TensorSpec("float32", (4,)), example={"condition": "good", "age_months": 18}),
        Input(name="description", spec=TensorSpec("int32", (None,)), example="wool coat", padding=Padding("pad")),
        Input(name="photo", spec=TensorSpec("float32", (16, 16, 3)), example=text(file())),
    ),
    heads=(
        Head(name="price", spec=TensorSpec("float32", (1,)), kind="regression", unit="EUR"),
        Head(name="similarity", spec=TensorSpec("float32", (1,)), kind="regression"),
    ),
)
GOOD: dict[str, Any] = {each.name: each.example for each in SIGNATURE.inputs}


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Manifold]:
    """One model, `coats`, that takes a photo, a record and a text."""
    words = Tokenizer(WordLevel({"[PAD]": 0, "[UNK]": 1, "wool": 2}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    write_version(tmp_path, "coats", SIGNATURE, PREPROCESSING, {"words.json": words})
    made = Manifold(tmp_path)
    with anyio.fail_after(60):
        async with running(made.parts), made.client:
            await made.ready()
            yield made
    assert made.parts.admission.in_flight == 0


async def test_a_photo_a_record_and_a_text_are_answered(shop: Manifold) -> None:
    reply = await shop.predict({"inputs": GOOD}, "coats")
    assert reply.status_code == 200
    outputs = reply.json()["outputs"]
    assert outputs["price"] == {"value": outputs["price"]["value"], "unit": "EUR"}
    assert list(outputs["similarity"]) == ["value"]
    for same in ([[[200, 30, 60]] * 40] * 30, f"data:image/png;base64,{GOOD['photo']}", text(file("WEBP"))):
        again = await shop.predict({"inputs": GOOD | {"photo": same}}, "coats")
        assert again.json()["outputs"]["price"]["value"] == pytest.approx(outputs["price"]["value"], abs=0.05)


async def test_the_example_that_a_model_tells_works(shop: Manifold) -> None:
    told = (await shop.client.get("/models/coats")).json()
    assert [each["kind"] for each in told["inputs"]] == ["record", "text", "image"]
    assert told["inputs"][2]["resized_to"] == {"height": 16, "width": 16, "fit": "crop"}
    assert [each["name"] for each in told["inputs"][0]["fields"]] == ["condition", "age_months"]
    assert (await shop.predict(told["example"], "coats")).status_code == 200


PNG = file()
BAD: dict[str, tuple[Any, str]] = {
    "empty": ("", "empty text"),
    "name": ("coat.jpg", "text that is not base64 at character 4"),
    "gif": (text(file("GIF")), "a GIF"),
    "tiff": (text(file("TIFF")), "a TIFF"),
    "svg": (text(b'<svg xmlns="http://www.w3.org/2000/svg"/>'), "an SVG"),
    "garbage": (text(bytes(range(256))), "bytes of no such file"),
    "truncated": (text(file("JPEG", (300, 300))[:-40]), "a truncated JPEG"),
    "damaged": (text(PNG[:40] + b"\xff\xff" + PNG[42:]), "a damaged PNG"),
    "huge": (text(PNG[:16] + (20_000).to_bytes(4, "big") * 2 + PNG[24:]), "a damaged PNG"),
    "grey": ([[1, 2], [3, 4]], "the number 1 at [0][0]"),
    "bright": ([[[1, 2, 300]]], "the number 300 at [0][0][2]"),
    "nothing": (None, "null"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_photo_is_refused_by_input_and_row(shop: Manifold, name: str) -> None:
    photo, got = BAD[name]
    body = {"instances": [GOOD, GOOD | {"photo": photo}, GOOD]}
    replies = await asyncio.gather(
        shop.predict(body, "coats"), shop.predict({"inputs": GOOD}, "coats"), shop.client.get("/healthz")
    )
    assert [reply.status_code for reply in replies] == [422, 200, 200]
    (problem,) = replies[0].json()["error"]["problems"]
    assert (problem["input"], problem["row"]) == ("photo", 1)
    assert "photo" in problem["expected"] or "pixels" in problem["expected"]
    assert got in problem["got"]
    assert [rows for rows, _ in shop.fake.batches] == [1]


async def test_a_picture_too_large_is_refused_by_its_header(shop: Manifold) -> None:
    written = io.BytesIO()
    Pillow.new("1", (20_000, 20_000)).save(written, "PNG")
    reply = await shop.predict({"inputs": GOOD | {"photo": text(written.getvalue())}}, "coats")
    assert reply.status_code == 422
    message = reply.json()["error"]["message"]
    assert message == "input 'photo': expected a photo of at most 50,000,000 pixels, got 20,000 × 20,000"


async def test_a_record_is_refused_by_its_field(shop: Manifold) -> None:
    wrong = GOOD | {"metadata": {"condition": "brandnew", "age_months": True}}
    reply = await shop.predict({"inputs": wrong}, "coats")
    assert reply.status_code == 422
    problems = reply.json()["error"]["problems"]
    assert [(each["input"], each["expected"], each["got"]) for each in problems] == [
        ("metadata", "'condition' one of new, good, worn", "text 'brandnew'"),
        ("metadata", "'age_months' a number from 0 to 240 months", "true"),
    ]


async def test_the_document_has_the_types(shop: Manifold) -> None:
    schemas = (await shop.client.get("/openapi.json")).json()["components"]["schemas"]
    photo = str(schemas["CoatsInputs"]["properties"]["photo"])
    assert "'contentEncoding': 'base64'" in photo
    assert "'maximum': 255" in photo
    record = schemas["CoatsMetadataRecord"]["properties"]
    assert record["condition"]["enum"] == ["new", "good", "worn"]
    assert (record["age_months"]["maximum"], record["age_months"]["unit"]) == (240, "months")
    assert "unit" not in schemas["CoatsSimilarityValue"]["properties"]


class Held:
    """Photos, none small, that are not decoded before the gate is open; `begun` are the threads of `photos`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gate = threading.Event()
        self.begun: list[str] = []
        self.photos: list[object] = []
        decode = ImageEncoder.pixels

        def held(encoder: ImageEncoder, value: object) -> Pixels:
            self.photos.append(value if isinstance(value, str) else "pixels")
            self.begun.append(threading.current_thread().name)
            self.gate.wait()
            return decode(encoder, value)

        monkeypatch.setattr(ImageEncoder, "pixels", held)
        monkeypatch.setattr(ImageEncoder, "encode_small", lambda encoder, value: None)


async def test_a_shared_photo_is_decoded_once(shop: Manifold, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    held.gate.set()
    own = {name: value for name, value in GOOD.items() if name != "photo"}
    reply = await shop.predict({"instances": [own] * 5, "shared": {"photo": GOOD["photo"]}}, "coats")
    assert len(reply.json()["predictions"]) == 5
    assert len(held.begun) == 1


async def test_photos_are_decoded_beside_the_event_loop(shop: Manifold, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    asked = [asyncio.create_task(shop.predict({"inputs": GOOD}, "coats")) for _ in range(PHOTOS_AT_ONCE + 3)]
    await until(lambda: len(held.begun) == PHOTOS_AT_ONCE and shop.parts.admission.in_flight == len(asked))
    assert (await shop.client.get("/healthz")).status_code == 200
    assert len(held.begun) == PHOTOS_AT_ONCE
    held.gate.set()
    assert [reply.status_code for reply in await asyncio.gather(*asked)] == [200] * len(asked)
    assert {name.rsplit("_", 1)[0] for name in held.begun} == {"photos"}


async def test_one_photo_is_answered_between_those_of_two_large_requests(
    shop: Manifold, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch)
    pixels = [[[200, 30, 60]] * 8] * 8
    large = [asyncio.create_task(shop.predict({"instances": [GOOD | {"photo": photo}] * 150}, "coats"))
             for photo in (GOOD["photo"], pixels)]  # fmt: skip
    await until(lambda: shop.parts.admission.in_flight == 2 and len(held.begun) >= min(2, PHOTOS_AT_ONCE))
    mine = text(file("WEBP"))
    one = asyncio.create_task(shop.predict({"inputs": GOOD | {"photo": mine}}, "coats"))
    await until(lambda: shop.parts.admission.in_flight == 3)
    held.gate.set()
    assert (await one).status_code == 200
    assert held.photos.index(mine) <= 2, "after one of each, and not after three hundred"
    assert [len(reply.json()["predictions"]) for reply in await asyncio.gather(*large)] == [150, 150]
    assert len(held.photos) == 301


async def test_photos_that_nobody_waits_for_are_not_decoded(shop: Manifold, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    many = {"instances": [GOOD] * 4}
    asked = [asyncio.create_task(shop.predict(many, "coats", **{"X-Request-Timeout": "0.2"}))
             for _ in range(PHOTOS_AT_ONCE + 2)]  # fmt: skip
    replies = await asyncio.gather(*asked)
    assert [reply.json()["error"]["code"] for reply in replies] == ["deadline_exceeded"] * len(asked)
    begun = len(held.begun)
    assert begun == PHOTOS_AT_ONCE
    held.gate.set()
    assert (await shop.predict({"inputs": GOOD}, "coats")).status_code == 200
    assert len(held.begun) == begun + 1


async def test_every_photo_that_is_wrong_is_told(shop: Manifold) -> None:
    damaged = GOOD | {"photo": text(file()[:-40])}
    reply = await shop.predict({"instances": [damaged, GOOD, GOOD | {"photo": text(b"GIF89a")}]}, "coats")
    assert reply.status_code == 422
    assert [(each["input"], each["row"]) for each in reply.json()["error"]["problems"]] == [("photo", 0), ("photo", 2)]
    many = await shop.predict({"instances": [damaged] * 50}, "coats")
    assert len(many.json()["error"]["problems"]) == 20, "as many as are told of anything else"
