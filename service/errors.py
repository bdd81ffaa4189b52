"""Everything that can go wrong with a request, as one tree. Knows no HTTP: each protocol has its own status table.

ServiceError
├── InvalidInput            the request does not fit the signature; says which input, which row, what was expected
├── TooLarge                the body is over the limit
├── Unauthenticated         no token, or one that is not known
├── Forbidden               the service is not set up to allow it to anybody
├── ModelNotFound           no model of that name, or no such version or label of it
├── ModelNotReady           the model is known and has no version that can answer yet
├── ChangeRefused           an operator asked for a change that cannot be made, or that failed
├── Overloaded              told at once to come back after `retry_after` seconds
├── DeadlineExceeded        its time passed before there was an answer
├── InferenceFailed         the model raised, or gave something that is not a number
└── ShuttingDown            the service is going away
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ROWS_SHOWN = 10
"""Rows that a message lists."""


class ServiceError(Exception):
    """A request that got no answer, and why."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a request. `row` is None where the request has a single row or the whole body is meant."""

    expected: str
    got: str
    input: str | None = None
    row: int | None = None

    def __str__(self) -> str:
        where = f"input {self.input!r}" if self.input is not None else "request"
        if self.row is not None:
            where += f", row {self.row}"
        return f"{where}: expected {self.expected}, got {self.got}"


@dataclass(frozen=True)
class NotFinite:
    """A head that is NaN or infinite, and in which rows; None where the request has a single row."""

    head: str
    rows: Sequence[int] | None = None

    def __str__(self) -> str:
        return f"{self._where()}: the model's answer is not a finite number"

    def _where(self) -> str:
        if self.rows is None:
            return f"head {self.head!r}"
        shown, more = ", ".join(map(str, self.rows[:ROWS_SHOWN])), len(self.rows) - ROWS_SHOWN
        rows = f"row {shown}" if len(self.rows) == 1 else f"rows {shown}" + (f" and {more:,} more" if more > 0 else "")
        return f"head {self.head!r}, {rows}"

    def told(self) -> dict[str, object]:
        return {"head": self.head} if self.rows is None else {"head": self.head, "rows": self.rows}


class InvalidInput(ServiceError):
    """The request does not fit; nothing of it was queued."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


class TooLarge(ServiceError):
    """The body is over the limit."""


class Unauthenticated(ServiceError):
    """No token, or one that is not known."""


class Forbidden(ServiceError):
    """The service is not set up to allow it to anybody; the message says how to."""


class ModelNotFound(ServiceError):
    """No model of that name, or no such version or label of it."""


class ModelNotReady(ServiceError):
    """The model is known and has no version that can answer yet."""


class ChangeRefused(ServiceError):
    """An operator asked for a change that cannot be made as things stand, or that failed; all stays as it was."""


class Overloaded(ServiceError):
    """There is no room; `retry_after` seconds from now there should be. `cause` is one word, for the metrics."""

    def __init__(self, reason: str, retry_after: float, cause: str = "queue_full") -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.cause = cause


class DeadlineExceeded(ServiceError):
    """The caller's time passed before there was an answer."""


class InferenceFailed(ServiceError):
    """The model raised on this request, or gave something that is not a number: then `problems` say where."""

    def __init__(self, reason: str, problems: Sequence[NotFinite] = ()) -> None:
        super().__init__(reason)
        self.problems = problems


class ShuttingDown(ServiceError):
    """The service is going away and takes nothing new."""
