"""The native JSON body to rows, and heads back to JSON in the user's terms. Knows no HTTP and no queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from models.missing import learnt_null
from models.photo import ImageEncoder
from models.preprocessing import Encoder, InvalidValue, Numbers, Preprocessing, encoder
from models.signature import Input, Signature
from models.values import shorten
from service.codec.answers import Outputs, rows_of_heads
from service.codec.missing import FilledIn, is_optional
from service.codec.parsing import parsed
from service.codec.problems import MOST, problems_of
from service.codec.rows import Row, RowMaker, Tensor
from service.codec.schema import schema_of
from service.errors import InferenceFailed, InvalidInput, NotFinite, Problem

__all__ = ["Call", "ModelCodec", "Row"]


def never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Call:
    """A request, ready to run: rows of tensors and the heads wanted, in declared order."""

    rows: Sequence[Row]
    heads: tuple[str, ...]
    raw: bool
    many: bool
    non_finite: Literal["error", "null"] = "error"
    """What becomes of a head that is NaN or infinite."""
    filled_in: Sequence[FilledIn] = ()


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

        Raises OSError or ValueError when a preprocessing file of the artifact cannot be used, or what should stand in
        for an input that is left out cannot.
        """
        self._max_rows = max_rows
        self.schema = schema_of(model, signature, preprocessing)
        self._signature = signature
        self._names = signature.input_names
        encoders = {
            each.name: encoder(preprocessing.get(each.name, Numbers()), each.spec, folder) for each in signature.inputs
        }
        photos = {name: each for name, each in encoders.items() if isinstance(each, ImageEncoder)}
        self.takes_photos = bool(photos)
        """Whether a small body may be long to decode, and large when it is."""
        stand_ins = {
            each.name: self._stand_in(each, encoders[each.name]) for each in signature.inputs if is_optional(each)
        }
        self._maker = RowMaker(signature, encoders, photos, stand_ins, self.schema.expected)

    def _stand_in(self, each: Input, encoder: Encoder) -> Tensor:
        """One row of it, which every request shares. Raises ValueError."""
        is_default = each.missing.policy == "default"
        tensor: Tensor = self._default(each, encoder) if is_default else learnt_null(each)
        tensor.flags.writeable = False
        return tensor

    def _default(self, each: Input, encoder: Encoder) -> Tensor:
        """Read as a caller's value is. Raises ValueError."""
        content = {"instances": [{}], "shared": {each.name: each.missing.value}}
        try:
            request: Any = self.schema.many.model_validate(content)
            value = values(request.shared)[each.name]
            if value is None:
                raise InvalidValue(self.schema.expected[each.name].words, "null")
            return encoder.encode(value)
        except ValidationError as error:
            problem = problems_of(error, content, self.schema.expected)[0]
            raise ValueError(f"what stands in for it does not fit: {problem}") from None
        except InvalidValue as error:
            raise ValueError(f"what stands in for it does not fit: input {each.name!r}: {error}") from None

    def decode(self, body: bytes) -> Call:
        """The body as a call. Raises InvalidInput with a problem for everything that does not fit."""
        return whole(self.steps(body))

    def read(self, content: Mapping[str, Any]) -> Call:
        """The parsed body as a call. Raises InvalidInput."""
        return whole(self._steps(content, never))

    def steps(self, body: bytes, is_abandoned: Callable[[], bool] = never) -> Iterator[int | Call]:
        """The body as a call, photo by photo: before each of them how many there are to do, at last the call.

        Everything else is done before the first. `is_abandoned` is asked before each row: once nobody waits,
        DeadlineExceeded is raised. Raises InvalidInput, when it is called and at each step.
        """
        return self._steps(parsed(body, self._names), is_abandoned)

    def _steps(self, content: Mapping[str, Any], is_abandoned: Callable[[], bool]) -> Iterator[int | Call]:
        many = "instances" in content
        request = self._checked(content, many)
        given = [values(each) for each in request.instances] if many else [values(request.inputs)]
        shared = values(request.shared) if many else {}
        heads, raw, non_finite = self._ordered(request.heads), request.raw, request.non_finite
        del content, request  # photos go as they are done
        rows, filled_in = yield from self._maker.make(given, shared, many, is_abandoned)
        yield Call(rows, heads, raw, many, non_finite, filled_in)

    def _checked(self, content: Mapping[str, Any], many: bool) -> Any:
        """As the schema's request. Raises InvalidInput."""
        if many == ("inputs" in content):
            keys = ", ".join(shorten(key) for key in islice(content, MOST)) or "of an empty object"
            came = "both" if many else f"the keys {keys}"
            raise InvalidInput(Problem('either "inputs" (one example) or "instances" (many)', came))
        self._refuse_too_many(content, "instances", self._max_rows)
        self._refuse_too_many(content, "heads", len(self._signature.heads))
        try:
            return (self.schema.many if many else self.schema.one).model_validate(content)
        except ValidationError as error:
            raise InvalidInput(*problems_of(error, content, self.schema.expected)) from None

    def _refuse_too_many(self, content: Mapping[str, Any], key: str, most: int) -> None:
        """Before anything is looked at: a million errors would take as long to find as to tell."""
        given = content.get(key)
        if isinstance(given, list) and len(given) > most:
            raise InvalidInput(Problem(f"at most {most:,} in {key!r}", f"{len(given):,}"))

    def _ordered(self, asked: Sequence[str]) -> tuple[str, ...]:
        """The heads asked for, each once, as they are declared."""
        return tuple(name for name in self._signature.head_names if name in asked)

    def encode(self, call: Call, outputs: Outputs, broken: Sequence[NotFinite] = ()) -> dict[str, Any]:
        """What the reply says: the heads row by row, what was filled in, and which heads are null.

        `broken` is what `not_finite` found. Raises InferenceFailed for it unless the call takes null.
        """
        if broken and call.non_finite == "error":
            raise InferenceFailed("; ".join(map(str, broken)), broken)
        rows = rows_of_heads(call, outputs, self._signature, broken)
        reply: dict[str, Any] = {"predictions": rows} if call.many else {"outputs": rows[0]}
        if call.filled_in:
            reply["filled_in"] = [each.told() for each in call.filled_in]
        if broken:
            reply["non_finite"] = [each.told() for each in broken]
        return reply


def whole(steps: Iterator[int | Call]) -> Call:
    """All steps at once."""
    return next(each for each in steps if isinstance(each, Call))


def values(record: BaseModel) -> dict[str, Any]:
    """The values that were given, by the input's own name, in declared order; none is copied."""
    given = record.model_fields_set
    found = {
        str(each.alias): getattr(record, name) for name, each in type(record).model_fields.items() if name in given
    }
    return {name: values(value) if isinstance(value, BaseModel) else value for name, value in found.items()}
