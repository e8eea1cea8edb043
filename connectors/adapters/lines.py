"""What adapters put out: lines one by one (`Line`), or many rows in columns (`Table`, `Values`)."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class Reading(NamedTuple):
    """A reading at port number `port`; `at` as the device says, None for the receive time; `channels` canonical."""

    port: int
    at: int | None
    channels: dict[str, float]


class Value(NamedTuple):
    """A value outside the canonical channels, finite."""

    port: int
    at: int | None
    channel: str
    value: float


class Happened(NamedTuple):
    """An event; `data` as `schemas.events` describes it."""

    port: int
    kind: str
    at: int | None
    data: dict[str, Any]


class Refused(NamedTuple):
    """What cannot be read, or one part of it; `reason` is one of `schemas.telemetry.REJECT_REASONS`."""

    reason: str
    detail: str = ""


Line = Reading | Value | Happened | Refused


class Refusal(Exception):  # noqa: N818 - no failure: bad input is a kind of answer
    """Raised by adapters where a whole message is refused."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.refused = Refused(reason, detail)


@dataclass(slots=True)
class Table:
    """Rows of readings in columns: `record` their raw records' places in the poll, never falling; `port` codes of the gatherer;
    `at` settled, `flags` so far; `channels` float64, NaN where missing."""

    record: NDArray[np.intp]
    port: NDArray[np.int32]
    at: Ints
    flags: NDArray[np.uint8]
    channels: dict[str, NDArray[np.float64]]


@dataclass(slots=True)
class Values:
    """Rows of values outside the canonical channels; as in `Table`."""

    record: NDArray[np.intp]
    port: NDArray[np.int32]
    at: Ints
    channel: list[str]
    value: NDArray[np.float64]
