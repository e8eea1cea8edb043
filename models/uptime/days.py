"""Local days: which one a time lies in, and where that begins and ends."""

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = date(1970, 1, 1)
_MOST: Final = 64


class Days:
    """The days of one time zone. Days are counted from 1970-01-01; times are microseconds UTC."""

    def __init__(self, time_zone: str) -> None:
        self._zone = ZoneInfo(time_zone)
        self._known: list[tuple[int, int, int]] = []

    def of(self, at: int) -> tuple[int, int, int]:
        """(day, where it begins, where it ends) of the local day that `at` lies in."""
        place = bisect_right(self._known, at, key=lambda day: day[1]) - 1
        if place >= 0 and at < self._known[place][2]:
            return self._known[place]
        local = (_EPOCH + timedelta(microseconds=at)).astimezone(self._zone).date()
        day = ((local - _FIRST).days, self._midnight(local), self._midnight(local + timedelta(days=1)))
        self._known = sorted([*self._known[-_MOST:], day], key=lambda known: known[1])
        return day

    def between(self, start: int, end: int) -> list[tuple[int, int, int]]:
        """The days that `start` to `end` (not included) touches."""
        days = [self.of(start)]
        while days[-1][2] < end:
            days.append(self.of(days[-1][2]))
        return days

    def _midnight(self, day: date) -> int:
        """The first moment of a local day."""
        moment = datetime(day.year, day.month, day.day, tzinfo=self._zone).astimezone(UTC)
        return (moment - _EPOCH) // timedelta(microseconds=1)
