"""The events of a span of history: visits, statuses, boots, signs of life, and what outages do to their arrival."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from schemas import telemetry
from simulator.arrivals import Visit
from simulator.faults import FaultSet
from simulator.names import session_name
from simulator.outages import Silence, silences
from simulator.ports import US
from simulator.recorder import Trace
from simulator.variants import VARIANTS
from simulator.world import World

LATENCY_US: Final = 250_000
_ALIVE_US: Final = 3_600 * US
_WILL_US: Final = 5 * US


@dataclass(slots=True)
class Span:
    """One span of history before it is cut into shards: its trace, the instants of its nodes, and what visitors did.

    `started` and `stopped` are visits whose contactor closed or opened within the span; `full` rows (node, port) at which
    a vehicle stopped taking by itself.
    """

    number: int
    first: bool
    start_us: int
    end_us: int
    node_us: NDArray[np.int64]
    trace: Trace
    came: list[Visit]
    started: list[Visit] = field(default_factory=list)
    stopped: list[Visit] = field(default_factory=list)
    full: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))


@dataclass(frozen=True, slots=True)
class Happening:
    """Something said: `port` is a position in the fleet, or None with `station` for the station itself."""

    at: int
    station: int
    port: int | None
    kind: str
    data: dict[str, Any]
    received_at: int


def status_of(visit: Visit | None, on: bool, full: bool, at_us: int) -> str:
    """The canonical status of a port with `visit` at `at_us`."""
    if visit is None or at_us >= visit.leave_us:
        return "available"
    if on:
        return "suspended_ev" if full else "charging"
    return "finishing" if not visit.gives_up and at_us >= visit.stop_us else "preparing"


class Events:
    """Makes the events of span after span; those that fall behind a span's end wait for the next."""

    def __init__(self, world: World, faults: FaultSet, until_us: int) -> None:
        self.world, self.faults = world, faults
        self.silences = silences(faults, until_us)
        self._later: list[Happening] = []
        self._protocol = [s.protocol for s in world.fleet.stations]

    def of(self, span: Span) -> list[Happening]:
        """The events of `span`, in order of time."""
        said = [*self._later, *self._booted(span), *self._alive(span), *self._visits(span), *self._faults(span)]
        said = self._muted(said)
        self._later = [h for h in said if h.at >= span.end_us]
        return sorted((h for h in said if h.at < span.end_us), key=lambda h: h.at)

    def _at_port(self, at: int, port: int, kind: str, **data: Any) -> Happening:
        return Happening(at, int(self.world.columns.station[port]), port, kind, data, at + LATENCY_US)

    def _booted(self, span: Span) -> list[Happening]:
        if not span.first:
            return []
        at = span.start_us
        said = [self._boot(at, i, "power_up") for i in range(len(self.world.fleet.stations))]
        return said + [
            self._at_port(at, p, telemetry.STATUS, status="available") for p in range(self.world.columns.ports)
        ]

    def _boot(self, at: int, station: int, reason: str) -> Happening:
        s = self.world.fleet.stations[station]
        data = {"reason": reason, "vendor": s.model.vendor, "model": s.model.name}
        data |= {"firmware": s.firmware, "serial": s.serial}
        return Happening(at, station, None, telemetry.BOOT, data, at + LATENCY_US)

    def _alive(self, span: Span) -> list[Happening]:
        offsets = self.world.columns.s_offset_s * US
        hours = range(-(-span.start_us // _ALIVE_US) * _ALIVE_US, span.end_us, _ALIVE_US)
        times = ((h + int(o), i) for h in hours for i, o in enumerate(offsets))
        return [Happening(at, i, None, telemetry.ALIVE, {}, at + LATENCY_US) for at, i in times]

    def _visits(self, span: Span) -> list[Happening]:
        said = [self._at_port(v.plug_us, v.port, telemetry.STATUS, status="preparing") for v in span.came]
        said += [
            self._at_port(v.leave_us, v.port, telemetry.STATUS, status="available")
            for v in (*span.stopped, *(c for c in span.came if c.gives_up))
            if not v.error
        ]
        for visit in span.started:
            said += self._started(span, visit)
        for visit in span.stopped:
            said += self._stopped(span, visit)
        for node, port in span.full.tolist():
            at = int(span.node_us[node, self.world.columns.station[port]])
            said.append(self._at_port(at, port, telemetry.STATUS, status="suspended_ev"))
        return said

    def _meter(self, span: Span, visit: Visit, at: int) -> int:
        node = (at - int(span.node_us[0, self.world.columns.station[visit.port]])) // (span.trace.step_s * US)
        return int(span.trace.register[node, visit.port])

    def _session(self, visit: Visit) -> str:
        protocol = self._protocol[int(self.world.columns.station[visit.port])]
        return session_name(protocol, self.world.fleet.port_names[visit.port], visit.start_us)

    def _started(self, span: Span, visit: Visit) -> list[Happening]:
        meter = self._meter(span, visit, visit.start_us)
        session = self._session(visit)
        return [
            self._at_port(
                visit.start_us, visit.port, telemetry.SESSION_START, session=session, token=visit.token, meter_wh=meter
            ),
            self._at_port(visit.start_us, visit.port, telemetry.STATUS, status="charging"),
        ]

    def _stopped(self, span: Span, visit: Visit) -> list[Happening]:
        meter = self._meter(span, visit, visit.stop_us)
        end = self._at_port(
            visit.stop_us,
            visit.port,
            telemetry.SESSION_END,
            session=self._session(visit),
            meter_wh=meter,
            reason=visit.reason,
        )
        if visit.error:
            return [end]
        return [end, self._at_port(visit.stop_us, visit.port, telemetry.STATUS, status="finishing")]

    def _faults(self, span: Span) -> list[Happening]:
        """What ports say of themselves when a fault cuts them off, and when it is over."""
        said = []
        for fault in (f for f in self.faults.within(span.start_us, span.end_us) if VARIANTS[f.variant].cut):
            variant = VARIANTS[fault.variant]
            for port in self.faults.rows(fault):
                begin = self.world.on_grid(fault.start_us, port, span.trace.step_s)
                if not span.start_us <= begin < span.end_us:
                    continue
                codes = {"error": variant.error, "vendor_code": variant.code}
                said.append(self._at_port(begin, port, telemetry.STATUS, status="faulted", **codes))
                if fault.end_us is not None:
                    over = max(fault.end_us, begin + US)
                    said.append(self._at_port(over, port, telemetry.STATUS, status="available"))
        return said

    def _muted(self, said: list[Happening]) -> list[Happening]:
        """`said` as it arrives: what a silent station meant to say comes late (sessions) or never; links are told."""
        times = [h.at for h in said]
        for silence in self.silences:
            if times and silence.start_us <= max(times) and silence.end_us > min(times):
                said = self._mute(said, silence)
        return said

    def _mute(self, said: list[Happening], silence: Silence) -> list[Happening]:
        heard, last = [], {}
        for h in sorted(said, key=lambda h: h.at):
            if (
                h.station != silence.station
                or not silence.start_us <= h.at < silence.end_us
                or h.received_at >= silence.end_us
            ):
                heard.append(h)
            elif h.kind in (telemetry.SESSION_START, telemetry.SESSION_END):
                late = {**h.data, "offline": True}
                heard.append(Happening(h.at, h.station, h.port, h.kind, late, silence.end_us + LATENCY_US))
            elif h.kind == telemetry.STATUS:
                last[h.port] = h
        back = silence.end_us
        heard += [Happening(back, h.station, h.port, h.kind, h.data, back + LATENCY_US) for h in last.values()]
        return heard

    def links(self, span: Span) -> list[Happening]:
        """The link of silent stations going down (the broker tells it after the keep-alive time) and coming back."""
        said = []
        for s in self.silences:
            for at, up in ((s.start_us + _WILL_US, False), (s.end_us, True)):
                if span.start_us <= at < span.end_us:
                    said.append(
                        Happening(at, s.station, None, telemetry.CONNECTION, {"connected": up}, at + LATENCY_US)
                    )
                    if up and s.restart:
                        said.append(self._boot(at, s.station, "watchdog"))
        return said
