"""Data of charts: channels of a port over a span, in bins that fit a chart."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from psycopg import sql
from psycopg.rows import tuple_row

from control.queries import Connection, query
from schemas.channels import BY_NAME

BINS: Final = 240
RAW_SPAN: Final = timedelta(hours=3)
"""Up to this span single readings are asked for, beyond it the minutes."""
MESSAGES: Final = "messages"
"""Not a channel: how many readings came in a minute, for faults that show in silence."""

_BY_FAMILY: Final[dict[str, tuple[str, ...]]] = {
    "contact_wear": ("temp_connector", "current"),
    "cooling": ("temp_internal", "fan_rpm", "power"),
    "power_module": ("power", "power_offered", "current"),
    "contactor": ("voltage", "current"),
    "supply": ("voltage", "power"),
    "communication": (MESSAGES, "power"),
    "controller": (MESSAGES, "power"),
    "meter": ("energy", "power"),
    "overcurrent": ("current", "current_offered"),
}
_ANY: Final = ("power", "voltage", "current", "temp_connector")
_MOST: Final = 4


@dataclass(frozen=True, slots=True)
class Series:
    """One channel: instants and values; None where nothing came."""

    channel: str
    unit: str
    at: list[datetime] = field(default_factory=list)
    values: list[float | None] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is no value at all."""
        return all(value is None for value in self.values)


def channels_for(family: str, named: Iterable[str]) -> list[str]:
    """Which channels tell the story of a fault: those that the alert names, then those of its family."""
    wanted = [*(c for c in named if c in BY_NAME), *_BY_FAMILY.get(family, _ANY)]
    return list(dict.fromkeys(wanted))[:_MOST]


def read(conn: Connection, port_no: int, channels: Sequence[str], start: datetime, end: datetime) -> list[Series]:
    """The channels of a port from `start` to `end` as means over at most `BINS` bins; empty ones are left out."""
    known = [c for c in channels if c in BY_NAME]
    bin_size = max((end - start) / BINS, timedelta(seconds=1))
    raw = end - start <= RAW_SPAN
    if not raw:
        bin_size = max(bin_size, timedelta(minutes=1))
    text = query("chart_readings" if raw else "chart_minutes").format(columns=_columns(known, raw=raw))
    asked = {"bin": bin_size, "port_no": port_no, "start": start, "end": end}
    with conn.cursor(row_factory=tuple_row) as cursor:
        found = cursor.execute(text, asked).fetchall()
    at = [row[0] for row in found]
    per_minute = 60 / bin_size.total_seconds()
    made = {c: Series(c, BY_NAME[c].unit, at, [row[2 + i] for row in found]) for i, c in enumerate(known)}
    made[MESSAGES] = _messages({row[0]: row[1] * per_minute for row in found}, start, end, bin_size)
    return [made[c] for c in channels if c in made and not made[c].empty]


def _columns(channels: Sequence[str], *, raw: bool) -> sql.Composable:
    if not channels:
        return sql.SQL("NULL")
    return sql.SQL(", ").join(
        sql.SQL("max({})" if c == "energy" else "avg({})").format(sql.Identifier(c if raw else _minute(c)))
        for c in channels
    )


def _minute(channel: str) -> str:
    return "energy_last" if channel == "energy" else f"{channel}_mean"


def _messages(counts: dict[datetime, float], start: datetime, end: datetime, bin_size: timedelta) -> Series:
    at, values = [], []
    moment = start
    while moment < end:
        at.append(moment)
        values.append(float(counts.get(moment, 0.0)))
        moment += bin_size
    return Series(MESSAGES, "per minute", at, list[float | None](values))
