"""Weeks of a network's life at once: readings, events and labels, and the state from which the live fleet goes on.

A port says one reading a minute when idle and one in ten seconds while it charges. The same physics as live, a minute a
step, all ports at once; readings between the steps follow from the trace (`recorder`). Memory is that of one span.
Faults act on the physics, cut sessions (`Variant.cut`), silence and restart stations, turn visitors away and fail handshakes;
flapping and jammed locks show in the live fleet only.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.labels import Label
from simulator.arrivals import Visit
from simulator.chunk import Chunk
from simulator.constants import Constants
from simulator.faults import Fault, FaultSet
from simulator.fleet import Fleet
from simulator.history_chunks import Assembler
from simulator.history_events import Span, status_of
from simulator.physics import Surroundings
from simulator.ports import US
from simulator.recorder import Trace
from simulator.schedule import Schedule, starts_and_stops
from simulator.world import Moment, World

BETWEEN_S = 10


class History:
    """The history of `world` from `start_us` to `end_us` (whole minutes), an iterable of chunks by span and shard.

    `placed` visits happen for certain (they may reach beyond the end). `moment` goes on where another history ended;
    after iteration it is the state at the end. Determined by the fleet's seed, the world's, and the arguments.
    """

    def __init__(
        self, world: World, start_us: int, end_us: int, partitions: int, *, faults: Sequence[Fault] = (),
        placed: Sequence[Visit] = (), moment: Moment | None = None, step_s: int = 60, span_s: int = 86_400, number: int = 0,
    ) -> None:  # fmt: skip
        if start_us % (60 * US) or end_us % (60 * US) or end_us <= start_us:
            raise ValueError(
                f"history from {start_us} to {end_us}: both must be whole minutes, the end after the start"
            )
        if step_s % BETWEEN_S or 60 % step_s:
            raise ValueError(
                f"a step of {step_s} s does not fit readings a minute and in ten seconds: use 10, 20, 30 or 60"
            )
        if partitions < 1:
            raise ValueError(f"{partitions} partitions: there must be at least one")
        self.world, self.start_us, self.end_us, self.step_s, self.span_s = world, start_us, end_us, step_s, span_s
        self.faults = FaultSet(world.fleet, tuple(faults))
        self.first = moment is None
        self.moment = moment or Moment.fresh(world, start_us)
        if (self.moment.clock_us != start_us + world.columns.s_offset_s * US).any():
            raise ValueError(
                "this state does not stand at the start of the history: give the one that a history ended with"
            )
        self.number = number
        self._schedule = Schedule(world, self.faults, placed, step_s, end_us)
        self._assembler = Assembler(world, self.faults, partitions, start_us, end_us)
        self._waiting: list[Visit] = []
        self._leaving: list[Visit] = []
        self._was_full = self.moment.on & self.moment.state.done

    def labels(self) -> list[Label]:
        """The labels of the faults of this history."""
        return self.faults.labels()

    def __iter__(self) -> Iterator[Chunk]:
        for span in self.spans():
            yield from self._assembler.chunks(span)

    def spans(self) -> Iterator[Span]:
        """The physics of span after span, for those who need no messages; iterating the history gives their chunks instead."""
        at = self.start_us
        while at < self.end_us:
            end = min(at + self.span_s * US, self.end_us)
            yield self._span(at, end)
            at, self.number = end, self.number + 1
        self._hand_over()

    def _span(self, start_us: int, end_us: int) -> Span:
        steps = (end_us - start_us) // (self.step_s * US)
        came = self._schedule.admitted(start_us, end_us, self.moment)
        grid = start_us + np.arange(steps + 1)[:, None] * (self.step_s * US)
        node_us = grid + self.world.columns.s_offset_s * US
        trace = Trace(self.world, steps, self.step_s, self.world.surroundings(node_us))
        running = [v for v, on in zip(self.moment.visits, self.moment.on, strict=True) if v is not None and on]
        self._waiting += [v for v in came if not v.gives_up]
        span = Span(self.number, self.first, start_us, end_us, node_us, trace, came)
        self._run(span, [*self._waiting, *running])
        started = set(span.started)
        self._waiting = [v for v in self._waiting if v not in started]
        self._leaving = [v for v in (*self._leaving, *span.stopped) if v.leave_us >= end_us]
        before = np.concatenate((self._was_full[None], trace.full[: steps - 1]))
        span.full = np.argwhere(trace.full[:steps] & ~before)
        self._was_full, self.first = trace.full[steps - 1], False
        return span

    def _run(self, span: Span, visits: list[Visit]) -> None:
        """Step through the span; what starts or stops at its last node is left to the next span."""
        moment, trace, station = self.moment, span.trace, self.world.columns.station
        starts, stops = starts_and_stops(visits)
        by_node: dict[int, list[int]] = {}
        for at in {*starts, *stops}:
            by_node.setdefault((at - span.start_us) // (self.step_s * US), []).append(at)
        nothing = np.zeros(self.world.columns.ports, bool)
        for k in range(trace.steps):
            now, soon = by_node.get(k), by_node.get(k + 1)
            starting = self._change(span, now, starts, stops) if now else nothing
            stopping = self._stopping(soon, stops) if soon else nothing
            fx = self.faults.effects(span.node_us[k][station])
            trace.node(k, moment.state, moment.on, starting, fx)
            out = Surroundings(trace.out.ambient[k + 1], trace.out.supply[k + 1])
            self.world.physics.step(moment.state, float(self.step_s), out, moment.on, starting, stopping, fx)
            trace.stepped(k, moment.state)
        trace.node(trace.steps, moment.state, moment.on, nothing, None)
        moment.clock_us = span.node_us[-1].copy()

    def _hand_over(self) -> None:
        """Leave in `moment` who is at the ports and what was last said of them."""
        self.moment.at_us = self.end_us
        for visit in (*self._leaving, *self._waiting):
            self.moment.visits[visit.port] = visit
        for i, there in enumerate(self.moment.visits):
            self.moment.status[i] = status_of(there, bool(self.moment.on[i]), bool(self._was_full[i]), self.end_us)

    def _change(
        self, span: Span, now: Sequence[int], starts: dict[int, list[Visit]], stops: dict[int, list[Visit]]
    ) -> NDArray[np.bool_]:
        """Open and close contactors at the instants `now`; which ports start."""
        moment, physics = self.moment, self.world.physics
        starting = np.zeros(self.world.columns.ports, bool)
        for at in now:
            for visit in stops.get(at, ()):
                physics.leave(moment.state, np.array([visit.port]))
                moment.on[visit.port], moment.visits[visit.port] = False, None
                span.stopped.append(visit)
        for at in now:
            for visit in starts.get(at, ()):
                physics.plug_in(
                    moment.state, np.array([visit.port]), np.array([visit.vehicle]),
                    np.array([visit.soc], np.float32), np.array([visit.target], np.float32),
                )  # fmt: skip
                moment.on[visit.port], moment.visits[visit.port], starting[visit.port] = True, visit, True
                span.started.append(visit)
        return starting

    def _stopping(self, soon: Sequence[int], stops: dict[int, list[Visit]]) -> NDArray[np.bool_]:
        stopping = np.zeros(self.world.columns.ports, bool)
        for at in soon:
            for visit in stops.get(at, ()):
                stopping[visit.port] = not visit.abrupt
        return stopping


def history(
    fleet: Fleet, start_us: int, end_us: int, partitions: int, seed: int = 1, *, faults: Sequence[Fault] = (),
    placed: Sequence[Visit] = (), constants: Constants | None = None,
) -> History:  # fmt: skip
    """The history of `fleet` under default settings: iterate it for chunks, then read `moment` and `labels()`."""
    world = World(fleet, constants or Constants(), seed)
    return History(world, start_us, end_us, partitions, faults=faults, placed=placed)
