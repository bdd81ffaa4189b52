"""Two versions' answers to the same rows, head by head, as running sums: no row is kept, whatever the traffic.

Pure: it is given the raw tensors of both. Knows no models, no traffic and no time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.signature import Head, Signature

Tensors = Sequence[NDArray[Any]]
"""One for each row."""
Floats = NDArray[np.float64]

EPSILON = 1e-7
"""What a probability below it counts as in a divergence, before they are made to sum to one again: a label that one
version thinks impossible would make it infinite."""
NO_NUMBERS = ("string", "complex")


@dataclass(frozen=True, slots=True)
class Differences:
    """How far the numbers of a head are apart, in its unit. Nothing is said of it before the first row."""

    head: str
    kind: Literal["regression", "tensor"]
    unit: str
    rows: int
    non_finite_answering: int
    """Rows left out of the figures because the head was NaN or infinite."""
    non_finite_candidate: int
    other_shape: int
    """Rows left out because the two tensors are not of one shape."""
    mean_absolute_difference: float | None
    largest_difference: float | None
    bias: float | None
    """Mean of the candidate's number less the answering version's."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often the two name the same label, and how far their probabilities are apart."""

    head: str
    kind: Literal["binary", "classes"]
    rows: int
    non_finite_answering: int
    """Rows left out of the figures because the head was NaN or infinite."""
    non_finite_candidate: int
    label_agreement: float | None
    """From 0 to 1."""
    divergence: float | None
    """Mean Kullback-Leibler divergence of the candidate from the answering version, in nats."""


@dataclass(frozen=True, slots=True)
class NotCompared:
    """A head that is only in one of the two, or not the same in both."""

    head: str
    reason: str


@dataclass(frozen=True, slots=True)
class Compared:
    """Heads in the order in which the answering version declares them."""

    heads: tuple[Differences | Agreement, ...]
    heads_not_compared: tuple[NotCompared, ...]


class Comparison:
    """Sums over the rows that both versions have answered."""

    def __init__(self, answering: Signature, candidate: Signature) -> None:
        self._sums: dict[str, DifferenceSums | AgreementSums] = {}
        self._left_out: list[NotCompared] = []
        others = {head.name: head for head in candidate.heads}
        for head in answering.heads:
            other = others.pop(head.name, None)
            made = sums_of(head, other) if other is not None else "only the answering version has it"
            if isinstance(made, str):
                self._left_out.append(NotCompared(head.name, made))
            else:
                self._sums[head.name] = made
        self._left_out += [NotCompared(name, "only the candidate has it") for name in others]

    @property
    def heads(self) -> frozenset[str]:
        """Those that can be compared."""
        return frozenset(self._sums)

    def add(self, answering: Mapping[str, Tensors], candidate: Mapping[str, Tensors]) -> None:
        """Rows of both, in the same order. Heads that only one of them gives are passed over."""
        for name in answering.keys() & candidate.keys() & self._sums.keys():
            self._sums[name].add(answering[name], candidate[name])

    def compared(self) -> Compared:
        """As far as it has come."""
        return Compared(tuple(each.told() for each in self._sums.values()), tuple(self._left_out))


def sums_of(head: Head, other: Head) -> DifferenceSums | AgreementSums | str:
    """Made for the two, or why they cannot be compared."""
    if head.labels and other.labels:
        return AgreementSums(head, other)
    if head.kind == other.kind == "regression":
        return DifferenceSums(head) if head.unit == other.unit else f"{said(head)} in one, {said(other)} in the other"
    if head.spec.shape != other.spec.shape:
        return f"of shape {list(head.spec.shape)} in one, {list(other.spec.shape)} in the other"
    if any(each.spec.dtype.startswith(NO_NUMBERS) for each in (head, other)):
        return f"{head.spec.dtype} in one, {other.spec.dtype} in the other: no real numbers"
    return DifferenceSums(head)


def said(head: Head) -> str:
    return f"in {head.unit}" if head.unit else "without a unit"


class Finite:
    """Which rows are numbers in both versions, and how many are not in which."""

    def __init__(self) -> None:
        self.answering = 0
        self.candidate = 0

    def sift(self, ours: Floats, theirs: Floats) -> tuple[Floats, Floats]:
        """The rows that are numbers in both."""
        first, second = np.isfinite(ours).all(axis=1), np.isfinite(theirs).all(axis=1)
        self.answering += int(np.count_nonzero(~first))
        self.candidate += int(np.count_nonzero(~second))
        both = first & second
        return ours[both], theirs[both]


class DifferenceSums:
    """Of a head of numbers. A row may have many: each counts the same."""

    def __init__(self, head: Head) -> None:
        self._name = head.name
        self._unit = head.unit
        self._kind: Literal["regression", "tensor"] = "regression" if head.kind == "regression" else "tensor"
        self._finite = Finite()
        self._rows = self._numbers = self._other_shape = 0
        self._absolute = self._signed = self._largest = 0.0

    def add(self, answering: Tensors, candidate: Tensors) -> None:
        if len(answering) > 1 and len({tensor.shape for tensor in (*answering, *candidate)}) > 1:
            for one, other in zip(answering, candidate, strict=True):
                self.add([one], [other])
        elif answering[0].shape != candidate[0].shape and not answering[0].size == candidate[0].size == 1:
            self._other_shape += 1
        else:
            self._add(*self._finite.sift(flat(answering), flat(candidate)))

    def _add(self, ours: Floats, theirs: Floats) -> None:
        difference = theirs - ours
        self._rows += len(difference)
        self._numbers += difference.size
        self._signed += float(difference.sum())
        absolute = np.abs(difference)
        self._absolute += float(absolute.sum())
        self._largest = max(self._largest, float(absolute.max(initial=0.0)))

    def told(self) -> Differences:
        known, count = self._numbers > 0, max(1, self._numbers)
        return Differences(
            head=self._name,
            kind=self._kind,
            unit=self._unit,
            rows=self._rows,
            non_finite_answering=self._finite.answering,
            non_finite_candidate=self._finite.candidate,
            other_shape=self._other_shape,
            mean_absolute_difference=self._absolute / count if known else None,
            largest_difference=self._largest if known else None,
            bias=self._signed / count if known else None,
        )


class AgreementSums:
    """Of a head of labels. They are matched by name: a label may stand elsewhere in the other version, or be new."""

    def __init__(self, head: Head, other: Head) -> None:
        self._name = head.name
        self._kind: Literal["binary", "classes"] = "binary" if head.kind == "binary" else "classes"
        labels = tuple(dict.fromkeys((*head.labels, *other.labels)))
        self._ours, self._theirs = Labels(head, labels), Labels(other, labels)
        self._finite = Finite()
        self._rows = self._agreed = 0
        self._divergence = 0.0

    def add(self, answering: Tensors, candidate: Tensors) -> None:
        ours, theirs = self._finite.sift(flat(answering), flat(candidate))
        self._rows += len(ours)
        self._agreed += int(np.count_nonzero(self._ours.chosen(ours) == self._theirs.chosen(theirs)))
        p, q = self._ours.spread(ours), self._theirs.spread(theirs)
        self._divergence += float((p * np.log(p / q)).sum())

    def told(self) -> Agreement:
        return Agreement(
            head=self._name,
            kind=self._kind,
            rows=self._rows,
            non_finite_answering=self._finite.answering,
            non_finite_candidate=self._finite.candidate,
            label_agreement=self._agreed / self._rows if self._rows else None,
            divergence=self._divergence / self._rows if self._rows else None,
        )


class Labels:
    """Where the labels of one version's head stand among those of both."""

    def __init__(self, head: Head, labels: tuple[str, ...]) -> None:
        self._is_binary = head.kind == "binary"
        self._places = np.array([labels.index(label) for label in head.labels])
        self._count = len(labels)

    def chosen(self, given: Floats) -> NDArray[np.intp]:
        """The label that a caller is told, for each row."""
        best = (given[:, 0] >= 0.5).astype(np.intp) if self._is_binary else np.argmax(given, axis=1)
        return np.asarray(self._places[best])

    def spread(self, given: Floats) -> Floats:
        """A probability for every label of either version, none of them zero."""
        spread = np.zeros((len(given), self._count))
        spread[:, self._places] = np.hstack([1 - given, given]) if self._is_binary else given
        spread = np.maximum(spread, EPSILON)
        return np.asarray(spread / spread.sum(axis=1, keepdims=True))


def flat(tensors: Tensors) -> Floats:
    """Rows of numbers, with all the digits there are."""
    return np.stack(tensors).astype(np.float64).reshape(len(tensors), -1)
