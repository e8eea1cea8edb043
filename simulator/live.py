"""The network second by second: physics, visitors, faults and what stations say of it. No clock of its own, no network.

A driver passes time (`advance`) and hands over commands (`hear`); what comes back is what the stations say, in order. The
same calls give the same messages. It goes on from the `Moment` at which a history ended; what happened between that and
the first call of `advance` is said then, with its own times, as stations do that were out of reach.
"""

import heapq
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from simulator import behaviour, commands, noise
from simulator.arrivals import Visit
from simulator.faults import Fault, FaultSet
from simulator.guests import Guests
from simulator.outbox import Mouth, Out
from simulator.ports import US
from simulator.reporter import Pace, Reporter
from simulator.world import Moment, World


class LiveFleet:
    """A network that lives on from `moment`.

    `faults` happen as scheduled; `placed` visits come for certain. Before `live_from_us` ports speak at the pace of a
    history. About 0.4 ms a second of 120 ports, plus 20 us a message.
    """

    def __init__(
        self, world: World, moment: Moment, faults: Sequence[Fault] = (), placed: Sequence[Visit] = (),
        pace: Pace | None = None, live_from_us: int = 0,
    ) -> None:  # fmt: skip
        self.world, self.moment, self.live_from_us = world, moment, live_from_us
        self.faults = FaultSet(world.fleet, tuple(faults))
        self.now = moment.at_us
        self.out: list[Out] = []
        self.mouths = [Mouth(s, self.out) for s in world.fleet.stations]
        self.barred: dict[int, Fault] = {}
        self.closed: set[int] = set()
        self.answered: dict[str, str] = {}
        self.derated: dict[int, int] = {}
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._entries = 0
        places = noise.keys(world.fleet.seed, "second", [s.station for s in world.fleet.stations])
        self._late = ((noise.uniform(places) * 950).astype(np.int64) * 1000).tolist()
        self._was_full = moment.on & moment.state.done
        self.reporter = Reporter(self, pace or Pace())
        self.guests = Guests(self, placed)
        self.guests.begin()
        for fault in self.faults.faults:
            self.at(max(fault.start_us, self.now), partial(behaviour.begin, self, fault))
            if fault.end_us is not None:
                self.at(fault.end_us, partial(behaviour.end, self, fault))

    # -- driving ------------------------------------------------------------------------------------------------------
    def advance(self, until_us: int) -> list[Out]:
        """Live on to the last whole second not after `until_us`; what is said within the second after each, in order."""
        while self.now + US <= until_us:
            self._second()
        said = self.out[:]
        self.out.clear()
        return said

    def hear(self, station: str, payload: bytes) -> None:
        """A command for `station` arrived (`to/command`); the next `advance` holds the answer."""
        commands.execute(self, station, payload)

    def at(self, when_us: int, action: Callable[[], None]) -> None:
        """Do `action` when the simulation comes to `when_us` (at its next second, if that is past)."""
        self._entries += 1
        heapq.heappush(self._agenda, (when_us, self._entries, action))

    def save_to(self) -> Moment:
        """The moment as it stands, for `Moment.save`; running sessions go on from there."""
        self.moment.at_us = self.now
        return self.moment

    # -- one second ---------------------------------------------------------------------------------------------------
    def _second(self) -> None:
        moment, t0, t1 = self.moment, self.now, self.now + US
        stations = np.full(len(self.mouths), t1)
        stopping = self.guests.stopping(t0, t1)
        fx = self.faults.effects(np.full(self.world.columns.ports, t1))
        ahead = moment.clock_us > t0
        kept = {k: a.copy() for k, a in moment.state.arrays().items()} if ahead.any() else None
        out = self.world.surroundings(stations)
        self.world.physics.step(moment.state, 1.0, out, moment.on, self.guests.fresh, stopping, fx)
        if kept is not None:
            self._hold(kept, ahead)
        else:
            self.guests.fresh[:] = False
        self.now = t1
        np.maximum(moment.clock_us, t1, out=moment.clock_us)
        while self._agenda and self._agenda[0][0] <= t1:
            heapq.heappop(self._agenda)[2]()
        self._full()
        self.reporter.report(fx, out.ambient)

    def _hold(self, kept: dict[str, np.ndarray], ahead: NDArray[np.bool_]) -> None:
        """Put back what belongs to stations whose history reaches further than this second."""
        ports = ahead[self.world.columns.station]
        for name, array in self.moment.state.arrays().items():
            where = ahead if name.startswith("s_") else ports
            array[where] = kept[name][where]
        self.guests.fresh &= ports

    def _full(self) -> None:
        full = self.moment.on & self.moment.state.done
        for port in np.flatnonzero(full & ~self._was_full).tolist():
            session = self.guests.sessions[port]
            mouth = self.mouth(port)
            mouth.say(
                self.when(port), mouth.speak.session_state(self.when(port), session, "suspended_ev", not mouth.up)
            )
            self.say_status(port, "suspended_ev")
        self._was_full = full

    # -- what ports say -----------------------------------------------------------------------------------------------
    def mouth(self, port: int) -> Mouth:
        """The voice of the station of `port`."""
        return self.mouths[int(self.world.columns.station[port])]

    def number(self, port: int) -> int:
        """The port's number within its station."""
        return self.world.fleet.ports[port].number

    def instant(self, station: int) -> int:
        """When a station says what happens in this second: whole milliseconds, each station at its own part of the second."""
        return self.now + int(self._late[station])

    def when(self, port: int) -> int:
        """The instant of a port's station."""
        return self.instant(int(self.world.columns.station[port]))

    def say_status(self, port: int, status: str, error: str = "", code: str = "") -> None:
        """A port says its state, and why."""
        self.moment.status[port] = status
        mouth = self.mouth(port)
        mouth.say(self.when(port), mouth.speak.status(self.when(port), self.number(port), status, error, code))
