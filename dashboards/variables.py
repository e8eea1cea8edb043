"""Variables at the head of the dashboards: site, station and port, and the address of the control pages."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import (
    VariableHide,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
    VariableType,
)

from dashboards.sql import SOURCE

DEFAULT_CONTROL_URL: Final = "http://127.0.0.1:8090"
_ALL: Final = VariableOption(selected=True, text=["All"], value=["$__all"])

AT_SITES: Final = "site IN (${site:sqlstring})"
"""Condition: the row is of a site that was chosen."""
AT_SITES_OR_NONE: Final = "coalesce(site, '(no site)') IN (${site:sqlstring})"
"""The same for rows that may lack a site: they are of `(no site)`, which can be chosen too."""
PORTS: Final = f"(SELECT port_no FROM pub.port_now WHERE {AT_SITES})"
"""Numbers of the ports at the sites that were chosen, for `port_no IN`."""
THE_PORT: Final = "(SELECT port_no FROM pub.port_now WHERE port = ${port:sqlstring})"
"""Number of the port that was chosen."""


def control_url(url: str = DEFAULT_CONTROL_URL) -> VariableModel:
    """Where people reach the control pages; hidden, set by `chargewell dashboards push` from `control.public_url`."""
    option = VariableOption(selected=True, text=url, value=url)
    return VariableModel(
        type_val=VariableType.CONSTANT, name="control", hide=VariableHide.HIDE_VARIABLE, query=url, current=option,
        options=[option], skip_url_sync=True, description="Address of the control pages",
    )  # fmt: skip


def site() -> VariableModel:
    """Any number of sites; all at first."""
    sql = "SELECT DISTINCT site AS __value, site_name AS __text FROM pub.port_now ORDER BY 2"
    return _choice("site", "Site", sql, several=True)


def station() -> VariableModel:
    """Any number of stations of the chosen sites."""
    sql = f"SELECT DISTINCT station FROM pub.port_now WHERE {AT_SITES} ORDER BY 1"
    return _choice("station", "Station", sql, several=True)


def port() -> VariableModel:
    """One port of the chosen stations; the first one where none was named."""
    sql = f"SELECT port FROM pub.port_now WHERE {AT_SITES} AND station IN (${{station:sqlstring}}) ORDER BY 1"
    return _choice("port", "Port", sql, several=False)


def _choice(name: str, label: str, sql: str, *, several: bool) -> VariableModel:
    return VariableModel(
        type_val=VariableType.QUERY, name=name, label=label, query=sql, datasource=SOURCE, multi=several,
        include_all=several, current=_ALL if several else None, refresh=VariableRefresh.ON_DASHBOARD_LOAD,
        sort=VariableSort.DISABLED, allow_custom_value=None, auto=None, auto_min=None, auto_count=None, regex="",
        hide=VariableHide.DONT_HIDE, options=[],
    )  # fmt: skip
