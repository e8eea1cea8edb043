"""A dashboard as pages are read: rows of panels from left to right, each with an id that never changes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from grafana_foundation_sdk.models.dashboard import (
    AnnotationContainer,
    AnnotationQuery,
    Dashboard,
    DashboardCursorSync,
    DashboardDashboardTemplating,
    DashboardDashboardTime,
    DashboardLink,
    GridPos,
    Panel,
    RowPanel,
    TimeOption,
    TimePickerConfig,
    VariableModel,
)

from dashboards.links import NAVIGATION

WIDTH: Final = 24
SCHEMA_VERSION: Final = 37
"""That of Grafana 9.4, which takes it as it is; newer ones bring it up to their own."""
TAG: Final = "chargewell"
_REFRESH: Final = ("30s", "1m", "5m", "15m", "1h")
_RANGES: Final = {
    "now-6h": "Last 6 hours", "now-24h": "Last 24 hours", "now-7d": "Last 7 days", "now-30d": "Last 30 days",
    "now-90d": "Last 90 days", "now-1y": "Last year",
}  # fmt: skip
DAYS: Final = {"now-6h": 0.25, "now-24h": 1, "now-7d": 7, "now-30d": 30, "now-90d": 90, "now-1y": 365}
"""The length of a range in days."""


@dataclass
class Page:
    """A dashboard in the making. `shows` is the time range it opens with, `longest` the longest it offers."""

    uid: str
    title: str
    description: str
    variables: list[VariableModel]
    shows: str = "now-30d"
    longest: str = "now-1y"
    annotations: Sequence[AnnotationQuery] = ()
    links: list[DashboardLink] = field(default_factory=list)
    refresh: str = "1m"
    panels: list[Panel | RowPanel] = field(default_factory=list)
    _x: int = 0
    _y: int = 0
    _height: int = 0

    def row(self, number: int, title: str) -> None:
        """Begin a row of panels under a heading."""
        self._break()
        self.panels.append(
            RowPanel(title=title, id_val=number, collapsed=False, grid_pos=GridPos(1, WIDTH, 0, self._y))
        )
        self._y += 1

    def add(self, number: int, panel: Panel, width: int, height: int = 8) -> None:
        """Put `panel` to the right of the last one, or below where it does not fit. `number` is its id for ever."""
        if self._x + width > WIDTH:
            self._break()
        panel.id_val = number
        panel.grid_pos = GridPos(height, width, self._x, self._y)
        self.panels.append(panel)
        self._x += width
        self._height = max(self._height, height)

    def build(self) -> Dashboard:
        """The whole. ValueError where two panels have one id."""
        ids = [panel.id_val for panel in self.panels]
        twice = sorted({str(number) for number in ids if ids.count(number) > 1})
        if twice:
            raise ValueError(f"dashboard {self.uid}: panel id {', '.join(twice)} is given twice; each needs its own")
        offered = {key: name for key, name in _RANGES.items() if DAYS[key] <= DAYS[self.longest]}
        return Dashboard(
            uid=self.uid,
            title=self.title,
            description=self.description,
            tags=[TAG],
            editable=False,
            graph_tooltip=DashboardCursorSync.CROSSHAIR,
            time=DashboardDashboardTime(self.shows, "now"),
            timepicker=TimePickerConfig(
                refresh_intervals=list(_REFRESH),
                quick_ranges=[TimeOption(name, key, "now") for key, name in offered.items()],
            ),
            refresh=self.refresh,
            schema_version=SCHEMA_VERSION,
            panels=self.panels,
            templating=DashboardDashboardTemplating(self.variables),
            annotations=AnnotationContainer(list(self.annotations)),
            links=[NAVIGATION, *self.links],
        )

    def _break(self) -> None:
        self._x, self._y, self._height = 0, self._y + self._height, 0
