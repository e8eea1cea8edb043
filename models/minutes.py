"""Readings of many ports summed up by the minute, in order of time; arrays over ports, no loop over readings."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from models.columns import Readings, grown, in_order
from schemas.channels import CHANNELS

MINUTE_US: Final = 60_000_000
MEANS: Final = tuple(c.name for c in CHANNELS if c.name != "energy")
EXTREMES: Final = ("voltage", "current", "power", "temp_connector", "temp_internal")
"""Channels of which a minute keeps the least and the greatest value too."""

_NEVER: Final = -(2**62)
_EXTREME_AT: Final = np.array([MEANS.index(name) for name in EXTREMES])
_Slots = NDArray[np.intp]
_Times = NDArray[np.int64]


@dataclass(slots=True)
class Runs:
    """n pieces of minutes, each of one port: `slot`, `minute` (its beginning), the number `n` of readings, and of each
    channel of MEANS the sum and count of what was told ([n, 17]), of EXTREMES the least and greatest ([n, 5], +-inf where
    none), the last energy register (NaN where none). `dirty`: not all of it was seen in order."""

    slot: _Slots
    minute: _Times
    n: NDArray[np.int64]
    sums: NDArray[np.float64]
    counts: NDArray[np.int32]
    least: NDArray[np.float32]
    most: NDArray[np.float32]
    energy: NDArray[np.float64]
    dirty: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.slot)

    def take(self, rows: NDArray[Any]) -> "Runs":
        """The pieces at `rows` (indices or a mask)."""
        return Runs(*(getattr(self, f.name)[rows] for f in fields(self)))

    def merge_at(self, rows: NDArray[np.intp], earlier: "Runs") -> None:
        """Put `earlier` pieces of the same minutes before those at `rows`."""
        self.n[rows] += earlier.n
        self.sums[rows] += earlier.sums
        self.counts[rows] += earlier.counts
        self.least[rows] = np.minimum(self.least[rows], earlier.least)
        self.most[rows] = np.maximum(self.most[rows], earlier.most)
        self.energy[rows] = np.where(np.isnan(self.energy[rows]), earlier.energy, self.energy[rows])
        self.dirty[rows] |= earlier.dirty

    def columns(self) -> dict[str, Any]:
        """The columns of `reading_1m`, NaN for what no reading told."""
        made: dict[str, Any] = {"at": self.minute, "n": self.n}
        with np.errstate(invalid="ignore"):
            means = (self.sums / self.counts).astype(np.float32)
        made |= {f"{name}_mean": means[:, i] for i, name in enumerate(MEANS)}
        for i, name in enumerate(EXTREMES):
            told = self.counts[:, _EXTREME_AT[i]] > 0
            made[f"{name}_min"] = np.where(told, self.least[:, i], np.float32(np.nan))
            made[f"{name}_max"] = np.where(told, self.most[:, i], np.float32(np.nan))
        return made | {"energy_last": self.energy}


def joined(parts: list[Runs]) -> Runs:
    """Pieces one behind the other."""
    return Runs(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Runs)))


class Minutes:
    """The open minute of each port.

    `last_at` is up to where the port's time has come: a reading that is not later is late. `lag` is how much later than it
    was taken the port's newest reading was received (a port's clock may be behind, its messages may have been queued).
    """

    def __init__(self) -> None:
        self._open = _empty(0)
        self._is_open = np.zeros(0, np.bool_)
        self._last_at = np.zeros(0, np.int64)
        self._lag = np.zeros(0, np.int64)

    def add(self, slots: _Slots, readings: Readings) -> tuple[Runs, tuple[_Slots, _Times]]:
        """Take readings in order of arrival; the minutes that are complete, and (slot, minute) of those to be recomputed.

        O(n log n) for n readings; slots may be new.
        """
        self._grow(int(slots.max()) + 1)
        order = in_order(slots)
        slots, at = slots[order], readings.at[order]
        in_time = at > self._before(slots, at)
        late = _pairs(slots[~in_time], at[~in_time])
        if not in_time.all():
            order, slots, at = order[in_time], slots[in_time], at[in_time]
        done = self._sum_up(slots, at, readings, order) if len(order) else _empty(0)
        return done, self._mark(late)

    def over(self, until: int) -> Runs:
        """Close and give the minutes that ended before `until` in log time, as their ports' readings lag behind it."""
        ends = self._open.minute + MINUTE_US + np.maximum(self._lag, 0)
        due = np.flatnonzero(self._is_open & (ends <= until))
        self._is_open[due] = False
        self._last_at[due] = self._open.minute[due] + MINUTE_US - 1
        found = self._open.take(due)
        found.slot = due
        return found

    def snapshot(self, ports: int) -> dict[str, Any]:
        """The state of the first `ports` slots as arrays."""
        state = {f.name: getattr(self._open, f.name)[:ports].copy() for f in fields(Runs) if f.name != "slot"}
        return state | {name: getattr(self, f"_{name}")[:ports].copy() for name in ("is_open", "last_at", "lag")}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Self:
        """What an earlier `snapshot` held."""
        new = cls()
        slots = np.arange(len(state["minute"]))
        new._open = Runs(slots, **{f.name: np.array(state[f.name]) for f in fields(Runs) if f.name != "slot"})
        for name in ("is_open", "last_at", "lag"):
            setattr(new, f"_{name}", np.array(state[name]))
        return new

    def _grow(self, ports: int) -> None:
        if len(self._is_open) >= ports:
            return
        self._open = Runs(*(grown(getattr(self._open, f.name), ports) for f in fields(Runs)))
        self._open.slot = np.arange(len(self._open.n))
        self._is_open = grown(self._is_open, ports)
        self._last_at = grown(self._last_at, ports, _NEVER)
        self._lag = grown(self._lag, ports)

    def _before(self, slots: _Slots, at: _Times) -> _Times:
        """For rows sorted by slot: the newest time of the slot before each row; O(n) where all rows are in order."""
        first = _starts(slots)
        before = np.concatenate(([0], at[:-1]))
        before[first] = self._last_at[slots[first]]
        if (at > before).all():
            return before
        # Ranks keep the order of times and leave room to keep the slots apart in one running maximum.
        segment = np.cumsum(first) - 1
        times, ranks = np.unique(np.concatenate([before[first], at]), return_inverse=True)
        start, rank = ranks[: segment[-1] + 1][segment], ranks[segment[-1] + 1 :]
        apart = segment * len(times)
        running = np.maximum.accumulate(np.maximum(rank, start) + apart) - apart
        newest = np.concatenate(([0], running[:-1]))
        newest[first] = start[first]
        found: _Times = times[newest]
        return found

    def _sum_up(self, slots: _Slots, at: _Times, readings: Readings, order: _Slots) -> Runs:
        """Rows in order of slot and time into pieces; the open minutes go before them, the last of each slot stays open."""
        minute = at - at % MINUTE_US
        starts = np.flatnonzero(_starts(slots) | _starts(minute))
        runs = _runs(slots, minute, starts, readings, order)
        first, last = _starts(runs.slot), np.append(_starts(runs.slot)[1:], True)
        heads = np.flatnonzero(first)
        runs.dirty[heads] = self._last_at[runs.slot[heads]] == _NEVER
        was_open = self._is_open[runs.slot[heads]]
        same = was_open & (self._open.minute[runs.slot[heads]] == runs.minute[heads])
        runs.merge_at(heads[same], self._open.take(runs.slot[heads[same]]))
        closed = self._open.take(runs.slot[heads[was_open & ~same]])
        self._keep(runs.take(np.flatnonzero(last)))
        tail = np.flatnonzero(np.append(_starts(slots)[1:], True))
        self._last_at[slots[tail]] = at[tail]
        self._lag[slots[tail]] = readings.received_at[order[tail]] - at[tail]
        return joined([closed, runs.take(np.flatnonzero(~last))])

    def _keep(self, runs: Runs) -> None:
        for f in fields(Runs):
            if f.name != "slot":
                getattr(self._open, f.name)[runs.slot] = getattr(runs, f.name)
        self._is_open[runs.slot] = True

    def _mark(self, late: tuple[_Slots, _Times]) -> tuple[_Slots, _Times]:
        """Mark open minutes that late readings belong to; the rest is to be recomputed now."""
        slots, minutes = late
        is_open = self._is_open[slots] & (self._open.minute[slots] == minutes)
        self._open.dirty[slots[is_open]] = True
        return slots[~is_open], minutes[~is_open]


def _starts(keys: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a run of equal keys begins."""
    first = np.ones(len(keys), np.bool_)
    first[1:] = keys[1:] != keys[:-1]
    return first


def _pairs(slots: _Slots, at: _Times) -> tuple[_Slots, _Times]:
    """The distinct (slot, minute) of rows."""
    if len(slots) == 0:
        return slots, at
    pairs = np.unique(np.stack([slots.astype(np.int64), at - at % MINUTE_US]), axis=1)
    return pairs[0].astype(np.intp), pairs[1]


def _empty(n: int) -> Runs:
    means, extremes = (n, len(MEANS)), (n, len(EXTREMES))
    return Runs(
        np.zeros(n, np.intp), np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(means), np.zeros(means, np.int32),
        np.full(extremes, np.inf, np.float32), np.full(extremes, -np.inf, np.float32), np.full(n, np.nan), np.zeros(n, np.bool_),
    )  # fmt: skip


def _runs(slots: _Slots, minute: _Times, starts: _Slots, readings: Readings, order: _Slots) -> Runs:
    runs = _empty(len(starts))
    runs.slot, runs.minute = slots[starts], minute[starts]
    runs.n = np.diff(np.append(starts, len(slots)))
    for i, name in enumerate(MEANS):
        column = readings.channels.get(name)
        if column is not None:
            _sum_channel(runs, i, name, column[order], starts)
    energy = readings.channels.get("energy")
    if energy is not None:
        told = np.where(np.isnan(energy[order]), -1, np.arange(len(order)))
        last = np.maximum.reduceat(told, starts)
        runs.energy = np.where(last < 0, np.nan, energy[order][last])
    return runs


def _sum_channel(runs: Runs, i: int, name: str, column: NDArray[Any], starts: _Slots) -> None:
    known = ~np.isnan(column)
    whole = bool(known.all())
    runs.sums[:, i] = np.add.reduceat(column if whole else np.where(known, column, 0), starts, dtype=np.float64)
    runs.counts[:, i] = runs.n if whole else np.add.reduceat(known, starts, dtype=np.int32)
    if name in EXTREMES:
        e = EXTREMES.index(name)
        runs.least[:, e] = np.minimum.reduceat(column if whole else np.where(known, column, np.inf), starts)
        runs.most[:, e] = np.maximum.reduceat(column if whole else np.where(known, column, -np.inf), starts)
