"""Hours of ports: what was told of a port in an hour about load, heat, delivery and errors, as columns (table `port_hour`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

HOUR_US: Final = 3_600_000_000
SETTINGS: Final = ("ambient", "load", "busy")
OTHERS: Final = ("isolation", "contactor_delay", "lock_retries", "free_memory")
"""Measurands outside the wide table that are looked at, by the names they have there."""
CHANNELS: Final = (
    "contact_heat", "contact_peak", "cabinet_heat", "cabinet_rise", "fan", "delivered", "voltage", "imbalance", *OTHERS,
    "score", "residual_connector", "residual_cabinet", "residual_delivery",
)  # fmt: skip
COUNTS: Final = ("faults", "failed", "boots", "lost", "sessions")
COLUMNS: Final = (*SETTINGS, *CHANNELS, *COUNTS)
"""The columns of `port_hour` beside port, `at` and `errors`: float32, NaN where nothing was told (counts: 0)."""


@dataclass
class Hours:
    """n rows in order of (port, at): `port` indexes `ports`, `at` is the beginning of the hour in microseconds, `columns`
    as `COLUMNS` (float32), `errors` counts by fault family, None where there were none."""

    ports: list[str]
    port: NDArray[np.int64]
    at: NDArray[np.int64]
    columns: dict[str, NDArray[np.float32]]
    errors: list[dict[str, int] | None]

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: NDArray[Any]) -> "Hours":
        """The rows where the mask `rows` holds."""
        return Hours(
            self.ports,
            self.port[rows],
            self.at[rows],
            {name: column[rows] for name, column in self.columns.items()},
            [self.errors[i] for i in np.flatnonzero(rows)],
        )


def joined(ports: list[str], parts: Sequence[Hours]) -> Hours:
    """Hours of several sources over one list of ports, sorted; of the same hour the later part stands. Ports that are not
    in `ports` are left out."""
    place = {port: i for i, port in enumerate(ports)}
    kept = [part for part in parts if len(part)]
    if not kept:
        return Hours(
            ports, np.empty(0, np.int64), np.empty(0, np.int64), {c: np.empty(0, np.float32) for c in COLUMNS}, []
        )
    codes = [np.array([place.get(p, -1) for p in part.ports], np.int64)[part.port] for part in kept]
    port = np.concatenate(codes)
    at = np.concatenate([part.at for part in kept])
    rank = np.repeat(np.arange(len(kept)), [len(part) for part in kept])
    order = np.lexsort((-rank, at, port))
    order = order[port[order] >= 0]
    first = np.ones(len(order), np.bool_)
    first[1:] = (port[order][1:] != port[order][:-1]) | (at[order][1:] != at[order][:-1])
    order = order[first]
    errors = [error for part in kept for error in part.errors]
    columns = {name: np.concatenate([part.columns[name] for part in kept])[order] for name in COLUMNS}
    return Hours(ports, port[order], at[order], columns, [errors[i] for i in order])
