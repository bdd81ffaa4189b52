"""What happened, as frozen values. Cores emit them; metrics, traces and logs subscribe. Imports nothing.

Times are seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestFinished:
    """A predict request left the service. `outcome` is `ok` or the error's code."""

    model: str
    version: int | None
    protocol: str
    outcome: str
    seconds: float
    rows: int


@dataclass(frozen=True, slots=True)
class RequestRejected:
    """A request was refused because there was no room or the service is going away; nothing of it was queued."""

    model: str
    reason: str


@dataclass(frozen=True, slots=True)
class BatchRan:
    """A batch came back from the device. `padding_rows` is the work spent on padding, in rows of the batch's shape."""

    model: str
    version: int
    rows: int
    padding_rows: float
    queue_seconds: tuple[float, ...]
    pad_seconds: float
    compute_seconds: float
    failed: bool
    device: str = ""


@dataclass(frozen=True, slots=True)
class CallDropped:
    """A call left before it was answered. `reason`: `cancelled`, `expired` or `shutdown`. `rows` had not run yet."""

    model: str
    version: int
    reason: str
    rows: int
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class HeadNotFinite:
    """A model answered NaN or infinity for a head in so many `rows` of a request, which failed or got null for them."""

    model: str
    version: int
    head: str
    rows: int


@dataclass(frozen=True, slots=True)
class VersionStateChanged:
    """A version moved along START, LOADING, AVAILABLE, UNLOADING, END. `reason` says why it ended, if not asked to."""

    model: str
    version: int
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class VersionLoaded:
    """A version became warm, `seconds` after its loading began."""

    model: str
    version: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ContractBroken:
    """A version can answer that does not keep to the contract of version `instead_of`, and says so: `reason`.

    `differences` are lines for people.
    """

    model: str
    version: int
    instead_of: int
    reason: str
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VersionPrepared:
    """A version was loaded: the seconds of each stage, what of it an earlier load had found out, and where it runs."""

    model: str
    version: int
    seconds: Mapping[str, float]
    cached: tuple[str, ...]
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FetchBegan:
    """A version's files are being fetched from a store that is elsewhere. Some of the `bytes` may be here already."""

    model: str
    version: int
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class BlockFetched:
    """So many bytes of a version came."""

    model: str
    version: int
    bytes: int


@dataclass(frozen=True, slots=True)
class FetchInterrupted:
    """What should have followed `position` of a file did not come; it is asked for again after a pause."""

    model: str
    version: int
    file: str
    position: int
    reason: str
    pause: float


@dataclass(frozen=True, slots=True)
class VersionFetched:
    """A version is here, whole; `bytes` had to come for it."""

    model: str
    version: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ShadowRows:
    """Rows of a request that a shadow was to answer too, and what became of them.

    `outcome`: `compared`, `failed`, `dropped` or `not_comparable`.
    """

    model: str
    version: int
    outcome: str
    rows: int


@dataclass(frozen=True, slots=True)
class ShadowChanged:
    """A `version` began to answer a share of the requests beside the `answering` one, or ended to, for a `reason`."""

    model: str
    version: int
    answering: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ChangeAsked:
    """An operator asked for a change, which was made or refused. `outcome` is `done` or the error's code."""

    action: str
    model: str
    version: int | None
    label: str
    outcome: str
    reason: str = ""


Event = (
    RequestFinished
    | RequestRejected
    | BatchRan
    | CallDropped
    | HeadNotFinite
    | VersionStateChanged
    | VersionLoaded
    | ContractBroken
    | VersionPrepared
    | FetchBegan
    | BlockFetched
    | FetchInterrupted
    | VersionFetched
    | ShadowRows
    | ShadowChanged
    | ChangeAsked
)
Emit = Callable[[Event], None]
