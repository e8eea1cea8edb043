"""The newest samples of each port, one a second, so that what arrives late can still be put in its place.

A *sample* is what the readings of one port say within one second: of each channel the last value told. The newest `keep`
samples of a port are the ring: late readings within it are exact. What is older leaves the ring in order of time and is
added up (`evicted`); a reading that is older than the ring is too late, unless its second is known to have been counted.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.columns import grown
from models.sessions.energy import NONE, Columns

_SECOND: Final = 1_000_000

_TOGETHER: Final = 256
"""Rings emptied at once: few enough that what leaves stays in the processor's cache."""

_OWN: Final = ("fill", "start", "seen", "gone")

Slots = NDArray[np.intp]


class Placed(IntEnum):
    """What became of one reading."""

    APPENDED = 0
    INSERTED = 1
    KNOWN = 2
    TOO_LATE = 3


class Samples:
    """The rings of all ports of a shard: the `keep` newest samples of each port at least, in arrays with room for `room`.

    A ring begins at `start` and goes round, so nothing is moved when samples leave it. `seen` remembers the last `seen`
    seconds that left, so a reading told again after that is known as a repeat. 32 * room + 4 * seen bytes a port. Arrays
    only grow.
    """

    def __init__(self, keep: int = 64, room: int = 128, seen: int = 256) -> None:
        if not 0 < keep < room:
            raise ValueError(f"samples: keep ({keep}) must be above 0 and below room ({room})")
        self.keep, self.room, self.remember = keep, room, seen
        self.fill = np.zeros(0, np.int64)
        self.start = np.zeros(0, np.int64)
        self.rings = Columns(
            np.zeros((0, room), np.int64), np.zeros((0, room), np.float32), np.zeros((0, room), np.int64),
            np.zeros((0, room), np.float32), np.zeros((0, room), np.float32), np.zeros((0, room), np.float32),
        )  # fmt: skip
        self.seen = np.zeros((0, seen), np.uint32)
        self.gone = np.zeros(0, np.int64)

    def ensure(self, ports: int) -> None:
        """Room for `ports` slots."""
        self.fill, self.start = grown(self.fill, ports), grown(self.start, ports)
        self.seen, self.gone = grown(self.seen, ports), grown(self.gone, ports)
        self.rings = Columns(*(grown(ring, ports) for ring in self.rings.arrays()))

    def snapshot(self, ports: int) -> dict[str, Any]:
        """Copies of the arrays of the first `ports` slots."""
        own = {name: getattr(self, name) for name in _OWN}
        arrays = {name: array[:ports].copy() for name, array in (own | self.rings._asdict()).items()}
        return {"keep": self.keep, "room": self.room} | arrays

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a snapshot; ValueError where it was made with other sizes."""
        sizes = (state["keep"], state["room"], state["seen"].shape[1])
        if sizes != (self.keep, self.room, self.remember):
            raise ValueError(f"samples of sizes {sizes}, here {(self.keep, self.room, self.remember)}: rebuild")
        for name in _OWN:
            setattr(self, name, np.array(state[name]))
        self.rings = Columns(*(np.array(state[name]) for name in Columns._fields))

    def newest(self, slots: Slots) -> NDArray[np.int64]:
        """The time of the newest sample of each slot; NONE where there is none."""
        fill = self.fill[slots]
        last = (self.start[slots] + np.maximum(fill - 1, 0)) % self.room
        return np.where(fill > 0, self.rings.at[slots, last], NONE)

    # -- in order: whole columns --------------------------------------------------------------------------------------
    def append(self, slot: Slots, samples: Columns) -> list[tuple[Slots, Columns]]:
        """Put samples behind the newest ones; what had to leave, each part sorted by slot and time.

        `slot` is sorted; samples of one slot are in order of time and not older than its newest one. A sample in the
        second of the one before it is merged with it: a value that it carries replaces what stood there.
        """
        slot, samples = _one_a_second(slot, samples)
        first = np.concatenate(([True], slot[1:] != slot[:-1]))
        newest = self.newest(slot[first])
        same = (newest != NONE) & (samples.at[first] // _SECOND == newest // _SECOND)
        if same.any():
            merged = np.zeros(len(slot), np.bool_)
            merged[first] = same
            self._merge_newest(slot[merged], samples.take(merged))
            slot, samples = slot[~merged], samples.take(~merged)
            if len(slot) == 0:
                return []
        starts = np.flatnonzero(np.concatenate(([True], slot[1:] != slot[:-1])))
        counts = np.diff(np.append(starts, len(slot)))
        mine = slot[starts]
        dense = counts > self.room - self.keep
        full = mine[(self.fill[mine] + counts > self.room) & ~dense]
        left = [self._let_go(full[i : i + _TOGETHER]) for i in range(0, len(full), _TOGETHER)]
        if dense.any():
            rows = np.repeat(dense, counts)
            left.append(self._roll(mine[dense], slot[rows], samples.take(rows)))
            slot, samples = slot[~rows], samples.take(~rows)
            mine, counts = mine[~dense], counts[~dense]
        rank = np.arange(len(slot)) - np.repeat(np.cumsum(counts) - counts, counts)
        place = (np.repeat(self.start[mine] + self.fill[mine], counts) + rank) % self.room
        self._put(slot, place, samples)
        self.fill[mine] += counts
        return left

    def settle(self, slot: int) -> tuple[Slots, Columns]:
        """Let go of all but the `keep` newest samples of one slot; what left, in order of time."""
        return self._let_go(np.array([slot] if self.fill[slot] > self.keep else [], np.intp))

    def within(self, slots: Slots, low: NDArray[np.int64], high: NDArray[np.int64]) -> tuple[Slots, Columns]:
        """For each i the samples of `slots[i]` from `low[i]` to `high[i]` (both included): i of each, and the samples."""
        place = (self.start[slots][:, None] + np.arange(self.room)) % self.room
        at = np.take_along_axis(self.rings.at[slots], place, 1)
        held = (np.arange(self.room) < self.fill[slots][:, None]) & (at >= low[:, None]) & (at <= high[:, None])
        which = np.nonzero(held)[0]
        return which, self._at(slots[which], place[held])

    def _at(self, slot: Slots, place: NDArray[np.int64]) -> Columns:
        flat = slot * self.room + place
        return Columns(*(np.take(ring.reshape(-1), flat) for ring in self.rings.arrays()))

    def _put(self, slot: Slots, place: NDArray[np.int64], samples: Columns) -> None:
        flat = slot * self.room + place
        for ring, values in zip(self.rings.arrays(), samples.arrays(), strict=True):
            ring.reshape(-1)[flat] = values

    def _merge_newest(self, slot: Slots, samples: Columns) -> None:
        place = (self.start[slot] + self.fill[slot] - 1) % self.room
        self.rings.at[slot, place] = samples.at
        for ring, values in zip(self.rings.arrays()[1:], samples.arrays()[1:], strict=True):
            ring[slot, place] = np.where(_told(values), values, ring[slot, place])

    def _let_go(self, slots: Slots) -> tuple[Slots, Columns]:
        """All but the newest `keep` samples of `slots` (sorted, each holding more), by slot and time."""
        leave = self.fill[slots] - self.keep
        slot = np.repeat(slots, leave)
        rank = np.arange(len(slot)) - np.repeat(np.cumsum(leave) - leave, leave)
        out = self._at(slot, (self.start[slot] + rank) % self.room)
        self._remember(slots, leave, slot, out.at, rank)
        self.start[slots] = (self.start[slots] + leave) % self.room
        self.fill[slots] = self.keep
        return slot, out

    def _roll(self, slots: Slots, slot: Slots, samples: Columns) -> tuple[Slots, Columns]:
        """Rings of `slots` (sorted) with many new samples behind them: keep the newest, give back the rest."""
        fill = self.fill[slots]
        every = np.concatenate([np.repeat(slots, fill), slot])
        rank = np.arange(int(fill.sum())) - np.repeat(np.cumsum(fill) - fill, fill)
        ring = self._at(every[: len(rank)], (np.repeat(self.start[slots], fill) + rank) % self.room)
        order = np.argsort(every, kind="stable")
        pairs = zip(ring.arrays(), samples.arrays(), strict=True)
        every, held = every[order], Columns(*(np.concatenate(pair)[order] for pair in pairs))
        total = fill + np.bincount(np.searchsorted(slots, slot), minlength=len(slots))
        leave = np.maximum(total - self.keep, 0)
        rank = np.arange(len(every)) - np.repeat(np.cumsum(total) - total, total)
        out = rank < np.repeat(leave, total)
        place = (rank - np.repeat(leave, total))[~out]
        self._put(every[~out], place, held.take(~out))
        self.start[slots], self.fill[slots] = 0, total - leave
        gone = held.take(out)
        self._remember(slots, leave, every[out], gone.at, rank[out])
        return every[out], gone

    def _remember(
        self, slots: Slots, leave: NDArray[np.int64], slot: Slots, at: NDArray[np.int64], rank: NDArray[np.int64]
    ) -> None:
        last = rank >= np.repeat(leave - self.remember, leave)
        place = (self.gone[slot] + rank) % self.remember
        self.seen.reshape(-1)[(slot * self.remember + place)[last]] = (at // _SECOND)[last]
        self.gone[slots] += leave

    # -- out of order: one by one -------------------------------------------------------------------------------------
    def insert(self, slot: int, at: int, values: tuple[float, int, float, float, float]) -> Placed:
        """Put one reading where it belongs. The slot has room for one more (`settle` it before, where it may be full).

        Within a second that is there already, a reading not older than what stands there replaces what it carries; an
        older one only fills what is missing. So a reading told again changes nothing. About 20 microseconds.
        """
        self._straighten(slot)
        fill = int(self.fill[slot])
        second = at // _SECOND
        seconds = self.rings.at[slot, :fill] // _SECOND
        place = int(np.searchsorted(seconds, second, side="right"))
        if fill - place >= self.keep:
            return Placed.KNOWN if self._was_counted(slot, second, seconds) else Placed.TOO_LATE
        if place and seconds[place - 1] == second:
            return self._merge(slot, place - 1, at, values)
        for ring, value in zip(self.rings.arrays(), (at, *values), strict=True):
            row = ring[slot]
            row[place + 1 : fill + 1] = row[place:fill].copy()
            row[place] = value
        self.fill[slot] = fill + 1
        return Placed.APPENDED if place == fill else Placed.INSERTED

    def _straighten(self, slot: int) -> None:
        """Turn one ring so that it begins at 0."""
        start = int(self.start[slot])
        if start:
            for ring in self.rings.arrays():
                ring[slot] = np.roll(ring[slot], -start)
            self.start[slot] = 0

    def _merge(self, slot: int, place: int, at: int, values: tuple[float, int, float, float, float]) -> Placed:
        newer = at >= self.rings.at[slot, place]
        changed = bool(at > self.rings.at[slot, place])
        for ring, value in zip(self.rings.arrays()[1:], values, strict=True):
            told = value == value and value != NONE
            if told and ((newer and value != ring[slot, place]) or not _told(ring[slot, place : place + 1])[0]):
                ring[slot, place] = value
                changed = True
        if newer:
            self.rings.at[slot, place] = at
        if not changed:
            return Placed.KNOWN
        return Placed.APPENDED if place == self.fill[slot] - 1 else Placed.INSERTED

    def _was_counted(self, slot: int, second: int, seconds: NDArray[np.int64]) -> bool:
        excess = seconds[: len(seconds) - self.keep]
        if second in excess:
            return True
        return bool((self._gone_seconds(slot, self.remember - len(excess)) == second).any())

    def _gone_seconds(self, slot: int, most: int) -> NDArray[np.int64]:
        """The seconds that left last, at most `most`, in no order."""
        number = int(min(self.gone[slot], self.remember, max(most, 0)))
        place = (self.gone[slot] - 1 - np.arange(number)) % self.remember
        seconds: NDArray[np.int64] = self.seen[slot, place].astype(np.int64)
        return seconds

    def may_have_left(self, slot: int, low: int, high: int) -> bool:
        """Whether a sample from `low` to `high` may have left the ring; True also where that is no longer known."""
        seconds = self._gone_seconds(slot, self.remember)
        if len(seconds) == 0 or low > high:
            return False
        a, b = low // _SECOND, high // _SECOND
        if a > int(seconds.max()):
            return False
        if ((seconds >= a) & (seconds <= b)).any():
            return True
        return int(self.gone[slot]) > self.remember and a < int(seconds.min())

    def newest_excess(self, slot: int) -> int:
        """The time of the newest sample that is older than the `keep` newest ones and still here; NONE if there is none."""
        place = int(self.fill[slot]) - self.keep - 1
        return NONE if place < 0 else int(self.rings.at[slot, (int(self.start[slot]) + place) % self.room])


def _told(values: np.ndarray) -> NDArray[np.bool_]:
    return np.asarray(values != NONE if values.dtype == np.int64 else ~np.isnan(values))


def _one_a_second(slot: Slots, samples: Columns) -> tuple[Slots, Columns]:
    """Samples of one slot and second as one: its last time, and of each channel the last value told."""
    second = samples.at // _SECOND
    begin = np.concatenate(([True], (slot[1:] != slot[:-1]) | (second[1:] != second[:-1])))
    if begin.all():
        return slot, samples
    starts = np.flatnonzero(begin)
    ends = np.append(starts[1:], len(slot)) - 1
    columns: list[Any] = [samples.at[ends]]
    for values in samples.arrays()[1:]:
        told = _told(values)
        last = np.maximum.reduceat(np.where(told, np.arange(len(values)), -1), starts)
        nothing = NONE if values.dtype == np.int64 else np.nan
        columns.append(np.where(last >= 0, values[last], np.array(nothing, values.dtype)))
    return slot[starts], Columns(*columns)
