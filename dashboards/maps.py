"""A map that asks nobody: markers on the country outlines that Grafana brings along, no tile server."""

from grafana_foundation_sdk.builders import common, geomap
from grafana_foundation_sdk.models import common as shared
from grafana_foundation_sdk.models.dashboard import FieldConfigSource, Panel
from grafana_foundation_sdk.models.geomap import TooltipMode

from dashboards.columns import Column, override
from dashboards.panels import Steps, thresholds
from dashboards.sql import SOURCE, Sql, clean

_COUNTRIES = "public/maps/countries.geojson"


def sites(
    title: str, description: str, sql: str, *, size: str, colour: str, steps: Steps, links: list[dict[str, object]]
) -> Panel:
    """Markers at the columns `lat` and `lon`, as large as the column `size`, coloured by `colour` and `steps`; `links` on `site`."""
    outlines = common.MapLayerOptions().type("geojson").name("Countries").config(_outlines())
    where = common.FrameGeometrySource().mode(shared.FrameGeometrySourceMode.COORDS).latitude("lat").longitude("lon")
    markers = (
        common.MapLayerOptions()
        .type("markers")
        .name("Sites")
        .config(_markers(size, colour))
        .location(where)
        .tooltip(True)
    )
    panel = (
        geomap.Panel()
        .basemap(outlines)
        .layers([markers])
        .view(geomap.MapViewConfig().id("fit").all_layers(True).padding(10).zoom(4).lat(50).lon(10))
        .controls(
            geomap.ControlsOptions().show_zoom(True).mouse_wheel_zoom(False).show_attribution(False).show_scale(True)
        )
        .tooltip(geomap.TooltipOptions().mode(TooltipMode.DETAILS))
        .build()
    )
    panel.title, panel.description, panel.datasource = title, description, SOURCE
    panel.targets = [Sql(clean(sql))]
    panel.field_config = panel.field_config or FieldConfigSource()
    panel.field_config.defaults.thresholds = thresholds(steps)
    panel.field_config.overrides = [override(Column("site", links=links))]
    panel.field_config.defaults.unit = "short"
    return panel


def _outlines() -> dict[str, object]:
    style = {"color": {"fixed": "semi-dark-blue"}, "opacity": 0.15, "lineWidth": 1}
    return {"src": _COUNTRIES, "rules": [], "style": style}


def _markers(size: str, colour: str) -> dict[str, object]:
    """Every marker needs a symbol: without one some versions draw none."""
    symbol = {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"}
    style = {
        "symbol": symbol,
        "size": {"field": size, "fixed": 6, "min": 5, "max": 18},
        "color": {"field": colour, "fixed": "dark-green"},
        "opacity": 0.8,
        "textConfig": {"fontSize": 12, "offsetX": 0, "offsetY": 0, "textAlign": "center", "textBaseline": "middle"},
    }
    return {"showLegend": False, "style": style}
