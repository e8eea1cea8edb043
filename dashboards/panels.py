"""Panels as we use them: a query, a unit, thresholds, and words on what is seen. Colours are Grafana's names, which both themes have."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from grafana_foundation_sdk.builders import barchart, common, piechart, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common as shared
from grafana_foundation_sdk.models.dashboard import (
    FieldColor,
    FieldColorModeId,
    FieldConfig,
    FieldConfigSource,
    Panel,
    SpecialValueMap,
    SpecialValueMatch,
    Threshold,
    ThresholdsConfig,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.piechart import PieChartLegendValues, PieChartType

from dashboards.columns import Column, override
from dashboards.sql import SOURCE, Format, Sql, clean

Steps = Sequence[tuple[float | None, str]]
"""(from this value on, colour), rising; the first begins at None."""

UPTIME_STEPS: Final[Steps] = ((None, "red"), (0.97, "orange"), (0.99, "green"))
"""97 % is what NEVI and California ask for, 99 % what the UK does."""
NONE_IS_GOOD: Final[Steps] = ((None, "green"), (1, "orange"), (10, "red"))
PLAIN: Final[Steps] = ((None, "blue"),)

STATES: Final[Mapping[str, tuple[str, str]]] = {
    "1": ("up", "green"), "2": ("down", "red"), "3": ("not observed", "purple"),
}  # fmt: skip
"""Codes of availability: words and colour."""
STATE_CODE: Final = "CASE state WHEN 'up' THEN 1 WHEN 'down' THEN 2 ELSE 3 END"
SEVERITY_COLOURS: Final = {"P1": "red", "P2": "orange", "P3": "yellow", "P4": "blue"}


def thresholds(steps: Steps) -> ThresholdsConfig:
    """Steps as the SDK has them."""
    return ThresholdsConfig(ThresholdsMode.ABSOLUTE, [Threshold(value, colour) for value, colour in steps])


def mapped(words: Mapping[str, tuple[str, str]]) -> list[ValueMapping]:
    """Values shown as words in a colour."""
    results = {
        value: ValueMappingResult(text=text, color=colour, index=i)
        for i, (value, (text, colour)) in enumerate(words.items())
    }
    return [ValueMap(results)]


def number(
    title: str, description: str, sql: str, *, unit: str = "short", steps: Steps = PLAIN, decimals: float | None = None,
    words: Mapping[str, tuple[str, str]] | None = None, links: list[dict[str, object]] | None = None,
) -> Panel:  # fmt: skip
    """One figure, large. The query gives one row with one column that counts (text is shown as it is)."""
    made = (
        stat.Panel()
        .color_mode(shared.BigValueColorMode.VALUE)
        .graph_mode(shared.BigValueGraphMode.NONE)
        .text_mode(shared.BigValueTextMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("/.*/").values(False))
        .build()
    )
    panel = _filled(made, title, description, sql, unit, steps, decimals)
    defaults = _defaults(panel)
    if words is not None:
        defaults.mappings = mapped(words)
    if links:
        defaults.links = links  # type: ignore[assignment]  # a data link is shorter than the SDK's dashboard link
    return panel


def lines(
    title: str, description: str, sql: str, *, unit: str, steps: Steps | None = None, low: float | None = None,
    high: float | None = None, decimals: float | None = None, colours: Mapping[str, str] | None = None, interval: str = "1m",
    step: bool = False, fill: int = 0,
) -> Panel:  # fmt: skip
    """Values over time. With `steps` the limits are drawn as dashed lines. `colours` by the name of a series."""
    builder = (
        timeseries.Panel()
        .draw_style(shared.GraphDrawStyle.LINE)
        .line_width(1)
        .fill_opacity(fill)
        .show_points(shared.VisibilityMode.AUTO)
        .span_nulls(False)
        .line_interpolation(shared.LineInterpolation.STEP_AFTER if step else shared.LineInterpolation.LINEAR)
        .thresholds_style(
            common.GraphThresholdsStyleConfig().mode(
                shared.GraphThresholdsStyleMode.DASHED if steps else shared.GraphThresholdsStyleMode.OFF
            )
        )
        .legend(_legend())
        .tooltip(_tooltip())
    )
    panel = _filled(builder.build(), title, description, sql, unit, steps or PLAIN, decimals, "time_series")
    panel.interval = interval
    _palette(panel, colours)
    defaults = _defaults(panel)
    defaults.min_val, defaults.max_val = low, high
    return panel


def bars(
    title: str, description: str, sql: str, *, unit: str, colours: Mapping[str, str] | None = None, stacked: bool = True,
    interval: str = "1h", decimals: float | None = None,
) -> Panel:  # fmt: skip
    """Sums over time, a bar a step."""
    mode = shared.StackingMode.NORMAL if stacked else shared.StackingMode.NONE
    builder = (
        timeseries.Panel()
        .draw_style(shared.GraphDrawStyle.BARS)
        .fill_opacity(70)
        .line_width(0)
        .show_points(shared.VisibilityMode.NEVER)
        .stacking(common.StackingConfig().mode(mode).group("A"))
        .legend(_legend())
        .tooltip(_tooltip())
    )
    panel = _filled(builder.build(), title, description, sql, unit, PLAIN, decimals, "time_series")
    panel.interval = interval
    _palette(panel, colours)
    _defaults(panel).min_val = 0
    return panel


def rows(title: str, description: str, sql: str, columns: Sequence[Column]) -> Panel:
    """A table; `columns` say how columns of the query are shown, others are shown as they are."""
    builder = table.Panel().show_header(True).filterable(True)
    panel = _filled(builder.build(), title, description, sql, "", PLAIN, None)
    assert panel.field_config is not None  # noqa: S101 - set by _filled
    panel.field_config.overrides = [override(column) for column in columns]
    _defaults(panel).unit = None
    return panel


def shares(
    title: str, description: str, sql: str, *, unit: str = "short", colours: Mapping[str, str] | None = None
) -> Panel:
    """Parts of a whole: the query gives one row an item, a text and a number."""
    builder = (
        piechart.Panel()
        .pie_type(PieChartType.DONUT)
        .reduce_options(common.ReduceDataOptions().values(True).calcs(["lastNotNull"]).fields("").limit(25))
        .legend(
            piechart.PieChartLegendOptions()
            .show_legend(True)
            .display_mode(shared.LegendDisplayMode.TABLE)
            .placement(shared.LegendPlacement.RIGHT)
            .values([PieChartLegendValues.VALUE, PieChartLegendValues.PERCENT])
        )
        .tooltip(_tooltip())
    )
    panel = _filled(builder.build(), title, description, sql, unit, PLAIN, None)
    _palette(panel, colours)
    return panel


def ranking(title: str, description: str, sql: str, *, unit: str, decimals: float | None = None) -> Panel:
    """One bar an item: the query gives a text and one or more numbers, in the order to show."""
    builder = (
        barchart.Panel()
        .orientation(shared.VizOrientation.HORIZONTAL)
        .show_value(shared.VisibilityMode.AUTO)
        .stacking(shared.StackingMode.NONE)
        .fill_opacity(70)
        .legend(_legend())
        .tooltip(_tooltip())
    )
    panel = _filled(builder.build(), title, description, sql, unit, PLAIN, decimals)
    _palette(panel, None)
    return panel


def timeline(title: str, description: str, sql: str, words: Mapping[str, tuple[str, str]]) -> Panel:
    """States over time: numeric codes, one series each, shown as words; null is nothing known."""
    builder = (
        statetimeline.Panel()
        .merge_values(True)
        .show_value(shared.VisibilityMode.AUTO)
        .row_height(0.8)
        .align_value(shared.TimelineValueAlignment.LEFT)
        .legend(_legend())
        .tooltip(_tooltip())
        .fill_opacity(80)
        .line_width(0)
    )
    panel = _filled(builder.build(), title, description, sql, "short", PLAIN, None, "time_series")
    _defaults(panel).mappings = [
        *mapped(words),
        SpecialValueMap(
            _special(SpecialValueMatch.NULL, ValueMappingResult(text="no data", color="text", index=len(words)))
        ),
    ]
    return panel


def _special(match: SpecialValueMatch, result: ValueMappingResult) -> Any:
    from grafana_foundation_sdk.models.dashboard import DashboardSpecialValueMapOptions

    return DashboardSpecialValueMapOptions(match, result)


def _filled(
    panel: Panel, title: str, description: str, sql: str, unit: str, steps: Steps, decimals: float | None,
    form: Format = "table",
) -> Panel:  # fmt: skip
    """What every panel has: title, words, query, data source, unit and thresholds."""
    panel.title, panel.description, panel.datasource = title, description, SOURCE
    panel.targets = [Sql(clean(sql), form)]
    if panel.field_config is None:
        panel.field_config = FieldConfigSource()
    defaults = _defaults(panel)
    defaults.unit, defaults.thresholds, defaults.decimals, defaults.no_value = unit, thresholds(steps), decimals, "none"
    return panel


def _defaults(panel: Panel) -> FieldConfig:
    assert panel.field_config is not None  # noqa: S101 - set by _filled
    return panel.field_config.defaults


def _palette(panel: Panel, colours: Mapping[str, str] | None) -> None:
    """Colours by name of series where given, else of the classic palette, also by name, so that they stay."""
    _defaults(panel).color = FieldColor(FieldColorModeId.PALETTE_CLASSIC_BY_NAME)
    assert panel.field_config is not None  # noqa: S101 - set by _filled
    panel.field_config.overrides = [override(Column(name, colour=colour)) for name, colour in (colours or {}).items()]


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(shared.LegendDisplayMode.LIST)
        .placement(shared.LegendPlacement.BOTTOM)
    )


def _tooltip() -> common.VizTooltipOptions:
    return common.VizTooltipOptions().mode(shared.TooltipDisplayMode.MULTI).sort(shared.SortOrder.DESCENDING)
