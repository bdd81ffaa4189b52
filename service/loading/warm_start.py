"""What earlier loads of the same artifact on the same device found out: whether rows may be padded, what batches take.

Pure but for the cache that it is given. Knows neither files of models nor TensorFlow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Annotated

import msgspec
from msgspec.structs import replace

from models import padding_trial, trial_answers, trial_padding, trial_rows
from models.evidence import Evidence
from models.padding_trial import Verdict
from models.signature import Padding, Signature
from service.batching import calibration
from service.batching.latency import KNOWN_AFTER, Latency
from service.batching.policy import BatchPolicy
from service.loading.cache import Cache, Key

TRIAL = (padding_trial, trial_answers, trial_padding, trial_rows)


class Tried(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A verdict on padding, by input."""

    padding: dict[str, Padding]
    evidence: Evidence


class Timed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A batch of so many rows, of so many elements each, takes so long."""

    rows: Annotated[int, msgspec.Meta(ge=1)]
    elements: Annotated[int, msgspec.Meta(ge=1)]
    seconds: Annotated[float, msgspec.Meta(gt=0)]


class WarmStart:
    """`artifact` is the digest of the files, `environment` what else decides how the model answers and how fast."""

    def __init__(self, cache: Cache, artifact: str, environment: Mapping[str, str]) -> None:
        self._cache = cache
        self._key = {**environment, "artifact": artifact}
        self.found: set[str] = set()
        """What came from the cache: `padding`, `latencies`."""

    def verdict(self, signature: Signature) -> Verdict | None:
        """The signature with what was established of it, where that was tried before."""
        tried = self._cache.read(trial_key(self._key), Tried)
        if tried is None or tried.padding.keys() != set(signature.input_names):
            return None
        self.found.add("padding")
        inputs = tuple(replace(each, padding=tried.padding[each.name]) for each in signature.inputs)
        return Verdict(replace(signature, inputs=inputs), tried.evidence)

    def keep_verdict(self, verdict: Verdict) -> None:
        padding = {each.name: each.padding for each in verdict.signature.inputs}
        self._cache.write(trial_key(self._key), Tried(padding, verdict.evidence))

    def latency(self, policy: BatchPolicy) -> Latency | None:
        """A start: as little believed as if it had just been measured, so that real batches soon outweigh it."""
        timed = self._cache.read(latency_key(self._key, policy), list[Timed])
        if not timed:
            return None
        self.found.add("latencies")
        latency = Latency()
        for each in timed:
            for _ in range(KNOWN_AFTER):
                latency.observe(each.rows, each.elements, each.seconds)
        return latency

    def keep_latency(self, policy: BatchPolicy, latency: Latency) -> None:
        timed = [Timed(rows, elements, seconds) for rows, elements, seconds in latency.samples()]
        if timed:
            self._cache.write(latency_key(self._key, policy), timed)


def trial_key(key: Key) -> dict[str, str]:
    return {**key, "of": "padding", "code": code_of(*TRIAL)}


def latency_key(key: Key, policy: BatchPolicy) -> dict[str, str]:
    """What of the policy decides which sizes are measured."""
    asked = {
        "max_batch_size": str(policy.max_batch_size),
        "latency_target": str(policy.latency_target),
        "buckets": ",".join(map(str, policy.buckets)),
    }
    return {**key, **asked, "of": "latencies", "code": code_of(calibration)}


@cache
def code_of(*modules: ModuleType) -> str:
    """A digest of what finds it out: another trial may find otherwise, and nobody has to remember to say so."""
    sources = (Path(module.__file__).read_bytes() for module in modules if module.__file__)
    return hashlib.sha256(b"\0".join(sources)).hexdigest()[:16]
