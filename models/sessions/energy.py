"""What readings add up to within a session: energy by register and by power, peak, shares of offered and requested power.

Sums are whole numbers (mWh, watt-microseconds, microseconds), so they do not depend on how readings are cut into calls.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.sessions import POWER_W

NONE: Final = int(np.iinfo(np.int64).min)
"""Stands for a missing time or register."""

GAP_US: Final = 300_000_000
"""Power is integrated between readings that are at most this far apart."""
JITTER_MWH: Final = 10_000
"""A register that falls by less is noise; by more, it was reset."""
JUMP_MWH: Final = 1_000_000
"""A register may rise by this much and by what a megawatt delivers in the time; what rises faster is a jump."""
BELOW: Final = 0.8
"""Delivered power under this share of the power offered (requested) counts as below it."""
TARGET_W: Final = 500.0
"""Offers (requests) up to this power are pauses: nothing is missed there."""

_US_AT_1MW: Final = (5, 18)

TOTALS: Final = np.dtype(
    [
        ("n", "i8"), ("first_at", "i8"), ("last_at", "i8"),
        ("reg_n", "i8"), ("reg_at", "i8"), ("reg_first", "i8"), ("reg_level", "i8"), ("reg_sum", "i8"),
        ("resets", "i8"), ("jumps", "i8"),
        ("p_at", "i8"), ("p", "f4"), ("offered", "f4"), ("requested", "f4"), ("peak", "f4"),
        ("ws", "i8"), ("measured", "i8"), ("power_ws", "i8"), ("powered", "i8"),
        ("offered_us", "i8"), ("offered_ws", "i8"), ("of_offered_ws", "i8"), ("below_offered", "i8"),
        ("requested_us", "i8"), ("below_requested", "i8"),
        ("first_power_at", "i8"), ("last_power_at", "i8"), ("soc_first", "f4"), ("soc_last", "f4"),
    ]
)  # fmt: skip
"""One session's sums so far and the last values they go on from. Registers in mWh, `..ws` in watt-microseconds, all
other times in microseconds. `reg_level` is the register's level since the last reset."""

_MISSING: Final = ("first_at", "last_at", "reg_at", "reg_first", "reg_level", "p_at", "first_power_at", "last_power_at")
_UNKNOWN: Final = ("p", "offered", "requested", "peak", "soc_first", "soc_last")

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Totals = NDArray[np.void]


class Columns(NamedTuple):
    """Samples as columns: `at` in microseconds, powers in W, `energy` in mWh (NONE: missing), `soc` in %."""

    at: Ints
    power: Floats
    energy: Ints
    offered: Floats
    requested: Floats
    soc: Floats

    def arrays(self) -> tuple[np.ndarray, ...]:
        """The columns, one after the other."""
        return (self.at, self.power, self.energy, self.offered, self.requested, self.soc)

    def take(self, rows: Any) -> "Columns":
        """The samples at `rows`."""
        return Columns(*(column[rows] for column in self.arrays()))


def empty_totals(n: int) -> Totals:
    """Totals of `n` sessions without a reading."""
    totals = np.zeros(n, TOTALS)
    for name in _MISSING:
        totals[name] = NONE
    for name in _UNKNOWN:
        totals[name] = np.nan
    return totals


def fold(totals: Totals, row: NDArray[np.intp], samples: Columns, rated: Floats, gap_us: int = GAP_US) -> None:
    """Add `samples` to `totals[row]`, in place.

    Samples of one row stand together, in order of time, and are later than all that were added to it before. `rated` is
    the rated power of each sample's port (NaN: unknown). O(n); about 40 array passes whatever the number of rows.
    """
    if len(row) == 0:
        return
    starts, ends = _runs(row)
    seg = row[starts]
    first = totals["first_at"][seg]
    totals["n"][seg] += ends - starts + 1
    totals["first_at"][seg] = np.where(first == NONE, samples.at[starts], first)
    totals["last_at"][seg] = samples.at[ends]
    _fold_power(totals, row, samples, rated, gap_us)
    _fold_register(totals, row, samples)
    _fold_soc(totals, row, samples)


def _runs(row: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First and last index of each run of equal values."""
    starts = np.flatnonzero(np.concatenate(([True], row[1:] != row[:-1])))
    return starts, np.append(starts[1:], len(row)) - 1


def _before(values: np.ndarray, starts: NDArray[np.intp], carried: np.ndarray) -> np.ndarray:
    """The value before each one within its run; at the start of a run what was carried over."""
    out = np.empty_like(values)
    out[1:] = values[:-1]
    out[starts] = carried
    return out


def _fold_power(totals: Totals, row: NDArray[np.intp], samples: Columns, rated: Floats, gap_us: int) -> None:
    known = ~np.isnan(samples.power)
    if not known.all():
        if not known.any():
            return
        row, samples, rated = row[known], samples.take(known), rated[known]
    starts, ends = _runs(row)
    seg = row[starts]
    at, power = samples.at, np.maximum(samples.power, np.float32(0))
    since = _before(at, starts, totals["p_at"][seg])
    linked = since != NONE
    dt = at - np.where(linked, since, at)
    linked &= dt <= gap_us
    dt[~linked] = 0
    mean = (_before(power, starts, totals["p"][seg]).astype(np.float64) + power) * 0.5
    mean[~linked] = 0
    ws = np.rint(mean * dt).astype(np.int64)
    powered = mean >= POWER_W
    _add(totals, "ws", seg, starts, ws)
    _add(totals, "measured", seg, starts, dt)
    _add(totals, "power_ws", seg, starts, ws * powered)
    _add(totals, "powered", seg, starts, dt * powered)
    _fold_shares(totals, seg, starts, samples, rated, (dt, mean, ws))
    hit = power >= POWER_W
    if hit.any():
        first = np.minimum.reduceat(np.where(hit, at, np.iinfo(np.int64).max), starts)
        last = np.maximum.reduceat(np.where(hit, at, NONE), starts)
        old = totals["first_power_at"][seg]
        totals["first_power_at"][seg] = np.where((old == NONE) & (last != NONE), first, old)
        totals["last_power_at"][seg] = np.maximum(totals["last_power_at"][seg], last)
    totals["peak"][seg] = np.fmax(totals["peak"][seg], np.maximum.reduceat(power, starts))
    totals["p_at"][seg], totals["p"][seg] = at[ends], power[ends]
    totals["offered"][seg], totals["requested"][seg] = samples.offered[ends], samples.requested[ends]


def _fold_shares(
    totals: Totals, seg: NDArray[np.intp], starts: NDArray[np.intp], samples: Columns, rated: Floats,
    spans: tuple[Ints, NDArray[np.float64], Ints],
) -> None:  # fmt: skip
    """Delivered against offered and requested; an offer holds from its reading to the next."""
    dt, mean, ws = spans
    offered = _before(samples.offered, starts, totals["offered"][seg]).astype(np.float64)
    requested = _before(samples.requested, starts, totals["requested"][seg]).astype(np.float64)
    told = (dt > 0) & ~np.isnan(offered)
    if told.any():
        whole = np.rint(np.where(told, offered, 0) * dt).astype(np.int64)
        below = told & (offered > TARGET_W) & (mean < BELOW * offered)
        for name, part in (
            ("offered_us", dt * told), ("offered_ws", whole), ("of_offered_ws", ws * told), ("below_offered", dt * below),
        ):  # fmt: skip
            _add(totals, name, seg, starts, part)
    asked = (dt > 0) & ~np.isnan(requested)
    if asked.any():
        target = np.fmin(np.fmin(requested, offered), rated)
        below = asked & (target > TARGET_W) & (mean < BELOW * target)
        _add(totals, "requested_us", seg, starts, dt * asked)
        _add(totals, "below_requested", seg, starts, dt * below)


def _add(totals: Totals, name: str, seg: NDArray[np.intp], starts: NDArray[np.intp], values: np.ndarray) -> None:
    totals[name][seg] += np.add.reduceat(values, starts)


def _fold_register(totals: Totals, row: NDArray[np.intp], samples: Columns) -> None:
    known = samples.energy != NONE
    if not known.any():
        return
    row, at, energy = row[known], samples.at[known], samples.energy[known]
    starts, ends = _runs(row)
    seg = row[starts]
    since = _before(at, starts, totals["reg_at"][seg])
    linked = since != NONE
    rise = np.where(linked, energy - _before(energy, starts, totals["reg_level"][seg]), 0)
    odd = linked & ((rise < 0) | (rise > _most(at - np.where(linked, since, at))))
    if odd.any():
        for k in np.unique(np.searchsorted(starts, np.flatnonzero(odd), side="right") - 1):
            part = slice(starts[k], ends[k] + 1)
            _step_register(totals, int(seg[k]), at[part].tolist(), energy[part].tolist())
            rise[part] = 0
            energy[ends[k]] = totals["reg_level"][seg[k]]
    _add(totals, "reg_sum", seg, starts, rise)
    totals["reg_n"][seg] += ends - starts + 1
    first = totals["reg_first"][seg]
    totals["reg_first"][seg] = np.where(first == NONE, energy[starts], first)
    totals["reg_level"][seg], totals["reg_at"][seg] = energy[ends], at[ends]


def _most(dt: Any) -> Any:
    """The most a register can rise in `dt` microseconds, in mWh."""
    return JUMP_MWH + dt * _US_AT_1MW[0] // _US_AT_1MW[1]


def _step_register(totals: Totals, row: int, at: list[int], energy: list[int]) -> None:
    """One session's register, value by value, where it does not simply rise."""
    if totals["reg_first"][row] == NONE:
        totals["reg_first"][row] = energy[0]
    level, since = int(totals["reg_level"][row]), int(totals["reg_at"][row])
    for now, value in zip(at, energy, strict=True):
        rise = 0 if since == NONE else value - level
        if since == NONE:
            level = value
        elif rise < -JITTER_MWH:
            totals["resets"][row] += 1
            level = value
        elif rise > _most(now - since):
            totals["jumps"][row] += 1
            level = value
        elif rise > 0:
            totals["reg_sum"][row] += rise
            level = value
        since = now
    totals["reg_level"][row] = level


def _fold_soc(totals: Totals, row: NDArray[np.intp], samples: Columns) -> None:
    known = ~np.isnan(samples.soc)
    if not known.any():
        return
    row, soc = row[known], samples.soc[known]
    starts, ends = _runs(row)
    seg = row[starts]
    first = totals["soc_first"][seg]
    totals["soc_first"][seg] = np.where(np.isnan(first), soc[starts], first)
    totals["soc_last"][seg] = soc[ends]
