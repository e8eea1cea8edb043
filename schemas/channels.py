"""The canonical channels of a reading, their units and how they are stored.

A reading is one port at one instant with its channels. The channels of `CHANNELS` are the columns of the wide
table `reading`; every other measurand (`OTHER_CHANNELS` lists those with a known unit) goes to `reading_other`.

Units are V, A, W, Wh, degC, %. Phase values are line to neutral. `voltage` and `current` are the output as the
vehicle sees it: DC output on a DC port; on AC the mean phase voltage and the sum of phase currents divided by the
number of phases that carry current. `energy` is the import register in Wh, kept as float64, since a register of
10^8 Wh does not fit float32; all else is float32.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Channel:
    """One canonical channel: its name (column and JSON key), unit, dtype and the range outside which it is no measurement."""

    name: str
    unit: str
    dtype: str
    low: float
    high: float


CHANNELS: Final[tuple[Channel, ...]] = (
    Channel("voltage", "V", "f4", -100.0, 1_500.0),
    Channel("voltage_l1", "V", "f4", -10.0, 600.0),
    Channel("voltage_l2", "V", "f4", -10.0, 600.0),
    Channel("voltage_l3", "V", "f4", -10.0, 600.0),
    Channel("current", "A", "f4", -1_500.0, 1_500.0),
    Channel("current_l1", "A", "f4", -500.0, 500.0),
    Channel("current_l2", "A", "f4", -500.0, 500.0),
    Channel("current_l3", "A", "f4", -500.0, 500.0),
    Channel("power", "W", "f4", -2_000_000.0, 2_000_000.0),
    Channel("power_offered", "W", "f4", 0.0, 2_000_000.0),
    Channel("current_offered", "A", "f4", 0.0, 1_500.0),
    Channel("current_requested", "A", "f4", 0.0, 1_500.0),
    Channel("energy", "Wh", "f8", -1.0, 1e13),
    Channel("soc", "%", "f4", 0.0, 100.0),
    Channel("temp_connector", "degC", "f4", -60.0, 250.0),
    Channel("temp_internal", "degC", "f4", -60.0, 250.0),
    Channel("temp_ambient", "degC", "f4", -60.0, 90.0),
    Channel("fan_rpm", "1/min", "f4", 0.0, 50_000.0),
)
NAMES: Final[tuple[str, ...]] = tuple(c.name for c in CHANNELS)
BY_NAME: Final[dict[str, Channel]] = {c.name: c for c in CHANNELS}

OTHER_CHANNELS: Final[dict[str, str]] = {
    "frequency": "Hz",
    "power_factor": "1",
    "power_reactive": "var",
    "energy_export": "Wh",
    "isolation": "kOhm",
    "pilot_voltage": "V",
    "proximity_voltage": "V",
    "contactor_cycles": "1",
    "contactor_delay": "ms",
    "lock_retries": "1",
    "output_voltage_idle": "V",
    "rssi": "dBm",
    "humidity": "%",
    "free_memory": "kB",
    "residual_current": "mA",
    "temp_inlet_l1": "degC",
    "temp_pin_plus": "degC",
    "temp_pin_minus": "degC",
}
