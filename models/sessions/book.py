"""The totals of all sessions that are kept, and which session a sample of a port counts to."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.columns import grown
from models.sessions.energy import GAP_US, NONE, Columns, Floats, Ints, Totals, empty_totals, fold

OPEN: Final = int(np.iinfo(np.int64).max)
"""End of the window of a session that is open."""

_NO_ROW: Final = -1


class Window(NamedTuple):
    """Samples from `low` to `high` (both included) count to the totals in `row`."""

    low: int
    high: int
    row: int


class Book:
    """Totals by row, and for each slot the windows of its sessions: the newest in arrays, older ones in lists.

    Windows of one slot do not overlap and are sorted. `rated_w` is the rated power of each slot (NaN: unknown). `shown` is a
    cache: the totals of a row with all samples before `shown_until`, those in the ring included (NONE: none).
    """

    def __init__(self, gap_us: int = GAP_US) -> None:
        self.gap_us = gap_us
        self.totals: Totals = empty_totals(0)
        self.shown: Totals = empty_totals(0)
        self.shown_until = np.zeros(0, np.int64)
        self.free: list[int] = []
        self.row = np.zeros(0, np.int64)
        self.low = np.zeros(0, np.int64)
        self.high = np.zeros(0, np.int64)
        self.rated_w: Floats = np.zeros(0, np.float32)
        self.older: dict[int, list[Window]] = {}

    def ensure(self, slots: int) -> None:
        """Room for `slots` slots."""
        self.row = grown(self.row, slots, _NO_ROW)
        self.low, self.high = grown(self.low, slots, OPEN), grown(self.high, slots, _NO_ROW)
        self.rated_w = grown(self.rated_w, slots, np.nan)

    def open_row(self) -> int:
        """A row for a new session."""
        if not self.free:
            old = len(self.totals)
            more = empty_totals(max(64, old))
            self.totals = np.concatenate([self.totals, more])
            self.shown = np.concatenate([self.shown, more])
            self.shown_until = np.concatenate([self.shown_until, np.full(len(more), NONE)])
            self.free = list(range(len(self.totals) - 1, old - 1, -1))
        return self.free.pop()

    def close_row(self, row: int) -> None:
        """Give a row back."""
        self.totals[row : row + 1] = empty_totals(1)
        self.shown_until[row] = NONE
        self.free.append(row)

    def set_windows(self, slot: int, windows: Sequence[Window]) -> None:
        """The windows of one slot from now on."""
        if windows:
            self.low[slot], self.high[slot], self.row[slot] = windows[-1]
        else:
            self.low[slot], self.high[slot], self.row[slot] = OPEN, _NO_ROW, _NO_ROW
        if len(windows) > 1:
            self.older[slot] = list(windows[:-1])
        else:
            self.older.pop(slot, None)

    def windows(self, slot: int) -> list[Window]:
        """The windows of one slot."""
        if self.row[slot] == _NO_ROW:
            return []
        newest = Window(int(self.low[slot]), int(self.high[slot]), int(self.row[slot]))
        return [*self.older.get(slot, ()), newest]

    def rows_of(self, slot: NDArray[np.intp], at: Ints) -> NDArray[np.intp]:
        """The row that each sample counts to, -1 where there is no session at that time."""
        row = np.where((at >= self.low[slot]) & (at <= self.high[slot]), self.row[slot], _NO_ROW)
        early = np.flatnonzero((at < self.low[slot]) & (self.row[slot] != _NO_ROW))
        for one in np.unique(slot[early]).tolist():
            for low, high, older in self.older.get(one, ()):
                mine = early[(slot[early] == one) & (at[early] >= low) & (at[early] <= high)]
                row[mine] = older
        return row.astype(np.intp)

    def count(self, slot: NDArray[np.intp], samples: Columns) -> None:
        """Add samples (sorted by slot and time, newer than all counted before) to the totals of their sessions."""
        if len(slot) == 0:
            return
        row = self.rows_of(slot, samples.at)
        counted = row != _NO_ROW
        if counted.any():
            rated = self.rated_w[slot]
            if not counted.all():
                row, samples, rated = row[counted], samples.take(counted), rated[counted]
            fold(self.totals, row, samples, rated, self.gap_us)

    def snapshot(self) -> dict[str, Any]:
        """The totals, row by row. Windows come of the sessions and are set anew."""
        return {
            "free": list(self.free),
            "totals": {str(n): self.totals[n].copy() for n in self.totals.dtype.names or ()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a snapshot."""
        columns = state["totals"]
        self.totals = empty_totals(len(columns["n"]))
        for name in self.totals.dtype.names or ():
            self.totals[name] = columns[name]
        self.shown = empty_totals(len(self.totals))
        self.shown_until = np.full(len(self.totals), NONE)
        self.free = [int(row) for row in state["free"]]
