"""The lists on the dashboard of one port: incidents, orders, sessions, events, uptime under each rule."""

from dashboards import links, uptime_rules
from dashboards.columns import SEVERITY, Column
from dashboards.fleet import DAYS
from dashboards.layout import Page
from dashboards.panels import UPTIME_STEPS, rows

_OUTCOME = Column("outcome", words=(
    ("success", "success", "green"), ("failed", "failed", "red"), ("cut", "cut short", "orange"), ("unknown", "unknown", "purple"),
    ("open", "running", "blue"),
))  # fmt: skip


def add(page: Page, of_port: str, at_port: str) -> None:
    """Two rows of lists; `of_port` restricts by `port`, `at_port` by `port_no`."""
    page.row(5, "What was done")
    page.add(50, rows("Incidents", "At this port or its whole station, newest first; told by alerts or drivers.",
                      f"""SELECT opened_at AS opened, severity, family, state, extract(epoch FROM opened_at - onset_at)::float8 AS noticed_after,
                      extract(epoch FROM closed_at - opened_at)::float8 AS lasted, why, work_order AS "order", incident_id::text AS incident_id
                      FROM pub.incident WHERE {of_port} AND NOT history AND opened_at < $__timeTo()::timestamptz
                      AND coalesce(closed_at, 'infinity') > $__timeFrom()::timestamptz ORDER BY opened_at DESC LIMIT 100""", [
        Column("opened", links=links.to_incident()), SEVERITY, Column("noticed_after", "noticed after", "s"), Column("lasted", unit="s"),
        Column("order", "work order", links=links.to_order()), Column("incident_id", hidden=True), Column("why", width=380),
    ]), 12)  # fmt: skip
    page.add(51, rows("Work orders", "What was to be done, and what was found.",
                      f"""SELECT o.number AS "order", o.opened_at AS opened, o.priority AS severity, o.state, o.what, o.resolved_at AS repaired,
                      extract(epoch FROM o.resolved_at - o.opened_at)::float8 AS took, f.cause, f.part
                      FROM pub.work_order o LEFT JOIN pub.finding f ON f.work_order = o.number
                      WHERE o.{of_port} AND o.opened_at < $__timeTo()::timestamptz
                      AND (o.state NOT IN ('verified', 'cancelled') OR o.state_since > $__timeFrom()::timestamptz)
                      ORDER BY o.opened_at DESC LIMIT 100""", [
        Column("order", links=links.to_order()), SEVERITY, Column("took", unit="s"), Column("what", width=300),
    ]), 12)  # fmt: skip
    page.row(6, "Sessions and events")
    page.add(60, rows("Charging sessions", "Newest first; the register's energy beside what the power adds up to.",
                      f"""SELECT started_at AS started, extract(epoch FROM coalesce(ended_at, as_of) - started_at)::float8 AS lasted, outcome,
                      stop_reason AS ended_by, energy_wh AS energy, energy_integrated_wh AS integrated, power_max_w AS power_max, soc_start, soc_end
                      FROM pub.charging_session WHERE {at_port} AND $__timeFilter(started_at) ORDER BY started_at DESC LIMIT 200""", [
        Column("lasted", unit="s"), _OUTCOME, Column("ended_by", "ended by"), Column("energy", unit="watth", decimals=1),
        Column("integrated", "energy by power", "watth", 1), Column("power_max", "highest power", "watt", 1),
        Column("soc_start", "charge before", "percent", 0), Column("soc_end", "after", "percent", 0),
    ]), 14)  # fmt: skip
    page.add(61, rows("Uptime under each rule", uptime_rules.NOTE, uptime_rules.by_rule(f"{DAYS} AND d.{at_port}"), [
        Column("rule", width=260), Column("uptime", unit="percentunit", decimals=2, steps=UPTIME_STEPS),
        Column("threshold", unit="percentunit"), Column("ports", hidden=True), Column("lowest", hidden=True),
        Column("level", hidden=True), Column("below", "met", words=(("0", "yes", "green"), ("1", "no", "red"))),
    ]), 10)  # fmt: skip
    page.add(62, rows("Events", "What the port and its station said, newest first.",
                      f"""SELECT at, kind, left(data::text, 300) AS data, received_at AS received FROM pub.event
                      WHERE {at_port} AND $__timeFilter(at) AND kind NOT IN ('alive', 'status') ORDER BY at DESC LIMIT 200""", [
        Column("data", width=420),
    ]), 12)  # fmt: skip
    page.add(63, rows("Status", "Changes of status as the port told them.",
                      f"""SELECT at, data ->> 'status' AS status, data ->> 'error' AS error, data ->> 'vendor_code' AS code, data ->> 'info' AS info FROM pub.event
                      WHERE {at_port} AND $__timeFilter(at) AND kind = 'status' ORDER BY at DESC LIMIT 200""", []), 12)  # fmt: skip
