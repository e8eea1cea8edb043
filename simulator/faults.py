"""What breaks in the simulated network, how it shows, and the labels that say so.

A variant is one way of failing: its family in `schemas/faults.toml`, what it does to the physics, and what it does to
the station's behaviour. A `Fault` is one variant at one port over a span; a `FaultSet` is what a run is given, and hands
the physics its `Effects` at any instant. Signatures follow the failure modes of the field's literature (docs/simulator.md).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.labels import Label, Sign
from simulator.fleet import Fleet

Levels = NDArray[np.float64]


@dataclass(slots=True)
class Effects:
    """How faults change the physics of each port, as arrays over ports; the neutral value is 1 but for `weld_volts` (0).

    `contact` multiplies the rise of the connector, `fan` the fan's speed, `clog` the cabinet's thermal resistance,
    `power` what the port can deliver, `phases` (ports, 3) the voltage of each supply phase, `meter` what the register counts,
    `isolation` the isolation resistance, `pilot` the pilot voltage; `weld_volts` stands on the idle output.
    """

    contact: NDArray[np.float32]
    fan: NDArray[np.float32]
    clog: NDArray[np.float32]
    power: NDArray[np.float32]
    phases: NDArray[np.float32]
    meter: NDArray[np.float32]
    isolation: NDArray[np.float32]
    pilot: NDArray[np.float32]
    weld_volts: NDArray[np.float32]

    @classmethod
    def none(cls, ports: int) -> "Effects":
        """No fault anywhere."""
        neutral = {f.name: np.ones(ports, np.float32) for f in fields(cls)}
        neutral["phases"] = np.ones((ports, 3), np.float32)
        neutral["weld_volts"] = np.zeros(ports, np.float32)
        return cls(**neutral)


Apply = Callable[[Effects, NDArray[np.int64], Levels], None]


def _contact(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    np.multiply.at(fx.contact, ports, (1.0 + 4.0 * level).astype(np.float32))


def _fan(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    np.multiply.at(fx.fan, ports, (1.0 - 0.92 * level).astype(np.float32))


def _clog(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    np.multiply.at(fx.clog, ports, (1.0 + 2.5 * level).astype(np.float32))


def _derate(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    np.multiply.at(fx.power, ports, (1.0 - 0.75 * level).astype(np.float32))


def _refuse(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    np.multiply.at(fx.power, ports, np.where(level > 0, 0.0, 1.0).astype(np.float32))


def _phase(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    np.multiply.at(fx.phases, (ports, (ports + 1) % 3), (1.0 - 0.96 * (level > 0)).astype(np.float32))


def _sag(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    np.multiply.at(fx.phases, ports, (1.0 - 0.20 * level).astype(np.float32)[:, None])


def _register(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    np.multiply.at(fx.meter, ports, (level <= 0).astype(np.float32))


def _slow_register(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    np.multiply.at(fx.meter, ports, (1.0 - 0.30 * level).astype(np.float32))


def _isolation(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    np.multiply.at(fx.isolation, ports, (10.0 ** (-2.2 * level)).astype(np.float32))


def _pilot(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    np.multiply.at(fx.pilot, ports, (1.0 - 0.25 * level).astype(np.float32))


def _weld(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    np.maximum.at(fx.weld_volts, ports, (390.0 * level).astype(np.float32))


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of failing.

    `kinds` and `phases` limit where it can happen; `station_wide` faults hit all ports of the station. `cut` is the OCPP
    stop reason when its start ends a running session, `error` and `code` what the status then says (1.6 error in snake
    case, ChargeX code). `behaviour` names what the live station does differently, beside the physics.
    """

    name: str
    family: str
    signs: tuple[Sign, ...]
    apply: Apply | None = None
    kinds: tuple[str, ...] = ("ac", "dc")
    three_phase: bool = False
    modules: bool = False
    station_wide: bool = False
    cut: str = ""
    error: str = ""
    code: str = ""
    behaviour: str = ""


VARIANTS: Final[dict[str, Variant]] = {
    v.name: v
    for v in (
        Variant("contact_wear", "contact_wear", ("temperature",), _contact),
        Variant("fan_slow", "cooling", ("temperature", "other"), _fan, kinds=("dc",), station_wide=True),
        Variant("filter_clogged", "cooling", ("temperature", "other"), _clog, kinds=("dc",), station_wide=True),
        Variant("module_lost", "power_module", ("current",), None, kinds=("dc",), modules=True),
        Variant("phase_lost", "supply", ("voltage", "current"), _phase, three_phase=True, station_wide=True),
        Variant("sag", "supply", ("voltage",), _sag, station_wide=True),
        Variant("power_loss", "supply", ("status", "code", "session"), cut="PowerLoss", error="other_error", code="CX015"),
        Variant("meter_stuck", "meter", ("energy",), _register),
        Variant("meter_slow", "meter", ("energy",), _slow_register),
        Variant("isolation_low", "isolation", ("other",), _isolation, kinds=("dc",)),
        Variant("contactor_welded", "contactor", ("voltage",), _weld, kinds=("dc",)),
        Variant("contactor_stuck", "contactor", ("status", "code", "session"), cut="Other", error="power_switch_failure", code="CX017"),
        Variant("derated", "degraded", ("current",), _derate),
        Variant("refuses", "degraded", ("current", "session"), _refuse),
        Variant("pilot_drift", "pilot", ("other", "status"), _pilot, kinds=("ac",), behaviour="flap"),
        Variant("silent", "communication", ("silence",), station_wide=True, behaviour="silent"),
        Variant("emergency_stop", "emergency_stop", ("status", "code", "session"), cut="EmergencyStop", error="other_error", code="CX008"),
        Variant("ground_fault", "ground_fault", ("status", "code", "session"), cut="Other", error="ground_failure", code="CX002"),
        Variant("overcurrent_trip", "overcurrent", ("status", "code", "session"), cut="Other", error="over_current_failure", code="CX004"),
        Variant("cable_cut", "cable", ("status", "code", "session"), cut="Other", error="other_error", code="CX026"),
        Variant("lock_jammed", "lock", ("status", "code", "other"), error="connector_lock_failure", code="CX001", behaviour="lock"),
        Variant("restarts", "controller", ("session", "silence", "other"), station_wide=True, behaviour="restart"),
        Variant("reader_dead", "payment", ("session", "other"), behaviour="no_start"),
        Variant("interop", "interop", ("status", "session"), error="ev_communication_error", behaviour="handshake"),
    )
}  # fmt: skip
"""Every way of failing that the simulator knows."""


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
        )

    def rows(self, fault: Fault) -> list[int]:
        """Positions of the ports that `fault` acts on."""
        if VARIANTS[fault.variant].station_wide:
            return self.fleet.ports_of(fault.port.rpartition("/")[0])
        return [self.fleet.index[fault.port]]

    def effects(self, t_us: NDArray[np.int64]) -> Effects | None:
        """What the faults do at `t_us` (one instant a port); None where none of them is there, which costs next to nothing."""
        low, high = int(t_us.min()), int(t_us.max())
        here = [g for g in self._groups if g.start.min() <= high and g.end.max() > low]
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

    def within(self, start_us: int, end_us: int) -> list[Fault]:
        """The faults that are there at some time in [start_us, end_us)."""
        return [f for f in self.faults if f.start_us < end_us and (f.end_us is None or f.end_us > start_us)]


def merge(*sets: Iterable[Fault]) -> tuple[Fault, ...]:
    """All faults of `sets` in order of start."""
    return tuple(sorted((f for s in sets for f in s), key=lambda f: (f.start_us, f.port, f.variant)))
