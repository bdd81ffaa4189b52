"""The native JSON body to rows, and heads back to JSON in the user's terms. Knows no HTTP and no queue."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from models.preprocessing import Image, InvalidValue, Numbers, Preprocessing, encoder
from models.signature import Head, Signature
from models.values import say, shorten
from service.codec.problems import MOST, problems_of
from service.codec.schema import Schema
from service.errors import DeadlineExceeded, InferenceFailed, InvalidInput, Problem

Row = dict[str, NDArray[Any]]
TOP = 5
"""Labels that a `classes` head names."""


def never() -> bool:
    return False


@dataclass(frozen=True)
class Call:
    """A request, ready to run: rows of tensors and the heads wanted, in declared order."""

    rows: Sequence[Row]
    heads: tuple[str, ...]
    raw: bool
    many: bool


class ModelCodec:
    """Reads and writes the native body of one model version."""

    def __init__(
        self,
        model: str,
        signature: Signature,
        preprocessing: Mapping[str, Preprocessing],
        folder: Path,
        max_rows: int = 1024,
    ) -> None:
        """`max_rows` is how many instances one request may have.

        Raises OSError or ValueError when a preprocessing file of the artifact cannot be used.
        """
        self._max_rows = max_rows
        self.takes_photos = any(isinstance(each, Image) for each in preprocessing.values())
        """Whether a small body may be long to decode, and large when it is."""
        self.schema = Schema(model, signature, preprocessing)
        self._signature = signature
        self._encoders = {
            each.name: encoder(preprocessing.get(each.name, Numbers()), each.spec, folder) for each in signature.inputs
        }

    def decode(self, body: bytes, is_abandoned: Callable[[], bool] = never) -> Call:
        """The body as a call. Raises InvalidInput with a problem for everything that does not fit.

        `is_abandoned` is asked before each row: once nobody waits, DeadlineExceeded is raised.
        """
        return self.read(self._parse(body), is_abandoned)

    def read(self, content: Mapping[str, Any], is_abandoned: Callable[[], bool] = never) -> Call:
        """The parsed body as a call. Raises InvalidInput, DeadlineExceeded."""
        shape = self.schema.many if "instances" in content else self.schema.one
        if ("instances" in content) == ("inputs" in content):
            keys = ", ".join(shorten(key) for key in islice(content, MOST)) or "of an empty object"
            came = "both" if "inputs" in content else f"the keys {keys}"
            raise InvalidInput(Problem('either "inputs" (one example) or "instances" (many)', came))
        self._refuse_too_many(content, "instances", self._max_rows)
        self._refuse_too_many(content, "heads", len(self._signature.heads))
        try:
            request: Any = shape.model_validate(content)
        except ValidationError as error:
            raise InvalidInput(*problems_of(error, content, self.schema.expected)) from None
        asked = frozenset(request.heads)
        heads = tuple(name for name in self._signature.head_names if name in asked)
        if shape is self.schema.many:
            return Call(self._rows(request.instances, request.shared, is_abandoned), heads, request.raw, True)
        return Call([self._row(request.inputs)], heads, request.raw, False)

    def _refuse_too_many(self, content: Mapping[str, Any], key: str, most: int) -> None:
        """Before anything is looked at: a million errors would take as long to find as to tell."""
        given = content.get(key)
        if isinstance(given, list) and len(given) > most:
            raise InvalidInput(Problem(f"at most {most:,} in {key!r}", f"{len(given):,}"))

    def _parse(self, body: bytes) -> dict[str, Any]:
        try:
            content = json.loads(body.decode(), object_pairs_hook=unique_keys)
        except DuplicateKey as error:
            name = error.key if error.key in self._signature.input_names else None
            raise InvalidInput(Problem("each key once", f"the key {shorten(error.key)!r} twice", input=name)) from None
        except UnicodeDecodeError as error:
            raise InvalidInput(
                Problem("JSON in UTF-8", f"the byte 0x{body[error.start]:02x} at {error.start}")
            ) from None
        except RecursionError:
            raise InvalidInput(Problem("JSON of reasonable depth", "nesting too deep to read")) from None
        except json.JSONDecodeError as error:
            raise InvalidInput(Problem("a JSON object", f"{error}" if body else "an empty body")) from None
        except ValueError:
            raise InvalidInput(
                Problem("numbers of a size that can be read", "an integer of thousands of digits")
            ) from None
        if not isinstance(content, dict):
            raise InvalidInput(Problem("a JSON object", say(content)))
        return content

    def _row(self, inputs: BaseModel) -> Row:
        problems: list[Problem] = []
        encoded = self._encode(values(inputs), None, problems)
        if problems:
            raise InvalidInput(*problems)
        return encoded

    def _rows(self, instances: Sequence[BaseModel], shared: BaseModel, is_abandoned: Callable[[], bool]) -> list[Row]:
        """Each instance with what is shared; a shared value is encoded once, and its array serves every row."""
        given = [values(instance) for instance in instances]
        common = values(shared)
        problems = [problem for index, own in enumerate(given) for problem in self._misfits(own, common, index)]
        if problems:
            raise InvalidInput(*problems)
        problems = []
        encoded = self._encode(common, None, problems)
        rows = []
        for index, own in enumerate(given):
            if is_abandoned():
                raise DeadlineExceeded("nobody waits for it any more")
            rows.append(encoded | self._encode(own, index, problems))
            if len(problems) >= MOST:
                break
        if problems:
            raise InvalidInput(*problems[:MOST])
        return rows

    def _misfits(self, own: Mapping[str, Any], common: Mapping[str, Any], row: int) -> list[Problem]:
        missing = [name for name in self._signature.input_names if name not in own and name not in common]
        twice = [name for name in own if name in common]
        return [Problem(self.schema.expected[name].words, "nothing", input=name, row=row) for name in missing] + [
            Problem('a value in the instance or in "shared"', "both", input=name, row=row) for name in twice
        ]

    def _encode(self, given: Mapping[str, Any], row: int | None, problems: list[Problem]) -> Row:
        """The values as tensors; what does not become one goes to `problems`."""
        encoded: Row = {}
        for name, value in given.items():
            try:
                encoded[name] = self._encoders[name].encode(value)
            except InvalidValue as error:
                problems.append(Problem(error.expected, error.got, input=name, row=row))
        return encoded

    def encode(self, call: Call, outputs: Mapping[str, Sequence[NDArray[Any]]]) -> list[dict[str, Any]]:
        """One object of heads for each row. Raises InferenceFailed for what is not a number, which JSON cannot say."""
        for name in call.heads:
            refuse_not_finite(name, outputs[name])
        heads = [(self._signature.head(name), outputs[name]) for name in call.heads]
        return [
            {head.name: tensor[index] if call.raw else answer(head, tensor[index]) for head, tensor in heads}
            for index in range(len(call.rows))
        ]


def values(record: BaseModel) -> dict[str, Any]:
    """The values that were given, by the input's own name, in declared order; none is copied."""
    given = record.model_fields_set
    found = {
        str(each.alias): getattr(record, name) for name, each in type(record).model_fields.items() if name in given
    }
    return {name: values(value) if isinstance(value, BaseModel) else value for name, value in found.items()}


class DuplicateKey(ValueError):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Raises DuplicateKey: of two values under one key a parser keeps one in silence."""
    content = dict(pairs)
    if len(content) != len(pairs):
        seen: set[str] = set()
        raise DuplicateKey(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return content


def refuse_not_finite(head: str, tensors: Sequence[NDArray[Any]]) -> None:
    for row, tensor in enumerate(tensors):
        if np.issubdtype(tensor.dtype, np.inexact) and not np.isfinite(tensor).all():
            raise InferenceFailed(f"head {head!r}, row {row}: the model's answer is not a finite number")


def answer(head: Head, tensor: NDArray[Any]) -> Any:
    """A head's tensor of one row in the user's terms."""
    if head.kind == "regression":
        value = {"value": tensor.reshape(-1)[0]}
        return value | {"unit": head.unit} if head.unit else value
    if head.kind == "binary":
        probability = tensor.reshape(-1)[0]
        chosen = bool(probability >= 0.5)
        return {"label": head.labels[chosen], "probability": probability if chosen else 1 - probability}
    if head.kind == "classes":
        order = np.argsort(-tensor, kind="stable")[:TOP]
        top = [{"label": head.labels[index], "probability": tensor[index]} for index in order]
        return top[0] | {"top": top}
    return tensor
