"""What faults do to the physics: multipliers and additions for each port, and how each kind of fault sets them by its level."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.float64]
STUCK, OPEN = 1.0, 2.0
_ADDED: Final = ("weld_volts", "closing_ms", "leakage_ma", "retries", "signal_db", "sensor")


@dataclass(slots=True)
class Effects:
    """How faults change the physics of each port, as arrays over ports; the neutral value is 1, or 0 for what is added.

    `contact` multiplies the rise of the connector, `fan` the fan's speed, `clog` the cabinet's thermal resistance,
    `power` what the port can deliver, `phases` (ports, 3) the voltage of each supply phase, `meter` what the register counts,
    `isolation` the isolation resistance, `pilot` the pilot voltage, `memory` the controller's free memory. Added: `weld_volts`
    stands on the idle output, `closing_ms` the contactor takes longer, `leakage_ma` flows to earth, `retries` the lock needs
    more, `signal_db` the modem hears less; `sensor` is `STUCK` or `OPEN` where the connector's sensor is broken.
    """

    contact: NDArray[np.float32]
    fan: NDArray[np.float32]
    clog: NDArray[np.float32]
    power: NDArray[np.float32]
    phases: NDArray[np.float32]
    meter: NDArray[np.float32]
    isolation: NDArray[np.float32]
    pilot: NDArray[np.float32]
    memory: NDArray[np.float32]
    weld_volts: NDArray[np.float32]
    closing_ms: NDArray[np.float32]
    leakage_ma: NDArray[np.float32]
    retries: NDArray[np.float32]
    signal_db: NDArray[np.float32]
    sensor: NDArray[np.float32]

    @classmethod
    def none(cls, ports: int) -> "Effects":
        """No fault anywhere."""
        neutral = {f.name: np.ones(ports, np.float32) for f in fields(cls)}
        neutral["phases"] = np.ones((ports, 3), np.float32)
        neutral |= {name: np.zeros(ports, np.float32) for name in _ADDED}
        return cls(**neutral)

    def at(self, ports: NDArray[np.int64]) -> "Effects":
        """The effects at `ports`, one row each."""
        return Effects(**{f.name: getattr(self, f.name)[ports] for f in fields(self)})


Apply = Callable[[Effects, NDArray[np.int64], Levels], None]
"""Sets effects at `ports` (which may repeat) by the level of the fault there, 0..1."""


def contact_wear(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    """The contact resistance grows to five times at level 1."""
    np.multiply.at(fx.contact, ports, (1.0 + 4.0 * level).astype(np.float32))


def slow_fan(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    """The fans turn slower, down to 8 %."""
    np.multiply.at(fx.fan, ports, (1.0 - 0.92 * level).astype(np.float32))


def clogged_filter(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    """Air meets more resistance: up to 3.5 times the thermal resistance of the cabinet."""
    np.multiply.at(fx.clog, ports, (1.0 + 2.5 * level).astype(np.float32))


def derated(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    """The port silently gives less of its rated power, down to a quarter."""
    np.multiply.at(fx.power, ports, (1.0 - 0.75 * level).astype(np.float32))


def refused(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    """Nothing flows although nothing looks wrong."""
    np.multiply.at(fx.power, ports, np.where(level > 0, 0.0, 1.0).astype(np.float32))


def lost_phase(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    """One supply phase is gone whatever the level; which one differs from port to port, as installers rotate phases."""
    np.multiply.at(fx.phases, (ports, (ports + 1) % 3), (1.0 - 0.96 * (level > 0)).astype(np.float32))


def sag(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    """The supply voltage falls, by a fifth at level 1."""
    np.multiply.at(fx.phases, ports, (1.0 - 0.20 * level).astype(np.float32)[:, None])


def stuck_register(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    """The energy register stands still whatever the level."""
    np.multiply.at(fx.meter, ports, (level <= 0).astype(np.float32))


def slow_register(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    """The energy register counts too little, by 30 % at level 1."""
    np.multiply.at(fx.meter, ports, (1.0 - 0.30 * level).astype(np.float32))


def low_isolation(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    """The isolation resistance falls, by a factor of 160 at level 1."""
    np.multiply.at(fx.isolation, ports, (10.0 ** (-2.2 * level)).astype(np.float32))


def drifting_pilot(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    """The pilot voltage falls, by a quarter at level 1."""
    np.multiply.at(fx.pilot, ports, (1.0 - 0.25 * level).astype(np.float32))


def welded(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    """Voltage stands on the idle output, 390 V at level 1."""
    np.maximum.at(fx.weld_volts, ports, (390.0 * level).astype(np.float32))


def slow_contactor(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    """The contactor closes later, by 150 ms at level 1."""
    np.add.at(fx.closing_ms, ports, (150.0 * level).astype(np.float32))


def leaking(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    """Current flows to earth, 25 mA at level 1 (devices trip at 30 mA)."""
    np.add.at(fx.leakage_ma, ports, (25.0 * level).astype(np.float32))


def worn_lock(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    """The lock needs more tries, eight at level 1."""
    np.add.at(fx.retries, ports, (8.0 * level).astype(np.float32))


def weak_signal(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    """The modem hears less, by 40 dB at level 1."""
    np.add.at(fx.signal_db, ports, (40.0 * level).astype(np.float32))


def leaking_memory(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    """The controller's free memory runs out, down to 1 % at level 1."""
    np.multiply.at(fx.memory, ports, (1.0 - 0.99 * level).astype(np.float32))


def stuck_sensor(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    """The connector's temperature sensor says the same for ever, whatever the level."""
    np.maximum.at(fx.sensor, ports, np.where(level > 0, STUCK, 0.0).astype(np.float32))


def open_sensor(fx: Effects, ports: NDArray[np.int64], level: Levels) -> None:
    """The connector's temperature sensor says nothing, whatever the level."""
    np.maximum.at(fx.sensor, ports, np.where(level > 0, OPEN, 0.0).astype(np.float32))
