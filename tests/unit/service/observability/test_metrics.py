"""Events become the metrics that dashboards know by name."""

from dataclasses import dataclass

from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from service.comparison import Agreement, Differences
from service.events import (
    BatchRan,
    BlockFetched,
    CallDropped,
    RequestFinished,
    RequestRejected,
    ShadowRows,
    VersionLoaded,
    VersionStateChanged,
)
from service.observability.metrics import Load, Metrics


@dataclass(frozen=True)
class Tried:
    model: str
    candidate: int
    heads: tuple[Differences | Agreement, ...]


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_a_request_is_counted_and_timed() -> None:
    metrics = Metrics()
    metrics(RequestFinished("digits", 2, "native", "ok", 0.003, 1))
    metrics(RequestFinished("digits", None, "native", "invalid_input", 0.003, 0))
    labels = {"model": "digits", "protocol": "native"}
    assert value(metrics, "inference_requests_total", version="2", outcome="ok", **labels) == 1
    assert value(metrics, "inference_requests_total", version="", outcome="invalid_input", **labels) == 1
    assert value(metrics, "inference_request_duration_seconds_sum", model="digits", version="2") == 0.003


def test_a_batch_is_taken_apart() -> None:
    metrics = Metrics()
    metrics(BatchRan("digits", 1, 3, 0.5, (0.1, 0.2), 0.01, 0.04, failed=False, device="gpu:0"))
    metrics(BatchRan("digits", 1, 1, 0.0, (0.1,), 0.01, 0.04, failed=True, device="gpu:0"))
    labels = {"model": "digits", "version": "1"}
    assert value(metrics, "inference_rows_total", device="gpu:0", **labels) == 4
    assert value(metrics, "inference_batches_total", outcome="failed", device="gpu:0", **labels) == 1
    assert value(metrics, "inference_padding_rows_total", **labels) == 0.5
    assert value(metrics, "inference_queue_duration_seconds_count", **labels) == 3
    assert value(metrics, "inference_batch_rows_sum", **labels) == 4
    assert value(metrics, "inference_compute_duration_seconds_sum", stage="compute", **labels) == 0.08


def test_what_did_not_run_is_counted_by_reason() -> None:
    metrics = Metrics()
    metrics(RequestRejected("digits", "overloaded"))
    metrics(CallDropped("digits", 1, "expired", 4))
    assert value(metrics, "inference_rejected_total", model="digits", reason="overloaded") == 1
    assert value(metrics, "inference_dropped_rows_total", model="digits", version="1", reason="expired") == 4


def test_a_version_is_in_one_state() -> None:
    metrics = Metrics()
    for state in ("START", "LOADING", "AVAILABLE"):
        metrics(VersionStateChanged("digits", 1, state))
    metrics(VersionLoaded("digits", 1, 1.5))
    states = {
        state: value(metrics, "model_version_state", model="digits", version="1", state=state)
        for state in ("START", "LOADING", "AVAILABLE", "UNLOADING", "END")
    }
    assert states == {"START": 0, "LOADING": 0, "AVAILABLE": 1, "UNLOADING": 0, "END": 0}
    assert value(metrics, "model_load_duration_seconds", model="digits", version="1") == 1.5


def test_states_are_read_at_the_scrape() -> None:
    metrics = Metrics()
    load = Load("digits", 1, 5, 0, {64: 32}, 0.25, 1.5, {"gpu:0": 9})
    metrics.observe(lambda: 7, lambda: [load], lambda: {"gpu:0": 11})
    assert value(metrics, "device_memory_bytes", device="gpu:0") == 11
    assert value(metrics, "model_memory_bytes", model="digits", version="1", device="gpu:0") == 9
    assert value(metrics, "inference_in_flight_requests") == 7
    assert value(metrics, "inference_pending_requests", model="digits", version="1") == 5
    assert value(metrics, "model_retraces_total", model="digits", version="1") == 0
    assert value(metrics, "inference_max_batch_size", model="digits", version="1", row_elements="64") == 32
    assert value(metrics, "inference_max_queue_delay_seconds", model="digits", version="1") == 0.25
    assert value(metrics, "inference_predicted_wait_seconds", model="digits", version="1") == 1.5
    assert list(text_string_to_metric_families(generate_latest(metrics.registry).decode()))


def test_what_is_fetched_is_counted() -> None:
    metrics = Metrics()
    for size in (8, 3):
        metrics(BlockFetched("digits", 2, size))
    assert value(metrics, "store_fetched_bytes_total", model="digits", version="2") == 11


def test_a_shadow_s_figures_are_gauges_as_long_as_it_runs() -> None:
    shadows = [
        Tried(
            "digits",
            2,
            (
                Differences("age", "regression", "years", 3, 0, 0, 0, 1.5, 4.0, -0.5),
                Differences("untold", "regression", "years", 0, 0, 0, 0, None, None, None),
                Agreement("room", "classes", 3, 0, 0, 0.75, 0.125),
            ),
        )
    ]
    metrics = Metrics()
    metrics.observe(lambda: 0, list, shadows=lambda: shadows)
    metrics(ShadowRows("digits", 2, "compared", 3))
    metrics(ShadowRows("digits", 2, "compared", 1))
    of = {"model": "digits", "version": "2"}
    assert value(metrics, "shadow_rows_total", outcome="compared", **of) == 4
    assert value(metrics, "shadow_head_difference", head="age", **of) == 1.5
    assert value(metrics, "shadow_head_bias", head="age", **of) == -0.5
    assert value(metrics, "shadow_head_difference", head="untold", **of) is None
    assert value(metrics, "shadow_label_agreement_ratio", head="room", **of) == 0.75
    assert value(metrics, "shadow_divergence_nats", head="room", **of) == 0.125
    shadows.clear()
    assert value(metrics, "shadow_head_difference", head="age", **of) is None
