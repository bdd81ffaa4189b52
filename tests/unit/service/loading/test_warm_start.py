"""What an earlier load found out comes back for the same artifact on the same device, and for no other."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from models.evidence import Evidence, PaddingSeen, Seen
from models.padding_trial import Verdict
from models.signature import Padding
from service.batching.latency import KNOWN_AFTER, Latency
from service.batching.policy import BatchPolicy
from service.batching.tuning import Tuner
from service.loading.cache import Cache
from service.loading.warm_start import WarmStart, latency_key, trial_key
from service.runtime.fake import fake_signature

DEVICE = {"tensorflow": "2.21.0", "processor": "fast"}
SIGNATURE = fake_signature()
EVIDENCE = Evidence(Seen(rows=4, head="age", difference=1e-7), (2, 3), {"text": PaddingSeen(rows=3, zeros=(1, 512))})
VERDICT = Verdict(
    replace(SIGNATURE, inputs=(replace(SIGNATURE.inputs[0], padding=Padding("exact", tail=2)), SIGNATURE.inputs[1])),
    EVIDENCE,
)


def test_a_verdict_comes_back_with_its_evidence(tmp_path: Path) -> None:
    first = WarmStart(Cache(tmp_path), "abc", DEVICE)
    assert first.verdict(SIGNATURE) is None
    first.keep_verdict(VERDICT)
    assert first.found == set()
    again = WarmStart(Cache(tmp_path), "abc", DEVICE)
    assert (again.verdict(SIGNATURE), again.found) == (VERDICT, {"padding"})


@pytest.mark.parametrize(
    ("artifact", "device"), [("abd", DEVICE), ("abc", DEVICE | {"processor": "slow"}), ("abc", DEVICE | {"cores": "1"})]
)
def test_another_artifact_or_device_starts_from_nothing(tmp_path: Path, artifact: str, device: dict[str, str]) -> None:
    known, other = WarmStart(Cache(tmp_path), "abc", DEVICE), WarmStart(Cache(tmp_path), artifact, device)
    known.keep_verdict(VERDICT)
    known.keep_latency(BatchPolicy(), measured())
    assert (other.verdict(SIGNATURE), other.latency(BatchPolicy()), other.found) == (None, None, set())


def test_a_verdict_on_other_inputs_is_none(tmp_path: Path) -> None:
    warm_start = WarmStart(Cache(tmp_path), "abc", DEVICE)
    warm_start.keep_verdict(VERDICT)
    renamed = replace(SIGNATURE, inputs=(replace(SIGNATURE.inputs[0], name="other"), SIGNATURE.inputs[1]))
    assert warm_start.verdict(renamed) is None


def measured() -> Latency:
    latency = Latency()
    for rows, elements, seconds in ((1, 5, 0.001), (12, 5, 0.004), (1, 700, 0.02)):
        for _ in range(KNOWN_AFTER):
            latency.observe(rows, elements, seconds)
    latency.observe(64, 5, 9.0)  # too seldom to be believed
    return latency


def test_latencies_come_back_as_if_they_had_just_been_measured(tmp_path: Path) -> None:
    WarmStart(Cache(tmp_path), "abc", DEVICE).keep_latency(BatchPolicy(), measured())
    again = WarmStart(Cache(tmp_path), "abc", DEVICE)
    latency = again.latency(BatchPolicy())
    assert latency is not None
    assert again.found == {"latencies"}
    for rows, elements in ((1, 5), (12, 5), (1, 700), (8, 5), (4, 100)):
        assert latency.seconds(rows, elements) == pytest.approx(measured_only().seconds(rows, elements))
    assert {each.batches for each in latency.measured()} == {KNOWN_AFTER}
    assert Tuner(BatchPolicy(), latency).sizes == Tuner(BatchPolicy(), measured_only()).sizes


def measured_only() -> Latency:
    latency = measured()
    latency.forget(64, 5)
    return latency


def test_real_batches_soon_outweigh_what_was_cached(tmp_path: Path) -> None:
    warm_start = WarmStart(Cache(tmp_path), "abc", DEVICE)
    warm_start.keep_latency(BatchPolicy(), measured())
    latency = warm_start.latency(BatchPolicy())
    assert latency is not None
    for _ in range(12):
        latency.observe(1, 5, 0.1)
    assert latency.seconds(1, 5) > 0.09


@pytest.mark.parametrize("other", [{"max_batch_size": 4}, {"latency_target": 0.1}, {"buckets": (8, 16)}])
def test_another_policy_is_measured_anew_and_not_tried_anew(tmp_path: Path, other: dict[str, Any]) -> None:
    warm_start = WarmStart(Cache(tmp_path), "abc", DEVICE)
    warm_start.keep_verdict(VERDICT)
    warm_start.keep_latency(BatchPolicy(), measured())
    assert warm_start.latency(BatchPolicy(**other)) is None
    assert warm_start.latency(BatchPolicy(max_queue_size=1, instances=2)) is not None
    assert warm_start.verdict(SIGNATURE) is not None


def test_nothing_measured_is_nothing_to_keep(tmp_path: Path) -> None:
    warm_start = WarmStart(Cache(tmp_path), "abc", DEVICE)
    warm_start.keep_latency(BatchPolicy(), Latency())
    assert list(tmp_path.iterdir()) == []


def test_keys_are_pure_and_name_the_code_that_finds_it_out() -> None:
    assert trial_key(DEVICE) == trial_key(dict(DEVICE))
    assert trial_key(DEVICE)["code"] != latency_key(DEVICE, BatchPolicy())["code"]
    assert trial_key(DEVICE).items() >= DEVICE.items()
    assert latency_key(DEVICE, BatchPolicy(buckets=(4, 8)))["buckets"] == "4,8"
