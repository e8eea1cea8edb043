"""How a column of a table (or a series of a chart) is shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.models.dashboard import (
    DashboardFieldConfigSourceOverrides,
    DynamicConfigValue,
    MatcherConfig,
)


@dataclass(frozen=True)
class Column:
    """The column `name` of a query: heading, unit, colours from values on (`steps`), links, width in pixels, or one colour."""

    name: str
    title: str | None = None
    unit: str | None = None
    decimals: int | None = None
    steps: Sequence[tuple[float | None, str]] | None = None
    links: Sequence[dict[str, object]] = ()
    width: int | None = None
    hidden: bool = False
    words: Sequence[tuple[str, str, str]] = ()
    """(value, word, colour)"""
    colour: str | None = None


def override(column: Column) -> DashboardFieldConfigSourceOverrides:
    """The column as an override by name."""
    found: list[tuple[str, object | None]] = [
        ("displayName", column.title),
        ("unit", column.unit),
        ("decimals", column.decimals),
        ("links", list(column.links) or None),
        ("custom.width", column.width),
        ("custom.hidden", column.hidden or None),
    ]
    if column.steps is not None:
        steps = [{"value": value, "color": colour} for value, colour in column.steps]
        found.append(("thresholds", {"mode": "absolute", "steps": steps}))
    if column.words:
        options = {v: {"text": text, "color": colour, "index": i} for i, (v, text, colour) in enumerate(column.words)}
        found.append(("mappings", [{"type": "value", "options": options}]))
    if column.steps is not None or column.words:
        found += _coloured()
    if column.colour is not None:
        found.append(("color", {"mode": "fixed", "fixedColor": column.colour}))
    properties = [DynamicConfigValue(name, value) for name, value in found if value is not None]
    return DashboardFieldConfigSourceOverrides(MatcherConfig("byName", column.name), properties)


def _coloured() -> list[tuple[str, object | None]]:
    """Coloured text: Grafana 9.4 reads the first, newer ones the second."""
    return [("custom.displayMode", "color-text"), ("custom.cellOptions", {"type": "color-text"})]


STATE = Column(
    "state",
    words=(
        ("up", "up", "green"), ("down", "down", "red"), ("unobserved", "not observed", "purple"),
    ),
)  # fmt: skip
SEVERITY = Column(
    "severity", "urgency",
    words=(("P1", "P1", "red"), ("P2", "P2", "orange"), ("P3", "P3", "yellow"), ("P4", "P4", "blue")),
)  # fmt: skip
