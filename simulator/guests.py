"""Who comes to a live network, charges and goes: visits on the agenda, sessions at the ports."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from simulator import behaviour
from simulator.arrivals import DAY_US, Visit
from simulator.names import session_name, transaction_number
from simulator.ports import US
from simulator.speak import Session

if TYPE_CHECKING:
    from simulator.live import LiveFleet

_NEVER: Final = np.iinfo(np.int64).max


class Guests:
    """The visits of a live fleet. `sessions` are the running ones by port; `fresh` marks contactors closed since the last step.

    `placed` visits come for certain; drawn ones only where the port is free and not promised.
    """

    def __init__(self, fleet: "LiveFleet", placed: Sequence[Visit]) -> None:
        self.fleet = fleet
        self.placed = sorted(placed, key=lambda v: v.plug_us)
        self.sessions: dict[int, Session] = {}
        self.fresh = np.zeros(fleet.world.columns.ports, bool)
        self._stop_at = np.full(fleet.world.columns.ports, _NEVER)

    def stopping(self, t0: int, t1: int) -> NDArray[np.bool_]:
        """The ports whose session ends in good order within (t0, t1]."""
        return self.fleet.moment.on & (self._stop_at > t0) & (self._stop_at <= t1)

    def begin(self) -> None:
        """Put on the agenda what follows from the moment: who is there and who comes."""
        for port, visit in enumerate(self.fleet.moment.visits):
            if visit is not None:
                self._resume(port, visit)
        for visit in self.placed:
            if visit.plug_us >= self.fleet.now:
                self.fleet.at(visit.plug_us, partial(self._arrive, visit, True))
        self._expect(self.fleet.now // DAY_US)

    def _resume(self, port: int, visit: Visit) -> None:
        if self.fleet.moment.on[port]:
            self.sessions[port] = self._session(port, visit, int(self.fleet.moment.state.register[port]))
            self.sessions[port].seq_no = 1
            self._stop_at[port] = _NEVER if visit.abrupt else visit.stop_us
            self.fleet.reporter.soon(port)
        elif visit.start_us >= self.fleet.now and not visit.gives_up:
            self.fleet.at(visit.start_us, partial(self._start, visit))
        self.fleet.at(visit.stop_us, partial(self._stop, visit))
        self.fleet.at(visit.leave_us, partial(self._leave, visit))

    def _expect(self, day: int) -> None:
        for visit in self.fleet.world.arrivals.of_day(day):
            if visit.plug_us >= self.fleet.now:
                self.fleet.at(visit.plug_us, partial(self._arrive, visit, False))
        self.fleet.at((day + 1) * DAY_US, partial(self._expect, day + 1))

    def _arrive(self, visit: Visit, certain: bool) -> None:
        port = visit.port
        taken = self.fleet.moment.visits[port] is not None or port in self.fleet.barred or port in self.fleet.closed
        promised = any(
            p.port == port and p.plug_us - 200 * US < visit.leave_us and p.leave_us > self.fleet.now
            for p in self.placed
        )
        if taken or (promised and not certain):
            return
        self.fleet.moment.visits[port] = visit
        self.fleet.moment.busy_until[port] = visit.leave_us
        self.fleet.say_status(port, "preparing")
        if not visit.gives_up:
            self.fleet.at(visit.start_us, partial(self._start, visit))
            self.fleet.at(visit.stop_us, partial(self._stop, visit))
        self.fleet.at(visit.leave_us, partial(self._leave, visit))

    def _session(self, port: int, visit: Visit, meter: int) -> Session:
        name, protocol = self.fleet.world.fleet.port_names[port], self.fleet.mouth(port).station.protocol
        number = transaction_number(name, visit.start_us)
        return Session(
            session_name(protocol, name, visit.start_us),
            number,
            self.fleet.number(port),
            visit.token,
            visit.start_us,
            meter,
        )

    def _start(self, visit: Visit) -> None:
        port, state = visit.port, self.fleet.moment.state
        if self.fleet.moment.visits[port] is not visit or port in self.fleet.barred or self.fleet.moment.on[port]:
            return
        mouth = self.fleet.mouth(port)
        accepted = not behaviour.is_there(self.fleet, port, "no_start")
        mouth.say(
            self.fleet.when(port),
            mouth.speak.authorize(self.fleet.when(port), self.fleet.number(port), visit.token, accepted),
        )
        if not accepted:
            return
        arrays: Any = np.array([visit.soc], np.float32), np.array([visit.target], np.float32)
        self.fleet.world.physics.plug_in(state, np.array([port]), np.array([visit.vehicle]), *arrays)
        self.fleet.moment.on[port] = self.fresh[port] = True
        self._stop_at[port] = _NEVER if visit.abrupt else visit.stop_us
        session = self.sessions[port] = self._session(port, visit, int(state.register[port]))
        self.fleet.reporter.soon(port)
        mouth.say(self.fleet.when(port), mouth.speak.session_start(self.fleet.when(port), session, not mouth.up))
        self.fleet.say_status(port, "charging")
        behaviour.started(self.fleet, port, visit)

    def _stop(self, visit: Visit) -> None:
        if self.fleet.moment.visits[visit.port] is visit and self.fleet.moment.on[visit.port]:
            self.end_session(visit.port, visit.reason)
            if visit.error:
                self.fleet.say_status(visit.port, "faulted", visit.error, visit.code)
            elif not behaviour.stopped(self.fleet, visit.port):
                self.fleet.say_status(visit.port, "finishing")

    def end_session(self, port: int, reason: str) -> None:
        """The contactor opens and the session is over; the port's last reading follows within this second."""
        self.fleet.world.physics.leave(self.fleet.moment.state, np.array([port]))
        self.fleet.moment.on[port], self._stop_at[port] = False, _NEVER
        self.fleet.reporter.soon(port)
        session, mouth = self.sessions.pop(port), self.fleet.mouth(port)
        meter = int(self.fleet.moment.state.register[port])
        mouth.say(
            self.fleet.when(port), mouth.speak.session_end(self.fleet.when(port), session, meter, reason, not mouth.up)
        )

    def _leave(self, visit: Visit) -> None:
        if self.fleet.moment.visits[visit.port] is visit:
            self.clear(visit.port)

    def clear(self, port: int) -> None:
        """Nobody is at the port any more; it says what state it is in, unless a fault keeps it."""
        self.fleet.moment.visits[port] = None
        self.fleet.moment.busy_until[port] = self.fleet.now
        if port not in self.fleet.barred:
            self.fleet.say_status(port, "unavailable" if port in self.fleet.closed else "available")
