"""State of many ports as arrays, and the segmented scans that let a batch be worked on as columns."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from models.columns import grown

Slots = NDArray[np.intp]
Bools = NDArray[np.bool_]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

NEVER: Final = np.iinfo(np.int64).min
"""The time of what has not happened yet."""


class PortArrays:
    """Named arrays with one row a port slot, which grow, are copied out and taken up again together.

    Everything that an operator remembers of a port lies here, so that the memory a port takes can be measured
    (`bytes_per_port`) and a snapshot is complete by construction.
    """

    def __init__(self) -> None:
        self._arrays: dict[str, np.ndarray] = {}
        self._fill: dict[str, float] = {}

    def add(self, name: str, dtype: DTypeLike, shape: tuple[int, ...] = (), fill: float = 0) -> None:
        """Declare an array; ValueError if `name` stands already."""
        if name in self._arrays:
            raise ValueError(f"port array {name!r} is declared twice; give one of them another name")
        self._arrays[name] = np.full((0, *shape), fill, dtype)
        self._fill[name] = fill

    def grow(self, ports: int) -> None:
        """Make room for `ports` slots in every array."""
        for name, array in self._arrays.items():
            if len(array) < ports:
                self._arrays[name] = grown(array, ports, self._fill[name])

    def __getitem__(self, name: str) -> np.ndarray:
        """The array itself (not a copy): write through it by slot."""
        return self._arrays[name]

    def bytes_per_port(self) -> int:
        """Bytes that one slot takes in all arrays."""
        return sum(int(np.prod(a.shape[1:], dtype=np.int64)) * a.itemsize for a in self._arrays.values())

    def snapshot(self, ports: int) -> dict[str, np.ndarray]:
        """Copies of the first `ports` rows of every array."""
        return {name: array[:ports].copy() for name, array in self._arrays.items()}

    def restore(self, state: Mapping[str, Any], ports: int) -> None:
        """Take up a snapshot of `ports` ports; ValueError if an array is missing or of another shape."""
        for name, array in self._arrays.items():
            shape = (ports, *array.shape[1:])
            theirs = np.asarray(state.get(name))
            if theirs.shape != shape:
                raise ValueError(f"snapshot: array {name!r} has shape {theirs.shape}, not {shape}")
            self._arrays[name] = theirs.astype(array.dtype)


def starts(slot: Slots) -> Bools:
    """Where a new slot begins in sorted `slot`; shape (n,)."""
    first = np.ones(len(slot), np.bool_)
    np.not_equal(slot[1:], slot[:-1], out=first[1:])
    return first


def ends(first: Bools) -> NDArray[np.intp]:
    """The last row of each group whose first rows are marked."""
    return np.append(np.flatnonzero(first)[1:], len(first)) - 1 if len(first) else np.empty(0, np.intp)


def last_true(mask: Bools, first: Bools) -> NDArray[np.intp]:
    """For each row the newest row of its group, itself included, where `mask` holds; -1 where there is none."""
    i = np.arange(len(mask))
    begin = np.maximum.accumulate(np.where(first, i, 0))
    found = np.maximum.accumulate(np.where(mask, i, -1))
    return np.where(found >= begin, found, -1)


def before(values: np.ndarray, first: Bools, carried: np.ndarray) -> np.ndarray:
    """The value of the row before within the group; `carried` (per row) on first rows."""
    out = np.empty_like(values)
    out[1:] = values[:-1]
    out[first] = carried[first]
    return out


def newer(slot: Slots, at: Int64, usable: Bools, last: Int64) -> Bools:
    """Which rows (grouped by slot, in order of arrival) are usable and newer than `last` (a time per row, one value a slot)
    and than all rows taken before them."""
    if not len(at):
        return usable
    first = starts(slot)
    rising = first | (np.diff(at, prepend=at[0]) > 0)
    if usable.all() and rising.all() and (at > last)[first].all():
        return usable
    ranked, rank = np.unique(np.maximum(np.where(usable, at, NEVER), last), return_inverse=True)
    group = np.cumsum(first) - 1
    highest = ranked[np.maximum.accumulate(group * len(ranked) + rank) - group * len(ranked)]
    seen = np.where(first, last, np.concatenate((highest[:1], highest[:-1])))
    taken: Bools = usable & (at > seen)
    return taken


def spells(slot: Slots, at: Int64, first: Bools, stored: Int64, length_us: int) -> np.ndarray:
    """For each row how many spells of its port ended before it in this batch (0: it lies in the open one).

    A spell is a multiple of `length_us` of the port's own time; `stored` holds the number of each slot's open one and is moved on.
    """
    number = at // length_us
    ended = (number != before(number, first, stored[slot])).astype(np.int64)
    tail = ends(first)
    stored[slot[tail]] = number[tail]
    running = np.cumsum(ended)
    begin = np.maximum.accumulate(np.where(first, np.arange(len(at)), 0))
    rank: np.ndarray = running - running[begin] + ended[begin]
    return rank


class Lanes:
    """Rows of many ports, grouped by port, laid out so that ports advance in step and every step is a contiguous slice.

    Ports with more rows come first, so step k holds the first `m` lanes for some m: a recurrence then runs as a few
    ufunc calls a step on views, without fancy indexing. `slots` are the ports of the lanes.
    """

    def __init__(self, slot: Slots) -> None:
        first = starts(slot)
        begin = np.flatnonzero(first)
        counts = np.diff(np.append(begin, len(slot)))
        order = np.argsort(-counts, kind="stable")
        lane = np.empty(len(counts), np.intp)
        lane[order] = np.arange(len(counts))
        self.slots: Slots = slot[begin[order]]
        group = np.cumsum(first) - 1
        rank = np.arange(len(slot)) - begin[group]
        self.cuts = np.append(0, np.cumsum(np.bincount(rank))) if len(slot) else np.zeros(1, np.intp)
        self._place = self.cuts[rank] + lane[group]

    def spread(self, rows: np.ndarray) -> np.ndarray:
        """`rows` in the order of the steps."""
        out = np.empty_like(rows)
        out[self._place] = rows
        return out

    def gather(self, steps: np.ndarray) -> np.ndarray:
        """What `spread` did, undone."""
        rows: np.ndarray = steps[self._place]
        return rows


class Held:
    """Last known values per port, carried forward for a limited age. Keeps a float32 and a time per channel."""

    def __init__(self, arrays: PortArrays, names: Sequence[str]) -> None:
        self._arrays = arrays
        for name in names:
            arrays.add(f"held.{name}", np.float32, fill=np.nan)
            arrays.add(f"held.{name}.at", np.int64, fill=NEVER // 2)

    def fill(self, name: str, slot: Slots, at: Int64, first: Bools, values: Float32, age_us: int) -> Float32:
        """`values` with NaN replaced by the port's last known value where that is at most `age_us` old."""
        stored, stored_at = self._arrays[f"held.{name}"], self._arrays[f"held.{name}.at"]
        row = last_true(np.isfinite(values), first)
        known = np.where(row >= 0, values[row], stored[slot])
        known_at = np.where(row >= 0, at[row], stored_at[slot])
        tail = ends(first)
        stored[slot[tail]], stored_at[slot[tail]] = known[tail], known_at[tail]
        return np.where(at - known_at <= age_us, known, np.float32(np.nan)).astype(np.float32)
