"""The network as a whole: what is up, uptime under each rule, incidents, energy, whether charging works the first time."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import links, uptime_rules, variables
from dashboards.columns import SEVERITY, STATE, Column
from dashboards.layout import Page
from dashboards.maps import sites
from dashboards.panels import NONE_IS_GOOD, SEVERITY_COLOURS, UPTIME_STEPS, bars, lines, number, rows, shares
from dashboards.sql import UNFINISHED
from dashboards.variables import AT_SITES, AT_SITES_OR_NONE, DEFAULT_CONTROL_URL, PORTS

DAYS: Final = "day BETWEEN ($__timeFrom()::timestamptz)::date AND ($__timeTo()::timestamptz)::date"
_OUTCOMES: Final = {
    "success": "green", "failed": "red", "cut": "orange", "unknown": "purple",
}  # fmt: skip
_UPTIME: Final = "percentunit"
_CHARGING: Final = f"FROM pub.charging_daily WHERE {DAYS} AND port_no IN {PORTS}"


def build(control_url: str = DEFAULT_CONTROL_URL) -> Dashboard:
    """The dashboard `chargewell-fleet`."""
    page = Page(
        links.FLEET,
        "Chargewell fleet",
        "Ports up, uptime under each rule, incidents, energy and first-time charge success of the chosen sites.",
        [variables.site(), variables.control_url(control_url)],
        links=[links.head("Incidents in control", f"{links.CONTROL}/incidents")],
    )
    _now(page)
    _uptime(page)
    _charging(page)
    _lists(page)
    return page.build()


def _now(page: Page) -> None:
    page.row(1, "Now")
    state = f"FROM pub.port_now WHERE {AT_SITES}"
    page.add(10, number("Ports up", "Charging ports in service whose state is up.",
                        f"SELECT count(*) FILTER (WHERE state = 'up') AS up {state}", steps=((None, "green"),)), 3, 4)  # fmt: skip
    page.add(11, number("Ports down", "Faulted, out of service, or silent for longer than their heartbeat allows.",
                        f"SELECT count(*) FILTER (WHERE state = 'down') AS down {state}", steps=NONE_IS_GOOD), 3, 4)  # fmt: skip
    page.add(12, number("Not observed", "Our own bridge did not see them: neither up nor down.",
                        f"SELECT count(*) FILTER (WHERE state = 'unobserved') AS unobserved {state}",
                        steps=((None, "green"), (1, "purple"))), 3, 4)  # fmt: skip
    page.add(13, number("Uptime, 30 days", "Mean over the ports of the share of observed time that each was up.",
                        f"SELECT avg(up_30d)::float8 AS uptime {state}", unit=_UPTIME, steps=UPTIME_STEPS, decimals=2), 3, 4)  # fmt: skip
    page.add(14, number("Open incidents", "Open now; history is not counted.",
                        f"SELECT count(*) AS incidents FROM pub.incident WHERE state = 'open' AND NOT history AND {AT_SITES_OR_NONE}",
                        steps=NONE_IS_GOOD, links=[links.link("Incidents in control", f"{links.CONTROL}/incidents")]), 3, 4)  # fmt: skip
    page.add(15, number("Open work orders", "Not yet repaired, verified or cancelled.",
                        f"""SELECT count(*) AS orders FROM pub.work_order WHERE {UNFINISHED}
                        AND {AT_SITES_OR_NONE}""",
                        links=[links.link("Work orders in control", f"{links.CONTROL}/orders")]), 3, 4)  # fmt: skip
    page.add(16, number("Energy", "Delivered by the sessions that began on the days shown.",
                        f"SELECT coalesce(sum(energy_wh), 0) AS energy {_CHARGING}", unit="watth", decimals=1), 3, 4)  # fmt: skip
    page.add(17, number("First-time charge success", "Visits whose first attempt delivered energy and ended as the driver wanted. "
                        "A visit is what one driver tried at one station with pauses below 30 minutes.",
                        f"SELECT sum(first_time)::float8 / nullif(sum(visits), 0) AS success {_CHARGING}", unit=_UPTIME, decimals=1,
                        steps=((None, "red"), (0.7, "orange"), (0.85, "green"))), 3, 4)  # fmt: skip


def _uptime(page: Page) -> None:
    page.row(2, "Uptime")
    where = f"{DAYS} AND p.{AT_SITES}"
    page.add(20, rows("Uptime under each rule", uptime_rules.NOTE, uptime_rules.by_rule(where), [
        Column("rule", width=260),
        Column("level", "judged", words=(("port", "each port", "text"), ("network", "all together", "text"))),
        Column("uptime", unit=_UPTIME, decimals=2, steps=UPTIME_STEPS),
        Column("lowest", "lowest port", unit=_UPTIME, decimals=2, steps=UPTIME_STEPS),
        Column("threshold", unit=_UPTIME, decimals=0),
        Column("below", "ports below", steps=NONE_IS_GOOD),
    ]), 12)  # fmt: skip
    page.add(21, lines("Uptime by day", "Seconds up of seconds observed, all ports together, by the local day of each site. "
                       "Dashed: 97 % (NEVI, California), 99 % (UK).",
                       f"""SELECT day::timestamptz AS time, sum(up_s) / nullif(sum(up_s + down_s), 0) AS uptime,
                       sum(unobserved_s) / nullif(sum(up_s + down_s + unobserved_s), 0) AS "not observed"
                       FROM pub.uptime_daily WHERE {DAYS} AND port_no IN {PORTS} GROUP BY day ORDER BY day""",
                       unit=_UPTIME, steps=UPTIME_STEPS, high=1, interval="1d",
                       colours={"uptime": "green", "not observed": "purple"}), 12)  # fmt: skip
    page.add(22, sites("Sites", "As large as the site, coloured by the ports that are down.",
                       f"""SELECT site, site_name AS name, lat, lon, count(*) AS ports, count(*) FILTER (WHERE state = 'down') AS down
                       FROM pub.port_now WHERE lat IS NOT NULL AND lon IS NOT NULL AND {AT_SITES}
                       GROUP BY site, site_name, lat, lon ORDER BY site""",
                       size="ports", colour="down", steps=((None, "green"), (1, "orange"), (3, "red")), links=links.to_site()), 12, 10)  # fmt: skip
    page.add(23, bars("Incidents opened", "By urgency and day; history (told late) is left out.",
                      f"""SELECT date_trunc('day', opened_at) AS time, severity AS metric, count(*) AS incidents FROM pub.incident
                      WHERE $__timeFilter(opened_at) AND NOT history AND {AT_SITES_OR_NONE}
                      GROUP BY 1, 2 ORDER BY 1, 2""", unit="short", colours=SEVERITY_COLOURS, interval="1d", decimals=0), 12, 10)  # fmt: skip


def _charging(page: Page) -> None:
    page.row(3, "Charging")
    page.add(30, bars("Energy by day", "By the kind of port, of sessions by the day of their start (UTC).",
                      f"""SELECT day::timestamptz AS time, upper(kind) AS metric, sum(energy_wh) AS energy
                      FROM pub.charging_daily d JOIN pub.port_now p USING (port_no)
                      WHERE {DAYS} AND p.{AT_SITES} GROUP BY 1, 2 ORDER BY 1, 2""",
                      unit="watth", interval="1d", colours={"AC": "blue", "DC": "purple"}), 8)  # fmt: skip
    page.add(31, lines("First-time charge success by day", "Visits that worked at the first attempt, and at any.",
                       f"""SELECT day::timestamptz AS time, sum(first_time)::float8 / nullif(sum(visits), 0) AS "first attempt",
                       sum(first_time + troubled)::float8 / nullif(sum(visits), 0) AS "any attempt" {_CHARGING}
                       GROUP BY day ORDER BY day""",
                       unit=_UPTIME, high=1, interval="1d", colours={"first attempt": "green", "any attempt": "blue"}), 8)  # fmt: skip
    page.add(32, shares("How sessions ended", "Success: ended by driver, vehicle or a limit, and energy flowed. Cut: energy flowed and something "
                        "else ended it. Failed: no energy to speak of.",
                        f"""SELECT outcome, sessions FROM (SELECT sum(success) AS success, sum(failed) AS failed, sum(cut) AS cut, sum(unknown) AS unknown
                        {_CHARGING}) sums, LATERAL (VALUES ('success', success), ('cut', cut), ('failed', failed), ('unknown', unknown))
                        AS by_outcome (outcome, sessions) WHERE sessions > 0 ORDER BY sessions DESC""", colours=_OUTCOMES), 8)  # fmt: skip


def _lists(page: Page) -> None:
    page.row(4, "Where to look")
    page.add(40, rows("Ports that are not up", "Down first, then not observed; those with the most urgent incident on top.",
                      f"""SELECT port, site_name AS site, state, reason, since, incidents, severity, work_order AS "order", up_30d
                      FROM pub.port_now WHERE state <> 'up' AND {AT_SITES}
                      ORDER BY state, severity NULLS LAST, since LIMIT 200""", [
        Column("port", links=links.to_port()), STATE, SEVERITY, Column("since", unit="dateTimeFromNow"),
        Column("order", "work order", links=links.to_order()), Column("incidents", steps=NONE_IS_GOOD),
        Column("up_30d", "uptime 30 d", _UPTIME, 2, UPTIME_STEPS),
    ]), 12, 10)  # fmt: skip
    page.add(41, rows("Sites", "As they are now; uptime is the mean over the ports.",
                      f"""SELECT site, site_name AS name, count(*) AS ports, count(*) FILTER (WHERE state = 'up') AS up,
                      count(*) FILTER (WHERE state = 'down') AS down, sum(incidents) AS incidents, avg(up_24h)::float8 AS up_24h,
                      avg(up_30d)::float8 AS up_30d FROM pub.port_now WHERE {AT_SITES} GROUP BY site, site_name
                      ORDER BY down DESC, up_30d""", [
        Column("site", links=links.to_site()), Column("down", steps=NONE_IS_GOOD), Column("incidents", steps=NONE_IS_GOOD),
        Column("up_24h", "uptime 24 h", _UPTIME, 2, UPTIME_STEPS), Column("up_30d", "uptime 30 d", _UPTIME, 2, UPTIME_STEPS),
    ]), 12, 10)  # fmt: skip
