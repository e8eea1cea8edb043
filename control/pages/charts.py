"""Charts as SVG text made here: small panels one under another on one axis of time, no script, colours from the style sheet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from itertools import pairwise
from math import ceil, floor, log10
from typing import Final
from zoneinfo import ZoneInfo

from control.pages.series import MESSAGES, Series
from control.rules.words import channel_title, unit_title

WIDTH: Final = 600
STRIP_WIDTH: Final = 1000
_LEFT, _RIGHT = 50, 10
_TOP, _MARKS = 20, 26
_PANEL, _GAP, _FOOT = 104, 30, 22
_BREAK: Final = 4
"""A line is broken where this many usual steps are missing."""
_KILO: Final = {"W": ("kW", 1e-3), "Wh": ("kWh", 1e-3)}
_STEPS: Final = tuple(timedelta(minutes=m) for m in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080))


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment to point out: `kind` is a class of the style sheet (onset, alert, cleared)."""

    at: datetime
    label: str
    kind: str


def chart(
    series: Sequence[Series],
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
    *,
    marks: Sequence[Mark] = (),
    expected: dict[str, float] | None = None,
    title: str = "Readings",
) -> str:
    """The panels of `series` from `start` to `end`, times shown in `zone`; "" if there is nothing to show."""
    if not series or end <= start:
        return ""
    shown = sorted((mark for mark in marks if start <= mark.at <= end), key=lambda mark: mark.at)
    top = _TOP + (_MARKS if shown else 0)
    height = top + len(series) * _PANEL + (len(series) - 1) * _GAP + _FOOT
    frame = _Frame(start, end, zone, WIDTH)
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
    ]
    for i, one in enumerate(series):
        parts.append(_panel(one, frame, top + i * (_PANEL + _GAP), (expected or {}).get(one.channel)))
    parts.append(_time_axis(frame, height, top))
    parts += [_mark(mark, frame, height, 12 + 13 * (i % 2)) for i, mark in enumerate(shown)]
    parts.append("</svg>")
    return "".join(parts)


@dataclass(frozen=True, slots=True)
class _Frame:
    start: datetime
    end: datetime
    zone: ZoneInfo
    width: int
    left: int = _LEFT

    @property
    def right(self) -> int:
        return self.width - _RIGHT

    def x(self, at: datetime) -> float:
        share = (at - self.start) / (self.end - self.start)
        return self.left + share * (self.right - self.left)


def _panel(series: Series, frame: _Frame, top: float, expected: float | None) -> str:
    unit, scale = _KILO.get(series.unit, (unit_title(series.unit), 1.0))
    values = [None if v is None else v * scale for v in series.values]
    expected = None if expected is None else expected * scale
    present = [v for v in values if v is not None] + ([expected] if expected is not None else [])
    ticks = _ticks(min(present), max(present), from_zero=series.channel == MESSAGES)
    low, high = ticks[0], ticks[-1]
    bottom = top + _PANEL

    def y(value: float) -> float:
        return bottom - (value - low) / (high - low) * _PANEL

    label = channel_title(series.channel) + (f", {unit}" if unit else "")
    parts = [f'<text class="name" x="{_LEFT}" y="{top - 7:.1f}">{escape(label)}</text>']
    for tick in ticks:
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{frame.right}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(
            f'<text class="tick" x="{_LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{_short(tick)}</text>'
        )
    if expected is not None:
        parts.append(
            f'<line class="expected" x1="{_LEFT}" x2="{frame.right}" y1="{y(expected):.1f}" y2="{y(expected):.1f}"/>'
        )
        anchor = f'x="{frame.right}" y="{y(expected) - 4:.1f}" text-anchor="end"'
        parts.append(f'<text class="expected-name" {anchor}>expected</text>')
    points = [(at, value) for at, value in zip(series.at, values, strict=True) if value is not None]
    for run in _runs(points):
        line = " ".join(f"{frame.x(at):.1f},{y(value):.1f}" for at, value in run)
        parts.append(f'<polyline class="line" points="{line}"/>' if len(run) > 1 else _dot(frame, run[0], y(run[0][1])))
    return "".join(parts)


def _dot(frame: _Frame, point: tuple[datetime, float], y: float) -> str:
    return f'<circle class="dot" cx="{frame.x(point[0]):.1f}" cy="{y:.1f}" r="1.6"/>'


def _runs(points: list[tuple[datetime, float]]) -> list[list[tuple[datetime, float]]]:
    """`points` cut where much more time passes than usual: a line over a gap would tell what nobody measured."""
    if len(points) < 3:
        return [[p] for p in points] if len(points) < 2 else [points]
    steps = sorted(b[0] - a[0] for a, b in pairwise(points))
    limit = steps[len(steps) // 2] * _BREAK
    runs = [[points[0]]]
    for before, point in pairwise(points):
        if point[0] - before[0] > limit:
            runs.append([])
        runs[-1].append(point)
    return runs


def _ticks(low: float, high: float, *, from_zero: bool = False) -> list[float]:
    """Three or four round values around `low`..`high`."""
    low = min(low, 0.0) if from_zero else low
    if high - low < max(abs(high), abs(low), 1e-6) * 0.01:
        middle, spread = (high + low) / 2, max(abs(high), abs(low), 1.0) * 0.05
        low, high = middle - spread, middle + spread
    rough = (high - low) / 3
    unit = 10.0 ** floor(log10(rough))
    step = next(unit * m for m in (1, 2, 2.5, 5, 10) if unit * m >= rough * 0.999)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [step * i for i in range(first, max(last, first + 1) + 1)]


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4g}"


def _time_axis(frame: _Frame, height: int, top: int) -> str:
    span = frame.end - frame.start
    step = next((s for s in _STEPS if span / s <= 8), _STEPS[-1])
    local = frame.start.astimezone(frame.zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    moment = midnight + ceil((local - midnight) / step) * step
    days = span > timedelta(days=2)
    parts = []
    while moment <= frame.end:
        text = f"{moment:%d %b}" if days else f"{moment:%H:%M}"
        x = frame.x(moment)
        parts.append(f'<line class="grid faint" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{height - _FOOT}"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{height - 6}" text-anchor="middle">{text}</text>')
        moment += step
    return "".join(parts)


def _mark(mark: Mark, frame: _Frame, height: int, y: float) -> str:
    x = frame.x(mark.at)
    turned = x > frame.width * 0.8 or (mark.kind == "onset" and x > frame.left + 60)
    anchor, shift = ("end", -4) if turned else ("start", 4)
    return (
        f'<line class="mark {mark.kind}" x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{height - _FOOT}"/>'
        f'<text class="mark-name {mark.kind}" x="{x + shift:.1f}" y="{y}" text-anchor="{anchor}">{escape(mark.label)}</text>'
    )


def strip(
    intervals: Sequence[tuple[datetime, datetime, str, str]], start: datetime, end: datetime, zone: ZoneInfo
) -> str:
    """A bar of states from `start` to `end`: (from, to, class, words) one after another; what no interval covers stays blank."""
    frame, height = _Frame(start, end, zone, STRIP_WIDTH, left=_RIGHT), 52
    parts = [f'<svg class="chart strip" viewBox="0 0 {STRIP_WIDTH} {height}" role="img" aria-label="Availability">']
    parts.append(f'<rect class="none" x="{frame.left}" y="4" width="{frame.right - frame.left}" height="26" rx="3"/>')
    for since, until, kind, words in intervals:
        x, w = frame.x(since), max(frame.x(until) - frame.x(since), 0.7)
        told = f"{since.astimezone(zone):%d %b %H:%M} to {until.astimezone(zone):%d %b %H:%M}: {words}"
        parts.append(
            f'<rect class="{escape(kind)}" x="{x:.1f}" y="4" width="{w:.1f}" height="26"><title>{escape(told)}</title></rect>'
        )
    parts += [_time_axis(frame, height, 4), "</svg>"]
    return "".join(parts)
