"""When stations are out of reach or start anew in a history: long silences, flaky links, watchdog restarts.

Short outages are drawn by fault, from the name of its station and the number of the day: they need no state, so a history
may be cut anywhere.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator import noise
from simulator.faults import Fault, FaultSet
from simulator.ports import US
from simulator.variants import VARIANTS

_DAY_US: Final = 86_400 * US
_MOST_A_DAY: Final = {"flaky": 40, "restart": 14}
_LENGTH_S: Final = {"flaky": (20.0, 400.0), "restart": (20.0, 60.0)}


@dataclass(frozen=True, slots=True)
class Silence:
    """A station was not heard from `start_us` until `end_us`; `restart`: it went down, and boots at the end."""

    station: int
    start_us: int
    end_us: int
    restart: bool = False


def silences(faults: FaultSet, until_us: int) -> list[Silence]:
    """The silences that `faults` make up to `until_us`, in order of their start."""
    station = {s.station: i for i, s in enumerate(faults.fleet.stations)}
    made: list[Silence] = []
    for fault in faults.faults:
        where, behaviour = station[fault.port.rpartition("/")[0]], VARIANTS[fault.variant].behaviour
        if behaviour == "silent":
            made.append(Silence(where, fault.start_us, fault.end_us or 2**62))
        elif behaviour in _MOST_A_DAY:
            made += _short(fault, where, behaviour, until_us)
    return sorted(made, key=lambda s: (s.start_us, s.station))


def _short(fault: Fault, station: int, behaviour: str, until_us: int) -> list[Silence]:
    key = noise.keys(0, f"{behaviour} {fault.start_us}", [fault.port])
    low, high = _LENGTH_S[behaviour]
    end_us = until_us if fault.end_us is None else min(fault.end_us, until_us)
    days = range(fault.start_us // _DAY_US, end_us // _DAY_US + 1)
    made, last = [], 0
    for n in (d * 100 + k for d in days for k in range(_MOST_A_DAY[behaviour])):
        u = noise.uniform(key, np.arange(3) + 3 * n)
        begin = (n // 100) * _DAY_US + int((n % 100 + u[0]) / _MOST_A_DAY[behaviour] * _DAY_US)
        over = begin + int((low * (high / low) ** u[1]) * US)
        if u[2] < fault.level(begin) and begin >= max(fault.start_us, last) and over <= end_us:
            made.append(Silence(station, begin, over, behaviour == "restart"))
            last = over + 10 * US
    return made
