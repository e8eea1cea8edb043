"""What a port's past left behind: filtered heat and load, what its neighbours draw, and the two ways of counting energy.

First-order memories with several time constants, run tick by tick with the time that has really passed, so that neither
cadence nor gaps need a special case. Sums that cross batches are kept as integers, which makes them exact.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from models.anomaly.arrays import (
    NEVER,
    Bools,
    Float32,
    Int64,
    Lanes,
    PortArrays,
    Slots,
    before,
    ends,
    last_true,
    starts,
)
from models.anomaly.ticks import Ticks

HEAT_S: Final = (90.0, 240.0, 600.0, 1_500.0)
"""Time constants of the filtered squared current: contacts and cables settle within minutes."""
LOAD_S: Final = (300.0, 900.0, 2_400.0)
"""Time constants of the filtered power of the station: cabinets settle within an hour."""
UNKNOWN_S: Final = 600.0
TAPER_S: Final = 600.0
METER_S: Final = 600.0
GAP_S: Final = 900.0
_METER_GAP_US: Final = 300_000_000
_TAUS: Final = np.array([*HEAT_S, *LOAD_S, UNKNOWN_S, TAPER_S, METER_S, METER_S, METER_S], np.float32)
_TINY: Final = np.float32(1e-30)
"""Added to every memory so that what fades never becomes a denormal number, which would slow the arithmetic down."""
HEAT: Final = slice(0, 4)
LOAD: Final = slice(4, 7)
UNKNOWN, TAPER, UNSURE, REGISTER, INTEGRATED = 7, 8, 9, 10, 11


def leaders(ports: Sequence[str]) -> Slots:
    """For each port slot the slot of the first port of its station, which keeps what the station has in common."""
    first: dict[str, int] = {}
    return np.array([first.setdefault(p.rpartition("/")[0], i) for i, p in enumerate(ports)], np.intp)


class Memory:
    """The first-order memories of many ports, as a bank [columns, ticks]: rows HEAT, LOAD, UNKNOWN, TAPER, UNSURE, REGISTER, INTEGRATED."""

    def __init__(self, arrays: PortArrays) -> None:
        self._a = arrays
        for name in ("square", "load"):
            arrays.add(f"past.{name}", np.float32, fill=np.nan)
        arrays.add("past.watts", np.int64)
        arrays.add("station.watts", np.int64)
        arrays.add("past.metered", np.int64, fill=NEVER // 2)
        arrays.add("past.energy", np.float64, fill=np.nan)
        arrays.add("past.integral", np.int64)
        arrays.add("memory", np.float32, (len(_TAUS),))

    def _station_load(self, t: Ticks, change: Int64, leader: Slots) -> Float32:
        """Power of all ports of each tick's station as last known when the tick closed, as a share of the port's rating."""
        a, slot = self._a, t.slot
        station = leader[slot]
        order = np.lexsort((t.closer, station))
        station = station[order]
        head = starts(station)
        running = np.cumsum(change[order])
        begin = np.maximum.accumulate(np.where(head, np.arange(len(order)), 0))
        total = running - np.where(begin > 0, running[begin - 1], 0) + a["station.watts"][station]
        tail = ends(head)
        a["station.watts"][station[tail]] = total[tail]
        out = np.empty(len(order), np.float32)
        out[order] = total
        load: Float32 = out / a["port.rated_w"][slot]
        return load

    def run(self, t: Ticks, share: Float32, power: Float32, active: Bools, leader: Slots) -> tuple[Float32, Float32]:
        """Take ticks in: current as a share of the rating, power in W; gives the bank and the station's load now."""
        a, slot, first = self._a, t.slot, t.first
        square = share * share
        watts = np.rint(power).astype(np.int64)
        was_watts = before(watts, first, a["past.watts"][slot])
        a["past.watts"][slot[ends(first)]] = watts[ends(first)]
        load = self._station_load(t, watts - was_watts, leader)
        was_square, was_load = before(square, first, a["past.square"][slot]), before(load, first, a["past.load"][slot])
        tail = ends(first)
        a["past.square"][slot[tail]], a["past.load"][slot[tail]] = square[tail], load[tail]
        known_dt = np.where(np.isfinite(t.dt), t.dt, 0.0).astype(np.float64)
        register, integrated, metered_dt = self._metered(
            t, np.rint(power.astype(np.float64) * known_dt / 3.6).astype(np.int64)
        )
        span = np.empty((len(_TAUS), len(t)), np.float32)
        span[:] = t.dt
        span[REGISTER:] = metered_dt
        keep = np.exp(-span / _TAUS[:, None])
        put = 1 - keep
        put[HEAT] *= np.where(np.isfinite(was_square), (square + was_square) / 2, square)
        put[LOAD] *= np.where(np.isfinite(was_load), (load + was_load) / 2, load)
        put[TAPER] *= share
        lost = (t.dt > GAP_S) & (active | ~np.isfinite(t.dt))
        keep[UNKNOWN] = np.where(lost, 0, keep[UNKNOWN])
        put[UNKNOWN] = lost
        put[UNSURE] = np.abs(watts - was_watts) * known_dt / 7_200  # Wh that hang on when within dt the power changed
        put[REGISTER], put[INTEGRATED] = register, integrated
        put += _TINY
        return self._scan(slot, np.ascontiguousarray(keep.T), np.ascontiguousarray(put.T)), load

    def _scan(self, slot: Slots, keep: Float32, put: Float32) -> Float32:
        """memory = memory * keep + put, tick by tick of each port; gives every state as [columns, n]."""
        lanes = Lanes(slot)
        keep, out = lanes.spread(keep), lanes.spread(put)
        state = self._a["memory"][lanes.slots]
        for begin, end in pairwise(lanes.cuts.tolist()):
            now = state[: end - begin]
            now *= keep[begin:end]
            now += out[begin:end]
            out[begin:end] = now
        self._a["memory"][lanes.slots] = state
        return np.ascontiguousarray(lanes.gather(out).T)

    def _metered(self, t: Ticks, milliwatthours: Int64) -> tuple[Float32, Float32, Float32]:
        """Wh by register and by integrated power between successive registers, and the seconds between, on the ticks that have one."""
        a, slot, first = self._a, t.slot, t.first
        running = np.cumsum(milliwatthours)
        begin = np.maximum.accumulate(np.where(first, np.arange(len(t)), 0))
        running = running - np.where(begin > 0, running[begin - 1], 0) + a["past.integral"][slot]
        have = np.isfinite(t.energy)
        row = last_true(have, first)
        earlier = before(row, first, np.full(len(t), -1))
        from_row = earlier >= 0
        last_energy = np.where(from_row, t.energy[earlier], a["past.energy"][slot])
        last_running = np.where(from_row, running[earlier], 0)
        last_at = np.where(from_row, t.at[earlier], a["past.metered"][slot])
        use = have & (t.at - last_at <= _METER_GAP_US) & np.isfinite(last_energy)
        tail = ends(first)
        done, s = row[tail], slot[tail]
        found = done >= 0
        a["past.integral"][s] = running[tail] - np.where(found, running[done], 0)
        a["past.energy"][s[found]], a["past.metered"][s[found]] = t.energy[done[found]], t.at[done[found]]
        dt = np.where(use, (t.at - last_at) / 1e6, np.where(have, np.inf, 0.0))
        return (
            np.where(use, t.energy - last_energy, 0.0).astype(np.float32),
            np.where(use, (running - last_running) / 1e3, 0.0).astype(np.float32),
            dt.astype(np.float32),
        )
