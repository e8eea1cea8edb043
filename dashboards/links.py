"""Ways from one dashboard to another and into the control pages, whose address is the variable `control`."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import DashboardLink, DashboardLinkType

CONTROL: Final = "${control}"
FLEET: Final = "chargewell-fleet"
PORT: Final = "chargewell-port"
RELIABILITY: Final = "chargewell-reliability"
PREDICTIVE: Final = "chargewell-predictive"
PIPELINE: Final = "chargewell-pipeline"

NAVIGATION: Final = DashboardLink(
    title="Chargewell", type_val=DashboardLinkType.DASHBOARDS, icon="external link", tooltip="", tags=["chargewell"],
    as_dropdown=False, target_blank=False, include_vars=True, keep_time=True,
)  # fmt: skip
"""The other dashboards, at the head of each; site and time go along."""

Link = dict[str, object]


def link(title: str, url: str) -> Link:
    """A link on a value; `${__data.fields.NAME}` in `url` stands for a column of its row."""
    return {"title": title, "url": url, "targetBlank": url.startswith(CONTROL)}


def head(title: str, url: str) -> DashboardLink:
    """A link at the head of a dashboard."""
    return DashboardLink(
        title=title, type_val=DashboardLinkType.LINK, icon="external link", tooltip="", url=url, tags=[],
        as_dropdown=False, target_blank=True, include_vars=False, keep_time=False,
    )  # fmt: skip


def to_port(column: str = "port") -> list[Link]:
    """From a port's name to its dashboard and to its page in control."""
    name = "${__data.fields." + f'"{column}"' + "}" if " " in column else "${__data.fields." + column + "}"
    return [
        link("Dashboard of this port", f"/d/{PORT}?var-port={name}&${{__url_time_range}}"),
        link("Port in control", f"{CONTROL}/ports/{name}"),
    ]


def to_site(column: str = "site") -> list[Link]:
    """From a site to the fleet dashboard of that site alone."""
    return [link("This site alone", f"/d/{FLEET}?var-site=${{__data.fields.{column}}}&${{__url_time_range}}")]


def to_order(column: str = "order") -> list[Link]:
    """From the number of a work order to its page in control."""
    return [link("Work order in control", f"{CONTROL}/orders/${{__data.fields.{column}}}")]


def to_incident(column: str = "incident_id") -> list[Link]:
    """From an incident to its page in control."""
    return [link("Incident in control", f"{CONTROL}/incidents/${{__data.fields.{column}}}")]
