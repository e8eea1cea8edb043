"""The vehicles that come to charge: a table of classes, after public data sheets of cars sold 2018 to 2024.

Acceptance of power against state of charge is constant up to the knee and falls in a straight line to a trickle at full:
the constant-current / constant-voltage charge of a lithium-ion pack as a charger sees it.
"""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Vehicle:
    """One class: battery (Wh), DC acceptance (W), knee (share), pack volts empty and full, AC amperes a phase and phases, share of fleet."""

    name: str
    battery_wh: float
    dc_w: float
    knee: float
    volts_empty: float
    volts_full: float
    ac_amps: float
    ac_phases: int
    share: float


VEHICLES: Final[tuple[Vehicle, ...]] = (
    Vehicle("city 24 kWh", 24_000, 0, 0.80, 320, 395, 16, 1, 0.06),
    Vehicle("compact 40 kWh", 39_000, 46_000, 0.60, 330, 400, 29, 1, 0.10),
    Vehicle("compact 52 kWh", 52_000, 48_000, 0.70, 325, 400, 32, 3, 0.10),
    Vehicle("hatchback 58 kWh", 58_000, 120_000, 0.45, 335, 410, 16, 3, 0.20),
    Vehicle("saloon 60 kWh", 58_000, 170_000, 0.30, 320, 385, 16, 3, 0.16),
    Vehicle("estate 77 kWh", 77_000, 135_000, 0.50, 340, 420, 16, 3, 0.14),
    Vehicle("crossover 77 kWh, 800 V", 74_000, 235_000, 0.52, 630, 780, 16, 3, 0.10),
    Vehicle("saloon 90 kWh, 800 V", 84_000, 260_000, 0.45, 650, 800, 16, 3, 0.06),
    Vehicle("large 100 kWh", 96_000, 190_000, 0.40, 345, 420, 32, 3, 0.04),
    Vehicle("plug-in hybrid", 11_500, 0, 0.90, 300, 360, 16, 1, 0.04),
)


@dataclass(slots=True)
class Garage:
    """The vehicle table as columns, one slot a class; indexed by the `vehicle` column of a plan."""

    battery_wh: NDArray[np.float32]
    dc_w: NDArray[np.float32]
    knee: NDArray[np.float32]
    volts_empty: NDArray[np.float32]
    volts_full: NDArray[np.float32]
    ac_amps: NDArray[np.float32]
    ac_phases: NDArray[np.float32]
    share: NDArray[np.float32]

    @classmethod
    def of(cls, vehicles: tuple[Vehicle, ...] = VEHICLES) -> "Garage":
        """The columns of `vehicles`."""
        return cls(*(np.array([getattr(v, f.name) for v in vehicles], np.float32) for f in fields(cls)))

    def chances(self, dc: bool) -> NDArray[np.float64]:
        """How likely each class is at a DC (or AC) port; classes that cannot charge there never come."""
        weight = self.share.astype(np.float64) * ((self.dc_w > 0) if dc else 1.0)
        return np.asarray(weight / weight.sum(), np.float64)
