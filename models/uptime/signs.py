"""What of a batch is a sign of life, of which station and port, and what of it came too late to be heard at its time."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.columns import Batch, PortIndex
from schemas.telemetry import CONNECTION, RETAINED, SESSION_ID, Event

Numbers = NDArray[np.intp]
Times = NDArray[np.int64]


@dataclass(slots=True)
class Signs:
    """Messages that stations sent themselves: by station (number), port (slot, -1 for the station itself), receive time.

    The first `readings` of them are the batch's readings at `rows`.
    """

    station: Numbers
    slot: Numbers
    received_at: Times
    readings: int
    rows: NDArray[np.intp]


def is_sign(event: Event) -> bool:
    """Whether the station itself said this just now: no replay, no last will, no answer of the back end."""
    if event.flags & RETAINED or event.kind == SESSION_ID:
        return False
    return event.kind != CONNECTION or event.data.get("connected") is not False


class Names:
    """Stations by number and ports by slot, as they turn up."""

    def __init__(self) -> None:
        self.stations = PortIndex()
        self.ports = PortIndex()
        self.station_of = np.zeros(0, np.intp)
        self.ports_of: list[list[int]] = []
        self._places: dict[str, tuple[int, int]] = {}

    def place(self, port: str) -> tuple[int, int]:
        """(station, slot) of a port id; slot -1 for the station itself."""
        found = self._places.get(port)
        if found is None:
            found = self._places[port] = self._new(port)
        return found

    def _new(self, port: str) -> tuple[int, int]:
        name, _, number = port.rpartition("/")
        station = self.stations.slot(name)
        if station == len(self.ports_of):
            self.ports_of.append([])
        if number == "0":
            return station, -1
        slot = self.ports.slot(port)
        if slot == len(self.station_of):
            self.station_of = np.append(self.station_of, station)
            self.ports_of[station].append(slot)
        return station, slot

    def signs(self, batch: Batch) -> Signs:
        """The signs of life in a batch. O(n)."""
        places = [self.place(port) for port in batch.ports]
        stations = np.array([station for station, _ in places], np.intp)
        slots = np.array([slot for _, slot in places], np.intp)
        rows = np.flatnonzero((batch.readings.flags & RETAINED) == 0)
        port = batch.readings.port if len(rows) == len(batch.readings) else batch.readings.port[rows]
        times = batch.readings.received_at if len(rows) == len(batch.readings) else batch.readings.received_at[rows]
        told = [(*self.place(event.port), event.received_at, is_sign(event)) for event in batch.events]
        said = [(station, slot, at) for station, slot, at, sign in told if sign]
        said += [(self.stations.slot(r.key), -1, r.received_at) for r in batch.rejects if self._spoke(r.key, r.topic)]
        rest = np.array(said, np.int64).reshape(-1, 3)
        other = batch.other.port
        return Signs(
            np.concatenate([stations[port], stations[other], rest[:, 0]]).astype(np.intp),
            np.concatenate([slots[port], slots[other], rest[:, 1]]).astype(np.intp),
            np.concatenate([times, batch.other.received_at, rest[:, 2]]),
            len(rows),
            rows,
        )

    def _spoke(self, key: str, topic: str) -> bool:
        """Whether a reject is something that a station known to us said."""
        return key in self.stations and "/to/" not in topic

    def snapshot(self) -> dict[str, list[str]]:
        """Plain data."""
        return {"stations": list(self.stations.ports), "ports": list(self.ports.ports)}

    def restore(self, state: Mapping[str, list[str]]) -> None:
        """Take up a snapshot."""
        self.stations, self.ports = PortIndex(state["stations"]), PortIndex(state["ports"])
        self._places = {}
        self.ports_of = [[] for _ in self.stations.ports]
        self.station_of = np.zeros(len(self.ports), np.intp)
        for slot, port in enumerate(self.ports.ports):
            station = self.stations.slot(port.rpartition("/")[0])
            self.station_of[slot] = station
            self.ports_of[station].append(slot)
