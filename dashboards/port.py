"""One port: its channels with alerts and charging sessions on them, availability, anomaly score and why, risk, orders."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import links, port_lists, variables
from dashboards.annotations import SqlAnnotation
from dashboards.columns import Column
from dashboards.layout import Page
from dashboards.panels import STATE_CODE, STATES, UPTIME_STEPS, bars, lines, number, rows, timeline
from dashboards.predictive import REASONS, RISK_STEPS
from dashboards.variables import DEFAULT_CONTROL_URL, THE_PORT

BIN: Final = "date_bin(make_interval(secs => $__interval_ms / 1000.0), at, timestamptz 'epoch')"
AT_PORT: Final = f"port_no = {THE_PORT}"
_MINUTES: Final = f"FROM pub.reading_1m WHERE {AT_PORT} AND $__timeFilter(at) GROUP BY 1 ORDER BY 1"
_SCORES: Final = f"FROM pub.anomaly_score WHERE {AT_PORT} AND $__timeFilter(at)"
_OF_PORT: Final = "port IN (${port:sqlstring}, regexp_replace(${port:sqlstring}, '/[0-9]+$', '/0'))"
_NOW: Final = "FROM pub.port_now WHERE port = ${port:sqlstring}"
SCORE_STEPS: Final = ((None, "green"), (2.0, "orange"), (4.0, "red"))


def build(control_url: str = DEFAULT_CONTROL_URL) -> Dashboard:
    """The dashboard `chargewell-port`."""
    page = Page(
        links.PORT,
        "Chargewell port",
        "One port: channels, alerts, charging sessions, availability, anomaly score, risk and work orders.",
        [variables.site(), variables.station(), variables.port(), variables.control_url(control_url)],
        shows="now-24h",
        longest="now-90d",
        annotations=_annotations(),
        links=[links.head("This port in control", f"{links.CONTROL}/ports/${{port}}")],
    )
    _now(page)
    _channels(page)
    _anomaly(page)
    _risk(page)
    port_lists.add(page, _OF_PORT, AT_PORT)
    return page.build()


def _now(page: Page) -> None:
    page.row(1, "$port")
    page.add(
        10,
        number("State", "As the uptime flow has it now.", f"SELECT {STATE_CODE} AS state {_NOW}", words=STATES),
        3,
        4,
    )
    page.add(11, number("Since", "When this state began.", f"SELECT since {_NOW}", unit="dateTimeFromNow"), 4, 4)
    for place, (column, title) in enumerate((("up_24h", "24 h"), ("up_7d", "7 days"), ("up_30d", "30 days"))):
        page.add(12 + place, number(f"Uptime, {title}", "Share of observed time that the port was up; windows begin on a full hour.",
                                    f"SELECT {column} AS uptime {_NOW}", unit="percentunit", decimals=2, steps=UPTIME_STEPS), 3, 4)  # fmt: skip
    page.add(15, number("Open incidents", "At this port, or at its whole station.", f"SELECT incidents {_NOW}",
                        steps=((None, "green"), (1, "red"))), 3, 4)  # fmt: skip
    page.add(16, number("Energy", "Of the sessions that began in the time shown.",
                        f"SELECT coalesce(sum(energy_wh), 0) AS energy FROM pub.charging_session WHERE {AT_PORT} AND $__timeFilter(started_at)",
                        unit="watth", decimals=1), 5, 4)  # fmt: skip
    page.add(17, timeline("Availability", "Up, down, or out of our own sight.", f"""
        SELECT greatest(from_at, $__timeFrom()::timestamptz) AS time, {STATE_CODE} AS availability FROM pub.availability
        WHERE {AT_PORT} AND from_at < $__timeTo()::timestamptz AND coalesce(to_at, 'infinity') > $__timeFrom()::timestamptz
        UNION ALL
        SELECT to_at, NULL FROM pub.availability a WHERE {AT_PORT} AND $__timeFilter(to_at)
        AND NOT EXISTS (SELECT FROM pub.availability n WHERE n.port_no = a.port_no AND n.from_at = a.to_at)
        ORDER BY 1""", STATES), 24, 4)  # fmt: skip


def _channels(page: Page) -> None:
    page.row(2, "Channels")
    page.add(20, lines("Power", "Mean of the readings of each step; offered is what the charger was ready to deliver.",
                       f"SELECT {BIN} AS time, avg(power_mean)::float8 AS power, avg(power_offered_mean)::float8 AS offered {_MINUTES}",
                       unit="watt", colours={"power": "blue", "offered": "light-blue"}, fill=10), 12)  # fmt: skip
    page.add(21, lines("Current", "As the vehicle sees it; on AC the mean of the phases that carry current.",
                       f"""SELECT {BIN} AS time, avg(current_mean)::float8 AS current, avg(current_offered_mean)::float8 AS offered,
                       avg(current_requested_mean)::float8 AS requested {_MINUTES}""",
                       unit="amp", colours={"current": "blue", "offered": "light-blue", "requested": "purple"}), 12)  # fmt: skip
    page.add(22, lines("Voltage", "DC output on a DC port, mean phase voltage on AC.",
                       f"""SELECT {BIN} AS time, avg(voltage_mean)::float8 AS voltage, avg(voltage_l1_mean)::float8 AS "L1",
                       avg(voltage_l2_mean)::float8 AS "L2", avg(voltage_l3_mean)::float8 AS "L3" {_MINUTES}""",
                       unit="volt", colours={"voltage": "blue"}), 12)  # fmt: skip
    page.add(23, lines("Temperature", "Highest of each step for connector and cabinet, mean outside.",
                       f"""SELECT {BIN} AS time, max(temp_connector_max)::float8 AS connector, max(temp_internal_max)::float8 AS cabinet,
                       avg(temp_ambient_mean)::float8 AS outside {_MINUTES}""", unit="celsius",
                       steps=((None, "green"), (70, "orange"), (90, "red")),
                       colours={"connector": "orange", "cabinet": "purple", "outside": "blue"}), 12)  # fmt: skip
    page.add(24, lines("State of charge", "As the vehicle tells it.", f"SELECT {BIN} AS time, avg(soc_mean)::float8 AS soc {_MINUTES}",
                       unit="percent", low=0, high=100, colours={"soc": "green"}), 8, 6)  # fmt: skip
    page.add(25, lines("Fan", "Where the station tells it.", f"SELECT {BIN} AS time, avg(fan_rpm_mean)::float8 AS fan {_MINUTES}",
                       unit="rotrpm", low=0, colours={"fan": "blue"}), 8, 6)  # fmt: skip
    page.add(26, lines("Readings a minute", "How often the port speaks.", f"SELECT {BIN} AS time, avg(n)::float8 AS readings {_MINUTES}",
                       unit="short", low=0, colours={"readings": "blue"}), 8, 6)  # fmt: skip


def _anomaly(page: Page) -> None:
    page.row(3, "Anomaly")
    page.add(30, lines("Anomaly score", "-log10 of the chance that a healthy port shows this within four hours: 2 is one in a hundred.",
                       f"SELECT {BIN} AS time, max(score)::float8 AS score {_SCORES} GROUP BY 1 ORDER BY 1", unit="short",
                       steps=SCORE_STEPS, low=0, colours={"score": "purple"}, fill=10), 12)  # fmt: skip
    page.add(31, bars("What made the score", "The score of each step's worst minute, shared out over the channels that were unusual.",
                      f"""SELECT {BIN} AS time, key AS metric, max(score * (value ->> 'share')::float8) AS part
                      FROM pub.anomaly_score, jsonb_each(contributions) WHERE {AT_PORT} AND $__timeFilter(at)
                      AND contributions IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2""", unit="short", interval="5m"), 12)  # fmt: skip


def _risk(page: Page) -> None:
    page.row(4, "Risk")
    risk = f"FROM pub.failure_risk WHERE {AT_PORT} AND $__timeFilter(at) AND NOT shadow"
    page.add(40, lines("Risk of a failure", "By the live model, the likeliest family of each hour.",
                       f"""SELECT at AS time, max(p_24h)::float8 AS "24 hours", max(p_7d)::float8 AS "7 days", max(p_30d)::float8 AS "30 days"
                       {risk} GROUP BY 1 ORDER BY 1""", unit="percentunit", low=0, high=1, interval="1h",
                       colours={"24 hours": "red", "7 days": "orange", "30 days": "blue"}), 12)  # fmt: skip
    page.add(41, rows("Why", "The newest risks with what raised them.",
                      f"""SELECT at, family, p_7d, expected_lead_s AS lead, {REASONS} AS reasons {risk} ORDER BY at DESC, p_7d DESC LIMIT 50""", [
        Column("p_7d", "7 days", "percentunit", 1, RISK_STEPS), Column("lead", "expected in", "s", 0), Column("reasons", width=420),
    ]), 12)  # fmt: skip


def _annotations() -> list[SqlAnnotation]:
    return [
        SqlAnnotation("Alerts", "red", f"""
            SELECT DISTINCT ON (alert_id) onset_at AS time, coalesce(cleared_at, $__timeTo()::timestamptz) AS "timeEnd",
            severity || ' ' || text AS text, family || ',' || kind AS tags FROM pub.alert
            WHERE {_OF_PORT} AND onset_at < $__timeTo()::timestamptz AND coalesce(cleared_at, 'infinity') > $__timeFrom()::timestamptz
            ORDER BY alert_id, revision DESC"""),
        SqlAnnotation("Charging sessions", "blue", f"""
            SELECT started_at AS time, coalesce(ended_at, as_of) AS "timeEnd",
            round(coalesce(energy_wh, 0) / 1000)::text || ' kWh, ' || outcome || coalesce(' (' || stop_reason || ')', '') AS text,
            outcome AS tags FROM pub.charging_session
            WHERE {AT_PORT} AND started_at < $__timeTo()::timestamptz AND coalesce(ended_at, as_of) > $__timeFrom()::timestamptz
            AND started_at > $__timeFrom()::timestamptz - interval '2 days' ORDER BY 1"""),
        SqlAnnotation("Work orders", "orange", f"""
            SELECT opened_at AS time, coalesce(resolved_at, state_since) AS "timeEnd", number || ' ' || what || ': ' || state AS text,
            priority AS tags FROM pub.work_order WHERE {_OF_PORT} AND $__timeFilter(opened_at) ORDER BY 1""", shown=False),
    ]  # fmt: skip
