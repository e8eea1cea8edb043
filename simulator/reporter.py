"""What the ports of a live network report by themselves: readings at their pace, and signs of life of their stations."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from simulator import noise, values
from simulator.effects import Effects
from simulator.measure import Truth
from simulator.ports import US

if TYPE_CHECKING:
    from simulator.live import LiveFleet

_OTHER_US: Final = 20 * US
_HOUR_US: Final = 3_600 * US
_HISTORY_S: Final = {True: 10, False: 60}


@dataclass(frozen=True, slots=True)
class Pace:
    """How often ports speak: seconds between readings while charging, while idle, and while charging out of reach."""

    charging_s: int = 2
    idle_s: int = 15
    late_s: int = 30


class Reporter:
    """Measures the ports that are due and has their stations say it. Before `live_from_us` at the pace of a history."""

    def __init__(self, fleet: "LiveFleet", pace: Pace) -> None:
        world, now = fleet.world, fleet.now
        self.fleet, self.pace = fleet, pace
        self.rng = np.random.default_rng([world.seed, now // US, 0x11FE])
        self._next = now + (noise.uniform(world.columns.noise_key, 902) * pace.idle_s * US).astype(np.int64)
        self._next_other = np.zeros(world.columns.ports, np.int64)
        self._next_hourly = {int(p): now + _HOUR_US for p in world.columns.first}
        self._told: dict[int, str] = {}
        self._beat_us = np.array([int(s.heartbeat_s * US) for s in world.fleet.stations])
        spread = np.linspace(0.1, 1.0, len(self._beat_us))
        self._next_beat = now + (self._beat_us * spread).astype(np.int64)

    def soon(self, port: int) -> None:
        """The port reports within this second."""
        self._next[port] = self.fleet.now

    def report(self, fx: Effects | None, ambient: NDArray[np.float32]) -> None:
        """Say what is due now; `fx` are the effects on all ports, `ambient` over stations."""
        self._readings(fx, ambient)
        fleet = self.fleet
        for i in np.flatnonzero(self._next_beat <= fleet.now).tolist():
            self._next_beat[i] = fleet.now + self._beat_us[i]
            at = fleet.instant(i)
            fleet.mouths[i].say(at, fleet.mouths[i].speak.alive(at))

    def _readings(self, fx: Effects | None, ambient: NDArray[np.float32]) -> None:
        fleet = self.fleet
        here = fleet.moment.clock_us[fleet.world.columns.station] <= fleet.now
        due = np.flatnonzero((self._next <= fleet.now) & here)
        if not len(due):
            return
        truth = self._truth(due, ambient)
        there = fx.at(due) if fx is not None else None
        columns = fleet.world.sensors.channels(truth, self.rng, there)
        exact = {name: np.round(c.astype(np.float64), 3).tolist() for name, c in columns.items()}
        for i, port in enumerate(due.tolist()):
            charging, mouth = bool(truth.charging[i]), fleet.mouth(port)
            self._next[port] = fleet.now + self._pause(charging, mouth.up) * US
            row = {name: c[i] for name, c in exact.items() if c[i] == c[i]}
            other = self._others(port, charging, fx)
            session, number = fleet.guests.sessions.get(port), fleet.number(port)
            at = fleet.when(port)
            mouth.say(at, mouth.speak.reading(at, number, row, other, session, not mouth.up))

    def _pause(self, charging: bool, up: bool) -> int:
        pace = self.pace.charging_s if charging else self.pace.idle_s
        if self.fleet.now < self.fleet.live_from_us:
            pace = _HISTORY_S[charging]
        return pace if up else max(pace, self.pace.late_s)

    def _truth(self, due: NDArray[np.int64], ambient: NDArray[np.float32]) -> Truth:
        state, station = self.fleet.moment.state, self.fleet.world.columns.station[due]
        charging = self.fleet.moment.on[due] & ~state.done[due]
        return Truth(
            port=due, charging=charging, power=state.power[due] * charging, volts=state.volts[due],
            wanted=state.wanted[due], offered=state.offered[due], soc=state.soc[due], register=state.register[due],
            rise=state.rise[due], cabinet=state.s_rise[station], fan=state.s_fan[station], ambient=ambient[station],
            supply=state.s_supply[station], ac_phases=state.ac_phases[due],
        )  # fmt: skip

    def _others(self, port: int, charging: bool, fx: Effects | None) -> values.Values:
        """What the port says outside the channels now: its protections while it charges, once what its start showed, and
        every hour what concerns the station."""
        fleet = self.fleet
        said: values.Values = {}
        if self._next_hourly.get(port, fleet.now + 1) <= fleet.now:
            self._next_hourly[port] = fleet.now + _HOUR_US
            said |= values.of_station(fleet.world, port, fx, self.rng.standard_normal)
        if not charging or self._next_other[port] > fleet.now:
            return said
        self._next_other[port] = fleet.now + _OTHER_US
        said |= values.while_charging(fleet.world, port, fx, self.rng.standard_normal)
        session = fleet.guests.sessions.get(port)
        if session is not None and self._told.get(port) != session.name:
            self._told[port] = session.name
            said |= values.at_start(fleet.world, port, fx, self.rng.standard_normal)
        return said
