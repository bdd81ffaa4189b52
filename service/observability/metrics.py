"""Events as Prometheus metrics, in base units. Labels are bounded by what the store holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.comparison import Agreement, Differences
from service.events import (
    BatchRan,
    BlockFetched,
    CallDropped,
    Event,
    HeadNotFinite,
    RequestFinished,
    RequestRejected,
    ShadowRows,
    VersionLoaded,
    VersionPrepared,
    VersionStateChanged,
)

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
STATES = ("START", "LOADING", "AVAILABLE", "UNLOADING", "END")


class Metrics:
    """Call it with each event. `registry` is what `/metrics` writes out."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        version = ("model", "version")
        self._requests = self._counter("requests", "Requests that left", ("model", "version", "protocol", "outcome"))
        self._request_seconds = self._histogram(
            "request_duration_seconds", "From first byte to answer", version, SECONDS
        )
        self._queue_seconds = self._histogram("queue_duration_seconds", "Waiting for a batch", version, SECONDS)
        self._compute_seconds = self._histogram(
            "compute_duration_seconds", "Work on a batch, by stage", (*version, "stage"), SECONDS
        )
        self._rows = self._counter("rows", "Rows that ran", (*version, "device"))
        self._batches = self._counter(
            "batches", "Batches that ran, by whether the model raised", (*version, "outcome", "device")
        )
        self._batch_rows = self._histogram("batch_rows", "Rows in a batch", version, ROWS)
        self._padding = self._counter("padding_rows", "Work spent on padding, in rows", version)
        self._rejected = self._counter("rejected", "Requests refused for want of room", ("model", "reason"))
        self._dropped = self._counter("dropped_rows", "Rows that left the queue and never ran", (*version, "reason"))
        self._non_finite = self._counter(
            "non_finite_rows", "Rows that a model answered with NaN or infinity, by head", (*version, "head")
        )
        self._shadow_rows = Counter(
            "shadow_rows",
            "Rows that a candidate was to answer too, by what became of them",
            (*version, "outcome"),
            registry=self.registry,
        )
        self._state = Gauge(
            "model_version_state", "1 for the state a version is in", (*version, "state"), registry=self.registry
        )
        self._load_seconds = Gauge(
            "model_load_duration_seconds", "From LOADING to AVAILABLE", version, registry=self.registry
        )
        self._stage_seconds = Gauge(
            "model_load_stage_seconds", "Of a load, by stage", (*version, "stage"), registry=self.registry
        )
        self._fetched = Counter(
            "store_fetched_bytes", "That came from a store that is elsewhere", version, registry=self.registry
        )

    # `labels` takes a lock and makes texts, for each event anew: what it found is kept. There are as many as labels.
    def _counter(self, name: str, about: str, labels: tuple[str, ...]) -> Callable[..., Counter]:
        return cache(Counter(f"inference_{name}", about, labels, registry=self.registry).labels)

    def _histogram(
        self, name: str, about: str, labels: tuple[str, ...], buckets: tuple[float, ...]
    ) -> Callable[..., Histogram]:
        return cache(Histogram(f"inference_{name}", about, labels, buckets=buckets, registry=self.registry).labels)

    def __call__(self, event: Event) -> None:
        match event:
            case RequestFinished():
                self._on_request(event)
            case BatchRan():
                self._on_batch(event)
            case RequestRejected(model, reason):
                self._rejected(model, reason).inc()
            case CallDropped(model, version, reason, rows):
                self._dropped(model, version, reason).inc(rows)
            case HeadNotFinite(model, version, head, rows):
                self._non_finite(model, version, head).inc(rows)
            case ShadowRows(model, version, outcome, rows):
                self._shadow_rows.labels(model, version, outcome).inc(rows)
            case VersionPrepared():
                self._on_prepared(event)
            case _:
                self._on_version(event)

    def _on_version(self, event: Event) -> None:
        match event:
            case VersionStateChanged(model, version, state):
                for each in STATES:
                    self._state.labels(model, version, each).set(each == state)
            case VersionLoaded(model, version, seconds):
                self._load_seconds.labels(model, version).set(seconds)
            case BlockFetched(model, version, size):
                self._fetched.labels(model, version).inc(size)

    def _on_prepared(self, event: VersionPrepared) -> None:
        """Makes the series of the version: the first request should not pay for them, and a rate wants their zero."""
        model, version = event.model, event.version
        for stage, spent in event.seconds.items():
            self._stage_seconds.labels(model, version, stage).set(spent)
        self._requests(model, str(version), "native", "ok")
        self._request_seconds(model, str(version))
        for device in event.devices:
            self._batches(model, version, "ok", device)
            self._rows(model, version, device)
        for each in (self._batch_rows, self._padding, self._queue_seconds):
            each(model, version)
        for stage in ("pad", "compute"):
            self._compute_seconds(model, version, stage)

    def _on_request(self, event: RequestFinished) -> None:
        version = "" if event.version is None else str(event.version)
        self._requests(event.model, version, event.protocol, event.outcome).inc()
        self._request_seconds(event.model, version).observe(event.seconds)

    def _on_batch(self, event: BatchRan) -> None:
        names = (event.model, event.version)
        self._batches(*names, "failed" if event.failed else "ok", event.device).inc()
        self._batch_rows(*names).observe(event.rows)
        self._rows(*names, event.device).inc(event.rows)
        self._padding(*names).inc(event.padding_rows)
        self._compute_seconds(*names, "pad").observe(event.pad_seconds)
        self._compute_seconds(*names, "compute").observe(event.compute_seconds)
        queue = self._queue_seconds(*names)
        for seconds in event.queue_seconds:
            queue.observe(seconds)

    def observe(
        self,
        in_flight: Callable[[], int],
        loads: Callable[[], Iterable[Load]],
        memory: Callable[[], Mapping[str, int]] = dict,
        shadows: Callable[[], Iterable[Shadow]] = tuple,
    ) -> None:
        """Reads what is a state rather than an event, at each scrape. `memory`: bytes by device."""
        self.registry.register(States(in_flight, loads, memory))
        self.registry.register(ShadowStates(shadows))


@dataclass(frozen=True)
class Load:
    """What a loaded version is doing. `max_batch_size` by the elements of one row; times are seconds."""

    model: str
    version: int
    pending_rows: int
    retraces: int
    max_batch_size: Mapping[int, int]
    max_queue_delay: float
    predicted_wait: float
    memory_bytes: Mapping[str, int] = field(default_factory=dict)
    """By device."""


VERSION_GAUGES: tuple[tuple[str, str, Callable[[Load], float]], ...] = (
    ("inference_pending_requests", "Rows waiting to run", lambda load: load.pending_rows),
    ("inference_max_queue_delay_seconds", "That a row may wait for company", lambda load: load.max_queue_delay),
    ("inference_predicted_wait_seconds", "Until a newcomer's rows would run", lambda load: load.predicted_wait),
)


class Shadow(Protocol):
    """A candidate that runs beside the version that answers."""

    @property
    def model(self) -> str: ...
    @property
    def candidate(self) -> int: ...
    @property
    def heads(self) -> Iterable[Differences | Agreement]: ...


SHADOW_GAUGES: tuple[tuple[str, str, str], ...] = (
    ("shadow_head_difference", "Mean absolute difference of a head, in its unit", "mean_absolute_difference"),
    ("shadow_head_bias", "Mean of the candidate's head less the answering one's, in its unit", "bias"),
    ("shadow_label_agreement_ratio", "Share of the rows for which both name the same label", "label_agreement"),
    ("shadow_divergence_nats", "Mean divergence of the candidate's probabilities", "divergence"),
)


class ShadowStates(Collector):
    """How far the candidates that run are from the versions that answer. Those that ended are no more."""

    def __init__(self, shadows: Callable[[], Iterable[Shadow]]) -> None:
        self._shadows = shadows

    def collect(self) -> Iterator[Metric]:
        shadows = list(self._shadows())
        for name, about, figure in SHADOW_GAUGES:
            gauge = GaugeMetricFamily(name, about, labels=("model", "version", "head"))
            for shadow in shadows:
                for head in shadow.heads:
                    value = getattr(head, figure, None)
                    if value is not None:
                        gauge.add_metric((shadow.model, str(shadow.candidate), head.head), value)
            yield gauge

    def describe(self) -> Iterator[Metric]:
        return iter(())


class States(Collector):
    """Gauges that are asked for, not told."""

    def __init__(
        self,
        in_flight: Callable[[], int],
        loads: Callable[[], Iterable[Load]],
        memory: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._in_flight = in_flight
        self._loads = loads
        self._memory = memory

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("inference_in_flight_requests", "Requests inside", self._in_flight())
        loads = list(self._loads())
        for name, about, read in VERSION_GAUGES:
            gauge = GaugeMetricFamily(name, about, labels=("model", "version"))
            for load in loads:
                gauge.add_metric((load.model, str(load.version)), read(load))
            yield gauge
        sizes = GaugeMetricFamily(
            "inference_max_batch_size",
            "Rows that run together at most, by the numbers in one padded row; 0 for any",
            labels=("model", "version", "row_elements"),
        )
        retraces = CounterMetricFamily("model_retraces", "Functions traced after warm-up", labels=("model", "version"))
        for load in loads:
            retraces.add_metric((load.model, str(load.version)), load.retraces)
            for elements, rows in load.max_batch_size.items():
                sizes.add_metric((load.model, str(load.version), str(elements)), rows)
        yield sizes
        yield retraces
        yield from self._bytes(loads)

    def _bytes(self, loads: Iterable[Load]) -> Iterator[Metric]:
        devices = GaugeMetricFamily("device_memory_bytes", "Taken by models", labels=("device",))
        for device, taken in self._memory().items():
            devices.add_metric((device,), taken)
        yield devices
        models = GaugeMetricFamily(
            "model_memory_bytes",
            "That are reckoned with, of weights and batches",
            labels=("model", "version", "device"),
        )
        for load in loads:
            for device, taken in load.memory_bytes.items():
                models.add_metric((load.model, str(load.version), device), taken)
        yield models

    def describe(self) -> Iterator[Metric]:
        return iter(())
