"""Statements: what the intervals of a port come to under a rule. Pure functions; times are microseconds UTC."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from models.uptime.gaps import FOREVER, Span, common, without
from models.uptime.rules.rule import Category, Rule

YEAR_MINUTES: Final = 525_600

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE_US: Final = 60_000_000


class Interval(NamedTuple):
    """A row of `availability`: `to_at` None is still so."""

    from_at: int
    to_at: int | None
    reason: str


class Excuse(NamedTuple):
    """A span whose outages are excluded: its category, the incident it belongs to (caps are per incident), where that is written."""

    start: int
    end: int
    category: Category
    incident: str
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """A port (or network) under a rule in a window. Minutes: `outage` holds `excluded` too; `ignored` counts nowhere.

    `uptime` is 0..1, None where nothing counts; `met` follows. `by_kind` are the minutes by reason, exclusions not regarded.
    """

    rule: str
    version: int
    start: int
    end: int
    up: float
    outage: float
    excluded: Mapping[str, float]
    ignored: float
    uptime: float | None
    met: bool | None
    by_kind: Mapping[str, float] = field(default_factory=dict)


def statement(
    rule: Rule, intervals: Sequence[Interval], window: Span, excuses: Iterable[Excuse] = (), *,
    closed: Sequence[Span] = (), used_minutes: Mapping[Category, float] | None = None,
) -> Statement:  # fmt: skip
    """What `intervals` of one port (sorted, disjoint) come to in `window`.

    `closed` are the spans outside the opening hours, sorted; `used_minutes` what earlier statements of the same year took of a
    yearly limit. An instant is excluded once, under the first category of the rule file that excuses it; limits are taken from
    the beginning of an incident (or year). The window should end in the past: what lies ahead has no data.
    """
    ignored_spans = list(closed) if rule.closed == "ignore" else []
    spans = _by_kind(intervals, window, ignored_spans)
    outage = sorted(s for kind, parts in spans.items() if rule.how(kind) == "outage" for s in parts)
    excluded = _excluded(rule, outage, excuses, closed, used_minutes or {})
    by_kind = {kind: _minutes(parts) for kind, parts in spans.items() if parts}
    up = sum(minutes for kind, minutes in by_kind.items() if rule.how(kind) == "up")
    total = _minutes([window])
    return _stated(rule, window, up, _minutes(outage), excluded, total - up - _minutes(outage), by_kind)


def network(rule: Rule, statements: Sequence[Statement]) -> Statement:
    """The statements of all ports under a rule taken together: minutes are added up before anything is divided."""
    if not statements:
        raise ValueError(
            f"rule {rule.name!r}: no port to make a statement of; check rated power and kind in the registry"
        )
    excluded: dict[str, float] = {}
    by_kind: dict[str, float] = {}
    for one in statements:
        for name, minutes in one.excluded.items():
            excluded[name] = excluded.get(name, 0.0) + minutes
        for name, minutes in one.by_kind.items():
            by_kind[name] = by_kind.get(name, 0.0) + minutes
    window = (min(one.start for one in statements), max(one.end for one in statements))
    up, outage = sum(one.up for one in statements), sum(one.outage for one in statements)
    ignored = sum(one.ignored for one in statements)
    return _stated(rule, window, up, outage, excluded, ignored, by_kind, ports=len(statements))


def _stated(
    rule: Rule, window: Span, up: float, outage: float, excluded: dict[str, float], ignored: float,
    by_kind: dict[str, float], ports: int = 1,
) -> Statement:  # fmt: skip
    counted = outage - sum(excluded.values())
    if rule.denominator == "year":
        length = min(_minutes([window]), YEAR_MINUTES) * ports
        uptime: float | None = (length - counted) / length
    else:
        whole = up + counted
        uptime = up / whole if whole > 0 else None
    met = None if uptime is None else rule.met(uptime)
    return Statement(rule.name, rule.version, *window, up, outage, excluded, ignored, uptime, met, by_kind)


def _by_kind(intervals: Sequence[Interval], window: Span, ignored: Sequence[Span]) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = {}
    covered: list[Span] = []
    for row in intervals:
        span = (row.from_at, FOREVER if row.to_at is None else row.to_at)
        covered.append(span)
        parts = without(common([span], [window]), ignored)
        if parts:
            found.setdefault(row.reason, []).extend(parts)
    bare = without(without([window], covered), ignored)
    if bare:
        found["no_data"] = bare
    return found


def _excluded(
    rule: Rule,
    outage: Sequence[Span],
    excuses: Iterable[Excuse],
    closed: Sequence[Span],
    used: Mapping[Category, float],
) -> dict[str, float]:
    """Minutes of `outage` that do not count, by category."""
    told = sorted(excuses, key=lambda e: (e.category, e.start, e.incident))
    left = list(outage)
    minutes: dict[str, float] = {}
    for category, limits in rule.exclusions.items():
        incidents = _incidents([e for e in told if e.category == category])
        if category == "closed":
            incidents = [list(closed)]
        room = None if limits.most_minutes_a_year is None else limits.most_minutes_a_year - used.get(category, 0.0)
        for spans in incidents:
            taken = _first(common(left, spans), limits.most_minutes_an_incident)
            taken = _first(taken, room)
            left = without(left, taken)
            minutes[category] = minutes.get(category, 0.0) + _minutes(taken)
            room = None if room is None else room - _minutes(taken)
    return {category: amount for category, amount in minutes.items() if amount}


def _incidents(excuses: list[Excuse]) -> list[list[Span]]:
    """The spans of each incident, joined; incidents by their beginning."""
    found = []
    for _, group in groupby(sorted(excuses, key=lambda e: (e.incident, e.start)), key=lambda e: e.incident):
        spans: list[Span] = []
        for excuse in group:
            if spans and excuse.start <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(spans[-1][1], excuse.end))
            else:
                spans.append((excuse.start, excuse.end))
        found.append(spans)
    return sorted(found)


def _first(spans: Iterable[Span], minutes: float | None) -> list[Span]:
    """The first so many minutes of `spans`; all of them for None."""
    if minutes is None:
        return list(spans)
    left, found = round(max(minutes, 0.0) * _MINUTE_US), []
    for start, end in spans:
        end = min(end, start + left)
        if start < end:
            found.append((start, end))
            left -= end - start
    return found


def _minutes(spans: Iterable[Span]) -> float:
    return sum(end - start for start, end in spans) / _MINUTE_US


def window_of(kind: Literal["month", "twelve_months", "calendar_year"], year: int, month: int, time_zone: str) -> Span:
    """The window that a statement for a local month (or, for `calendar_year`, its year) looks at, ends not included."""
    end = (year + 1, 1) if kind == "calendar_year" else (year + month // 12, month % 12 + 1)
    start = {"month": (year, month), "calendar_year": (year, 1), "twelve_months": (end[0] - 1, end[1])}[kind]
    return _midnight(*start, time_zone), _midnight(*end, time_zone)


def _midnight(year: int, month: int, time_zone: str) -> int:
    moment = datetime(year, month, 1, tzinfo=ZoneInfo(time_zone)).astimezone(UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def closed_spans(opening: Mapping[str, Sequence[tuple[str, str]]] | None, window: Span, time_zone: str) -> list[Span]:
    """The spans of `window` outside local opening hours (`schemas.assets.Opening`; None: always open), sorted."""
    if opening is None:
        return []
    zone = ZoneInfo(time_zone)
    day = (_EPOCH + timedelta(microseconds=window[0])).astimezone(zone).date() - timedelta(days=1)
    spans: list[Span] = []
    while not spans or spans[-1][1] <= window[1]:
        for opens, closes in opening.get(("mon", "tue", "wed", "thu", "fri", "sat", "sun")[day.weekday()], ()):
            spans.append((_clock(day.isoformat(), opens, zone), _clock(day.isoformat(), closes, zone)))
        day += timedelta(days=1)
        if _clock(day.isoformat(), "00:00", zone) > window[1]:
            break
    return without([window], sorted(spans))


def _clock(day: str, time: str, zone: ZoneInfo) -> int:
    extra = timedelta(days=1) if time == "24:00" else timedelta()
    moment = (datetime.fromisoformat(f"{day} {'00:00' if extra else time}") + extra).replace(tzinfo=zone)
    return (moment.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)
