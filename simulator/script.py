"""Scripts: which faults happen where and when, and who charges there meanwhile, so that something can be seen.

A script is made of a cast (variant, when, where it fits) and chooses ports by seed, each at a station of its own. Visitors
are placed before the live part begins, so that the ports that fail are warm and charging steadily when they do.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from simulator.arrivals import Visit
from simulator.faults import Fault, FaultSet
from simulator.fleet import Fleet, Port
from simulator.ports import US

_ESTATE: Final = 5
_COMPACT_32A: Final = 2
_LARGE: Final = 8
_MINUTE: Final = 60 * US
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Part:
    """One fault of a script: `after_s` from the beginning, for `lasts_s` (None: for good), at a port of one of `models`.

    Who charges there came long before (`comes_s` None), or plugs in `comes_s` after the beginning. With `wears` it does not come
    out of the blue: that variant has been growing there for `days` when the live part begins, up to `severity`.
    """

    variant: str
    after_s: float
    models: tuple[str, ...]
    vehicle: int = _ESTATE
    severity: float = 1.0
    lasts_s: float | None = None
    protocols: tuple[str, ...] = ("canonical",)
    comes_s: float | None = None
    wears: str = ""
    days: float = 0.0


DEMO: Final[tuple[Part, ...]] = (
    Part("contact_wear", 10, ("Rapid 50",)),
    Part("module_lost", 12, ("Rapid 50", "Rapid 150 S"), _LARGE, 0.6),
    Part("contactor_stuck", 16, ("Rapid 150", "Rapid 50", "Rapid 150 S")),
    Part("fan_slow", 18, ("Rapid 150 S", "Hyper 300", "Rapid 150"), _LARGE),
    Part("phase_lost", 26, ("Duo 22", "Duo 11", "Quad 22")),
    Part("silent", 32, ("Duo 22", "Kerb 7", "Quad 22")),
    Part("meter_stuck", 40, ("Rapid 50", "Rapid 150", "Rapid 150 S"), _LARGE),
    Part("contact_wear", 50, ("Duo 11", "Quad 22", "Duo 22")),
    Part("ground_fault", 58, ("Duo 22", "Quad 22", "Duo 11"), protocols=("ocpp16",)),
    Part("contact_burnt", 75, ("Rapid 50", "Rapid 150"), severity=0.5, wears="contact_wear", days=24),
)
"""What breaks in a demonstration: six of ten show in voltage, current, temperature or register alone, one was to be expected."""

RECORDED: Final[tuple[Part, ...]] = (
    Part("contact_wear", 60, ("Rapid 50",)),
    Part("module_lost", 90, ("Rapid 50", "Rapid 150 S"), _LARGE, 0.6),
    Part("silent", 100, ("Rapid 150", "Rapid 150 S"), lasts_s=110),
    Part("contactor_stuck", 120, ("Rapid 150", "Rapid 50", "Hyper 300")),
    Part("phase_lost", 150, ("Duo 22", "Duo 11", "Quad 22")),
    Part("silent", 180, ("Duo 22", "Duo 11", "Quad 22"), lasts_s=200, protocols=("ocpp16", "ocpp201")),
    Part("ground_fault", 200, ("Duo 22", "Quad 22", "Duo 11"), protocols=("ocpp16",), lasts_s=240, comes_s=40),
    Part("restarts", 220, ("Duo 22", "Quad 22", "Duo 11"), protocols=("ocpp201", "canonical"), lasts_s=50),
    Part("emergency_stop", 260, ("Rapid 150", "Hyper 300", "Duo 22"), lasts_s=120, comes_s=60),
    Part("fan_slow", 280, ("Hyper 300", "Rapid 150"), _LARGE),
    Part("meter_stuck", 300, ("Rapid 150", "Rapid 50", "Duo 22"), _LARGE),
    Part("lock_jammed", 320, ("Duo 22", "Duo 11", "Quad 22")),
    Part("overcurrent_trip", 360, ("Rapid 150", "Rapid 50", "Duo 22"), comes_s=90),
    Part("silent", 420, ("Kerb 7", "Duo 22", "Duo 11")),
)
"""What breaks in the ten minutes that are recorded for tests: outages that end, cuts of several kinds, late data."""


@dataclass
class Script:
    """A cast on a fleet. ValueError where the fleet is too small for it: no port is left that a part fits."""

    fleet: Fleet
    parts: Sequence[Part] = DEMO
    seed: int = 1
    crowd: float = 0.3
    ports: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng([self.seed, 0x5C817])
        taken: set[str] = set()
        self.ports = []
        for part in self.parts:
            port = self._choose(part, taken)
            taken.add(self.fleet.ports[port].station)
            self.ports.append(port)
        self._taken = taken

    def _choose(self, part: Part, taken: set[str]) -> int:
        protocol = {s.station: s.protocol for s in self.fleet.stations}
        free = [(i, p) for i, p in enumerate(self.fleet.ports) if p.station not in taken and _fits(p, part, self.fleet)]
        for model in part.models:
            fit = [i for i, p in free if p.model.name == model and protocol[p.station] in part.protocols]
            if fit:
                return int(self._rng.choice(fit))
        raise ValueError(
            f"a fleet of {len(self.fleet.stations)} stations has no port left for the fault {part.variant}: "
            "use more stations (60 are enough) or fewer faults"
        )

    def faults(self, begin_us: int) -> list[Fault]:
        """The faults when the live part begins at `begin_us`."""
        made = []
        for part, port in zip(self.parts, self.ports, strict=True):
            start = begin_us + int(part.after_s * US)
            end = None if part.lasts_s is None else start + int(part.lasts_s * US)
            made.append(Fault(self.fleet.port_names[port], part.variant, start, end, part.severity))
        return [*made, *self.worn(begin_us)]

    def worn(self, begin_us: int) -> list[Fault]:
        """What has been growing before the live part begins at `begin_us`, for the history."""
        made = []
        for part, port in zip(self.parts, self.ports, strict=True):
            if part.wears:
                grown_s = part.days * _DAY_S + part.after_s
                start = begin_us - int(part.days * _DAY_S * US)
                made.append(Fault(self.fleet.port_names[port], part.wears, start, None, part.severity, grown_s))
        return made

    def visits(self, end_us: int) -> list[Visit]:
        """Who charges when the history ends at `end_us`: at each port of the cast, and at a share `crowd` of the others."""
        cast = [self._visit(port, end_us, part.vehicle) for part, port in self._cast() if part.comes_s is None]
        others = [i for i, p in enumerate(self.fleet.ports) if p.station not in self._taken]
        rng = np.random.default_rng([self.seed, 0xC207D])
        chosen = rng.permutation(others)[: int(self.crowd * len(others))]
        return cast + [self._passer_by(int(port), end_us, rng) for port in sorted(chosen.tolist())]

    def newcomers(self, begin_us: int, seconds: float, share: float = 0.15) -> list[Visit]:
        """Who comes within `seconds` of the beginning: the late ones of the cast, and at a share of the ports where nobody is
        short visits that end meanwhile.
        """
        there = set(self.ports) | {v.port for v in self.visits(begin_us)}
        free = [i for i, p in enumerate(self.fleet.ports) if i not in there and p.station not in self._taken]
        rng = np.random.default_rng([self.seed, 0x4E3C0])
        chosen = rng.permutation(free)[: int(share * len(free))]
        made = [self._late(port, begin_us, part) for part, port in self._cast() if part.comes_s is not None]
        for port in sorted(chosen.tolist()):
            plug = begin_us + int(rng.uniform(0.02, 0.6) * seconds * US)
            start, stop = plug + int(rng.uniform(8, 25) * US), plug + int(rng.uniform(0.25, 0.55) * seconds * US)
            vehicle, soc = int(rng.choice([2, 3, 4, 5])), float(rng.uniform(0.1, 0.5))
            made.append(
                Visit(
                    port, plug, start, max(stop, start + 20 * US), stop + 40 * US, vehicle, soc, 0.95, f"0E3C{port:04X}"
                )
            )
        return made

    def _cast(self) -> Iterable[tuple[Part, int]]:
        return zip(self.parts, self.ports, strict=True)

    def _late(self, port: int, begin_us: int, part: Part) -> Visit:
        """A long visit that begins `comes_s` after the beginning."""
        there = self._visit(port, begin_us, part.vehicle)
        plug = begin_us + int((part.comes_s or 0) * US)
        return replace(there, plug_us=plug, start_us=plug + 10 * US)

    def _visit(self, port: int, end_us: int, vehicle: int) -> Visit:
        """A long visit of a vehicle with an empty battery that takes all the port gives."""
        model = self.fleet.ports[port].model
        if model.kind == "ac":
            vehicle, soc, before = (_COMPACT_32A if model.amps > 16 else _ESTATE), 0.10, 40
        else:
            soc, before = (0.05, 12) if model.rated_w > 60_000 else (0.08, 30)
        plug = end_us - before * _MINUTE
        start, stop = plug + 30 * US, end_us + 45 * _MINUTE
        return Visit(port, plug, start, stop, stop + _MINUTE, vehicle, soc, 1.0, f"CA57{port:04X}")

    def _passer_by(self, port: int, end_us: int, rng: np.random.Generator) -> Visit:
        dc = self.fleet.ports[port].model.kind == "dc"
        plug = end_us - int(rng.uniform(6, 25 if dc else 90) * _MINUTE)
        start, stop = plug + 30 * US, end_us + int(rng.uniform(1.5, 20 if dc else 60) * _MINUTE)
        vehicle = int(rng.choice([3, 4, 5, 6] if dc else [2, 3, 5, 8]))
        soc = float(rng.uniform(0.08, 0.30))
        return Visit(port, plug, start, stop, stop + _MINUTE, vehicle, soc, 0.95, f"C807{port:04X}")


def _fits(port: Port, part: Part, fleet: Fleet) -> bool:
    try:
        FaultSet(fleet, (Fault(port.port, part.variant, 0),))
    except ValueError:
        return False
    return True
