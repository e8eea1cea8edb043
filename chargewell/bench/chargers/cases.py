"""Which faults strike the fleets of the benchmark: one a station, kinds in turn, severities and onsets drawn from a seed.

A **sudden** fault stands at its severity, drawn evenly from 0.1 to 1, for eight days. A **creeping** one grows evenly from nothing
to severity 1 within 6 to 16 days, where the part fails and is replaced: to find it in time is to find it before that.
Kinds that a charger tells by itself (status, error code, silence of a station) are left to `uptime` and `sessions`.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.faults import Fault, FaultSet
from simulator.fleet import Fleet
from simulator.ports import US
from simulator.speak import SAYS

STATED: Final = 0.4
"""The severity from which on faults are promised to be found."""
SUDDEN_DAYS: Final = 8.0
CREEPING_DAYS: Final = (6.0, 16.0)
_LEAST_LEARNING_DAYS: Final = 14.0


MODES: Final = {
    1: "worn contact",
    2: "welded contactor",
    3: "slow contactor",
    4: "cooling",
    5: "lost power module",
    6: "isolation",
    7: "leakage current",
    8: "control pilot",
    9: "connector lock",
    10: "temperature sensor",
    11: "supply",
    12: "link",
    13: "controller",
    14: "card reader",
    15: "meter",
    16: "handshake",
    17: "less than offered",
}
"""The failure modes that the benchmark covers, by number: what a technician would go for. A mode may strike in several ways (`KINDS`)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One way of failing in the benchmark: the number of its failure mode (`MODES`), how it may begin, and the
    channels without which nothing shows it. `only` limits it to AC or DC; `promised`: it is counted against the targets."""

    variant: str
    mode: int
    sudden: bool
    creeping: bool
    needs: tuple[str, ...] = ()
    only: str = ""
    promised: bool = True

    @property
    def name(self) -> str:
        """The variant, and where it is if that matters."""
        return f"{self.variant} ({self.only})" if self.only else self.variant


_VALUES: Final = ("temp_ambient",)
"""Stations of the simulated fleet that measure their surroundings are those that also send values outside the channels."""
KINDS: Final = (
    Kind("contact_wear", 1, True, True, ("temp_connector",)),
    Kind("contactor_welded", 2, True, False),
    Kind("contactor_slow", 3, True, True, _VALUES),
    Kind("fan_slow", 4, True, True, ("fan_rpm",)),
    Kind("filter_clogged", 4, True, True, ("temp_internal",)),
    Kind("module_lost", 5, True, False, ("current_requested",)),
    Kind("isolation_low", 6, True, True, _VALUES),
    Kind("leakage", 7, True, True, _VALUES),
    Kind("pilot_drift", 8, True, True, _VALUES),
    Kind("lock_worn", 9, True, True, _VALUES),
    Kind("sensor_stuck", 10, True, False, ("temp_connector",)),
    Kind("sensor_open", 10, True, False, ("temp_connector",)),
    Kind("phase_lost", 11, True, False),
    Kind("sag", 11, True, True),
    Kind("signal_weak", 12, True, True, _VALUES),
    Kind("link_flaky", 12, True, True),
    Kind("restarts", 13, True, True),
    Kind("memory_leak", 13, False, True, _VALUES),
    Kind("reader_dead", 14, True, False),
    Kind("meter_stuck", 15, True, False),
    Kind("meter_slow", 15, True, True),
    Kind("interop", 16, True, False),
    Kind("refuses", 17, True, False),
    Kind("derated", 17, True, True, ("current_requested",), "dc"),
    Kind("derated", 17, True, True, (), "ac", promised=False),
)


def kind_of(variant: str, port_kind: str) -> Kind:
    """The kind of a fault `variant` at an AC or DC port."""
    return next(k for k in KINDS if k.variant == variant and k.only in ("", port_kind))


def draw(fleet: Fleet, start_us: int, days: float, seed: int, turn: int = 0) -> list[Fault]:
    """The faults of one fleet from `start_us` on over `days`; `turn` shifts which kind comes first. ValueError for too few days."""
    last = days - _LEAST_LEARNING_DAYS
    if last < SUDDEN_DAYS:
        raise ValueError(f"{days:g} days are too few: ports learn for {_LEAST_LEARNING_DAYS:g}, faults stand for eight")
    rng = np.random.default_rng([seed, 0xFA117])
    made: list[Fault] = []
    waiting = [KINDS[(turn + i) % len(KINDS)] for i in range(len(KINDS))]
    for s in rng.permutation(len(fleet.stations)).tolist():
        station = fleet.stations[s]
        ports = [fleet.ports[p].port for p in fleet.ports_of(station.station)]
        port = str(rng.choice(ports))
        kind = next((k for k in waiting if _fits(fleet, port, station.protocol, k)), None)
        if kind is None:
            continue
        waiting.remove(kind)
        waiting.append(kind)
        made.append(_fault(port, kind, start_us, last, rng))
    return sorted(made, key=lambda f: f.start_us)


def _fault(port: str, kind: Kind, start_us: int, last: float, rng: np.random.Generator) -> Fault:
    creeping = kind.creeping and (not kind.sudden or rng.random() < 0.6)
    lasts = min(float(rng.uniform(*CREEPING_DAYS)), last - 0.5) if creeping else SUDDEN_DAYS
    severity = 1.0 if creeping else float(rng.uniform(0.1, 1.0))
    begin = start_us + int((_LEAST_LEARNING_DAYS + rng.uniform(0, last - lasts)) * 86_400 * US)
    ramp_s = lasts * 86_400 if creeping else 0.0
    return Fault(port, kind.variant, begin, begin + int(lasts * 86_400 * US), severity, ramp_s)


def _fits(fleet: Fleet, port: str, protocol: str, kind: Kind) -> bool:
    if kind.only not in ("", fleet.ports[fleet.index[port]].model.kind) or not SAYS[protocol].issuperset(kind.needs):
        return False
    try:
        FaultSet(fleet, (Fault(port, kind.variant, 0),))
    except ValueError:
        return False
    return True
