"""The timeline of a port: when it was up, down or unobserved, from everything that is known by now."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from models.uptime.facts import ENERGY, SILENT, UNOBSERVED, UP, Facts, Status
from models.uptime.gaps import FOREVER, Span, common, without


class Row(NamedTuple):
    """From `at` on, until the next row, the port is in `status`."""

    at: int
    status: Status


class Known(NamedTuple):
    """What there is to judge a port by: its own facts and its station's, and spans, each list sorted and disjoint.

    `silence`: the station said nothing though it was listened for; `unobserved`: nobody listened; `present`: late messages
    prove that it was there; `flowed`: energy flowed.
    """

    port: Facts
    station: Facts | None
    silence: Sequence[Span] = ()
    unobserved: Sequence[Span] = ()
    present: Sequence[Span] = ()
    flowed: Sequence[Span] = ()


def timeline(known: Known, start: int) -> list[Row]:
    """The rows of a port from `start` on; equal rows do not follow each other. O(facts + spans).

    Status facts say what the port is; a station that is faulted or unavailable takes all its ports with it. Silence is down,
    time without a bridge unobserved; energy that flowed outweighs both, and late messages settle what was unobserved.
    """
    base = _base(known, start)
    overlays = [(span, SILENT) for span in without(known.silence, known.flowed)]
    overlays += [(span, UNOBSERVED) for span in without(without(known.unobserved, known.flowed), known.present)]
    dark = sorted([*known.silence, *known.unobserved])
    overlays += [(span, ENERGY) for span in common(dark, known.flowed)]
    rows: list[Row] = []
    at = start
    for (a, b), status in sorted(overlays):
        if b <= start:
            continue
        a = max(a, start)
        extend(rows, _part(base, at, a))
        extend(rows, (Row(a, status),))
        at = b
    if at < FOREVER:
        extend(rows, _part(base, at, FOREVER))
    return rows


def _base(known: Known, start: int) -> list[Row]:
    """The rows that status facts make, the station's before the port's."""
    own = [Row(at, status or UP) for at, status in known.port.steps(start)]
    if known.station is None:
        return own
    station = known.station.steps(start)
    if all(status is None or status.state == "up" for _, status in station):
        return own
    rows: list[Row] = []
    for (at, status), (until, _) in zip(station, [*station[1:], (FOREVER, None)], strict=True):
        if status is None or status.state == "up":
            extend(rows, _part(own, at, until))
        else:
            detail = "station" if status.detail is None else f"station: {status.detail}"
            extend(rows, (Row(at, status._replace(detail=detail)),))
    return rows


def _part(rows: Sequence[Row], start: int, end: int) -> list[Row]:
    """The rows between `start` and `end`, the first one beginning at `start`."""
    if start >= end:
        return []
    first = bisect_right(rows, start, key=lambda row: row.at) - 1
    last = bisect_left(rows, end, key=lambda row: row.at)
    part = list(rows[first:last])
    part[0] = Row(start, part[0].status)
    return part


def extend(rows: list[Row], more: Iterable[Row]) -> None:
    """Add rows behind others, leaving out those that say the same as the row before."""
    for row in more:
        if not rows or rows[-1].status != row.status:
            rows.append(row)
