"""The operator `store`: every line of telemetry to its table, and readings by the minute.

**Lines.** Readings, other values, events and rejects become rows as they are (`Append`); readings that the broker replayed
on subscribe (RETAINED) are a state and no new point in time: they are not stored.

**Minutes.** A port's newest minute is summed up as its readings come, and put out once a later minute begins or log time
has passed its end. Only readings in order of time are summed: a late, repeated or shuffled one marks its minute, which is
then recomputed from `reading` (`Recompute`) instead, as is the first minute of a port that a new operator sees, since rows
of it may be stored already. So the table ends up the same wherever batches are cut and whatever order lines come in.

Means are summed in float64: exact, and so independent of order, for values whose exponents lie within 2**29 / n of each
other, as those of sensors do; then rounded to float32. State: about 300 bytes a port.
"""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.columns import Batch, PortIndex
from models.minutes import Minutes, Runs
from models.operator import Append, Column, Outputs, Recompute, Upsert
from schemas.telemetry import RETAINED, Event, Reject

GRACE_US: Final = 5_000_000
"""How long after the end of a minute its last reading may arrive without a recomputation."""

_encode: Final = msgspec.json.Encoder(order="deterministic").encode


def event_digest(data: Mapping[str, Any]) -> int:
    """A signed 64-bit digest of an event's data, the same in every process and for every order of its keys."""
    return int.from_bytes(blake2b(_encode(data), digest_size=8).digest(), "big", signed=True)


class Store:
    """Lines to rows, readings to minutes; see the module.

    Its memory is the open minutes, and a minute is open for little more than a minute of log time; an hour's replay of
    `reading` makes them anew.
    """

    name: str = "store"
    version: int = 1
    memory_days: float = 1 / 24

    def __init__(self, grace_us: int = GRACE_US) -> None:
        self._grace_us = grace_us
        self._index = PortIndex()
        self._minutes = Minutes()

    def on_batch(self, batch: Batch) -> Outputs:
        """The batch's lines and the minutes that they complete."""
        out = Outputs()
        live = batch.readings.flags & RETAINED == 0
        if not live.all():
            batch = replace(batch, readings=batch.readings.take(live))
        if len(batch.readings):
            out.writes.append(_readings(batch))
            slots = self._index.slots(batch.ports)[batch.readings.port]
            done, late = self._minutes.add(slots, batch.readings)
            self._put_minutes(out, done, late)
        if len(batch.other):
            out.writes.append(_others(batch))
        if batch.events:
            out.writes.append(_events(batch.events))
        if batch.rejects:
            out.writes.append(_rejects(batch.rejects))
        return out

    def on_time(self, now: int) -> Outputs:
        """Minutes that are over: `grace_us` after their end, by the clock that the port's readings keep to log time."""
        out = Outputs()
        self._put_minutes(out, self._minutes.over(now - self._grace_us), None)
        return out

    def snapshot(self) -> dict[str, Any]:
        """The open minutes."""
        return {
            "v": self.version,
            "ports": list(self._index.ports),
            "minutes": self._minutes.snapshot(len(self._index)),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a snapshot; ValueError for a version that this is not."""
        if state.get("v") != self.version:
            raise ValueError(f"snapshot of version {state.get('v')}, this is {self.version}")
        self._index = PortIndex(state["ports"])
        self._minutes = Minutes.restored(state["minutes"])

    def _put_minutes(self, out: Outputs, done: Runs, late: tuple[NDArray[np.intp], NDArray[np.int64]] | None) -> None:
        again_slot, again_minute = done.slot[done.dirty], done.minute[done.dirty]
        whole = done.take(~done.dirty)
        if len(whole):
            ports, port = self._named(whole.slot)
            out.writes.append(Upsert("reading_1m", ("at",), ports, port, whole.columns()))
        if late is not None:
            again_slot, again_minute = np.concatenate([again_slot, late[0]]), np.concatenate([again_minute, late[1]])
        if len(again_slot):
            ports, port = self._named(again_slot)
            out.writes.append(Recompute("reading_1m", ports, port, again_minute))

    def _named(self, slots: NDArray[np.intp]) -> tuple[list[str], NDArray[np.intp]]:
        """Slots as ports and indexes into them."""
        used, port = np.unique(slots, return_inverse=True)
        return [self._index.ports[slot] for slot in used], port


def _readings(batch: Batch) -> Append:
    rows = batch.readings
    columns: dict[str, Column] = {"at": rows.at, "received_at": rows.received_at, "flags": rows.flags, **rows.channels}
    return Append("reading", batch.ports, rows.port, rows.origin, columns)


def _others(batch: Batch) -> Append:
    rows = batch.other
    columns: dict[str, Column] = {
        "at": rows.at,
        "received_at": rows.received_at,
        "channel": rows.channel,
        "value": rows.value,
    }
    return Append("reading_other", batch.ports, rows.port, rows.origin, columns)


def _events(events: list[Event]) -> Append:
    ports = list(dict.fromkeys(event.port for event in events))
    index = {port: i for i, port in enumerate(ports)}
    columns: dict[str, Column] = {
        "at": np.array([event.at for event in events], np.int64),
        "received_at": np.array([event.received_at for event in events], np.int64),
        "flags": np.array([event.flags for event in events], np.int64),
        "kind": [event.kind for event in events],
        "digest": np.array([event_digest(event.data) for event in events], np.int64),
        "data": [event.data for event in events],
    }
    port = np.array([index[event.port] for event in events], np.int32)
    return Append("event", ports, port, np.array([event.origin for event in events], np.int64), columns)


def _rejects(rejects: list[Reject]) -> Append:
    columns: dict[str, Column] = {
        "seq": np.array([reject.seq for reject in rejects], np.int64),
        "received_at": np.array([reject.received_at for reject in rejects], np.int64),
        "station": [reject.key for reject in rejects],
        "topic": [reject.topic for reject in rejects],
        "reason": [reject.reason for reject in rejects],
        "detail": [reject.detail for reject in rejects],
    }
    origin = np.array([reject.origin for reject in rejects], np.int64)
    return Append("reject", [], np.zeros(len(rejects), np.int32), origin, columns)
