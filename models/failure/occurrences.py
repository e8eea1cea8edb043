"""Features of what happened: counts and recency of errors, time since repairs, the rhythm of visits. Nothing later counts."""

import numpy as np

from models.failure.history import Occurrences
from models.failure.windows import Floats, Ints, Timeline


class Recency:
    """Counts and last times of one list of occurrences, for many (unit, time) questions at once; O(log n) each."""

    def __init__(self, marks: Occurrences) -> None:
        self._at = marks.at
        self._line = Timeline(marks.unit, marks.at)

    def count(self, unit: Ints, after: Ints, until: Ints) -> Floats:
        """How many in (after, until]."""
        found = self._line.rows_until(unit, until) - self._line.rows_until(unit, np.minimum(after, until))
        return found.astype(np.float64)

    def last(self, unit: Ints, until: Ints) -> tuple[Ints, np.ndarray]:
        """The time of the last one at or before `until`, and whether there was one (time 0 where not)."""
        end = self._line.rows_until(unit, until)
        there = end > self._line.first_rows(unit)
        if not len(self._at):
            return np.zeros(len(unit), np.int64), there
        return np.where(there, self._at[np.maximum(end - 1, 0)], 0), there

    def since(self, unit: Ints, until: Ints) -> Floats:
        """Time since the last one; NaN where there was none."""
        at, there = self.last(unit, until)
        return np.where(there, (until - at).astype(np.float64), np.nan)


class Visits:
    """The times at which a unit was visited (repairs of any component, one visit however many), and their rhythm.

    The rhythm is the distance that visits are planned at: the lower quartile of the distances so far, since skipped visits
    make distances longer and few make them shorter.
    """

    def __init__(self, repairs: Occurrences) -> None:
        pairs = np.unique(np.column_stack([repairs.unit, repairs.at]), axis=0)
        self._unit, self._at = pairs[:, 0], pairs[:, 1]
        self._line = Timeline(self._unit, self._at)
        self._recency = Recency(Occurrences(self._unit, self._at, np.zeros(len(pairs), np.int64)))
        self._rhythm = self._rhythms()

    def _rhythms(self) -> Floats:
        """For each visit the rhythm of the visits up to it; NaN before the third. Python per visit: they are rare."""
        out = np.full(len(self._at), np.nan)
        for unit in np.unique(self._unit):
            rows = np.flatnonzero(self._unit == unit)
            gaps = np.diff(self._at[rows])
            for i in range(2, len(rows)):
                out[rows[i]] = np.quantile(gaps[:i], 0.25, method="lower")
        return out

    def since(self, unit: Ints, until: Ints) -> Floats:
        """Time since the last visit."""
        return self._recency.since(unit, until)

    def rhythm(self, unit: Ints, until: Ints) -> Floats:
        """The rhythm as it could be known at `until`; NaN where fewer than three visits were."""
        end = self._line.rows_until(unit, until)
        there = end > self._line.first_rows(unit)
        if not len(self._at):
            return np.full(len(unit), np.nan)
        return np.where(there, self._rhythm[np.maximum(end - 1, 0)], np.nan)
