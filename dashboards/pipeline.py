"""How the data get in: lines stored, repeated and rejected, how far behind each flow is, latency, sums of the audit."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import links, variables
from dashboards.columns import Column
from dashboards.layout import Page
from dashboards.panels import NONE_IS_GOOD, bars, lines, number, rows, shares
from dashboards.variables import DEFAULT_CONTROL_URL

_STORE: Final = "flow IN ('store', 'history.store')"
_AUDIT: Final = f"FROM pub.audit_hour WHERE $__timeFilter(hour) AND {_STORE}"
_AGE: Final = ((None, "green"), (120, "orange"), (600, "red"))
_RECENT: Final = (
    "FROM pub.reading WHERE at > now() - interval '15 minutes' AND received_at > now() - interval '15 minutes'"
)
_DELAY: Final = "extract(epoch FROM received_at - at)"
_OUTCOMES: Final = {"stored": "green", "repeated": "blue", "superseded": "purple", "rejected": "red"}


def build(control_url: str = DEFAULT_CONTROL_URL) -> Dashboard:
    """The dashboard `chargewell-pipeline`."""
    page = Page(
        links.PIPELINE,
        "Chargewell pipeline",
        "Rates, lag, rejects, latency and the audit's sums. Lag inside Kafka and load of the processes: Prometheus (docs/grafana.md).",
        [variables.control_url(control_url)],
        shows="now-24h",
        longest="now-7d",
        refresh="30s",
    )
    _now(page)
    _rates(page)
    _rejects(page)
    _audit(page)
    return page.build()


def _now(page: Page) -> None:
    page.row(1, "Now")
    for place, flow in enumerate(("store", "uptime", "anomaly")):
        page.add(10 + place, number(f"Behind: {flow}", "Age of the newest minute that the flow has written.",
                                    f"SELECT age_s FROM pub.flow_state WHERE flow = '{flow}'", unit="s", steps=_AGE), 4, 4)  # fmt: skip
    page.add(13, number("Lines an hour", "Stored by the flow `store` in the last full hour.",
                        f"""SELECT coalesce(sum(stored), 0)::float8 AS lines FROM pub.audit_hour
                        WHERE {_STORE} AND hour = date_trunc('hour', now()) - interval '1 hour'"""), 4, 4)  # fmt: skip
    page.add(14, number("Rejected", "Share of the lines received in the time shown.",
                        f"SELECT sum(rejected)::float8 / nullif(sum(received), 0) AS share {_AUDIT}", unit="percentunit", decimals=3,
                        steps=((None, "green"), (0.001, "orange"), (0.01, "red"))), 4, 4)  # fmt: skip
    page.add(15, number("From measurement to bridge, 95 %", "Of the readings of the last quarter of an hour: the device's clock against the bridge's.",
                        f"SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY {_DELAY})::float8 AS seconds {_RECENT}", unit="s",
                        steps=((None, "green"), (10, "orange"), (60, "red"))), 4, 4)  # fmt: skip


def _rates(page: Page) -> None:
    page.row(2, "Rates and latency")
    page.add(20, lines("Lines stored a second", "A line is one reading, value or event; by the hour of receipt. The hour that goes on is left out.",
                       f"""SELECT hour AS time, sum(stored)::float8 / 3600 AS stored, sum(repeated)::float8 / 3600 AS repeated {_AUDIT}
                       AND hour < date_trunc('hour', now()) GROUP BY 1 ORDER BY 1""",
                       unit="cps", low=0, interval="1h", colours={"stored": "green", "repeated": "blue"}, fill=10), 12)  # fmt: skip
    page.add(21, lines("Stations that speak", "Stations of which something was stored in the hour.",
                       f"""SELECT hour AS time, count(DISTINCT station) AS stations {_AUDIT} AND stored > 0 GROUP BY 1 ORDER BY 1""",
                       unit="short", low=0, interval="1h", colours={"stations": "blue"}, decimals=0), 12)  # fmt: skip
    page.add(22, rows("Latency of readings", "From the device's clock to the bridge, last quarter of an hour. A negative delay is a clock that runs fast.",
                      f"""SELECT count(*) AS readings, percentile_cont(0.5) WITHIN GROUP (ORDER BY {_DELAY})::float8 AS median,
                      percentile_cont(0.95) WITHIN GROUP (ORDER BY {_DELAY})::float8 AS p95,
                      percentile_cont(0.99) WITHIN GROUP (ORDER BY {_DELAY})::float8 AS p99, max({_DELAY})::float8 AS slowest {_RECENT}
                      HAVING count(*) > 0""", [
        Column("median", unit="s"), Column("p95", "95 %", "s"), Column("p99", "99 %", "s"), Column("slowest", unit="s"),
    ]), 12, 6)  # fmt: skip
    page.add(23, lines("From alert to control", "Between an alert and its incident: median and slowest of each step; history left out.",
                       """SELECT date_bin(make_interval(secs => greatest($__interval_ms, 300000) / 1000.0), received_at, timestamptz 'epoch') AS time,
                       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM received_at - said_at))::float8 AS median,
                       max(extract(epoch FROM received_at - said_at))::float8 AS slowest FROM pub.alert
                       WHERE $__timeFilter(received_at) AND NOT historic GROUP BY 1 ORDER BY 1""",
                       unit="s", low=0, interval="5m", colours={"median": "blue", "slowest": "orange"}), 12, 6)  # fmt: skip


def _rejects(page: Page) -> None:
    page.row(3, "Rejects")
    page.add(30, bars("Rejected messages by reason", "What normalise refused; the payload stands in the topic ev.rejects.",
                      """SELECT date_trunc('hour', received_at) AS time, reason AS metric, count(*) AS messages FROM pub.reject
                      WHERE $__timeFilter(received_at) GROUP BY 1, 2 ORDER BY 1, 2""", unit="short", decimals=0), 12)  # fmt: skip
    page.add(31, rows("Stations that are refused most", "With the newest example.",
                      """SELECT station, reason, count(*) AS messages, max(received_at) AS newest,
                      left((array_agg(detail ORDER BY received_at DESC))[1], 200) AS example FROM pub.reject
                      WHERE $__timeFilter(received_at) GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 50""",
                      [Column("messages", steps=NONE_IS_GOOD), Column("example", width=320)]), 12)  # fmt: skip
    page.add(32, rows("Alert records set aside", "What control could not take; they hold nobody up.",
                      """SELECT received_at AS received, reason, left(detail, 200) AS detail FROM pub.alert_reject
                      WHERE $__timeFilter(received_at) ORDER BY 1 DESC LIMIT 50""", []), 12, 6)  # fmt: skip
    page.add(33, shares("Rejects by reason", "Of the time shown.",
                        "SELECT reason, count(*) AS messages FROM pub.reject WHERE $__timeFilter(received_at) GROUP BY 1 ORDER BY 2 DESC"), 12, 6)  # fmt: skip


def _audit(page: Page) -> None:
    page.row(4, "Audit")
    page.add(40, bars("What became of lines", "Of the flow `store` and of histories, by hour of receipt: received = stored + repeated + superseded + rejected.",
                      f"""SELECT hour AS time, sum(stored)::float8 AS stored, sum(repeated)::float8 AS repeated,
                      sum(superseded)::float8 AS superseded, sum(rejected)::float8 AS rejected {_AUDIT} GROUP BY 1 ORDER BY 1""",
                      unit="short", colours=_OUTCOMES, decimals=0), 12)  # fmt: skip
    page.add(41, rows("Sums by flow", "Histories and repairs write under flow names of their own.",
                      """SELECT flow, sum(received)::float8 AS received, sum(stored)::float8 AS stored, sum(repeated)::float8 AS repeated,
                      sum(superseded)::float8 AS superseded, sum(rejected)::float8 AS rejected, max(hour) AS newest
                      FROM pub.audit_hour WHERE $__timeFilter(hour) GROUP BY 1 ORDER BY 1""",
                      [Column("rejected", steps=NONE_IS_GOOD)]), 12)  # fmt: skip
    page.add(42, rows("Stations with repeats or rejects", "Repeated: the broker sent again what it had sent. Superseded: told again with another value.",
                      f"""SELECT station, sum(received)::float8 AS received, sum(repeated)::float8 AS repeated, sum(superseded)::float8 AS superseded,
                      sum(rejected)::float8 AS rejected {_AUDIT} GROUP BY 1 HAVING sum(repeated) + sum(superseded) + sum(rejected) > 0
                      ORDER BY 5 DESC, 3 DESC LIMIT 100""", [Column("rejected", steps=NONE_IS_GOOD)]), 24)  # fmt: skip
