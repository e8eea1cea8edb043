"""A batch made ready for sessions: readings as samples by port, events in turns, so that their order of arrival is kept.

A *turn* is what arrived of a station up to and including an event that may begin, end or judge a session. Within a turn
the order of readings and events of a station does not matter, so the readings of all ports go together.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.columns import Batch, Readings, in_order
from models.sessions.energy import NONE, Columns
from models.sessions.facts import END, MARKS, UPDATE, session_id
from models.sessions.keeper import Keeper
from models.sessions.port import Port
from schemas.assets import PortFacts
from schemas.telemetry import AUTHORIZE, FAULT, RETAINED, STATUS, Event

_KINDS: Final = (*MARKS, AUTHORIZE, STATUS, FAULT)
_CHANNELS: Final = ("power", "energy", "power_offered", "soc", "voltage", "current_offered", "current_requested")


@dataclass(slots=True)
class Turns:
    """The turns of one batch."""

    turns: int
    slot: NDArray[np.intp]
    samples: Columns
    cuts: NDArray[np.intp]
    said: dict[int, list[Event]] = field(default_factory=dict)

    def readings(self, turn: int) -> tuple[NDArray[np.intp], Columns]:
        """The samples of a turn, sorted by slot, of each slot in order of arrival."""
        part = slice(self.cuts[turn], self.cuts[turn + 1])
        return self.slot[part], self.samples.take(part)

    def events(self, turn: int) -> list[Event]:
        """The events of a turn, in order of arrival."""
        return self.said.get(turn, [])


class Intake:
    """Sorts batches. It asks the keeper which sessions are known: an update of one of them begins nothing."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._stations: dict[str, int] = {}
        self._station = np.zeros(0, np.int64)

    def sort(self, batch: Batch, facts: Mapping[str, PortFacts]) -> Turns:
        """The turns of a batch; O(n log n) for n readings."""
        events = sorted((e for e in batch.events if e.kind in _KINDS), key=lambda event: event.seq)
        readings = batch.readings
        slots = self._keeper.index.slots(batch.ports)
        self._keeper.ensure()
        self._know(self._keeper.index.ports)
        rows = _telling(readings)
        if rows is not None:
            readings = readings.take(rows)
        slot = slots[readings.port] if len(readings) else np.zeros(0, np.intp)
        turning = self._turning(events)
        turn = self._turn_of(slot, readings.seq, turning)
        order = _order(slot, turn, len(self._keeper.index))
        said = self._said(events, turning)
        turns = max([0, *said, *([int(turn.max())] if len(turn) else [])]) + 1
        cuts = np.searchsorted(turn[order], np.arange(turns + 1)).astype(np.intp)
        samples = _samples(readings, batch.ports, facts)
        return Turns(turns, slot[order], samples.take(order), cuts, said)

    def _know(self, ports: list[str]) -> None:
        for name in ports[len(self._station) :]:
            number = self._stations.setdefault(name.rpartition("/")[0], len(self._stations))
            self._station = np.append(self._station, number)

    def _turning(self, events: Iterable[Event]) -> list[tuple[int, Event]]:
        """(station, event) of the events that end a turn."""
        seen = _Seen()
        out = []
        for event in events:
            if self._turns(event, seen):
                station = event.port.rpartition("/")[0]
                out.append((self._stations.setdefault(station, len(self._stations)), event))
        return out

    def _turns(self, event: Event, seen: "_Seen") -> bool:
        port = self._keeper.ports.get(self._keeper.index.slot(event.port))
        kind = MARKS.get(event.kind)
        if kind is None:
            return event.kind == FAULT or (event.kind == STATUS and _weighs(event, port, seen))
        if kind == END:
            seen.ended[event.port] = max(seen.ended.get(event.port, event.at), event.at)
        session = session_id(event.data.get("session"))
        if kind != UPDATE or session is None:
            return kind != UPDATE
        earliest = seen.updated.get((event.port, session))
        if earliest is not None and event.at >= earliest:
            return False
        seen.updated[event.port, session] = event.at
        known = [] if port is None else [draft for draft in port.sessions if draft.session == session]
        return not any(d.start is not None or (d.update is not None and d.update.at <= event.at) for d in known)

    def _turn_of(
        self, slot: NDArray[np.intp], seq: NDArray[np.int64], turning: list[tuple[int, Event]]
    ) -> NDArray[np.int64]:
        """For each reading, how many turning events of its station came before it."""
        if not turning or len(slot) == 0:
            return np.zeros(len(slot), np.int64)
        span = max(int(seq.max()), max(event.seq for _, event in turning)) + 2
        keys = np.sort(np.array([station * span + event.seq for station, event in turning], np.int64))
        base = self._station[slot] * span
        return (np.searchsorted(keys, base + seq) - np.searchsorted(keys, base)).astype(np.int64)

    def _said(self, events: list[Event], turning: list[tuple[int, Event]]) -> dict[int, list[Event]]:
        ends = {id(event) for _, event in turning}
        turn: dict[str, int] = {}
        said: dict[int, list[Event]] = {}
        for event in events:
            station = event.port.rpartition("/")[0]
            said.setdefault(turn.get(station, 0), []).append(event)
            if id(event) in ends:
                turn[station] = turn.get(station, 0) + 1
        return said


@dataclass(slots=True)
class _Seen:
    """What a batch told so far: the earliest update of each session, the last end of each port."""

    updated: dict[tuple[str, str], int] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)


def _weighs(event: Event, port: Port | None, seen: _Seen) -> bool:
    """Whether a status may change what is known of a session: it tells a fault, or it is older than an end."""
    data = event.data
    if data.get("status") == "faulted" or data.get("error") or data.get("vendor_code"):
        return True
    station = f"{event.port.rpartition('/')[0]}/0"
    ends = (seen.ended.get(event.port), seen.ended.get(station), None if port is None else port.last_end())
    return any(end is not None and event.at < end for end in ends)


def _telling(readings: Readings) -> NDArray[np.intp] | None:
    """The rows that say something of power, energy or state of charge; None where all do. Retained ones are states, not samples."""
    n = len(readings)
    told = np.zeros(n, np.bool_)
    for name in ("power", "energy", "power_offered", "current_offered", "current_requested", "soc", "current"):
        column = readings.channels.get(name)
        if column is not None:
            told |= ~np.isnan(column)
            if told.all():
                break
    told &= (readings.flags & RETAINED) == 0
    return None if told.all() else np.flatnonzero(told)


def _order(slot: NDArray[np.intp], turn: NDArray[np.int64], ports: int) -> NDArray[np.intp]:
    """By turn and slot, within them as they came."""
    return in_order(turn * ports + slot)


def _samples(readings: Readings, ports: list[str], facts: Mapping[str, PortFacts]) -> Columns:
    nothing: Any = np.full(len(readings), np.nan, np.float32)
    channels = readings.channels
    factor = None
    power, offered = channels.get("power", nothing), channels.get("power_offered", nothing)
    voltage, requested = channels.get("voltage"), nothing
    if voltage is not None:
        if "current" in channels and np.isnan(power).any():
            factor = _factor(readings, ports, facts)
            power = np.where(np.isnan(power), voltage * channels["current"] * factor, power)
        if "current_offered" in channels:
            factor = _factor(readings, ports, facts) if factor is None else factor
            offered = np.where(np.isnan(offered), voltage * channels["current_offered"] * factor, offered)
        if "current_requested" in channels:
            factor = _factor(readings, ports, facts) if factor is None else factor
            requested = voltage * channels["current_requested"] * factor
    energy = np.full(len(readings), NONE, np.int64)
    if "energy" in channels:
        told = ~np.isnan(channels["energy"])
        energy[told] = np.rint(channels["energy"][told].astype(np.float64) * 1000).astype(np.int64)
    f4 = np.float32
    soc = channels.get("soc", nothing)
    return Columns(
        readings.at,
        np.asarray(power, f4),
        energy,
        np.asarray(offered, f4),
        np.asarray(requested, f4),
        np.asarray(soc, f4),
    )


def _factor(readings: Readings, ports: list[str], facts: Mapping[str, PortFacts]) -> NDArray[np.float32]:
    """Phases that carry the current: on AC those that show some, else all of the port; 1 on DC and where nothing is known."""
    of_port = np.ones(len(ports), np.float32)
    for i, name in enumerate(ports):
        known = facts.get(name)
        if known is not None and known.kind == "ac" and known.phases:
            of_port[i] = known.phases
    factor = of_port[readings.port]
    lines = [
        readings.channels[name] for name in ("current_l1", "current_l2", "current_l3") if name in readings.channels
    ]
    if lines:
        carrying = np.sum([np.greater(np.nan_to_num(line), 0.5) for line in lines], axis=0).astype(np.float32)
        factor = np.where((carrying > 0) & (factor > 1), carrying, factor).astype(np.float32)
    return factor
