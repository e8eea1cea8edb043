"""The trace of a span of history: what the physics was at every node of the grid, and what that makes at the instants between.

Inside a step power changes in a straight line (after a start: rises, then stands), connector temperature follows its
exponential, the register the integral of power; so readings every ten seconds cost no steps of their own.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.effects import Effects
from simulator.measure import Truth
from simulator.physics import State, Surroundings
from simulator.ports import F4
from simulator.world import World

_PORT: Final = (
    "before", "after", "volts", "wanted_before", "wanted", "offered_before", "offered", "soc", "rise", "ac_phases",
)  # fmt: skip
_STATION: Final = ("cabinet", "fan", "supply")


@dataclass(slots=True)
class Rows:
    """Which instants to look at: step number, position of the port, and seconds into the step."""

    step: NDArray[np.int64]
    port: NDArray[np.int64]
    second: NDArray[np.int64]


class Trace:
    """Arrays (steps + 1, ports) of one span, filled node by node; effects of faults only where there are any."""

    def __init__(self, world: World, steps: int, step_s: int, out: Surroundings) -> None:
        ports, stations = world.columns.ports, len(world.columns.first)
        self.world, self.steps, self.step_s, self.out = world, steps, step_s, out
        self.by_port = {name: np.zeros((steps + 1, ports), np.float32) for name in _PORT}
        self.by_station = {name: np.zeros((steps + 1, stations), np.float32) for name in _STATION}
        self.register = np.zeros((steps + 1, ports))
        self.charging = np.zeros((steps + 1, ports), bool)
        self.starting = np.zeros((steps + 1, ports), bool)
        self.full = np.zeros((steps + 1, ports), bool)
        self.effects: dict[int, Effects] = {}

    def node(
        self, k: int, state: State, on: NDArray[np.bool_], starting: NDArray[np.bool_], fx: Effects | None
    ) -> None:
        """Note the state at node `k`, before its step."""
        charging = on & ~state.done
        self.charging[k], self.starting[k], self.register[k] = charging, starting, state.register
        np.logical_and(on, state.done, out=self.full[k])
        np.multiply(state.power, charging, out=self.by_port["before"][k])
        for name, value in (
            ("volts", state.volts),
            ("wanted_before", state.wanted),
            ("offered_before", state.offered),
            ("soc", state.soc),
            ("rise", state.rise),
            ("ac_phases", state.ac_phases),
        ):
            self.by_port[name][k] = value
        for name, value in (("cabinet", state.s_rise), ("fan", state.s_fan), ("supply", state.s_supply)):
            self.by_station[name][k] = value
        if fx is not None:
            self.effects[k] = fx

    def stepped(self, k: int, state: State) -> None:
        """Note what the step from node `k` came to (power, wishes and limits are those of its end)."""
        for name, value in (("after", state.power), ("wanted", state.wanted), ("offered", state.offered)):
            self.by_port[name][k] = value

    def truth(self, rows: Rows) -> Truth:
        """The physics at `rows`."""
        p, k, c = rows.port, rows.step, self.world.columns
        n = c.ports
        here, there = k * n + p, (k + 1) * n + p
        s_here = k * len(c.first) + c.station[p]
        w = (rows.second / self.step_s).astype(np.float32)
        column = {name: table.ravel() for name, table in self.by_port.items()}
        charging, starting = self.charging.ravel()[here], self.starting.ravel()[here]
        before, after = column["before"][here], column["after"][here]
        power, share = self._profile(before, after, rows.second, w, starting)
        register = self.register.ravel()[here]
        warm = column["rise"][here]
        ease = 1.0 - np.exp(-rows.second / self.world.constants.tau_connector)
        ease = (ease / (1.0 - np.exp(-self.step_s / self.world.constants.tau_connector))).astype(np.float32)
        return Truth(
            port=p,
            charging=charging,
            power=power * charging,
            volts=_between(column["volts"], here, there, w),
            wanted=_changing(column["wanted_before"][here], column["wanted"][here], w, starting),
            offered=_changing(column["offered_before"][here], column["offered"][here], w, starting),
            soc=_between(column["soc"], here, there, w),
            register=register + (self.register.ravel()[there] - register) * share,
            rise=warm + (column["rise"][there] - warm) * ease,
            cabinet=_between(self.by_station["cabinet"].ravel(), s_here, s_here + len(c.first), w),
            fan=_between(self.by_station["fan"].ravel(), s_here, s_here + len(c.first), w),
            ambient=_between(self.out.ambient.ravel(), s_here, s_here + len(c.first), w),
            supply=_between(self.by_station["supply"].ravel(), s_here, s_here + len(c.first), w),
            ac_phases=column["ac_phases"][here],
        )

    def _profile(
        self, before: F4, after: F4, second: NDArray[np.int64], w: F4, starting: NDArray[np.bool_]
    ) -> tuple[F4, NDArray[np.float64]]:
        """Power `second` s into a step, and the share of the step's energy that has flowed by then."""
        rise_s = min(self.world.constants.ramp_s, self.step_s)
        power = before + (after - before) * w
        energy = second * (before + 0.5 * (power - before)).astype(np.float64)
        total = self.step_s * 0.5 * (before + after).astype(np.float64)
        if starting.any():
            up = np.minimum(second / rise_s, 1.0)
            power = np.where(starting, after * up.astype(np.float32), power)
            risen = after * np.where(second < rise_s, second * up * 0.5, second - 0.5 * rise_s)
            energy = np.where(starting, risen, energy)
            total = np.where(starting, after * (self.step_s - 0.5 * rise_s), total)
        return power, np.minimum(energy / np.maximum(total, 1e-6), 1.0)

    def effects_at(self, rows: Rows) -> Effects | None:
        """The effects of faults at `rows`, as they were at the start of each step; None where there were none at all."""
        if not self.effects:
            return None
        fx = Effects.none(len(rows.port))
        # rows stand in order of time, and stations begin their steps apart
        order = np.argsort(rows.step, kind="stable")
        ordered = rows.step[order]
        for k, there in self.effects.items():
            low, high = np.searchsorted(ordered, (k, k + 1))
            mine = order[low:high]
            fx.phases[mine] = there.phases[rows.port[mine]]
            fx.weld_volts[mine] = there.weld_volts[rows.port[mine]]
            fx.isolation[mine] = there.isolation[rows.port[mine]]
            fx.sensor[mine] = there.sensor[rows.port[mine]]
        return fx


def _changing(before: F4, after: F4, w: F4, starting: NDArray[np.bool_]) -> F4:
    """A wish or limit within a step: a straight line, but a new session has its first wish at once."""
    begin: F4 = np.where(starting, after, before)
    return begin + (after - begin) * w


def _between(column: F4, here: NDArray[np.int64], there: NDArray[np.int64], w: F4) -> F4:
    a = column[here]
    return a + (column[there] - a) * w
