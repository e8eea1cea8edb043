"""Words for people: evidence, ports and durations in plain sentences."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from schemas.alerts import Alert, Contribution
from schemas.faults import catalogue

_SHOWN_CHANNELS: Final = 3
_SHOWN_ALERTS: Final = 4

CHANNEL_TITLES: Final[dict[str, str]] = {
    "voltage": "voltage", "voltage_l1": "voltage L1", "voltage_l2": "voltage L2", "voltage_l3": "voltage L3",
    "current": "current", "current_l1": "current L1", "current_l2": "current L2", "current_l3": "current L3",
    "power": "power", "power_offered": "offered power", "current_offered": "offered current",
    "current_requested": "requested current", "energy": "energy register", "soc": "state of charge",
    "temp_connector": "connector temperature", "temp_internal": "cabinet temperature",
    "temp_ambient": "outside temperature", "fan_rpm": "fan speed",
}  # fmt: skip
_UNITS: Final = {"degC": "°C", "1/min": "rpm", "1": ""}


def channel_title(channel: str) -> str:
    """A channel or feature as people say it."""
    return CHANNEL_TITLES.get(channel, channel.replace("_", " "))


def unit_title(unit: str) -> str:
    """A unit as it is written on pages: °C for degC."""
    return _UNITS.get(unit, unit)


def place(port: str) -> str:
    """A port id in words: "port 2 of DE-B-014"; port 0 is the station itself."""
    station, _, number = port.rpartition("/")
    return f"station {station}" if number == "0" else f"port {number} of {station}"


def explain(alerts: Sequence[Alert]) -> str:
    """Why we think so: what each alert says and the channels that made it, one line each; with their ports where they differ."""
    ports = {alert.port for alert in alerts}
    lines = [_line(alert, len(ports) > 1) for alert in alerts[:_SHOWN_ALERTS]]
    if len(alerts) > _SHOWN_ALERTS:
        lines.append(f"and {len(alerts) - _SHOWN_ALERTS} more alerts")
    return "\n".join(lines)


def _line(alert: Alert, named: bool) -> str:
    parts = [f"{place(alert.port)}: {alert.text}" if named else alert.text]
    parts += [_seen(c) for c in sorted(alert.contributions, key=lambda c: -c.share)[:_SHOWN_CHANNELS]]
    other = [h for h in alert.hypotheses if h.family != alert.family and h.likelihood >= 0.1]
    if other:
        titles = catalogue()
        names = [
            f"{titles[h.family].title if h.family in titles else h.family} ({h.likelihood:.0%})" for h in other[:2]
        ]
        parts.append(f"could also be: {'; '.join(names)}")
    return " · ".join(parts)


def _seen(c: Contribution) -> str:
    said = channel_title(c.channel)
    unit = f" {unit_title(c.unit)}" if unit_title(c.unit) else ""
    if (
        c.observed is not None and c.expected is not None and c.unit == "%"
    ):  # how far off something is, not the channel itself
        return f"{said} {number(c.observed)}{unit} off, usually {number(c.expected)}{unit}"
    if c.observed is not None and c.expected is not None:
        return f"{said} {number(c.observed)}{unit} where {number(c.expected)}{unit} is expected"
    if c.observed is not None:
        return f"{said} {number(c.observed)}{unit}"
    return f"{said} ({c.share:.0%} of the score)"


def number(value: float) -> str:
    """Three significant digits, two places at most, no exponent for everyday sizes."""
    if abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{round(value, 2) + 0.0:.3g}"


def duration(span: timedelta) -> str:
    """A span in its two largest units: "2 h 5 min", "3 d 4 h", "40 s"."""
    seconds = round(abs(span).total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3_600, seconds // 86_400
    if days:
        return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"
    if hours:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{minutes} min"
