"""A span of history cut into the shards of the telemetry topic, each a chunk of columns in order of time."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.channels import BY_NAME, NAMES
from schemas.telemetry import BridgeBeat, Event
from schemas.topics import partition_of
from simulator import noise, values
from simulator.chunk import Chunk, OtherColumns, ReadingColumns
from simulator.effects import Effects
from simulator.faults import FaultSet
from simulator.history_events import LATENCY_US, Events, Happening, Span
from simulator.ports import US
from simulator.recorder import Rows
from simulator.speak import SAYS
from simulator.world import World

BRIDGE: Final = "history"
BETWEEN_S: Final = 10
_DAY_S: Final = 86_400
_HOUR_US: Final = 3_600 * US


class Assembler:
    """Cuts spans of one history into chunks for `partitions` shards."""

    def __init__(self, world: World, faults: FaultSet, partitions: int, start_us: int, end_us: int) -> None:
        self.world, self.start_us = world, start_us
        self.events = Events(world, faults, end_us)
        stations = world.fleet.stations
        self._shard = np.array([partition_of(s.station.encode(), partitions) for s in stations])
        self._ports = [self._ports_of(shard) for shard in range(partitions)]
        says = [SAYS[stations[i].protocol] for i in world.columns.station]
        self._speaks = [stations[i].protocol == "canonical" for i in world.columns.station]
        self._said = {name: np.array([name in s for s in says]) for name in NAMES}

    def _ports_of(self, shard: int) -> NDArray[np.int64]:
        """The ports of a shard in the order in which their stations read their meters."""
        columns = self.world.columns
        mine = np.flatnonzero(self._shard[columns.station] == shard)
        return mine[np.argsort(columns.s_offset_s[columns.station[mine]], kind="stable")]

    def chunks(self, span: Span) -> Iterator[Chunk]:
        """The chunks of `span`, one a shard, shards without ports too."""
        said = sorted([*self.events.of(span), *self.events.links(span)], key=lambda h: h.at)
        for shard, ports in enumerate(self._ports):
            yield self._chunk(span, shard, ports, [h for h in said if self._shard[h.station] == shard])

    def _chunk(self, span: Span, shard: int, ports: NDArray[np.int64], said: list[Happening]) -> Chunk:
        rng = np.random.default_rng([self.world.seed, span.start_us // US, shard])
        readings = self._readings(span, ports, rng)
        names = [self.world.fleet.port_names[p] for p in ports]
        told_at = np.array([h.at for h in said], np.int64)
        readings.seq += np.searchsorted(told_at, readings.at, "right")
        behind = np.searchsorted(readings.at, told_at, "left") + np.arange(len(said))
        events = [self._event(h, span.number, int(seq)) for h, seq in zip(said, behind, strict=True)]
        other = self._values(span, ports, rng, len(readings) + len(said))
        last = len(readings) + len(said) + len(other)
        beat = BridgeBeat(
            bridge=BRIDGE, at=span.end_us, connected=True, since=self.start_us, origin=span.number, seq=last
        )
        stations = {self.world.fleet.stations[self.world.columns.station[p]].station: BRIDGE for p in ports}
        return Chunk(shard, span.number, span.number, span.end_us, names, readings, other, events, [beat], stations)

    def _event(self, h: Happening, number: int, seq: int) -> Event:
        port = (
            f"{self.world.fleet.stations[h.station].station}/0"
            if h.port is None
            else self.world.fleet.port_names[h.port]
        )
        return Event(port=port, kind=h.kind, at=h.at, received_at=h.received_at, origin=number, seq=seq, data=h.data)

    def _readings(self, span: Span, ports: NDArray[np.int64], rng: np.random.Generator) -> ReadingColumns:
        rows, local = self._rows(span, ports)
        truth = span.trace.truth(rows)
        channels = self.world.sensors.channels(truth, rng, span.trace.effects_at(rows))
        at = span.node_us[rows.step, self.world.columns.station[rows.port]] + rows.second * US
        n = len(at)
        return ReadingColumns(
            port=local.astype(np.int32),
            at=at,
            received_at=at + LATENCY_US,
            origin=np.full(n, span.number, np.int64),
            seq=np.arange(n, dtype=np.int64),
            flags=np.zeros(n, np.uint8),
            channels={k: self._sayable(k, v, rows.port) for k, v in channels.items()},
        )

    def _sayable(self, name: str, column: np.ndarray, port: NDArray[np.int64]) -> np.ndarray:
        """A channel in its dtype, NaN at ports whose protocol has no word for it."""
        said = self._said[name]
        column = column if said.all() else np.where(said[port], column, np.nan)
        return column.astype(BY_NAME[name].dtype, copy=False)

    def _rows(self, span: Span, ports: NDArray[np.int64]) -> tuple[Rows, NDArray[np.int64]]:
        """The rows of a shard in order of time, and each row's port as a position in `ports`."""
        trace, step_s = span.trace, span.trace.step_s
        whole = np.arange(0, trace.steps, 60 // step_s)
        step, local = np.repeat(whole, len(ports)), np.tile(np.arange(len(ports)), len(whole))
        second = np.zeros(len(step), np.int64)
        charging = trace.charging[: trace.steps, ports]
        k, p = np.nonzero(charging)
        inner = np.arange(0, step_s, BETWEEN_S)
        more = np.repeat(k, len(inner)), np.repeat(p, len(inner)), np.tile(inner, len(k))
        extra = (more[2] > 0) | (more[0] * step_s % 60 > 0)
        step = np.concatenate((step, more[0][extra]))
        local = np.concatenate((local, more[1][extra]))
        second = np.concatenate((second, more[2][extra]))
        offset = self.world.columns.s_offset_s[self.world.columns.station[ports]]
        when = step * step_s + second + offset[local]
        heard = np.flatnonzero(self._heard(span, ports, local, when))
        order = heard[np.argsort(when[heard], kind="stable")]
        return Rows(step[order], ports[local[order]], second[order]), local[order]

    def _heard(
        self, span: Span, ports: NDArray[np.int64], local: NDArray[np.int64], when: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Whether rows (seconds `when` into the span) arrive: not within short dropouts, nor while their station is silent."""
        heard = np.ones(len(when), bool)
        start_s = span.start_us // US
        for day in range(start_s // _DAY_S, (span.end_us // US - 1) // _DAY_S + 1):
            key = self.world.columns.noise_key[ports] + np.uint64(77)
            lost = noise.uniform(key, 3 * day) < self.world.constants.dropouts_per_day
            begin = (day * _DAY_S - start_s) + noise.uniform(key, 3 * day + 1) * _DAY_S
            length = np.where(lost, 60 + 240 * noise.uniform(key, 3 * day + 2), 0)
            heard &= (when < begin[local]) | (when >= (begin + length)[local])
        station = self.world.columns.station[ports][local]
        t = span.start_us + when * US
        for s in self.events.silences:
            if s.start_us < span.end_us and s.end_us > span.start_us:
                heard &= (station != s.station) | (t < s.start_us) | (t >= s.end_us)
        return heard

    def _values(self, span: Span, ports: NDArray[np.int64], rng: np.random.Generator, seq: int) -> OtherColumns:
        """What ports with words for it say outside the channels: at each start of a charge, and every hour of their station."""
        local = {int(p): i for i, p in enumerate(ports) if self._speaks[p]}
        said: list[tuple[int, int, str, float]] = []

        def tell(at: int, port: int, *what: Callable[[World, int, Effects | None, values.Draw], values.Values]) -> None:
            node = (at - int(span.node_us[0, self.world.columns.station[port]])) // (span.trace.step_s * US)
            fx = span.trace.effects.get(node)
            for one in what:
                found = one(self.world, port, fx, rng.standard_normal)
                said.extend((at, local[port], name, value) for name, value in found.items())

        for v in span.started:
            if v.port in local:
                tell(v.start_us, v.port, values.while_charging, values.at_start)
        first = self.world.columns.first
        for port in (int(p) for p in first if int(p) in local):
            for hour in range(0, (span.end_us - span.start_us) // _HOUR_US):
                tell(int(span.node_us[0, self.world.columns.station[port]]) + hour * _HOUR_US, port, values.of_station)
        said.sort(key=lambda row: row[0])
        n = len(said)
        at = np.array([row[0] for row in said], np.int64)
        return OtherColumns(
            port=np.array([row[1] for row in said], np.int32),
            at=at,
            received_at=at + LATENCY_US,
            origin=np.full(n, span.number, np.int64),
            seq=seq + np.arange(n, dtype=np.int64),
            channel=[row[2] for row in said],
            value=np.array([row[3] for row in said], np.float64),
        )
