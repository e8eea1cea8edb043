"""The visits of a span of history on the stations' minute grids, with what faults do to them.

History moves in whole steps, and each station reads its meters at its own second of the minute, so charging starts and
stops at those instants.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from simulator import noise
from simulator.arrivals import Visit, admit
from simulator.faults import Fault, FaultSet
from simulator.outages import silences
from simulator.ports import US
from simulator.variants import VARIANTS
from simulator.world import Moment, World


class Schedule:
    """Admits visits span by span. `placed` visits are certain: candidates that would be in their way do not come."""

    def __init__(
        self, world: World, faults: FaultSet, placed: Sequence[Visit], step_s: int, until_us: int = 2**62
    ) -> None:
        self.world, self.faults, self.step_s = world, faults, step_s
        self._placed = sorted((self.snapped(v) for v in placed), key=lambda v: v.plug_us)
        self._cuts: dict[int, list[Fault]] = {}
        for fault in faults.faults:
            for port in faults.rows(fault) if VARIANTS[fault.variant].cut else ():
                self._cuts.setdefault(port, []).append(fault)
        self._turned = [f for f in faults.faults if VARIANTS[f.variant].behaviour in ("no_start", "handshake")]
        self._restarts = [s for s in silences(faults, until_us) if s.restart]

    def snapped(self, visit: Visit) -> Visit:
        """`visit` with contactor times on the grid of its station: at least two steps of charging, nobody gone before its end."""
        if visit.gives_up:
            return visit
        grid = self.world.on_grid
        start = grid(visit.start_us, visit.port, self.step_s)
        stop = max(grid(visit.stop_us, visit.port, self.step_s), start + 2 * self.step_s * US)
        return replace(visit, start_us=start, stop_us=stop, leave_us=max(visit.leave_us, stop + 20 * US))

    def admitted(self, start_us: int, end_us: int, moment: Moment) -> list[Visit]:
        """Who comes within [start_us, end_us): placed visits and the candidates who find their port free and whole."""
        here = [v for v in self._placed if start_us <= v.plug_us < end_us]
        candidates = self.world.arrivals.between(start_us, end_us)
        free = (self.snapped(self._turn_away(v)) for v in candidates if not self._barred(v))
        reserved = np.maximum(moment.busy_until, 0)
        came = admit((v for v in free if not self._in_the_way(v)), reserved)
        for visit in here:
            reserved[visit.port] = max(reserved[visit.port], visit.leave_us)
        moment.busy_until[:] = reserved
        return sorted((self._cut(v) for v in [*here, *came]), key=lambda v: v.plug_us)

    def _in_the_way(self, visit: Visit) -> bool:
        margin = 200 * US
        return any(
            p.port == visit.port and visit.plug_us < p.leave_us + margin and visit.leave_us > p.plug_us - margin
            for p in self._placed
        )

    def _barred(self, visit: Visit) -> bool:
        return any(f.active(visit.plug_us) for f in self._cuts.get(visit.port, ()))

    def _turn_away(self, visit: Visit) -> Visit:
        """`visit` as a dead reader or a failing handshake leaves it: no start, or a start without energy."""
        for fault in self._turned:
            if visit.port in self.faults.rows(fault) and fault.active(visit.plug_us) and not visit.gives_up:
                key = self.world.columns.noise_key[visit.port : visit.port + 1] + np.uint64(91)
                if float(noise.uniform(key, visit.plug_us // US)[0]) < fault.level(visit.plug_us):
                    return _refused(visit, VARIANTS[fault.variant].behaviour)
        return visit

    def _cut(self, visit: Visit) -> Visit:
        for fault in self._cuts.get(visit.port, ()):
            if not visit.gives_up:
                at = self.world.on_grid(fault.start_us, visit.port, self.step_s)
                if visit.start_us < at < visit.stop_us:
                    return cut_short(visit, at, fault)
        for restart in self._restarts:
            if not visit.gives_up and self.world.columns.station[visit.port] == restart.station:
                at = self.world.on_grid(restart.start_us, visit.port, self.step_s)
                if visit.start_us < at < visit.stop_us:
                    return replace(visit, stop_us=at, leave_us=at + 90 * US, reason="reboot", abrupt=True)
        return visit


def _refused(visit: Visit, behaviour: str) -> Visit:
    if behaviour == "no_start":
        return replace(visit, stop_us=visit.start_us, leave_us=visit.start_us + 5 * US, gives_up=True)
    stop = visit.start_us + 20 * US
    return replace(visit, stop_us=stop, leave_us=stop + 40 * US, soc=1.0, target=1.0, reason="other", abrupt=True)


def cut_short(visit: Visit, at_us: int, fault: Fault) -> Visit:
    """`visit` ended by `fault` at `at_us`: the current stops at once."""
    variant = VARIANTS[fault.variant]
    return replace(
        visit, stop_us=at_us, leave_us=at_us + 90 * US, reason=variant.cut, abrupt=True,
        error=variant.error, code=variant.code,
    )  # fmt: skip


def starts_and_stops(visits: Iterable[Visit]) -> tuple[dict[int, list[Visit]], dict[int, list[Visit]]]:
    """Visits by the instant (us) at which their contactor closes, and opens."""
    starts: dict[int, list[Visit]] = {}
    stops: dict[int, list[Visit]] = {}
    for visit in visits:
        if not visit.gives_up:
            starts.setdefault(visit.start_us, []).append(visit)
            stops.setdefault(visit.stop_us, []).append(visit)
    return starts, stops
