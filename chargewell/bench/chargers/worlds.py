"""The worlds of the charger-fault benchmark. Tuning and judging differ in seeds, in physics and in who comes to charge.

Both were fixed before anything was tuned. A detector may be looked at on `TUNING`; what is quoted is `JUDGING`.
"""

from dataclasses import dataclass, replace
from typing import Final

from simulator.constants import Constants
from simulator.vehicles import VEHICLES, Vehicle

DAY_US: Final = 86_400_000_000
_NEW_YEAR_US: Final = 1_767_225_600_000_000  # 2026-01-01
SEASONS: Final = (14, 105, 196, 287)
"""Days of the year at which the fleets of a trial begin: weather of a year without simulating all of it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One world: seed, physical constants, vehicles."""

    name: str
    seed: int
    constants: Constants
    vehicles: tuple[Vehicle, ...] = VEHICLES

    def begins_us(self, season: int) -> int:
        """When the fleet of `season` (0 to 3) begins."""
        return _NEW_YEAR_US + SEASONS[season] * DAY_US


TUNING: Final = Trial("tuning", 101, Constants(dropouts_per_day=0.25))

_OTHER_VEHICLES: Final = (
    *(replace(v, dc_w=v.dc_w * 0.85, knee=min(0.9, v.knee + 0.06), battery_wh=v.battery_wh * 1.1) for v in VEHICLES),
    Vehicle("van 75 kWh", 75_000, 115_000, 0.65, 330, 405, 16, 3, 0.12),
    Vehicle("truck 120 kWh", 118_000, 180_000, 0.70, 600, 750, 32, 3, 0.06),
)
JUDGING: Final = Trial(
    "judging",
    202,
    Constants(
        grid_noise=0.009, grid_daily=0.016, phase_spread=0.005, feeder_ohm_ac=0.09, feeder_ohm_dc=0.012, ramp_s=12.0,
        module_efficiency=0.948, rise_dc=29.0, rise_ac=27.0, rise_spread=0.16, tau_connector=340.0, rise_cabinet_dc=26.0,
        rise_cabinet_ac=17.0, rise_standby=4.5, tau_cabinet=420.0, fan_max_rpm=3_600.0, fan_idle=0.30, fan_from=33.0,
        fan_full=54.0, still_air=0.24, meter_quantum_wh=10.0, amp_noise=0.004, volt_noise=0.0012, temp_noise=0.25,
        sensor_offset=1.2, dropouts_per_day=0.4, weather_spread=4.4, isolation_kohm=1_600.0, pilot_volts=5.9,
        closing_ms=47.0, leakage_ma=1.8, lock_retries=0.07, signal_dbm=-81.0, memory_kb=30_000.0,
    ),
    _OTHER_VEHICLES,
)  # fmt: skip
TRIALS: Final = {t.name: t for t in (TUNING, JUDGING)}


def upset(trial: Trial) -> Trial:
    """The same world after everything harmless has happened to it at once: a heat wave, vehicles never seen before, and a
    firmware with another fan curve and earlier derating."""
    c = trial.constants
    constants = c.model_copy(
        update={
            "heat_wave": 11.0, "fan_from": c.fan_from + 4.0, "fan_full": c.fan_full + 3.0, "fan_idle": c.fan_idle + 0.05,
            "derate_cabinet": c.derate_cabinet - 3.0,
        }
    )  # fmt: skip
    known = tuple(replace(v, share=v.share * 0.6) for v in trial.vehicles)
    fresh = (
        Vehicle("new saloon, 900 V", 105_000, 380_000, 0.60, 700, 880, 32, 3, 0.25),
        Vehicle("new compact, 22 kW AC", 48_000, 90_000, 0.35, 300, 370, 32, 3, 0.15),
    )
    return replace(trial, constants=constants, vehicles=(*known, *fresh))
