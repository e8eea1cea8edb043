"""Readings that came after a time in which their station was not heard, and were made within it."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from models.columns import Batch
from models.uptime.evidence import CELL_US
from models.uptime.gaps import FOREVER, Span
from models.uptime.signs import Signs

LATE_US = 30_000_000
"""What was received less than this after it happened is not late."""


class Dark:
    """Spans in which a station was not heard; those that are not over do not count."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans = sorted(span for span in spans if span[1] != FOREVER)

    def was_late(self, at: int, received_at: int) -> bool:
        """Whether something of `at`, received at `received_at`, comes from such a span, after its end."""
        if received_at - at < LATE_US:
            return False
        last = bisect_right(self._spans, (at, FOREVER))
        return any(a <= at < b <= received_at for a, b in self._spans[:last])

    def late(self, at: NDArray[np.int64], received_at: NDArray[np.int64]) -> NDArray[np.bool_]:
        """`was_late` of many."""
        found = np.zeros(len(at), np.bool_)
        for a, b in self._spans:
            found |= (at >= a) & (at < b) & (received_at >= b)
        return found & (received_at - at >= LATE_US)


def late_readings(
    batch: Batch, signs: Signs, dark_end: NDArray[np.int64], dark: Callable[[int], Dark]
) -> Iterator[tuple[int, int, float | None, float | None]]:
    """(slot, time, greatest power, a register) of late readings, a few for each port and cell of evidence.

    `dark_end` is the end of the last dark span of each station: readings made after it, as nearly all are, cost a look.
    """
    readings = batch.readings
    at = readings.at if signs.readings == len(readings) else readings.at[signs.rows]
    station, slot = signs.station[: signs.readings], signs.slot[: signs.readings]
    early = np.flatnonzero((at < dark_end[station]) & (slot >= 0))
    if len(early) == 0:
        return
    received = readings.received_at[signs.rows[early]]
    keep = np.zeros(len(early), np.bool_)
    for one in np.unique(station[early]).tolist():
        mine = station[early] == one
        keep[mine] = dark(one).late(at[early][mine], received[mine])
    rows = early[keep]
    if len(rows) == 0:
        return
    cell = at[rows] // CELL_US
    order = np.lexsort((cell, slot[rows]))
    rows, cell = rows[order], cell[order]
    starts = np.flatnonzero(np.concatenate(([True], (slot[rows][1:] != slot[rows][:-1]) | (cell[1:] != cell[:-1]))))
    power = readings.channel("power")[signs.rows[rows]].astype(np.float64)
    energy = readings.channel("energy")[signs.rows[rows]]
    most_power = np.fmax.reduceat(power, starts)
    least, most = np.fmin.reduceat(energy, starts), np.fmax.reduceat(energy, starts)
    for k, i in enumerate(rows[starts].tolist()):
        for register in dict.fromkeys((_told(least[k]), _told(most[k]))):
            yield int(slot[i]), int(at[i]), _told(most_power[k]), register


def _told(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
