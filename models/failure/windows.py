"""Statistics over windows of irregular, gapped columns, for many windows at once.

Rows are sorted by (unit, time); a window is a half-open span of row numbers [lo, hi) of one unit. Sums come from running
sums and extremes from a table of powers of two, so a window costs the same however long it is. NaN is a missing value.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_LARGEST: Final = 2**62
_PER_VALUE: Final = 4_096
_PER_TIME: Final = 256
_WILD: Final = 1e4


class Timeline:
    """Where a time falls among the rows of a unit. `unit` (from 0) and `at` (integers) are sorted by (unit, at).

    One binary search per question, O(log n). ValueError when the rows are unsorted, or the times span so much that unit
    and time do not fit one integer together.
    """

    def __init__(self, unit: Ints, at: Ints) -> None:
        self._low = int(at.min()) - 1 if len(at) else 0
        self._high = int(at.max()) + 1 if len(at) else 0
        self._span = self._high - self._low + 1
        if len(unit) and (int(unit.max()) + 2) * self._span > _LARGEST:
            raise ValueError("times span too much for the number of units; give times in a coarser unit")
        self._key = unit.astype(np.int64) * self._span + (at.astype(np.int64) - self._low)
        if len(unit) and (np.diff(self._key) < 0).any():
            raise ValueError("rows are not sorted by unit and time; sort them with numpy.lexsort((at, unit))")

    def rows_until(self, unit: Ints, at: Ints) -> Ints:
        """The number of rows before the first row of `unit` later than `at`: an end for windows that include `at`."""
        clipped = np.clip(at, self._low, self._high) - self._low
        return np.searchsorted(self._key, unit * self._span + clipped, side="right").astype(np.int64)

    def first_rows(self, unit: Ints) -> Ints:
        """The number of the first row of each unit (where it would be, if it has none)."""
        return np.searchsorted(self._key, unit * self._span, side="left").astype(np.int64)


class Windows:
    """Statistics of the columns `values` [n, k] over windows of rows; `time` [n] is the abscissa of slopes.

    Every answer has shape [windows, k] and is NaN where a window holds no value (a slope: fewer than three values, or all
    at one time).

    Values are rounded to 1/4096 and held within 10,000, times rounded to 1/256 (give both in sizes that this suits): sums
    of such numbers are exact, so what a window tells does not depend, to the last bit, on rows outside it. Memory: about five copies of `values`, and one more for each doubling of the longest window once an extreme is asked for.
    """

    def __init__(self, time: Floats, values: Floats) -> None:
        known = np.isfinite(values)
        rounded = np.round(np.clip(values, -_WILD, _WILD) * _PER_VALUE) / _PER_VALUE
        filled = np.where(known, rounded, 0.0)
        clock = (np.round(time * _PER_TIME) / _PER_TIME)[:, None] * known
        self._count = _running(known.astype(np.float64))
        self._sum = _running(filled)
        self._square = _running(filled**2)
        self._clock = _running(clock)
        self._clock2 = _running(clock**2)
        self._cross = _running(clock * filled)
        self._known, self._values = known, rounded
        self._low: list[Floats] = []
        self._high: list[Floats] = []

    def count(self, lo: Ints, hi: Ints) -> Floats:
        """How many values each window holds."""
        return _between(self._count, lo, hi)

    def mean(self, lo: Ints, hi: Ints) -> Floats:
        """The mean of each window."""
        n = _positive(_between(self._count, lo, hi))
        return _between(self._sum, lo, hi) / n

    def deviation(self, lo: Ints, hi: Ints) -> Floats:
        """The standard deviation of each window (divided by n)."""
        n = _positive(_between(self._count, lo, hi))
        mean = _between(self._sum, lo, hi) / n
        return np.sqrt(np.maximum(_between(self._square, lo, hi) / n - mean**2, 0.0))

    def slope(self, lo: Ints, hi: Ints) -> Floats:
        """The least-squares slope of each window, in units of the column per unit of time."""
        n = _between(self._count, lo, hi)
        n = np.where(n >= 3, n, np.nan)
        clock = _between(self._clock, lo, hi)
        spread = _between(self._clock2, lo, hi) - clock**2 / n
        cross = _between(self._cross, lo, hi) - clock * _between(self._sum, lo, hi) / n
        return cross / np.where(spread > 1e-9, spread, np.nan)

    def low(self, lo: Ints, hi: Ints) -> Floats:
        """The least value of each window."""
        if not self._low:
            self._low = [np.where(self._known, self._values, np.inf)]
        return _extreme(self._low, lo, hi, np.minimum, np.inf)

    def high(self, lo: Ints, hi: Ints) -> Floats:
        """The greatest value of each window."""
        if not self._high:
            self._high = [np.where(self._known, self._values, -np.inf)]
        return _extreme(self._high, lo, hi, np.maximum, -np.inf)


def _running(values: Floats) -> Floats:
    out = np.zeros((len(values) + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=out[1:])
    return out


def _between(running: Floats, lo: Ints, hi: Ints) -> Floats:
    difference: Floats = running[np.maximum(hi, lo)] - running[lo]
    return difference


def _positive(n: Floats) -> Floats:
    return np.where(n > 0, n, np.nan)


def _extreme(levels: list[Floats], lo: Ints, hi: Ints, pick: np.ufunc, empty: float) -> Floats:
    """Extremes by `levels[j]`: those of every 2**j rows; missing levels up to the longest window are added."""
    out = np.full((len(lo), levels[0].shape[1]), empty)
    length = hi - lo
    longest = int(length.max(initial=0))
    while 2 ** len(levels) <= longest:
        last, width = levels[-1], 2 ** (len(levels) - 1)
        levels.append(pick(last[:-width], last[width:]))
    for level, table in enumerate(levels):
        width = 2**level
        rows = np.flatnonzero((length >= width) & (length < 2 * width))
        if len(rows):
            out[rows] = pick(table[lo[rows]], table[hi[rows] - width])
    out[np.isinf(out)] = np.nan
    return out
