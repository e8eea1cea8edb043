"""How reliable ports are: time between failures, to detect and to repair, causes, worst ports, models and firmwares compared."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import links, variables
from dashboards.columns import Column
from dashboards.fleet import DAYS
from dashboards.layout import Page
from dashboards.panels import UPTIME_STEPS, bars, lines, number, ranking, rows, shares
from dashboards.variables import AT_SITES, AT_SITES_OR_NONE, DEFAULT_CONTROL_URL, PORTS

_OUTAGES: Final = f"FROM pub.outage WHERE $__timeFilter(from_at) AND {AT_SITES}"
_INCIDENTS: Final = (
    f"FROM pub.incident WHERE $__timeFilter(opened_at) AND NOT history AND predicted_at IS NULL AND {AT_SITES_OR_NONE}"
)
_REPAIRED: Final = f"FROM pub.work_order WHERE $__timeFilter(opened_at) AND resolved_at IS NOT NULL AND predicted_at IS NULL AND {AT_SITES_OR_NONE}"
_UP: Final = f"SELECT port_no, sum(up_s) AS up_s, sum(down_s) AS down_s FROM pub.uptime_daily WHERE {DAYS} AND port_no IN {PORTS} GROUP BY port_no"
_FAILED: Final = f"SELECT port_no, count(*) AS failures, sum(seconds) AS out_s, max(seconds) AS longest_s {_OUTAGES} GROUP BY port_no"
_REASONS: Final = {"faulted": "red", "unavailable": "orange", "silence": "purple"}


def build(control_url: str = DEFAULT_CONTROL_URL) -> Dashboard:
    """The dashboard `chargewell-reliability`."""
    page = Page(
        links.RELIABILITY,
        "Chargewell reliability",
        "Time between failures, to detect and to repair; causes; worst ports; models and firmwares compared.",
        [variables.site(), variables.control_url(control_url)],
    )
    _figures(page)
    _over_time(page)
    _causes(page)
    _comparisons(page)
    return page.build()


def _figures(page: Page) -> None:
    page.row(1, "In the time shown")
    page.add(10, number("Outages", "Times without service: intervals that follow each other at once are one.",
                        f"SELECT count(*) AS outages {_OUTAGES}"), 4, 4)  # fmt: skip
    page.add(11, number("Mean time between failures", "Time in service of all ports for each outage.",
                        f"SELECT (SELECT sum(up_s) FROM ({_UP}) u) / nullif((SELECT count(*) {_OUTAGES}), 0) AS mtbf", unit="s"), 5, 4)  # fmt: skip
    page.add(12, number("Mean time to restore", "Mean length of an outage; those that go on count up to now.",
                        f"SELECT avg(seconds) AS mttr {_OUTAGES}", unit="s", steps=((None, "green"), (14_400, "orange"), (86_400, "red"))), 5, 4)  # fmt: skip
    page.add(13, number("Time to detect, median", "From the onset, as far as the data tell, to the incident.",
                        f"""SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM opened_at - onset_at))::float8 AS seconds
                        {_INCIDENTS}""", unit="s"), 5, 4)  # fmt: skip
    page.add(14, number("Repaired in time", "Work orders that were repaired before their deadline, of those repaired or overdue.",
                        f"""SELECT count(*) FILTER (WHERE resolved_at <= restore_by)::float8 / nullif(count(*), 0) AS share
                        FROM pub.work_order WHERE $__timeFilter(opened_at) AND {AT_SITES_OR_NONE}
                        AND (resolved_at IS NOT NULL OR (restore_by < $__timeTo()::timestamptz AND state <> 'cancelled'))""",
                        unit="percentunit", steps=((None, "red"), (0.8, "orange"), (0.95, "green"))), 5, 4)  # fmt: skip


def _over_time(page: Page) -> None:
    page.row(2, "Over time")
    page.add(20, bars("Outages by first reason", "By the day they began (UTC).",
                      f"SELECT date_trunc('day', from_at) AS time, reason AS metric, count(*) AS outages {_OUTAGES} GROUP BY 1, 2 ORDER BY 1, 2",
                      unit="short", interval="1d", colours=_REASONS, decimals=0), 12)  # fmt: skip
    page.add(21, lines("Time to restore", "Median and 90th percentile of the outages that began in a week.",
                       f"""SELECT date_trunc('week', from_at) AS time, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds)::float8 AS median,
                       percentile_cont(0.9) WITHIN GROUP (ORDER BY seconds)::float8 AS "90 %" {_OUTAGES} GROUP BY 1 ORDER BY 1""",
                       unit="s", interval="1d", low=0, colours={"median": "blue", "90 %": "orange"}), 12)  # fmt: skip
    page.add(22, rows("Time to detect", "From onset to incident, by family; median and slowest.",
                      f"""SELECT family, count(*) AS incidents,
                      percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM opened_at - onset_at))::float8 AS median,
                      max(extract(epoch FROM opened_at - onset_at))::float8 AS slowest {_INCIDENTS} GROUP BY family ORDER BY incidents DESC""",
                      [Column("median", unit="s"), Column("slowest", unit="s")]), 12)  # fmt: skip
    page.add(23, rows("Time to repair", "From the order to the repair, by urgency, against the deadline.",
                      f"""SELECT priority AS severity, count(*) AS repaired,
                      percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM responded_at - opened_at))::float8 AS responded,
                      percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM resolved_at - opened_at))::float8 AS median,
                      max(extract(epoch FROM resolved_at - opened_at))::float8 AS slowest,
                      avg(extract(epoch FROM restore_by - opened_at))::float8 AS allowed,
                      count(*) FILTER (WHERE resolved_at > restore_by) AS late {_REPAIRED} GROUP BY 1 ORDER BY 1""", [
        Column("severity", "urgency"), Column("responded", "taken up after", "s"), Column("median", unit="s"), Column("slowest", unit="s"),
        Column("allowed", unit="s"), Column("late", steps=((None, "green"), (1, "red"))),
    ]), 12)  # fmt: skip


def _causes(page: Page) -> None:
    page.row(3, "Causes")
    page.add(30, shares("Incidents by family", "What the alerts pointed to.",
                        f"SELECT family, count(*) AS incidents {_INCIDENTS} GROUP BY 1 ORDER BY 2 DESC"), 8)  # fmt: skip
    page.add(31, shares("Causes found", "What technicians found, after ISO 14224; nothing found is a cause of its own here.",
                        f"""SELECT CASE WHEN found THEN cause ELSE 'nothing found' END AS cause, count(*) AS findings FROM pub.finding
                        WHERE $__timeFilter(at) AND port IN (SELECT port FROM pub.port WHERE {AT_SITES_OR_NONE}) GROUP BY 1 ORDER BY 2 DESC"""), 8)  # fmt: skip
    page.add(32, rows("Alerts against findings", "Of the orders with a finding: how often the family was right.",
                      f"""SELECT o.family, count(*) AS orders, count(*) FILTER (WHERE f.found AND f.family = o.family) AS right_family,
                      count(*) FILTER (WHERE f.found AND f.family <> o.family) AS other_family, count(*) FILTER (WHERE NOT f.found) AS nothing
                      FROM pub.finding f JOIN pub.work_order o ON o.number = f.work_order
                      WHERE $__timeFilter(f.at) AND {AT_SITES_OR_NONE} GROUP BY 1 ORDER BY 2 DESC""", [
        Column("right_family", "as told"), Column("other_family", "something else"), Column("nothing", "nothing found"),
    ]), 8)  # fmt: skip


def _comparisons(page: Page) -> None:
    page.row(4, "Comparisons")
    page.add(40, rows("Worst ports", "By the time without service; mean time between failures is time in service for each outage.",
                      f"""SELECT port, model, failures, out_s, longest_s, u.up_s / nullif(failures, 0) AS mtbf, out_s / nullif(failures, 0) AS mttr,
                      u.up_s / nullif(u.up_s + u.down_s, 0) AS uptime
                      FROM pub.port_now p JOIN ({_UP}) u USING (port_no) JOIN ({_FAILED}) f USING (port_no) ORDER BY out_s DESC LIMIT 50""", [
        Column("port", links=links.to_port()), Column("failures", "outages"), Column("out_s", "without service", "s"),
        Column("longest_s", "longest", "s"), Column("mtbf", "between failures", "s"), Column("mttr", "to restore", "s"),
        Column("uptime", unit="percentunit", decimals=2, steps=UPTIME_STEPS),
    ]), 24, 10)  # fmt: skip
    for place, (what, title) in enumerate((("model", "Models"), ("firmware", "Firmwares"))):
        key = "model" if what == "model" else "model || ' ' || firmware"
        page.add(41 + place, rows(title, "Ports in service; success is the share of visits that worked at the first attempt.",
                                  _compared(key), [
            Column("name", what), Column("mtbf", "between failures", "s"), Column("mttr", "to restore", "s"),
            Column("a_port", "outages a port and 30 d", decimals=2), Column("uptime", unit="percentunit", decimals=2, steps=UPTIME_STEPS),
            Column("success", "first-time success", "percentunit", 1, ((None, "red"), (0.7, "orange"), (0.85, "green"))),
        ]), 12, 10)  # fmt: skip
    page.add(43, ranking("Hours without service by model", "Of all ports of the model, in the time shown.",
                         f"SELECT model, sum(seconds) / 3600 AS hours {_OUTAGES} GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
                         unit="h", decimals=1), 12)  # fmt: skip
    page.add(44, ranking("Hours without service by reason", "The first reason of each outage.",
                         f"SELECT reason, sum(seconds) / 3600 AS hours {_OUTAGES} GROUP BY 1 ORDER BY 2 DESC", unit="h", decimals=1), 12)  # fmt: skip


def _compared(key: str) -> str:
    """Ports grouped by `key` of `pub.port_now`: failures, uptime, and first-time success."""
    visit = f"""SELECT {key} AS name, sum(first_time)::float8 / nullif(sum(visits), 0) AS success
        FROM pub.charging_daily d JOIN pub.port_now p USING (port_no) WHERE {DAYS} AND p.{AT_SITES} GROUP BY 1"""
    return f"""SELECT name, ports, mtbf, mttr, a_port, uptime, success FROM (
        SELECT {key} AS name, count(*) AS ports, sum(u.up_s) / nullif(sum(failures), 0) AS mtbf, sum(out_s) / nullif(sum(failures), 0) AS mttr,
        coalesce(sum(failures), 0)::float8 * 2592000 / nullif(sum(u.up_s + u.down_s), 0) AS a_port,
        sum(u.up_s) / nullif(sum(u.up_s + u.down_s), 0) AS uptime
        FROM pub.port_now p JOIN ({_UP}) u USING (port_no) LEFT JOIN ({_FAILED}) f USING (port_no)
        WHERE model IS NOT NULL GROUP BY 1) ports LEFT JOIN ({visit}) visits USING (name) ORDER BY uptime"""
