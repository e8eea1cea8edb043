"""The timeline of one port as it was last told, and what its rows add up to."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from models.uptime.days import Days
from models.uptime.facts import Status
from models.uptime.gaps import FOREVER
from models.uptime.intervals import Row, extend

MOST: Final = 160
"""Rows kept of a port; when there are more, the oldest go."""
_KEPT: Final = 120
HOUR_US: Final = 3_600_000_000

Sums = Counter[str]
"""Microseconds by kind: `ok`, `energy` (up), `faulted`, `unavailable`, `silence` (down), `bridge` (unobserved)."""


class Line:
    """Rows by time, beginning at `first`, or later where older rows are gone (`floor`).

    Of what is gone the sums by hour and local day are kept until those are told, so hours and days can be summed up to the
    end whatever happens within them.
    """

    def __init__(self, first: int) -> None:
        self.first = first
        self.rows: list[Row] = []
        self.trimmed = False
        self._gone: dict[tuple[int, int], Sums] = {}

    @property
    def floor(self) -> int:
        """The earliest time whose rows are kept."""
        return self.rows[0].at if self.trimmed else self.first

    def replace(self, start: int, rows: Sequence[Row]) -> int | None:
        """Put `rows` in place of everything from `start` on; the place of the first row that has to be written, None if
        nothing changed. The row before a change is written too, as its end may have changed."""
        keep = bisect_left(self.rows, start, key=lambda row: row.at)
        new = self.rows[:keep]
        extend(new, rows)
        same = 0
        while same < min(len(new), len(self.rows)) and new[same] == self.rows[same]:
            same += 1
        changed = same < len(new) or same < len(self.rows)
        self.rows = new
        return max(same - 1, 0) if changed else None

    def at(self, time: int) -> Row:
        """The row that holds at `time`; the first one before it began."""
        return self.rows[max(bisect_right(self.rows, time, key=lambda row: row.at) - 1, 0)]

    def spans(self, start: int, end: int) -> list[tuple[int, int, Status]]:
        """(from, to, status) of the rows between `start` and `end`."""
        found = []
        place = max(bisect_right(self.rows, start, key=lambda row: row.at) - 1, 0)
        for i in range(place, len(self.rows)):
            a = max(self.rows[i].at, start)
            b = min(self.rows[i + 1].at if i + 1 < len(self.rows) else FOREVER, end)
            if a >= end:
                break
            if a < b:
                found.append((a, b, self.rows[i].status))
        return found

    def _sums(self, start: int, end: int) -> Sums:
        sums: Sums = Counter()
        for a, b, status in self.spans(start, end):
            sums[status.reason] += b - a
        return sums

    def hour(self, number: int, end: int | None = None) -> tuple[int, int]:
        """Microseconds up and down in an hour (counted since 1970), up to `end` if given."""
        start = number * HOUR_US
        sums = self._sums(max(start, self.floor), start + HOUR_US if end is None else end)
        for (hour, _), gone in self._gone.items():
            if hour == number:
                sums += gone
        return split(sums)

    def day(self, number: int, start: int, end: int) -> Sums:
        """Microseconds by kind from `start`, where the local day `number` begins, to `end`: its end or a full hour."""
        sums = self._sums(max(start, self.floor), end)
        for (hour, day), gone in self._gone.items():
            if day == number and hour * HOUR_US < end:
                sums += gone
        return sums

    def trim(self, days: Days, until: int) -> None:
        """Let go of the oldest rows where there are too many, but of none that holds at `until` or later.

        `days` are the port's local days.
        """
        if len(self.rows) <= MOST:
            return
        place = bisect_right(self.rows, until, key=lambda row: row.at) - 1
        place = min(len(self.rows) - _KEPT, place)
        if place <= 0:
            return
        floor, old = self.rows[place].at, self.floor
        for day, begins, ends in days.between(old, floor):
            a, b = max(begins, old), min(ends, floor)
            for hour in range(a // HOUR_US, -(-b // HOUR_US)):
                piece = self._sums(max(a, hour * HOUR_US), min(b, (hour + 1) * HOUR_US))
                self._gone[hour, day] = self._gone.get((hour, day), Counter()) + piece
        self.rows = self.rows[place:]
        self.trimmed = True

    def told(self, hour: int, days: Days) -> None:
        """Everything up to the end of `hour` is told: let go of the sums of days that are over and gone."""
        if self._gone:
            first = min(days.of((hour + 1) * HOUR_US)[0], days.of(self.floor)[0])
            self._gone = {key: sums for key, sums in self._gone.items() if key[1] >= first or key[0] > hour}

    def forget(self, before: int) -> None:
        """Let go of rows that ended before `before`, of which nothing is asked any more."""
        place = bisect_right(self.rows, before, key=lambda row: row.at) - 1
        if place > 0:
            self.rows = self.rows[place:]
            self.trimmed = True

    def snapshot(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "first": self.first,
            "rows": [[row.at, *row.status] for row in self.rows],
            "trimmed": self.trimmed,
            "gone": [[*key, dict(sums)] for key, sums in self._gone.items()],
        }

    @classmethod
    def restored(cls, state: dict[str, Any]) -> "Line":
        """The timeline of a snapshot."""
        line = cls(int(state["first"]))
        line.rows = [Row(at, Status(*status)) for at, *status in state["rows"]]
        line.trimmed = bool(state["trimmed"])
        line._gone = {(hour, day): Counter(sums) for hour, day, sums in state["gone"]}
        return line


def split(sums: Sums) -> tuple[int, int]:
    """Microseconds up and down."""
    return sums["ok"] + sums["energy"], sums["faulted"] + sums["unavailable"] + sums["silence"]
