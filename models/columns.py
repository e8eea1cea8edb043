"""The small table that travels through the operators: columns of readings, values, events and heartbeats of one shard."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.channels import BY_NAME
from schemas.telemetry import BridgeBeat, Event, Reject

Ints = NDArray[np.int64]
Codes = NDArray[np.int32]
Floats = NDArray[np.float32] | NDArray[np.float64]


def _ints() -> Ints:
    return np.empty(0, np.int64)


@dataclass(slots=True)
class Readings:
    """n readings as columns, in order of arrival.

    `port` indexes `Batch.ports`; `at` and `received_at` are microseconds UTC; `origin` is the raw offset; `seq` the order
    within the batch among readings, values, events and heartbeats. `channels` holds only channels that occur, each of
    length n with NaN where a reading lacks it, in the dtype of `schemas.channels`.
    """

    port: Codes = field(default_factory=lambda: np.empty(0, np.int32))
    at: Ints = field(default_factory=_ints)
    received_at: Ints = field(default_factory=_ints)
    origin: Ints = field(default_factory=_ints)
    seq: Ints = field(default_factory=_ints)
    flags: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))
    channels: dict[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.at)

    def channel(self, name: str) -> Floats:
        """The column of `name`; all NaN where no reading of this batch has it."""
        found = self.channels.get(name)
        return found if found is not None else np.full(len(self), np.nan, BY_NAME[name].dtype)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> "Readings":
        """The readings at `rows` (indices, a mask or a slice)."""
        return Readings(
            port=self.port[rows],
            at=self.at[rows],
            received_at=self.received_at[rows],
            origin=self.origin[rows],
            seq=self.seq[rows],
            flags=self.flags[rows],
            channels={name: column[rows] for name, column in self.channels.items()},
        )


@dataclass(slots=True)
class Others:
    """Values outside the canonical channels, one row a value; columns as in `Readings`, `channel` by name."""

    port: Codes = field(default_factory=lambda: np.empty(0, np.int32))
    at: Ints = field(default_factory=_ints)
    received_at: Ints = field(default_factory=_ints)
    origin: Ints = field(default_factory=_ints)
    seq: Ints = field(default_factory=_ints)
    channel: list[str] = field(default_factory=list)
    value: NDArray[np.float64] = field(default_factory=lambda: np.empty(0, np.float64))

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: NDArray[np.bool_]) -> "Others":
        """The values where the mask `rows` holds."""
        return Others(
            port=self.port[rows],
            at=self.at[rows],
            received_at=self.received_at[rows],
            origin=self.origin[rows],
            seq=self.seq[rows],
            channel=[c for c, keep in zip(self.channel, rows, strict=True) if keep],
            value=self.value[rows],
        )


@dataclass(slots=True)
class Batch:
    """What one poll of one partition became.

    `partition` is the shard; `first`..`last` are the raw offsets covered; `now` is log time: the newest receive time or
    heartbeat of the partition up to and including this batch, in microseconds. `served` names the bridge that brought
    each station's newest message. A batch without readings is usual.
    """

    partition: int
    first: int
    last: int
    now: int
    ports: list[str] = field(default_factory=list)
    readings: Readings = field(default_factory=Readings)
    other: Others = field(default_factory=Others)
    events: list[Event] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    beats: list[BridgeBeat] = field(default_factory=list)
    served: dict[str, str] = field(default_factory=dict)

    def after(self, origin: int) -> "Batch":
        """The part of this batch that is newer than the raw offset `origin`; itself where all of it is."""
        if self.first > origin:
            return self
        return Batch(
            partition=self.partition,
            first=max(self.first, origin + 1),
            last=self.last,
            now=self.now,
            ports=self.ports,
            readings=self.readings.take(self.readings.origin > origin),
            other=self.other.take(self.other.origin > origin),
            events=[e for e in self.events if e.origin > origin],
            rejects=[r for r in self.rejects if r.origin > origin],
            beats=[b for b in self.beats if b.origin > origin],
            served=self.served,
        )


class PortIndex:
    """Port id -> slot of the state arrays, growing by one slot a new port. Slots are never given twice.

    An operator keeps one and asks once per batch: `slots(batch.ports)[batch.readings.port]` are the slots of all rows.
    """

    def __init__(self, ports: Iterable[str] = ()) -> None:
        self.ports: list[str] = list(ports)
        self._slot = {port: i for i, port in enumerate(self.ports)}

    def __len__(self) -> int:
        return len(self.ports)

    def __contains__(self, port: str) -> bool:
        return port in self._slot

    def slot(self, port: str) -> int:
        """The slot of one port, made if new."""
        found = self._slot.get(port)
        if found is None:
            found = self._slot[port] = len(self.ports)
            self.ports.append(port)
        return found

    def slots(self, ports: Sequence[str]) -> NDArray[np.intp]:
        """The slots of `ports`, new ones made; shape (len(ports),). 0.1 us a port that is known, 0.3 where there are 100,000 of them."""
        try:
            return np.fromiter(map(self._slot.__getitem__, ports), np.intp, len(ports))
        except KeyError:
            return np.fromiter(map(self.slot, ports), np.intp, len(ports))


def grown(array: np.ndarray, ports: int, fill: float = 0) -> np.ndarray:
    """`array` with room for at least `ports` slots on its first axis, new slots holding `fill`; grows by doubling."""
    if len(array) >= ports:
        return array
    room = np.full((max(ports, 2 * len(array)) - len(array), *array.shape[1:]), fill, array.dtype)
    return np.concatenate([array, room])


def in_order(numbers: NDArray[Any]) -> NDArray[np.intp]:
    """A stable `argsort` of numbers that are not negative; below 65,536 by radix, which is ten times as fast and O(n)."""
    few = len(numbers) > 0 and int(numbers.max()) < 65_536
    return np.argsort(numbers.astype(np.uint16) if few else numbers, kind="stable")


def distinct(numbers: NDArray[Any], size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The distinct ones of `numbers` (0 to `size` - 1) in order, and for each number its place among them, as
    `np.unique` gives them; without sorting where `size` is not far more than there are numbers."""
    if size > 16 * len(numbers) + 1_000:
        return np.unique(numbers, return_inverse=True)
    met = np.zeros(size, np.bool_)
    met[numbers] = True
    return np.flatnonzero(met), (np.cumsum(met) - 1)[numbers]


def rounds(slots: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Row numbers by round: round k holds the (k+1)-th row of each slot, in order of arrival.

    Within one round every slot occurs at most once, so state arrays can be updated by fancy indexing. One stable sort;
    O(n log n). The number of rounds is the largest number of rows a slot has.
    """
    n = len(slots)
    if n == 0:
        return []
    order = in_order(slots)
    ordered = slots[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    rank = np.arange(n) - np.repeat(starts, np.diff(np.append(starts, n)))
    by_rank = np.argsort(rank, kind="stable")
    cuts = np.cumsum(np.bincount(rank))[:-1]
    return [np.sort(part) for part in np.split(order[by_rank], cuts)]
