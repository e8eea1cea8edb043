"""Ambient temperature of a year: season, time of day and weather, as a function of place and time without memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator import noise
from simulator.constants import Constants
from simulator.places import Place

_DAY = 86_400.0
_YEAR = 365.2425 * _DAY
_COLDEST = 15.0 * _DAY
_WARMEST_HOUR = 15.0


@dataclass(slots=True)
class Weather:
    """Ambient temperature at a list of places; `at` gives it for any instant."""

    mean: NDArray[np.float64]
    seasonal: NDArray[np.float64]
    daily: NDArray[np.float64]
    lon: NDArray[np.float64]
    key: noise.Keys
    constants: Constants

    @classmethod
    def of(cls, places: list[Place], seed: int, constants: Constants) -> "Weather":
        """The weather at `places`; the same seed gives the same weather."""
        return cls(
            mean=np.array([p.mean for p in places]),
            seasonal=np.array([p.seasonal for p in places]),
            daily=np.array([p.daily for p in places]),
            lon=np.array([p.lon for p in places]),
            key=noise.keys(seed, "weather", [f"{p.country}-{p.code}" for p in places]),
            constants=constants,
        )

    def at(self, t_s: NDArray[np.float64], place: NDArray[np.int64]) -> NDArray[np.float64]:
        """degC at times `t_s` (s since the epoch, UTC) at the places with index `place`; the arguments broadcast.

        Fronts pass every two days or so, clouds every three hours; sunny days (warm fronts) have a wider daily range.
        """
        key = self.key[place]
        front = noise.smooth(key, t_s, 2.2 * _DAY)
        cloud = noise.smooth(key + np.uint64(1), t_s, 10_800.0)
        season = -np.cos(2 * np.pi * (t_s - _COLDEST) / _YEAR)
        hour = t_s / 3600.0 + self.lon[place] / 15.0 - _WARMEST_HOUR
        day = np.cos(2 * np.pi * hour / 24.0) * np.clip(1.0 + 0.35 * front, 0.3, 1.8)
        warm = self.mean[place] + self.seasonal[place] * season + self.daily[place] * day
        warm += self.constants.weather_spread * front + 0.6 * cloud + self.constants.heat_wave
        return np.asarray(warm, np.float64)
