"""Who comes to charge, when, with which vehicle and for how long: candidates for each day, drawn from a seed.

Times of arrival follow the hour and the day of the week at the site; energies are lognormal; AC visitors stay as long as
they park, DC visitors about as long as they charge. Levels are set so that energy flows about 6 % of the time, the
middle of what public networks report; the shapes agree with published session sets (docs/simulator.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from simulator.fleet import Fleet
from simulator.vehicles import Garage

DAY_US: Final = 86_400_000_000
_HOURS_AC: Final = np.array(
    [1, 1, 1, 1, 1, 2, 5, 12, 18, 16, 11, 10, 10, 10, 9, 9, 10, 13, 14, 11, 8, 5, 3, 2], np.float64
)
_HOURS_DC: Final = np.array(
    [2, 1, 1, 1, 2, 3, 6, 9, 11, 13, 15, 16, 16, 16, 16, 17, 18, 18, 16, 13, 10, 7, 5, 3], np.float64
)
_WEEK_AC: Final = np.array([1.05, 1.08, 1.08, 1.08, 1.05, 0.85, 0.70])
_WEEK_DC: Final = np.array([0.90, 0.90, 0.92, 0.98, 1.20, 1.15, 1.05])
_AC_A_DAY: Final = 1.0
_DC_A_DAY: Final = 3.2


@dataclass(frozen=True, slots=True)
class Visit:
    """One vehicle at one port, all times in us: plugged in, contactor closed, opened, gone. `port` is a position in the fleet.

    People who give up (`gives_up`) never start: `start_us` is when they turn away. `reason` is the OCPP stop reason in snake case. `abrupt`: the
    current is cut at `stop_us` instead of being ramped down.
    """

    port: int
    plug_us: int
    start_us: int
    stop_us: int
    leave_us: int
    vehicle: int
    soc: float
    target: float
    token: str
    reason: str = "local"
    gives_up: bool = False
    abrupt: bool = False
    error: str = ""
    code: str = ""


class Arrivals:
    """Draws the candidates of a fleet. A candidate who finds the port taken goes elsewhere: see `admit`."""

    def __init__(self, fleet: Fleet, garage: Garage, seed: int) -> None:
        self.fleet, self.garage, self.seed = fleet, garage, seed
        self._dc = np.array([p.model.kind == "dc" for p in fleet.ports])
        self._power = np.array([p.model.rated_w for p in fleet.ports])
        self._zones = [ZoneInfo(s.place.time_zone) for s in fleet.sites]
        self._site = fleet.site_of[fleet.station_of]

    def of_day(self, day: int) -> list[Visit]:
        """The candidates of the UTC day `day` (days since the epoch), in order of arrival; always the same for a seed."""
        rng = np.random.default_rng([self.seed, day, 0xA221])
        noon = datetime.fromtimestamp(day * 86_400 + 43_200, UTC)
        offsets = np.array([noon.astimezone(z).utcoffset().total_seconds() for z in self._zones])  # type: ignore[union-attr]
        week = np.where(self._dc, _WEEK_DC[noon.weekday()], _WEEK_AC[noon.weekday()])
        count = rng.poisson(np.where(self._dc, _DC_A_DAY, _AC_A_DAY) * week)
        port = np.repeat(np.arange(len(count)), count)
        local = np.where(
            self._dc[port], _in_day(_HOURS_DC, rng.random(len(port))), _in_day(_HOURS_AC, rng.random(len(port)))
        )
        second = (local - offsets[self._site[port]]) % 86_400
        order = np.argsort(second, kind="stable")
        return self._visits(port[order], day * DAY_US + (second[order] * 1e6).astype(np.int64), rng)

    def _visits(self, port: NDArray[np.int64], plug: NDArray[np.int64], rng: np.random.Generator) -> list[Visit]:
        n, dc, g = len(port), self._dc[port], self.garage
        vehicle = np.where(
            dc, rng.choice(len(g.share), n, p=g.chances(True)), rng.choice(len(g.share), n, p=g.chances(False))
        )
        battery = g.battery_wh[vehicle].astype(np.float64)
        want = np.where(dc, 23_000 * rng.lognormal(0, 0.50, n), 11_500 * rng.lognormal(0, 0.65, n))
        target = np.where(
            dc, rng.uniform(0.62, 0.93, n), np.where(rng.random(n) < 0.6, 1.0, rng.uniform(0.75, 0.95, n))
        )
        soc = np.clip(target - want / battery, rng.uniform(0.04, 0.15, n), target - 0.02)
        ac_power = 230 * g.ac_amps[vehicle] * g.ac_phases[vehicle]
        power = np.minimum(self._power[port], np.where(dc, 0.75 * g.dc_w[vehicle], ac_power))
        needed = (target - soc) * battery / power * 3600
        parked = np.where(rng.random(n) < 0.55, 9_000 * rng.lognormal(0, 0.65, n), needed * rng.uniform(0.6, 1.25, n))
        stay = np.where(dc, np.minimum(needed * rng.uniform(0.85, 1.25, n) + 120, 9_000), np.minimum(parked, 50_000))
        hand = rng.uniform(15, 50, n)
        gone = rng.uniform(20, 90, n)
        gives_up = rng.random(n) < 0.012
        tokens = rng.integers(16**7, 16**8, n)
        reasons = np.where(dc, "local", np.where(rng.random(n) < 0.4, "ev_disconnected", "local"))
        start = plug + (hand * 1e6).astype(np.int64)
        stop = start + (np.maximum(stay, 180) * 1e6).astype(np.int64)
        leave = stop + (gone * 1e6).astype(np.int64)
        return [
            Visit(
                int(port[i]), int(plug[i]), int(start[i]),
                int(start[i] if gives_up[i] else stop[i]), int(start[i] + 5_000_000 if gives_up[i] else leave[i]),
                int(vehicle[i]), float(soc[i]), float(target[i]), f"{tokens[i]:08X}", str(reasons[i]),
                bool(gives_up[i]),
            )
            for i in range(n)
        ]  # fmt: skip

    def between(self, start_us: int, end_us: int) -> Iterator[Visit]:
        """The candidates who plug in within [start_us, end_us), in order of arrival."""
        for day in range(start_us // DAY_US, (end_us - 1) // DAY_US + 1):
            yield from (v for v in self.of_day(day) if start_us <= v.plug_us < end_us)


def admit(candidates: Iterator[Visit], busy_until: NDArray[np.int64], gap_us: int = 150_000_000) -> list[Visit]:
    """Those candidates who find their port free for `gap_us`; `busy_until` (us, over ports) is moved on in place."""
    admitted = []
    for visit in candidates:
        if visit.plug_us >= busy_until[visit.port] + gap_us:
            busy_until[visit.port] = visit.leave_us
            admitted.append(visit)
    return admitted


def _in_day(hours: NDArray[np.float64], u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Second of the day whose share of arrivals is `u`, for hourly weights."""
    edges = np.concatenate(([0.0], np.cumsum(hours) / hours.sum()))
    return np.asarray(np.interp(u, edges, np.arange(25) * 3600.0), np.float64)
