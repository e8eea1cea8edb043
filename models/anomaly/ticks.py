"""Readings into ticks: means per port over a fixed grid of five seconds, whatever the cadence and the batches were.

A tick is what the detectors see. It closes when a reading of a later tick of the same port is taken, so its content depends on
the order of readings alone and not on where batches were cut. Sums are kept as integers of a thousandth of the unit,
which makes them exact in any grouping.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.anomaly.arrays import NEVER, Bools, Float32, Int64, PortArrays, Slots, ends, newer, starts
from models.columns import Readings, in_order
from schemas.channels import BY_NAME, NAMES
from schemas.telemetry import RETAINED

TICK_US: Final = 5_000_000
ENERGY: Final = "energy"
MEANT: Final = tuple(name for name in NAMES if name != ENERGY)
_COLUMN: Final = {name: i for i, name in enumerate(MEANT)}
_SCALE: Final = 1_000.0


@dataclass(slots=True)
class Ticks:
    """Closed ticks, sorted by port slot and then time; all arrays of length n.

    `at` and `received` are the newest times within the tick, `closer` the row of the batch that closed it and `origin` that
    row's raw offset, `dt` the seconds since the port's tick before (inf for its first), `first` marks the first row of each
    slot. `mean` holds the channels that occur, NaN where a tick lacks one; `energy` is the highest register in Wh, NaN
    where missing.
    """

    slot: Slots
    at: Int64
    received: Int64
    closer: Int64
    origin: Int64
    dt: Float32
    first: Bools
    mean: dict[str, Float32]
    energy: np.ndarray

    def __len__(self) -> int:
        return len(self.at)

    def channel(self, name: str) -> Float32:
        """The means of `name`; all NaN where it does not occur."""
        found = self.mean.get(name)
        return found if found is not None else np.full(len(self), np.nan, np.float32)


class TickBook:
    """Takes readings of many ports and gives closed ticks.

    A reading is taken only if it is not retained and newer than the last one taken of its port; repeated and late
    readings are dropped here.
    """

    def __init__(self, arrays: PortArrays) -> None:
        self._a = arrays
        arrays.add("tick.taken_at", np.int64, fill=NEVER)
        arrays.add("tick.number", np.int64, fill=-1)
        arrays.add("tick.at", np.int64)
        arrays.add("tick.received", np.int64)
        arrays.add("tick.closed_at", np.int64, fill=NEVER)
        arrays.add("tick.sum", np.int64, (len(MEANT),))
        arrays.add("tick.count", np.int32, (len(MEANT),))
        arrays.add("tick.energy", np.int64, fill=NEVER)

    def take(self, slot: Slots, readings: Readings) -> Ticks:
        """The ticks that `readings` close; `slot` is the port slot of each reading. O(n log n)."""
        order = in_order(slot)
        usable = (readings.flags[order] & RETAINED) == 0
        taken = order[newer(slot[order], readings.at[order], usable, self._a["tick.taken_at"][slot[order]])]
        if not len(taken):
            return self._empty()
        slot, at = slot[taken], readings.at[taken]
        tail = ends(starts(slot))
        self._a["tick.taken_at"][slot[tail]] = at[tail]
        return self._close(slot, at // TICK_US, at, readings, taken)

    def _close(self, slot: Slots, number: Int64, at: Int64, readings: Readings, rows: Slots) -> Ticks:
        a = self._a
        first = starts(slot)
        new = first.copy()
        new[1:] |= number[1:] != number[:-1]
        begin = np.flatnonzero(new)
        slots, numbers = slot[begin], number[begin]
        lead = np.flatnonzero(first[begin])
        touched = slots[lead]
        # an open tick is gone on with by the first of its port's new ones, or stands before it
        opened = a["tick.number"][touched]
        same = opened == numbers[lead]
        if len(begin) == len(lead) and same.all():
            self._go_on(slots, begin, at, readings, rows)
            return self._empty()
        apart = (opened >= 0) & ~same
        ahead = np.zeros(len(slots), np.intp)
        ahead[lead[apart]] = 1
        place = np.arange(len(slots)) + np.cumsum(ahead)
        alone, joint = place[lead[apart]] - 1, place[lead[same]]

        def merged(stored: np.ndarray, values: np.ndarray, how: np.ufunc) -> np.ndarray:
            out = np.empty(len(place) + len(alone), values.dtype)
            out[place] = values if len(begin) == len(values) else how.reduceat(values, begin)
            out[alone] = stored[apart]
            out[joint] = how(out[joint], stored[same])
            return out

        slots = merged(touched, slot, np.maximum)
        numbers = merged(opened, number, np.maximum)
        closer = merged(np.full(len(touched), -1), rows, np.minimum)
        times = merged(a["tick.at"][touched], at, np.maximum)
        received = merged(a["tick.received"][touched], readings.received_at[rows], np.maximum)
        sums, counts = {}, {}
        open_sum, open_count = a["tick.sum"][touched], a["tick.count"][touched]
        there = np.maximum.reduce(open_count, axis=0, initial=0) > 0
        for name, i in _COLUMN.items():
            values = readings.channels.get(name)
            if values is None and not there[i]:
                continue
            units, have = _integers(values[rows], name) if values is not None else (np.zeros(len(rows), np.int64),) * 2
            sums[name] = merged(open_sum[:, i], units, np.add)
            counts[name] = merged(open_count[:, i], have.astype(np.int32), np.add)
        register = readings.channels.get(ENERGY)
        units, have = (
            _integers(register[rows], ENERGY) if register is not None else (np.zeros(len(rows), np.int64),) * 2
        )
        energy = merged(a["tick.energy"][touched], np.where(have > 0, units, NEVER), np.maximum)

        head = starts(slots)
        last = np.zeros(len(slots), np.bool_)
        last[ends(head)] = True
        self._reopen(slots[last], numbers[last], times[last], received[last], sums, counts, energy[last], last)
        ticks = self._ticks(slots, times, received, closer, sums, counts, energy, ~last)
        ticks.origin = readings.origin[ticks.closer]
        return ticks

    def _go_on(self, slots: Slots, begin: Slots, at: Int64, readings: Readings, rows: Slots) -> None:
        """Add rows, grouped by slot, to the open ticks of `slots`, of which none closes: as live readings mostly are."""
        a = self._a

        def grouped(values: np.ndarray, how: np.ufunc) -> np.ndarray:
            return values if len(begin) == len(values) else np.asarray(how.reduceat(values, begin))

        def later(name: str, values: np.ndarray) -> None:
            a[name][slots] = np.maximum(a[name][slots], grouped(values, np.maximum))

        later("tick.at", at)
        later("tick.received", readings.received_at[rows])
        for name, values in readings.channels.items():
            units, have = _integers(values[rows], name)
            if name == ENERGY:
                later("tick.energy", np.where(have > 0, units, NEVER))
            else:
                a["tick.sum"][slots, _COLUMN[name]] += grouped(units, np.add)
                a["tick.count"][slots, _COLUMN[name]] += grouped(have.astype(np.int32), np.add)

    def _reopen(
        self, slot: Slots, number: Int64, at: Int64, received: Int64, sums: dict[str, np.ndarray],
        counts: dict[str, np.ndarray], energy: np.ndarray, last: Bools,
    ) -> None:  # fmt: skip
        a = self._a
        a["tick.number"][slot], a["tick.at"][slot], a["tick.received"][slot] = number, at, received
        a["tick.energy"][slot] = energy
        open_sum, open_count = np.zeros((len(slot), len(MEANT)), np.int64), np.zeros((len(slot), len(MEANT)), np.int32)
        for name, values in sums.items():
            open_sum[:, _COLUMN[name]] = values[last]
            open_count[:, _COLUMN[name]] = counts[name][last]
        a["tick.sum"][slot], a["tick.count"][slot] = open_sum, open_count

    def _ticks(
        self, slot: Slots, at: Int64, received: Int64, closer: Int64, sums: dict[str, np.ndarray],
        counts: dict[str, np.ndarray], energy: np.ndarray, closed: Bools,
    ) -> Ticks:  # fmt: skip
        rows = np.flatnonzero(closed)
        slot = slot[rows]
        first = starts(slot)
        mean = {}
        for name, total in sums.items():
            n = counts[name][rows]
            if n.any():
                with np.errstate(divide="ignore", invalid="ignore"):
                    mean[name] = (total[rows] / _SCALE / n).astype(np.float32)
        times = at[rows]
        earlier = np.where(first, self._a["tick.closed_at"][slot], np.concatenate((times[:1], times[:-1])))
        dt = np.where(earlier == NEVER, np.inf, (times - earlier) / 1e6).astype(np.float32)
        tail = ends(first)
        self._a["tick.closed_at"][slot[tail]] = times[tail]
        register = np.where(energy[rows] == NEVER, np.nan, energy[rows] / _SCALE)
        closing = closer[rows + 1]
        return Ticks(slot, times, received[rows], closing, closing, dt, first, mean, register)

    def _empty(self) -> Ticks:
        none = np.empty(0, np.int64)
        return Ticks(
            np.empty(0, np.intp),
            none,
            none,
            none,
            none,
            np.empty(0, np.float32),
            np.empty(0, np.bool_),
            {},
            np.empty(0),
        )


def _integers(values: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Values as integers of a thousandth, 0 where missing or outside the channel's physical range, and 1 where there is one."""
    channel = BY_NAME[name]
    with np.errstate(invalid="ignore"):
        have = (values >= channel.low) & (values <= channel.high)
    return np.rint(np.where(have, values, 0.0).astype(np.float64) * _SCALE).astype(np.int64), have.astype(np.int64)
