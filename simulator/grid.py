"""Voltage of the supply at each station, before its own load: a daily pattern, slow noise and fixed differences of phases."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator import noise
from simulator.constants import Constants
from simulator.fleet import Fleet

_EVENING_PEAK_HOUR = 19.0


@dataclass(slots=True)
class Grid:
    """The supply of a fleet's stations. `spread` holds the fixed factor of each phase, shape (stations, 3)."""

    key: noise.Keys
    lon: NDArray[np.float64]
    spread: NDArray[np.float64]
    constants: Constants

    @classmethod
    def of(cls, fleet: Fleet, constants: Constants) -> "Grid":
        """The supply of `fleet`; stations of one site share their slow noise, since they share a transformer."""
        site_keys = noise.keys(fleet.seed, "grid", [s.site for s in fleet.sites])
        own = noise.keys(fleet.seed, "phases", [s.station for s in fleet.stations])
        spread = np.stack([noise.normal(own, k) for k in range(3)], axis=1)
        return cls(
            key=site_keys[fleet.site_of],
            lon=np.array([s.place.lon for s in fleet.sites])[fleet.site_of],
            spread=1.0 + constants.phase_spread * spread,
            constants=constants,
        )

    def volts(self, t_s: NDArray[np.float64], station: NDArray[np.int64]) -> NDArray[np.float64]:
        """Phase voltage without load in V at times `t_s` at `station`; the arguments broadcast."""
        c = self.constants
        hour = t_s / 3600.0 + self.lon[station] / 15.0 - _EVENING_PEAK_HOUR
        evening = 0.5 + 0.5 * np.cos(2 * np.pi * hour / 24.0)
        wander = noise.smooth(self.key[station], t_s, 1_800.0)
        return c.phase_volts * (1.0 + c.grid_noise * wander - c.grid_daily * evening**2)
