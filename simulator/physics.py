"""What a port does while time passes: power, voltage, current, charge, register, temperatures; all ports at once.

`step` moves the `State` of all ports over one interval of any length up to a minute while charging (an hour idle). The
same function runs live (a second a step) and for history (a minute a step). What makes the length not matter:

- temperatures are solved exactly for the interval, T(t+dt) = T_eq + (T - T_eq) exp(-dt/tau), with the mean square of a
  current that changes in a straight line; the cabinet's time constant is the one of its fan's speed at the start;
- power follows the battery by a predictor step (Heun), and the register counts the exact integral of the reported profile:
  a straight line, after `ramp_s` of rise at the start of a charge and before `ramp_down_s` of fall at its end.

Temperatures are kept as rises over ambient. Units V, A, W, Wh, K, s.
"""

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simulator.constants import Constants
from simulator.effects import Effects
from simulator.ports import F4, Columns
from simulator.vehicles import Garage

Mask = NDArray[np.bool_]
FULL: Final = np.float32(1.015)
"""State of charge at which acceptance would reach zero; the trickle at 100 % is what is left there."""
_AC_SLACK: Final = np.float32(1.06)
"""AC is limited by amperes; a supply above the nominal voltage gives a little more than the rated power."""
_DEAD: Final = 0.5
_COLD: Final = np.float32(1e-4)


@dataclass(slots=True)
class State:
    """All that changes, as arrays over ports (`s_...` over stations: rise and fan of the cabinet, supply voltage under load).

    Of the session at each port: `battery_wh` (what the socket must give for a full battery), `accept_w`, `slope`
    (fall of acceptance a unit of charge), `v_empty`, `v_span`, `ac_amps`, `ac_phases`, `soc`, `target`, `done`.
    `allowed` is the share of its current that the back end lets a port give (1: all).
    `power` is what flows at the end of the step, `amps` the current of one conductor, `volts` at the output.
    """

    battery_wh: F4
    accept_w: F4
    slope: F4
    v_empty: F4
    v_span: F4
    ac_amps: F4
    ac_phases: F4
    soc: F4
    target: F4
    done: Mask
    power: F4
    amps: F4
    volts: F4
    wanted: F4
    offered: F4
    rise: F4
    allowed: F4
    register: NDArray[np.float64]
    s_rise: F4
    s_fan: F4
    s_supply: F4

    @classmethod
    def cold(cls, columns: Columns, constants: Constants, register: NDArray[np.float64] | None = None) -> "State":
        """Nobody charging, everything at its idle temperature; `register` is where the meters stand (default zero)."""
        n, s = columns.ports, len(columns.first)
        made: dict[str, Any] = {f.name: np.zeros(n, np.float32) for f in fields(cls)}
        made["battery_wh"] += np.float32(50_000)
        made["register"] = np.zeros(n) if register is None else register.astype(np.float64)
        made["allowed"] += np.float32(1)
        made["done"] = np.zeros(n, bool)
        made["s_rise"] = columns.s_standby_k.copy()
        made["s_fan"] = np.where(columns.s_dc, constants.fan_idle, 0).astype(np.float32)
        made["s_supply"] = np.full(s, constants.phase_volts, np.float32)
        return cls(**made)

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by name, as they stand (no copies)."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(slots=True)
class Surroundings:
    """What acts from outside at the end of a step: ambient (degC) and supply phase voltage (V), arrays over stations."""

    ambient: F4
    supply: F4


class Physics:
    """The physics of one fleet in one world. Holds no state of its own; costs about 80 us a step for 120 ports."""

    def __init__(self, columns: Columns, constants: Constants, garage: Garage) -> None:
        self.columns, self.constants, self.garage = columns, constants, garage
        self._most = np.where(columns.dc, columns.rated_w, columns.rated_w * _AC_SLACK).astype(np.float32)
        self._loss = np.where(columns.dc, 1.0 / constants.module_efficiency - 1.0, constants.ac_loss).astype(np.float32)

    def plug_in(self, state: State, ports: NDArray[np.int64], vehicle: NDArray[np.int64], soc: F4, target: F4) -> None:
        """Vehicles of classes `vehicle` with charge `soc` are connected at `ports` and want `target`."""
        g, c, dc = self.garage, self.columns, self.columns.dc[ports]
        phases = np.minimum(c.phases[ports], g.ac_phases[vehicle])
        amps = np.minimum(c.amps[ports], g.ac_amps[vehicle])
        knee = np.where(dc, g.knee[vehicle], np.float32(0.96))
        state.battery_wh[ports] = g.battery_wh[vehicle] / np.where(dc, 0.985, self.constants.onboard_efficiency)
        state.accept_w[ports] = g.dc_w[vehicle]
        state.slope[ports] = 1.0 / (FULL - knee)
        state.v_empty[ports] = g.volts_empty[vehicle]
        state.v_span[ports] = g.volts_full[vehicle] - g.volts_empty[vehicle]
        state.ac_amps[ports], state.ac_phases[ports] = amps, phases
        state.soc[ports], state.target[ports], state.done[ports] = soc, target, False
        pack = state.v_empty[ports] + state.v_span[ports] * soc
        state.volts[ports] = np.where(dc, pack, state.s_supply[c.station[ports]])
        state.power[ports] = state.amps[ports] = 0.0

    def leave(self, state: State, ports: NDArray[np.int64]) -> None:
        """The vehicles at `ports` go; nothing flows there any more."""
        state.done[ports] = True
        for column in (state.power, state.amps, state.wanted, state.offered):
            column[ports] = 0.0

    def step(
        self,
        state: State,
        dt: float,
        out: Surroundings,
        on: Mask,
        starting: Mask,
        stopping: Mask,
        fx: Effects | None = None,
    ) -> None:
        """Pass `dt` seconds. `on`: a session runs; `starting`: its contactor closed at the start of this step;
        `stopping`: it ends in good order at the end of this step (power falls to nothing within the last seconds)."""
        c = self.columns
        on = on & ~state.done
        before, amps_before = state.power * on, state.amps * on
        rise_s, fall_s = min(self.constants.ramp_s, dt), min(self.constants.ramp_down_s, dt)
        flow = before
        if starting.any():
            first = np.minimum(np.where(c.dc, state.accept_w * _taper(state, state.soc), c.rated_w), c.rated_w)
            flow = np.where(starting & on, first * np.float32(1 - 0.5 * rise_s / dt), before)
        soc = np.minimum(state.soc + flow * np.float32(dt / 3600.0) / state.battery_wh, np.float32(1))
        supply, phases, fed = self._supply(state, out, fx)
        volts = np.where(c.dc, state.v_empty + state.v_span * soc, supply)
        conductors = np.where(c.dc, np.float32(1), phases * np.float32(self.constants.power_factor))
        line = volts * conductors
        accept = np.where(c.dc, state.accept_w, state.ac_amps * line) * _taper(state, soc)
        offer = np.minimum(self._most, c.amps * line) * self._derating(state, out) * state.allowed
        wish = np.minimum(accept, offer) * on
        total = c.over_station(wish)
        given = wish * np.minimum(c.s_limit_w / np.maximum(total, np.float32(1)), np.float32(1))[c.station]
        spare = np.maximum(c.s_limit_w - total, np.float32(0))[c.station]
        goal = given if fx is None else np.minimum(given, c.rated_w * fx.power * fed)
        after = np.minimum(goal, before + goal * np.float32(dt / self.constants.ramp_s))
        amps = after / np.maximum(line, np.float32(1))
        energy, square = _profile(before, after, amps_before, amps, dt)
        if starting.any():
            energy = np.where(starting, after * np.float64(dt - 0.5 * rise_s), energy)
            square = np.where(starting, amps * amps * np.float32(1 - 2 / 3 * rise_s / dt), square)
        if stopping.any():
            energy = energy - stopping * (0.5 * fall_s) * after
            square = square - stopping * np.float32(2 / 3 * fall_s / dt) * amps * amps
        self._heat(state, dt, out, square, (energy * (1.0 / dt)).astype(np.float32), fx)
        energy *= 1.0 / 3600.0
        state.register += energy * (c.meter_gain if fx is None else c.meter_gain * fx.meter)
        state.soc = np.minimum(state.soc + energy.astype(np.float32) / state.battery_wh, np.float32(1))
        state.power, state.amps, state.volts = after, amps, volts
        state.wanted, state.offered = accept * on, np.minimum(offer, given + spare) * on
        state.done |= on & (state.soc >= state.target)

    def _supply(self, state: State, out: Surroundings, fx: Effects | None) -> tuple[F4, F4, F4 | np.float32]:
        """Mean voltage of the phases that carry, how many they are, and the share of DC power they can feed; over ports."""
        c = self.columns
        amps = np.where(c.dc, state.power * np.float32(1 / 660.0), state.amps)
        state.s_supply = out.supply - c.over_station(amps) * c.s_feeder_ohm
        supply = state.s_supply[c.station]
        if fx is None:
            return supply, state.ac_phases, np.float32(1)
        wired = np.where(c.dc, np.float32(3), state.ac_phases)
        alive = (fx.phases > _DEAD) & (np.arange(3) < wired[:, None])
        carrying = alive.sum(axis=1).astype(np.float32)
        level = (fx.phases * alive).sum(axis=1) / np.maximum(carrying, 1)
        fed = np.where(c.dc, carrying * np.float32(1 / 3), np.float32(1))
        return supply * np.where(c.dc, np.float32(1), level), np.minimum(carrying, state.ac_phases), fed

    def _derating(self, state: State, out: Surroundings) -> F4:
        """The share of its current that a station allows itself, by the temperatures of connector and cabinet; over ports."""
        c, con = self.columns, self.constants
        room = np.float32(0.8 / (con.stop_connector - con.derate_connector))
        allowed = np.float32(1) - (out.ambient[c.station] + state.rise - np.float32(con.derate_connector)) * room
        cabinet = np.float32(con.zero_cabinet) - out.ambient - state.s_rise
        cabinet *= np.float32(1 / (con.zero_cabinet - con.derate_cabinet))
        both: F4 = np.minimum(np.maximum(allowed, np.float32(0.2)), np.maximum(cabinet, np.float32(0))[c.station])
        return np.minimum(both, np.float32(1))

    def _heat(self, state: State, dt: float, out: Surroundings, square: F4, power: F4, fx: Effects | None) -> None:
        """Rises of connectors and cabinets after `dt` at the mean square current `square` and mean `power`."""
        c, con = self.columns, self.constants
        goal = (c.contact if fx is None else c.contact * fx.contact) * square
        state.rise = np.maximum(goal + (state.rise - goal) * np.float32(np.exp(-dt / con.tau_connector)), _COLD)
        duty = out.ambient + state.s_rise - np.float32(con.fan_from)
        duty *= np.float32(1 / (con.fan_full - con.fan_from))
        turns = np.minimum(np.maximum(duty, np.float32(con.fan_idle)), np.float32(1))
        clog: F4 | np.float32 = np.float32(1)
        if fx is not None:
            turns = turns * np.minimum.reduceat(fx.fan, c.first)
            clog = np.maximum.reduceat(fx.clog, c.first)
        forced = np.float32(con.still_air) + np.float32(1 - con.still_air) * turns
        air: F4 = np.where(c.s_dc, forced, np.float32(1)).astype(np.float32) / clog
        steady = c.s_standby_k + c.s_rise_k_per_w * c.over_station(power * self._loss) / air
        state.s_rise = steady + (state.s_rise - steady) * np.exp(air * np.float32(-dt / con.tau_cabinet))
        state.s_fan = np.where(c.s_dc, turns, np.float32(0))


def _taper(state: State, soc: F4) -> F4:
    """The share of its full acceptance that a vehicle takes at `soc`."""
    taper: F4 = np.clip((FULL - soc) * state.slope, np.float32(0.02), np.float32(1))
    return taper


def _profile(before: F4, after: F4, i0: F4, i1: F4, dt: float) -> tuple[NDArray[np.float64], F4]:
    """Ws and mean square current of a step in which power and current change in a straight line."""
    energy = (before + after).astype(np.float64) * (0.5 * dt)
    square = (i0 * i0 + i0 * i1 + i1 * i1) * np.float32(1 / 3)
    return energy, square
