"""From timelines to tables: `availability` as it changes, `uptime_rolling` and `uptime_daily` by the hour, `uptime_now` by the minute."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from models.operator import ReplaceSpan, Upsert, Write
from models.uptime.days import Days
from models.uptime.intervals import Known, Row, timeline
from models.uptime.line import HOUR_US, Line
from models.uptime.rolling import HOURS, UNIT_US, Hours
from models.uptime.signs import Names

MINUTE_US: Final = 60_000_000
NULL: Final = int(np.iinfo(np.int64).min)

_KEPT_US: Final = 3 * 86_400_000_000


class Tables:
    """Writes of the uptime flow. `hour` and `minute` are the last full ones told (counted since 1970), None before the first."""

    def __init__(self, names: Names, lines: dict[int, Line], horizon_us: int) -> None:
        self._names, self._lines = names, lines
        self._keep_us = horizon_us + _KEPT_US
        self._hours = Hours()
        self._zones: list[str] = []
        self._days: dict[str, Days] = {}
        self._hour: int | None = None
        self._minute: int | None = None
        self._again: dict[int, int] = {}
        self._touched: set[int] = set()
        self._writes: list[Write] = []

    def ensure(self, zones: Sequence[str]) -> None:
        """There are as many ports as `zones`, in the order of their slots."""
        self._zones = list(zones)
        self._hours.ensure(len(zones))

    def days(self, slot: int) -> Days:
        """The local days of a port."""
        zone = self._zones[slot]
        days = self._days.get(zone)
        if days is None:
            days = self._days[zone] = Days(zone)
        return days

    def changed(self, slot: int, line: Line, since: int, known: Known, until: int) -> None:
        """What is known of a port has changed from `since` on: its intervals, and hours that are closed already.

        `until` is when the last thing that is taken into account was received.
        """
        start = max(since, line.floor)
        place = line.replace(start, timeline(known, start))
        if place is None:
            return
        self._writes.append(_span(self._names.ports.ports[slot], line.rows[place:]))
        start = max(start, line.rows[place].at)
        hour = start // HOUR_US
        if self._hour is not None and hour <= self._hour:
            self._again[slot] = min(hour, self._again.get(slot, hour))
        self._touched.add(slot)
        line.trim(self.days(slot), until)

    # -- time ---------------------------------------------------------------------------------------------------------
    def close(self, now: int) -> None:
        """Log time has come to `now`: tell hours and minutes that are full, and tell again what changed."""
        hour = now // HOUR_US - 1
        if self._hour is None:
            self._hour = hour
            for slot, line in self._lines.items():
                if line.first // HOUR_US <= hour:
                    self._again[slot] = line.first // HOUR_US
        done = self._hour
        for slot, first in sorted(self._again.items()):
            self._tell_again(slot, max(first, done - HOURS + 1), done)
        self._again.clear()
        for number in range(max(done + 1, hour - HOURS + 1), hour + 1):
            self._close_hour(number)
        if hour > done:
            self._tell_days(range(len(self._zones)), (done + 1) * HOUR_US, (hour + 1) * HOUR_US)
            self._hour = hour
            for slot, line in self._lines.items():
                line.told(hour, self.days(slot))
                line.forget(now - self._keep_us)
        minute = now // MINUTE_US
        if self._minute is None or minute > self._minute:
            self._minute = minute
            self._tell_now(sorted(self._lines))
        else:
            self._tell_now(sorted(self._touched))
        self._touched.clear()

    def _close_hour(self, number: int) -> None:
        self._hours.clear(number)
        slots = [slot for slot, line in self._lines.items() if line.first < (number + 1) * HOUR_US]
        if not slots:
            return
        sums = np.array([self._lines[slot].hour(number) for slot in slots], np.int64)
        which = np.array(slots, np.intp)
        self._hours.put(which, number, sums[:, 0], sums[:, 1])
        at = np.full(len(slots), (number + 1) * HOUR_US, np.int64)
        self._upsert("uptime_rolling", ("at",), slots, {"at": at} | self._hours.shares(which, number))

    def _tell_again(self, slot: int, first: int, last: int) -> None:
        """Hours of a port that changed after they were told, and all windows that hold them."""
        line = self._lines[slot]
        first = max(first, line.first // HOUR_US)
        if first > last:
            return
        for number in range(first, last + 1):
            self._hours.put(slot, number, *line.hour(number))
        at = np.arange(first + 1, last + 2, dtype=np.int64) * HOUR_US
        columns = {"at": at} | self._hours.history(slot, first, last)
        self._upsert("uptime_rolling", ("at",), [slot] * len(at), columns)
        self._tell_days([slot], first * HOUR_US, (last + 1) * HOUR_US)

    def _tell_days(self, slots: Sequence[int], start: int, end: int) -> None:
        """The local days that `start` to `end` touches, up to `end`."""
        told: list[tuple[int, int, list[float]]] = []
        for slot in slots:
            line = self._lines.get(slot)
            if line is None or line.first >= end:
                continue
            for day, begins, ends in self.days(slot).between(max(start, line.first), end):
                until = min(ends, end)
                sums = line.day(day, begins, until)
                up, down = sums["ok"] + sums["energy"], sums["faulted"] + sums["unavailable"] + sums["silence"]
                rest = until - begins - up - down
                told.append(
                    (slot, day, [up, down, rest, sums["faulted"], sums["unavailable"], sums["silence"], sums["energy"]])
                )
        if told:
            seconds = np.array([values for _, _, values in told], np.float64).T / 1e6
            names = ("up_s", "down_s", "unobserved_s", "faulted_s", "unavailable_s", "silence_s", "energy_s")
            columns: dict[str, Any] = {"day": np.array([day for _, day, _ in told], np.int64)}
            columns |= dict(zip(names, seconds, strict=True))
            self._upsert("uptime_daily", ("day",), [slot for slot, _, _ in told], columns)

    def _tell_now(self, slots: Sequence[int]) -> None:
        """The state of ports at the last full minute, and their uptime in windows that begin with a full hour and end there."""
        at = (self._minute or 0) * MINUTE_US
        slots = [slot for slot in slots if self._lines[slot].first <= at]
        if not slots:
            return
        hour = at // HOUR_US
        rows = [self._lines[slot].at(at) for slot in slots]
        partial = np.array(
            [self._partial(slot, row, hour, at) for slot, row in zip(slots, rows, strict=True)], np.int64
        )
        extra = np.rint(partial / UNIT_US).astype(np.int64)
        columns: dict[str, Any] = {"at": np.full(len(slots), at, np.int64)}
        columns["since"] = np.array([row.at for row in rows], np.int64)
        columns |= self._hours.shares(np.array(slots, np.intp), hour - 1, (extra[:, 0], extra[:, 1]))
        columns["state"] = [row.status.state for row in rows]
        columns["reason"] = [row.status.reason for row in rows]
        columns["detail"] = [row.status.detail for row in rows]
        self._upsert("uptime_now", (), slots, columns)

    def _partial(self, slot: int, row: Row, hour: int, at: int) -> tuple[int, int]:
        start = hour * HOUR_US
        if row.at <= start:
            whole = at - start
            return (whole if row.status.state == "up" else 0, whole if row.status.state == "down" else 0)
        return self._lines[slot].hour(hour, at)

    # -- writes -------------------------------------------------------------------------------------------------------
    def _upsert(self, table: str, key: tuple[str, ...], slots: Sequence[int], columns: dict[str, Any]) -> None:
        places: dict[int, int] = {}
        port = np.array([places.setdefault(slot, len(places)) for slot in slots], np.int32)
        self._writes.append(Upsert(table, key, [self._names.ports.ports[slot] for slot in places], port, columns))

    def writes(self) -> list[Write]:
        """What there is to write; taken away here."""
        writes, self._writes = self._writes, []
        return writes

    def snapshot(self) -> dict[str, Any]:
        """Plain data."""
        return {"hours": self._hours.snapshot(len(self._zones)), "hour": self._hour, "minute": self._minute}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a snapshot."""
        self._hours.restore(state["hours"])
        self._hour, self._minute = state["hour"], state["minute"]


def _span(port: str, rows: Sequence[Row]) -> ReplaceSpan:
    """The rows of a port from the first of `rows` on, the last of them open."""
    starts = [row.at for row in rows]
    columns: dict[str, Any] = {
        "from_at": np.array(starts, np.int64),
        "to_at": np.array([*starts[1:], NULL], np.int64),
        "state": [row.status.state for row in rows],
        "reason": [row.status.reason for row in rows],
        "detail": [row.status.detail for row in rows],
    }
    return ReplaceSpan("availability", port, starts[0], None, columns)
