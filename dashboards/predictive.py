"""What will break: risks now, how early they told, whether probabilities hold, models beside each other, planned orders."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import links, variables
from dashboards.columns import Column
from dashboards.layout import Page
from dashboards.panels import lines, number, ranking, rows, shares
from dashboards.sql import UNFINISHED
from dashboards.variables import AT_SITES_OR_NONE, DEFAULT_CONTROL_URL, PORTS

RISK_STEPS: Final = ((None, "green"), (0.2, "yellow"), (0.5, "orange"), (0.8, "red"))
REASONS: Final = (
    "(SELECT string_agg(r ->> 'text', '; ' ORDER BY (r ->> 'effect')::float8 DESC) FROM jsonb_array_elements(reasons) r "
    "WHERE (r ->> 'effect')::float8 > 0)"
)
"""What raised a risk, in words."""
_NOW: Final = f"""(SELECT DISTINCT ON (port_no, family) * FROM pub.failure_risk
    WHERE NOT shadow AND at > now() - interval '6 hours' AND port_no IN {PORTS} ORDER BY port_no, family, at DESC)"""
_LEVEL: Final = "(SELECT level FROM pub.model WHERE state = 'live')"
_STRUCK: Final = """(EXISTS (SELECT FROM pub.incident i WHERE i.port = f.port AND i.family = f.family AND i.predicted_at IS NULL
    AND i.onset_at > f.at AND i.onset_at <= f.at + interval '7 days')
    OR EXISTS (SELECT FROM pub.label l WHERE l.port = f.port AND l.fault = f.family AND l.present
    AND l.start_at > f.at AND l.start_at <= f.at + interval '7 days'))"""
_CAME: Final = """(SELECT min(began) FROM (
    SELECT onset_at AS began FROM pub.incident b WHERE b.port = i.port AND b.family = i.family AND b.predicted_at IS NULL AND b.onset_at > i.opened_at
    UNION ALL SELECT start_at FROM pub.label l WHERE l.port = i.port AND l.fault = i.family AND l.present AND l.start_at > i.opened_at) came
    WHERE began < i.opened_at + interval '30 days')"""
_PREDICTED: Final = f"""FROM pub.incident i WHERE $__timeFilter(opened_at) AND predicted_at IS NOT NULL
    AND {AT_SITES_OR_NONE}"""


def build(control_url: str = DEFAULT_CONTROL_URL) -> Dashboard:
    """The dashboard `chargewell-predictive`."""
    page = Page(
        links.PREDICTIVE,
        "Chargewell predictive maintenance",
        "Ports at risk with reasons, lead, calibration, model versions, and the orders planned before a failure.",
        [variables.site(), variables.control_url(control_url)],
        longest="now-90d",
        refresh="5m",
    )
    _now(page)
    _quality(page)
    _models(page)
    return page.build()


def _now(page: Page) -> None:
    page.row(1, "Now")
    page.add(10, number("Ports at risk", "Ports for which the live model's probability of a failure within 7 days is at its level or above.",
                        f"SELECT count(DISTINCT port_no) AS ports FROM {_NOW} f WHERE p_7d >= {_LEVEL}",
                        steps=((None, "green"), (1, "orange"))), 4, 4)  # fmt: skip
    page.add(11, number("Failures expected, 7 days", "Sum of the probabilities over ports and families: what to have crew and parts for.",
                        f"SELECT coalesce(sum(p_7d), 0)::float8 AS failures FROM {_NOW} f", decimals=1), 5, 4)  # fmt: skip
    page.add(12, number("Planned orders", "Open work orders about a failure that has not happened yet.",
                        f"""SELECT count(*) AS orders FROM pub.work_order WHERE predicted_at IS NOT NULL
                        AND {UNFINISHED} AND {AT_SITES_OR_NONE}"""), 5, 4)  # fmt: skip
    page.add(13, number("Live model", "The model whose risks lead to orders.",
                        "SELECT version FROM pub.model WHERE state = 'live'", unit="string"), 5, 4)  # fmt: skip
    page.add(14, number("Predicted failures that came", "Of the predicted incidents of the time shown that are 7 days old: those that broke within 30 days. "
                        "A repair in time makes this smaller, not the model worse.",
                        f"SELECT count({_CAME})::float8 / nullif(count(*), 0) AS share {_PREDICTED} AND opened_at < now() - interval '7 days'",
                        unit="percentunit"), 5, 4)  # fmt: skip
    page.add(15, rows("Risk list", "The newest word of the live model on each port and family, likeliest first.",
                      f"""SELECT f.port, f.family, p_24h, p_7d, p_30d, expected_lead_s AS lead, {REASONS} AS reasons, n.work_order AS "order", f.at AS said
                      FROM {_NOW} f JOIN pub.port_now n USING (port_no) WHERE p_30d > 0.01 ORDER BY p_7d DESC LIMIT 100""", [
        Column("port", links=links.to_port()), Column("p_24h", "24 h", "percentunit", 1, RISK_STEPS),
        Column("p_7d", "7 days", "percentunit", 1, RISK_STEPS), Column("p_30d", "30 days", "percentunit", 1, RISK_STEPS),
        Column("lead", "expected in", "s", 0), Column("reasons", width=420), Column("order", "work order", links=links.to_order()),
        Column("said", unit="dateTimeFromNow"),
    ]), 24, 10)  # fmt: skip
    page.add(16, lines("Risk of the ten likeliest ports", "Highest probability of a failure within 7 days, by port.",
                       f"""SELECT date_bin(make_interval(secs => greatest($__interval_ms, 3600000) / 1000.0), at, timestamptz 'epoch') AS time,
                       port AS metric, max(p_7d)::float8 AS risk FROM pub.failure_risk
                       WHERE $__timeFilter(at) AND NOT shadow AND port_no IN (
                       SELECT port_no FROM {_NOW} f GROUP BY port_no ORDER BY max(p_7d) DESC LIMIT 10) GROUP BY 1, 2 ORDER BY 1, 2""",
                       unit="percentunit", low=0, high=1, steps=RISK_STEPS, interval="1h"), 16)  # fmt: skip
    page.add(17, shares("Failures expected by family", "Within 7 days, as the live model has it now.",
                        f"SELECT family, sum(p_7d)::float8 AS failures FROM {_NOW} f GROUP BY 1 ORDER BY 2 DESC"), 8)  # fmt: skip


def _quality(page: Page) -> None:
    page.row(2, "Does it hold?")
    page.add(20, ranking("Calibration, 7 days", "Of each port's risk at midnight: what was said, and how often the family struck within 7 days "
                         "(incident or label). Bars of a pair should be as long as each other.",
                         f"""SELECT bin, avg(p_7d)::float8 AS said, avg(struck::int)::float8 AS came FROM (
                         SELECT p_7d, {_STRUCK} AS struck, CASE WHEN p_7d < 0.01 THEN '0 to 1 %' WHEN p_7d < 0.05 THEN '1 to 5 %'
                         WHEN p_7d < 0.2 THEN '5 to 20 %' WHEN p_7d < 0.5 THEN '20 to 50 %' ELSE '50 % and more' END AS bin
                         FROM pub.failure_risk f WHERE $__timeFilter(at) AND at < now() - interval '7 days' AND NOT shadow
                         AND extract(hour FROM at AT TIME ZONE 'UTC') = 0 AND port_no IN {PORTS}) asked
                         GROUP BY bin ORDER BY min(p_7d)""", unit="percentunit", decimals=1), 12)  # fmt: skip
    page.add(21, rows("Lead", "Predicted incidents: when the failure was expected, and when it came (incident or label of the same family).",
                      f"""SELECT port, family, opened_at AS told, extract(epoch FROM predicted_at - opened_at)::float8 AS expected_lead,
                      extract(epoch FROM {_CAME} - opened_at)::float8 AS lead, probability, state, work_order AS "order"
                      {_PREDICTED} ORDER BY opened_at DESC LIMIT 100""", [
        Column("port", links=links.to_port()), Column("expected_lead", "expected in", "s", 0), Column("lead", "came after", "s", 0),
        Column("probability", "7 days", "percentunit", 0, RISK_STEPS), Column("order", "work order", links=links.to_order()),
    ]), 12)  # fmt: skip
    page.add(22, rows("Orders planned", "Before the expected failure, in the hours in which the port is used least.",
                      """SELECT o.number AS "order", o.port, o.family, o.predicted_at AS expected, o.planned_from AS visit_from, o.planned_to AS visit_to,
                      o.state, f.found, f.cause FROM pub.work_order o LEFT JOIN pub.finding f ON f.work_order = o.number
                      WHERE $__timeFilter(o.opened_at) AND o.predicted_at IS NOT NULL AND coalesce(o.site, '(no site)') IN (${site:sqlstring})
                      ORDER BY o.predicted_at LIMIT 100""", [
        Column("order", "work order", links=links.to_order()), Column("port", links=links.to_port()),
    ]), 24)  # fmt: skip


def _models(page: Page) -> None:
    page.row(3, "Models")
    page.add(30, rows("Versions", "Figures on data that the model was not trained on (docs/failure-prediction.md). One is live; shadows speak along and nothing follows.",
                      """SELECT version, state, source, trained_at AS trained, extract(epoch FROM to_at - from_at)::float8 AS span,
                      level, (scores ->> 'pr_auc.7d')::float8 AS pr_auc, (scores ->> 'brier.score')::float8 AS brier,
                      (scores ->> 'calibration')::float8 AS calibration, (scores ->> 'lead_h')::float8 * 3600 AS lead, (scores ->> 'found')::float8 AS found,
                      promoted_at AS promoted FROM pub.model ORDER BY state, trained_at DESC""", [
        Column("state", words=(("live", "live", "green"), ("shadow", "shadow", "blue"), ("retired", "retired", "text"))),
        Column("span", "data", "s", 0), Column("level", unit="percentunit", decimals=0), Column("pr_auc", "PR-AUC, 7 days", decimals=3),
        Column("brier", "Brier score", decimals=4), Column("calibration", "calibration error", decimals=4), Column("lead", unit="s", decimals=0),
        Column("found", "failures found", "percentunit", 0),
    ]), 24)  # fmt: skip
    page.add(31, lines("Models beside each other", "Failures that each model expects within 7 days, all chosen ports together, at midnight.",
                       f"""SELECT at AS time, model_version AS metric, sum(p_7d)::float8 AS failures FROM pub.failure_risk
                       WHERE $__timeFilter(at) AND extract(hour FROM at AT TIME ZONE 'UTC') = 0 AND port_no IN {PORTS} GROUP BY 1, 2 ORDER BY 1, 2""",
                       unit="short", low=0, interval="1d", decimals=1), 12)  # fmt: skip
    page.add(32, rows("By family", "PR-AUC within 7 days of the live model, on data it was not trained on.",
                      f"""SELECT family, score, expected FROM (SELECT replace(key, 'pr_auc.7d.', '') AS family, value::float8 AS score
                      FROM pub.model, jsonb_each_text(scores) WHERE state = 'live' AND key LIKE 'pr_auc.7d.%') told
                      LEFT JOIN (SELECT family, sum(p_7d)::float8 AS expected FROM {_NOW} f GROUP BY 1) now USING (family)
                      ORDER BY score DESC""", [
        Column("score", "PR-AUC", decimals=3), Column("expected", "expected, 7 days", decimals=2),
    ]), 12)  # fmt: skip
