"""When to send somebody before a failure: within working hours, when the port is used least, and in time."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

NOTICE: Final = timedelta(hours=4)
"""A crew is not sent sooner than this."""
LASTS_H: Final = 2
WORKING: Final = (6, 20)
"""Local hours within which crews work, on every day of the week."""
LOOKED_BACK: Final = timedelta(days=28)
FURTHEST: Final = timedelta(days=10)


class Visit(NamedTuple):
    """A proposed visit."""

    begin: datetime
    end: datetime


def busy_hours(charging: Iterable[tuple[datetime, datetime]], zone: ZoneInfo) -> dict[tuple[bool, int], float]:
    """Hours of charging by (weekend, local hour of the day); what was not used is missing."""
    found: dict[tuple[bool, int], float] = {}
    for begin, end in charging:
        at, end = begin.astimezone(zone), end.astimezone(zone)
        while at < end:
            until = min((at + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0), end)
            if until <= at:  # the clock was put back within this hour
                until = min(at + timedelta(hours=1), end)
            key = (at.weekday() >= 5, at.hour)
            found[key] = found.get(key, 0.0) + (until - at).total_seconds() / 3_600
            at = until
    return found


def quietest(
    charging: Iterable[tuple[datetime, datetime]], now: datetime, expected: datetime, time_zone: str = "UTC"
) -> Visit:
    """Two hours before `expected` (and within ten days) in which the port was charging least lately, the earliest of equals.

    Where the failure is expected too soon for that: as soon as a crew can be there. `charging` are spans of the last four weeks.
    """
    zone = ZoneInfo(time_zone)
    busy = busy_hours(charging, zone)
    # a week has five working days and two others: compare days with days
    share = {key: hours / (2.0 if key[0] else 5.0) for key, hours in busy.items()}
    lasts = timedelta(hours=LASTS_H)
    first = (now + NOTICE).astimezone(zone)
    first = first.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    latest = min(expected, now + FURTHEST) - lasts
    best: tuple[float, datetime] | None = None
    at = first
    while at <= latest:
        hours = [at + timedelta(hours=k) for k in range(LASTS_H)]
        if all(WORKING[0] <= hour.hour < WORKING[1] for hour in hours):
            cost = sum(share.get((hour.weekday() >= 5, hour.hour), 0.0) for hour in hours)
            if best is None or cost < best[0] - 1e-9:
                best = (cost, at)
        at += timedelta(hours=1)
    begin = first if best is None else best[1]
    return Visit(begin, begin + lasts)
