"""What else could watch a fleet's minutes: generic detectors at a level of choice, and limits as an operator would set them."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.anomaly.arrays import starts
from models.anomaly.detector import Detector
from models.evaluation.minutes import COLUMNS, F4, FIGURES
from models.evaluation.modes import Said

REST_US: Final = 86_400_000_000
"""After an alert a rival is silent at that port for a day: what is still wrong then is told again, as the operator's screen would."""
_GROUPS: Final = (slice(0, len(FIGURES)), slice(len(FIGURES), len(COLUMNS)))


class Table(NamedTuple):
    """Minutes of a fleet by port and time: positions, times (us), figures [n, len(COLUMNS)], and the ports' ids."""

    port: NDArray[np.intp]
    at: NDArray[np.int64]
    rows: F4
    names: list[str]


class Track(NamedTuple):
    """What a detector made of a table: score in units of its own level and the leading column, per row."""

    score: F4
    lead: NDArray[np.int8]


def follow(kind: type[Detector], table: Table) -> Track:
    """Feed a table row by row, all ports side by side; figures and values have a detector each, and the worse one counts.

    Scores of all rows; the leading column only where the score is at its port's highest so far or above one.
    """
    n = len(table.at)
    score, lead = np.zeros(n, np.float32), np.full(n, -1, np.int8)
    begin = np.flatnonzero(starts(table.port))
    counts = np.diff(np.append(begin, n))
    detectors = [kind(part.stop - part.start) for part in _GROUPS]
    top = np.zeros(len(begin), np.float32)
    for k in range(int(counts.max(initial=0))):
        lane = np.flatnonzero(counts > k)
        row = begin[lane] + k
        slot = lane.astype(np.intp)
        for part, detector in zip(_GROUPS, detectors, strict=True):
            got = detector.update(slot, table.at[row], table.rows[row, part]).score
            worse = np.flatnonzero(got > score[row])
            score[row[worse]] = got[worse]
            for i in worse[got[worse] > np.maximum(0.5 * top[lane[worse]], 0.3)].tolist():
                lead[row[i]] = part.start + detector.explain(int(slot[i]))[0].channel
        top[lane] = np.maximum(top[lane], score[row])
    return Track(score, lead)


def told(table: Table, track: Track, level: float) -> list[Said]:
    """First rows of each time that the score is above `level`, at most one a day and port, with the family of the leading column."""
    above = track.score > level
    first = starts(table.port)
    rising = above & (first | ~np.concatenate((above[:1], above[:-1])))
    return _rested(table, np.flatnonzero(above), rising, track.lead)


def level_for(
    tables: list[tuple[Table, Track]], port_months: float, rate: float, quiet: Mapping[int, NDArray[np.bool_]]
) -> float:
    """A level at which rows that are `quiet` (by table: no fault) give at most `rate` alerts per port and month, by bisection.

    It is the least one where a higher level never gives more alerts; scores that stay high for long can make it do so.
    """
    low, high = 1e-3, 1e4
    for _ in range(28):
        level = float(np.sqrt(low * high))
        found = sum(
            len(told(table, Track(np.where(quiet[i], track.score, 0), track.lead), level))
            for i, (table, track) in enumerate(tables)
        )
        low, high = (low, level) if found <= rate * port_months else (level, high)
    return high


def follow_all(kind: type[Detector], tables: Sequence[Table]) -> list[Track]:
    """`follow` of several tables at once: side by side is faster, and their ports know nothing of each other."""
    shift = np.cumsum([0, *(len(t.names) for t in tables)])
    together = Table(
        np.concatenate([t.port + by for t, by in zip(tables, shift, strict=False)]),
        np.concatenate([t.at for t in tables]),
        np.concatenate([t.rows for t in tables]),
        [name for t in tables for name in t.names],
    )
    track = follow(kind, together)
    cuts = np.cumsum([0, *(len(t.at) for t in tables)])
    return [Track(track.score[a:b], track.lead[a:b]) for a, b in pairwise(cuts.tolist())]


class Limit(NamedTuple):
    """A limit that an operator would set: column, the side that is bad (1 above, -1 below), where, and for how many rows in a row."""

    column: str
    side: int
    at: float
    rows: int


LIMITS: Final = (
    Limit("contact", 1, 45.0, 5),
    Limit("cabinet", 1, 40.0, 5),
    Limit("fan", -1, 0.5, 5),
    Limit("delivered", -1, 0.8, 5),
    Limit("lines", -1, 0.85, 3),
    Limit("volts", -1, 207.0, 3),
    Limit("register", -1, 0.8, 10),
    Limit("idle_volts", 1, 60.0, 2),
    Limit("isolation", -1, float(np.log10(500.0)), 1),
    Limit("pilot_voltage", -1, 5.0, 1),
    Limit("contactor_delay", 1, 100.0, 1),
    Limit("lock_retries", 1, 2.5, 1),
    Limit("residual_current", 1, 6.0, 1),
    Limit("rssi", -1, -100.0, 1),
    Limit("free_memory", -1, float(np.log10(5_000.0)), 1),
)
"""Figures of standards and data sheets where there are any: EN 50160, IEC 61851-1, 500 ohm/V, 6 mA; else what is usual."""


def limits(table: Table) -> list[Said]:
    """Alerts of `LIMITS`: a figure that stays beyond its limit for so many rows of a port that have it."""
    names = [name for name, _ in COLUMNS]
    lead = np.full(len(table.at), -1, np.int8)
    for limit in LIMITS:
        column = names.index(limit.column)
        have = np.flatnonzero(np.isfinite(table.rows[:, column]))
        beyond = table.rows[have, column] * limit.side > limit.at * limit.side
        same = table.port[have]
        lasting = beyond.copy()
        for lag in range(1, limit.rows):
            lasting[lag:] &= beyond[:-lag] & (same[lag:] == same[:-lag])
            lasting[:lag] = False
        lead[have[lasting]] = column
    there = lead >= 0
    return _rested(table, np.flatnonzero(there), there, lead)


def _rested(table: Table, rows: NDArray[np.intp], rising: NDArray[np.bool_], lead: NDArray[np.int8]) -> list[Said]:
    made: list[Said] = []
    until: dict[int, int] = {}
    for row in rows.tolist():
        port, at = int(table.port[row]), int(table.at[row])
        if rising[row] and at >= until.get(port, at):
            made.append(Said(table.names[port], COLUMNS[lead[row]][1] if lead[row] >= 0 else "unknown", at))
            until[port] = at + REST_US
    return made
