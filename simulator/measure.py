"""What the sensors of a port make of the physics: channels of a reading, with noise, offsets, steps and missing parts.

The same function measures a live instant and a day of history: every argument is an array over the rows to measure.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.constants import Constants
from simulator.effects import STUCK, Effects
from simulator.grid import Grid
from simulator.ports import F4, Columns

_NAN: Final = np.float32(np.nan)
ALIVE: Final = 0.5
"""Below this share of its voltage a phase carries no current."""


@dataclass(slots=True)
class Truth:
    """The physics at each row: `port`, whether it charges, and what is there in truth (units as in `physics.State`).

    `ambient` in degC, `supply` the phase voltage under load, `rise` and `cabinet` K over ambient.
    """

    port: NDArray[np.int64]
    charging: NDArray[np.bool_]
    power: F4
    volts: F4
    wanted: F4
    offered: F4
    soc: F4
    register: NDArray[np.float64]
    rise: F4
    cabinet: F4
    fan: F4
    ambient: F4
    supply: F4
    ac_phases: F4

    def __len__(self) -> int:
        return len(self.port)


class Sensors:
    """The sensors of a fleet. `rng` is the caller's: readings repeat exactly only when it is drawn in the same order."""

    def __init__(self, columns: Columns, constants: Constants, grid: Grid) -> None:
        self.columns, self.constants = columns, constants
        self._spread = grid.spread[columns.station].astype(np.float32)

    def channels(self, truth: Truth, rng: np.random.Generator, fx: Effects | None = None) -> dict[str, np.ndarray]:
        """The channels of the rows of `truth`, NaN where a port does not measure one; `fx` are effects over the rows."""
        c, con, n = self.columns, self.constants, len(truth)
        dc = c.dc[truth.port]
        noise = rng.standard_normal((10, n), np.float32)
        out: dict[str, np.ndarray] = {}
        phases = self._phases(truth, noise, fx)
        wired = np.where(dc, np.float32(3), c.phases[truth.port])
        for k in range(3):
            out[f"voltage_l{k + 1}"] = np.where(wired > k, phases[k], _NAN)
        self._output(truth, dc, noise, phases, wired, fx, out)
        on = truth.charging
        out["power_offered"] = np.where(on, _steps(truth.offered, 100.0), _NAN)
        out["energy"] = np.floor(truth.register / con.meter_quantum_wh) * con.meter_quantum_wh
        out["soc"] = np.where(on & dc, np.floor(truth.soc * np.float32(100)), _NAN)
        offset = c.temp_offset[:, truth.port]
        warm = np.float32(con.temp_noise)
        out["temp_connector"] = _steps(truth.ambient + truth.rise + offset[0] + warm * noise[6], 0.1)
        if fx is not None and fx.sensor.any():
            stuck = np.where(fx.sensor == STUCK, np.float32(con.stuck_sensor), _NAN)
            out["temp_connector"] = np.where(fx.sensor > 0, stuck, out["temp_connector"])
        out["temp_internal"] = _steps(truth.ambient + truth.cabinet + offset[1] + warm * noise[7], 0.1)
        out["temp_ambient"] = np.where(dc, _steps(truth.ambient + offset[2] + warm * noise[8], 0.1), _NAN)
        rpm = truth.fan * np.float32(con.fan_max_rpm) * (np.float32(1) + np.float32(0.006) * noise[9])
        out["fan_rpm"] = np.where(dc, _steps(rpm, 10.0), _NAN)
        return out

    def _phases(self, truth: Truth, noise: F4, fx: Effects | None) -> F4:
        """Voltage of the three supply phases as measured, shape (3, rows)."""
        phases = truth.supply * self._spread[truth.port].T
        if fx is not None:
            phases = phases * fx.phases.T
        phases *= np.float32(1) + np.float32(self.constants.volt_noise) * noise[:3]
        return _steps(phases, 0.1)

    def _output(
        self,
        truth: Truth,
        dc: NDArray[np.bool_],
        noise: F4,
        phases: F4,
        wired: F4,
        fx: Effects | None,
        out: dict[str, np.ndarray],
    ) -> None:
        """Voltage, current and power at the output; phase currents of AC ports."""
        con, on = self.constants, truth.charging
        used = np.where(dc, np.float32(1), truth.ac_phases)
        factor = np.where(dc, np.float32(1), np.float32(con.power_factor))
        lines = np.ones((3, len(truth)), bool) if fx is None else (fx.phases.T > ALIVE)
        lines = lines & (np.arange(3)[:, None] < used)
        carrying = np.where(dc, np.float32(1), np.maximum(lines.sum(axis=0), 1).astype(np.float32))
        amps = truth.power / np.maximum(truth.volts * factor * carrying, np.float32(1))
        error = np.float32(1) + np.float32(con.amp_noise) * noise[3]
        shown = _steps(np.maximum(amps * error + np.float32(0.02) * noise[4], np.float32(0)), 0.1)
        idle = np.abs(np.float32(0.25) * noise[5]) + (np.float32(0) if fx is None else fx.weld_volts)
        dc_volts = np.where(on, truth.volts * (np.float32(1) + np.float32(con.volt_noise) * noise[5]), idle)
        mean = np.where(wired > 1, phases.mean(axis=0), phases[0])
        out["voltage"] = _steps(np.where(dc, dc_volts, mean), 0.1)
        out["current"] = np.where(on, shown, np.float32(0))
        out["power"] = np.where(on, _steps(truth.power * error, 1.0), np.float32(0))
        for k in range(3):
            line = np.where(on & lines[k], shown, np.float32(0))
            out[f"current_l{k + 1}"] = np.where(dc | (wired <= k), _NAN, line)
        out["current_offered"] = np.where(
            on, _steps(truth.offered / np.maximum(truth.volts * factor * carrying, 1), 0.1), _NAN
        )
        out["current_requested"] = np.where(on & dc, _steps(truth.wanted / np.maximum(truth.volts, 1), 0.1), _NAN)


def _steps(x: np.ndarray, step: float) -> np.ndarray:
    """`x` rounded to whole multiples of `step`, in float32."""
    return np.rint(x * np.float32(1.0 / step)) * np.float32(step)
