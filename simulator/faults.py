"""Faults of a run: one variant at one port over a span, with the labels that say so and the effects on the physics."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.labels import Label
from simulator.effects import Effects, Levels
from simulator.fleet import Fleet
from simulator.variants import VARIANTS, Variant


@dataclass(frozen=True, slots=True)
class Fault:
    """One variant at one port (or at all ports of its station) from `start_us` until `end_us` (None: for good).

    `severity` 0..1 scales the effect; it grows from nothing over `ramp_s` seconds (0: at once).
    """

    port: str
    variant: str
    start_us: int
    end_us: int | None = None
    severity: float = 1.0
    ramp_s: float = 0.0

    def label(self, who: str = "simulator") -> Label:
        """The label of this fault; station-wide ones are labelled at `<station>/0`."""
        variant = VARIANTS[self.variant]
        port = f"{self.port.rpartition('/')[0]}/0" if variant.station_wide else self.port
        end = None if self.end_us is None else datetime.fromtimestamp(self.end_us / 1e6, UTC)
        return Label(
            port=port,
            start=datetime.fromtimestamp(self.start_us / 1e6, UTC),
            end=end,
            fault=variant.family,
            variant=variant.name,
            severity=self.severity,
            ramp_s=self.ramp_s,
            signs=variant.signs,
            source="simulator",
            who=who,
        )

    def active(self, t_us: int) -> bool:
        """Whether it is there at `t_us`."""
        return self.start_us <= t_us and (self.end_us is None or t_us < self.end_us)

    def level(self, t_us: int) -> float:
        """How severe it has grown by `t_us`: 0 before its start; its end is `active`'s matter."""
        return self.severity * min(1.0, max(0.0, (t_us - self.start_us) / max(1.0, self.ramp_s * 1e6)))


@dataclass(slots=True)
class _Group:
    """The faults of one variant as columns; `row` is the port each row acts on."""

    variant: Variant
    row: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    ramp: NDArray[np.float64]
    severity: Levels
    modules: NDArray[np.int64]
    begins_us: int
    ends_us: int

    def level(self, t_us: NDArray[np.int64]) -> Levels:
        t = t_us[self.row]
        grown = np.clip((t - self.start) / self.ramp, 0.0, 1.0)
        return self.severity * grown * ((t >= self.start) & (t < self.end))


_FOREVER: Final = np.iinfo(np.int64).max


@dataclass
class FaultSet:
    """The faults of a run on one fleet. ValueError for a fault that cannot be where it is put."""

    fleet: Fleet
    faults: tuple[Fault, ...] = ()
    _groups: list[_Group] = field(init=False)

    def __post_init__(self) -> None:
        for fault in self.faults:
            self._check(fault)
        physical = [f for f in self.faults if VARIANTS[f.variant].apply or VARIANTS[f.variant].modules]
        names = sorted({f.variant for f in physical})
        self._groups = [self._group(n, [f for f in physical if f.variant == n]) for n in names]

    def _check(self, fault: Fault) -> None:
        if fault.variant not in VARIANTS:
            raise ValueError(f"fault variant {fault.variant!r} is not known: use one of {', '.join(VARIANTS)}")
        if fault.port not in self.fleet.index:
            raise ValueError(f"fault at {fault.port!r}: the fleet has no such port")
        variant, model = VARIANTS[fault.variant], self.fleet.ports[self.fleet.index[fault.port]].model
        fits = model.kind in variant.kinds and (not variant.three_phase or model.phases == 3)
        if not fits:
            raise ValueError(f"fault {variant.name} cannot happen at {fault.port}, a {model.name} ({model.kind})")

    def _group(self, name: str, faults: list[Fault]) -> _Group:
        variant = VARIANTS[name]
        rows: list[tuple[int, Fault]] = []
        for fault in faults:
            where = self.rows(fault)
            rows.extend((i, fault) for i in where)
        return _Group(
            variant=variant,
            row=np.array([i for i, _ in rows], np.int64),
            start=np.array([f.start_us for _, f in rows], np.int64),
            end=np.array([_FOREVER if f.end_us is None else f.end_us for _, f in rows], np.int64),
            ramp=np.array([max(1.0, f.ramp_s * 1e6) for _, f in rows]),
            severity=np.array([f.severity for _, f in rows]),
            modules=np.array([self.fleet.ports[i].model.modules for i, _ in rows], np.int64),
            begins_us=min(f.start_us for f in faults),
            ends_us=max(_FOREVER if f.end_us is None else f.end_us for f in faults),
        )

    def rows(self, fault: Fault) -> list[int]:
        """Positions of the ports that `fault` acts on."""
        if VARIANTS[fault.variant].station_wide:
            return self.fleet.ports_of(fault.port.rpartition("/")[0])
        return [self.fleet.index[fault.port]]

    def effects(self, t_us: NDArray[np.int64]) -> Effects | None:
        """What the faults do at `t_us` (one instant a port); None where none of them is there, which costs next to nothing."""
        low, high = int(t_us.min()), int(t_us.max())
        here = [g for g in self._groups if g.begins_us <= high and g.ends_us > low]
        if not here:
            return None
        fx = Effects.none(len(t_us))
        for group in here:
            level = group.level(t_us)
            if group.variant.modules:
                lost = np.ceil(level * (group.modules - 1))
                np.multiply.at(fx.power, group.row, (1.0 - lost / group.modules).astype(np.float32))
            elif group.variant.apply:
                group.variant.apply(fx, group.row, level)
        return fx

    def labels(self, who: str = "simulator") -> list[Label]:
        """One label a fault, in order of start."""
        return [f.label(who) for f in sorted(self.faults, key=lambda f: (f.start_us, f.port))]

    def ended(self, fault: Fault, at_us: int) -> "FaultSet":
        """The same faults, but `fault` is over at `at_us` (somebody mended it)."""
        return FaultSet(self.fleet, tuple(replace(f, end_us=at_us) if f == fault else f for f in self.faults))

    def within(self, start_us: int, end_us: int) -> list[Fault]:
        """The faults that are there at some time in [start_us, end_us)."""
        return [f for f in self.faults if f.start_us < end_us and (f.end_us is None or f.end_us > start_us)]


def merge(*sets: Iterable[Fault]) -> tuple[Fault, ...]:
    """All faults of `sets` in order of start."""
    return tuple(sorted((f for s in sets for f in s), key=lambda f: (f.start_us, f.port, f.variant)))
