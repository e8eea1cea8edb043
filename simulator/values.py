"""What a port says outside the channels: isolation, pilot, contactor, lock, residual current; signal and memory of its station.

One function a moment, for history and live alike. `draw` gives a number of mean 0 and variance 1 and is the caller's.
"""

from collections.abc import Callable

import numpy as np

from simulator import noise
from simulator.effects import Effects
from simulator.world import World

Values = dict[str, float]
Draw = Callable[[], float]


def while_charging(world: World, port: int, fx: Effects | None, draw: Draw) -> Values:
    """What the protections see while a vehicle charges: isolation of a DC output, pilot and residual current of an AC one."""
    con = world.constants
    if world.columns.dc[port]:
        share = 1.0 if fx is None else float(fx.isolation[port])
        return {"isolation": round(con.isolation_kohm * (1 + 0.04 * draw()) * share, 1)}
    share, leak = (1.0, 0.0) if fx is None else (float(fx.pilot[port]), float(fx.leakage_ma[port]))
    return {
        "pilot_voltage": round((con.pilot_volts + 0.03 * draw()) * share, 2),
        "residual_current": round(max(0.0, con.leakage_ma * (1 + 0.25 * draw()) + leak), 1),
    }


def at_start(world: World, port: int, fx: Effects | None, draw: Draw) -> Values:
    """What one start of a charge shows: how long the contactor took, and how often the lock of an AC port had to try."""
    con, own = world.constants, float(noise.normal(world.columns.noise_key[port : port + 1], 11)[0])
    slow, retries = (0.0, 0.0) if fx is None else (float(fx.closing_ms[port]), float(fx.retries[port]))
    said = {"contactor_delay": round(max(5.0, con.closing_ms * (1 + 0.1 * own) + 2.0 * draw() + slow), 1)}
    if not world.columns.dc[port]:
        luck = _chance(draw)
        said["lock_retries"] = float((luck < con.lock_retries) + np.floor(retries + luck))
    return said


def of_station(world: World, port: int, fx: Effects | None, draw: Draw) -> Values:
    """Signal strength of the modem and free memory of the controller, which the first port of a station tells."""
    con, own = world.constants, float(noise.normal(world.columns.noise_key[port : port + 1], 12)[0])
    weak, memory = (0.0, 1.0) if fx is None else (float(fx.signal_db[port]), float(fx.memory[port]))
    return {
        "rssi": round(con.signal_dbm + con.signal_spread * own + 2.0 * draw() - weak),
        "free_memory": round(con.memory_kb * (1 + 0.03 * draw()) * memory),
    }


def _chance(draw: Draw) -> float:
    """A number in 0..1 out of a normal one (logistic approximation of its distribution)."""
    return float(1.0 / (1.0 + np.exp(-1.702 * draw())))
