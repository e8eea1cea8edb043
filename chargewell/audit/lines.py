"""Lines of the log as the tables must hold them: the newest line of each natural key, and lines by station and hour."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from models.columns import Batch
from models.store import event_digest
from schemas.channels import BY_NAME
from schemas.telemetry import RETAINED

COMPARED = ("voltage", "current", "power", "energy", "temp_connector")
"""Channels whose stored values are compared with the log's, beside the keys."""
HOUR_US = 3_600_000_000


@dataclass
class Readings:
    """Reading lines of one port, in order of arrival: times, and values of the compared channels [n, len(COMPARED)]."""

    at: list[np.ndarray] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)

    def newest(self) -> tuple[np.ndarray, np.ndarray]:
        """(times, values), sorted by time: of each time and channel the value that came last, as the table must hold it.

        Lines of one instant are merged channel by channel: one that lacks a channel leaves what stood there.
        """
        at, values = np.concatenate(self.at), np.concatenate(self.values)
        order = np.argsort(at, kind="stable")
        at, values = at[order], values[order]
        last = np.append(at[1:] != at[:-1], True)
        if last.all():
            return at, values
        group = np.cumsum(np.append(0, last[:-1]))
        merged = np.full((int(last.sum()), values.shape[1]), np.nan)
        for column in range(values.shape[1]):
            told = ~np.isnan(values[:, column])
            merged[group[told], column] = values[told, column]
        return at[last], merged


@dataclass
class Lines:
    """All lines up to what the store flow has stored; `queued` counts those that it has not come to yet."""

    progress: dict[int, int]
    readings: dict[str, Readings] = field(default_factory=dict)
    others: dict[tuple[str, str], set[int]] = field(default_factory=dict)
    events: set[tuple[str, int, str, int]] = field(default_factory=set)
    rejects: set[tuple[int, int, int]] = field(default_factory=set)
    hours: Counter[tuple[str, int]] = field(default_factory=Counter)
    queued: Counter[tuple[str, int]] = field(default_factory=Counter)

    def take(self, batch: Batch) -> None:
        """Add the lines of a batch; lines that came before must have been taken before."""
        stored = self.progress.get(batch.partition, -1)
        self._take_readings(batch, stored)
        self._take_others(batch, stored)
        for event in batch.events:
            if self._count(_station(event.port), event.received_at, event.origin <= stored):
                self.events.add((event.port, event.at, event.kind, event_digest(event.data)))
        for reject in batch.rejects:
            if self._count(reject.key, reject.received_at, reject.origin <= stored):
                self.rejects.add((batch.partition, reject.origin, reject.seq))

    def _count(self, station: str, received_at: int, stored: bool, lines: int = 1) -> bool:
        (self.hours if stored else self.queued)[station, received_at // HOUR_US] += lines
        return stored

    def _take_readings(self, batch: Batch, stored: int) -> None:
        rows = batch.readings
        live = (rows.flags & RETAINED) == 0
        self._count_rows(batch, rows.port[live], rows.received_at[live], rows.origin[live], stored)
        known = live & (rows.origin <= stored)
        columns = [rows.channel(name).astype(BY_NAME[name].dtype).astype(np.float64) for name in COMPARED]
        values = np.stack(columns, axis=1) if len(rows) else np.empty((0, len(COMPARED)))
        for code in np.unique(rows.port[known]):
            mine = known & (rows.port == code)
            kept = self.readings.setdefault(batch.ports[code], Readings())
            kept.at.append(rows.at[mine])
            kept.values.append(values[mine])

    def _take_others(self, batch: Batch, stored: int) -> None:
        rows = batch.other
        self._count_rows(batch, rows.port, rows.received_at, rows.origin, stored)
        for i in np.flatnonzero(rows.origin <= stored):
            self.others.setdefault((batch.ports[rows.port[i]], rows.channel[i]), set()).add(int(rows.at[i]))

    def _count_rows(
        self, batch: Batch, port: np.ndarray, received_at: np.ndarray, origin: np.ndarray, stored: int
    ) -> None:
        if len(port) == 0:
            return
        cells, numbers = np.unique(
            np.stack([port.astype(np.int64), received_at // HOUR_US, (origin <= stored).astype(np.int64)]),
            axis=1, return_counts=True,
        )  # fmt: skip
        for (code, hour, done), n in zip(cells.T.tolist(), numbers.tolist(), strict=True):
            self._count(_station(batch.ports[code]), hour * HOUR_US, bool(done), n)


def _station(port: str) -> str:
    return port.rpartition("/")[0]
