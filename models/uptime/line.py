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
        self._hours: dict[int, Sums] = {}
        self._days: dict[int, Sums] = {}

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
        return split(sums + self._hours[number] if number in self._hours else sums)

    def day(self, number: int, start: int, end: int) -> Sums:
        """Microseconds by kind from `start`, where the local day `number` begins, to `end` within it."""
        sums = self._sums(max(start, self.floor), end)
        return sums + self._days[number] if number in self._days else sums

    def trim(self, days: Days) -> None:
        """Let go of the oldest rows where there are too many; `days` are the port's local days."""
        if len(self.rows) <= MOST:
            return
        floor, old = self.rows[len(self.rows) - _KEPT].at, self.floor
        for number in range(old // HOUR_US, floor // HOUR_US + 1):
            start = number * HOUR_US
            self._add(self._hours, number, max(start, old), min(start + HOUR_US, floor))
        for number, start, end in days.between(old, floor):
            self._add(self._days, number, max(start, old), min(end, floor))
        self.rows = self.rows[len(self.rows) - _KEPT :]
        self.trimmed = True

    def _add(self, carried: dict[int, Sums], number: int, start: int, end: int) -> None:
        carried[number] = carried.get(number, Counter()) + self._sums(start, end)

    def told(self, hour: int, days: Days) -> None:
        """Everything up to the end of `hour` is told: let go of what was kept for that, but for where the rows begin."""
        if self._hours or self._days:
            first = min(hour + 1, self.floor // HOUR_US)
            self._hours = {number: sums for number, sums in self._hours.items() if number >= first}
            day = min(days.of((hour + 1) * HOUR_US)[0], days.of(self.floor)[0])
            self._days = {number: sums for number, sums in self._days.items() if number >= day}

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
            "hours": [[number, dict(sums)] for number, sums in self._hours.items()],
            "days": [[number, dict(sums)] for number, sums in self._days.items()],
        }

    @classmethod
    def restored(cls, state: dict[str, Any]) -> "Line":
        """The timeline of a snapshot."""
        line = cls(int(state["first"]))
        line.rows = [Row(at, Status(*status)) for at, *status in state["rows"]]
        line.trimmed = bool(state["trimmed"])
        line._hours = {number: Counter(sums) for number, sums in state["hours"]}
        line._days = {number: Counter(sums) for number, sums in state["days"]}
        return line


def split(sums: Sums) -> tuple[int, int]:
    """Microseconds up and down."""
    return sums["ok"] + sums["energy"], sums["faulted"] + sums["unavailable"] + sums["silence"]
