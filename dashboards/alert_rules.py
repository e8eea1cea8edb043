"""Alert rules as code: what an operator wants to hear from Grafana, beside the incidents that control opens.

No text holds a dollar sign: Grafana puts environment variables in place of words behind it when it reads provisioning files.
"""

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.models.alerting import Query, RelativeTimeRange, Rule, RuleGroup
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from grafana_foundation_sdk.models.expr import (
    ExprTypeThresholdConditions,
    ExprTypeThresholdConditionsEvaluator,
    TypeThreshold,
)

from dashboards.links import FLEET, PIPELINE, PREDICTIVE, RELIABILITY
from dashboards.sql import SOURCE_UID, UNFINISHED, Sql, clean

FOLDER_UID: Final = "chargewell"
FOLDER: Final = "Chargewell"
GROUP: Final = "chargewell"
EVERY_S: Final = 60
_EXPRESSION: Final = "__expr__"
_LOOKS_BACK_S: Final = 600


@dataclass(frozen=True)
class Wanted:
    """A rule: it fires for each row of `sql` whose number stays above `above` for `lasting`; text columns become labels."""

    uid: str
    title: str
    sql: str
    above: float
    lasting: str
    severity: str
    summary: str
    dashboard: str
    panel: int
    silence: str = "OK"
    """State where the query gives no row."""


def _share_in(state: str) -> str:
    return (
        f"SELECT coalesce((count(*) FILTER (WHERE state = '{state}'))::float8 / nullif(count(*), 0), 0) AS {state} "
        "FROM pub.port_now"
    )


def _orders_by_priority(condition: str) -> str:
    return f"SELECT priority, count(*) AS orders FROM pub.work_order WHERE {condition} GROUP BY priority"


WANTED: Final = (
    Wanted(
        "chargewell-site-down", "Half of a site is down",
        "SELECT site_name AS site, (count(*) FILTER (WHERE state = 'down'))::float8 / count(*) AS down FROM pub.port_now "
        "GROUP BY site_name HAVING count(*) > 1",
        0.49, "10m", "P2", "At {{ .Labels.site }} half of the ports or more are down.", FLEET, 22,
    ),
    Wanted(
        "chargewell-network-down", "A tenth of the network is down",
        _share_in("down"), 0.1, "15m", "P2", "More than one port in ten is down.", FLEET, 11,
    ),
    Wanted(
        "chargewell-not-observed", "A part of the network is out of sight",
        _share_in("unobserved"), 0.1, "10m", "P2", "More than one port in ten is not observed: look at the bridge.", FLEET, 12,
    ),
    Wanted(
        "chargewell-order-unanswered", "An urgent work order waits for an answer",
        _orders_by_priority("state IN ('open', 'remote_attempt') AND priority IN ('P1', 'P2') AND respond_by < now()"),
        0, "2m", "P1", "Work orders of urgency {{ .Labels.priority }} are past the time to respond.", FLEET, 15,
    ),
    Wanted(
        "chargewell-order-overdue", "A work order is overdue",
        _orders_by_priority(f"{UNFINISHED} AND restore_by < now()"),
        0, "15m", "P3", "Work orders of urgency {{ .Labels.priority }} are past their deadline.", RELIABILITY, 23,
    ),
    Wanted(
        "chargewell-uptime", "A site is below 97 % in thirty days",
        "SELECT site_name AS site, greatest(0.97 - avg(up_30d), 0)::float8 AS short FROM pub.port_now "
        "WHERE up_30d IS NOT NULL AND NOT discovered GROUP BY site_name",
        0, "1h", "P3", "{{ .Labels.site }} is below 97 % uptime over thirty days.", FLEET, 41,
    ),
    Wanted(
        "chargewell-risk", "Ports are likely to fail within 7 days",
        "SELECT family, count(DISTINCT f.port_no) AS ports FROM pub.failure_risk f JOIN pub.port_now n USING (port_no) "
        "WHERE NOT f.shadow AND f.at > now() - interval '2 hours' AND n.work_order IS NULL "
        "AND f.p_7d >= (SELECT level FROM pub.model WHERE state = 'live') GROUP BY family",
        0, "1h", "P3", "Ports are likely to fail by {{ .Labels.family }} within 7 days and no order is open.", PREDICTIVE, 15,
    ),
    Wanted(
        "chargewell-flow-behind", "A flow is behind",
        "SELECT flow, coalesce(age_s, 1000000) AS seconds FROM pub.flow_state WHERE flow IN ('store', 'uptime', 'anomaly')",
        600, "5m", "P2", "The flow {{ .Labels.flow }} has written nothing newer than ten minutes.", PIPELINE, 10, "Alerting",
    ),
    Wanted(
        "chargewell-rejects", "Many messages are refused",
        "SELECT coalesce(sum(rejected)::float8 / nullif(sum(received), 0), 0) AS share FROM pub.audit_hour "
        "WHERE flow = 'store' AND hour >= date_trunc('hour', now()) - interval '1 hour'",
        0.01, "15m", "P3", "More than one line in a hundred is refused.", PIPELINE, 30,
    ),
)  # fmt: skip


def group(folder_uid: str = FOLDER_UID) -> RuleGroup:
    """All rules, in one group of the folder. ValueError for a text with a dollar sign in it."""
    return RuleGroup(folder_uid, EVERY_S, [_rule(one, folder_uid) for one in WANTED], GROUP)


def _rule(wanted: Wanted, folder_uid: str) -> Rule:
    for text in (wanted.sql, wanted.summary, wanted.title):
        if "$" in text:
            raise ValueError(
                f"alert rule {wanted.uid}: a dollar sign would be taken for an environment variable: {text}"
            )
    return Rule(
        uid=wanted.uid,
        title=wanted.title,
        folder_uid=folder_uid,
        rule_group=GROUP,
        org_id=1,
        condition="B",
        data=[_query(wanted), _threshold(wanted)],
        for_val=wanted.lasting,
        no_data_state="Alerting" if wanted.silence == "Alerting" else "OK",
        exec_err_state="Error",
        labels={"severity": wanted.severity, "source": "chargewell"},
        annotations={
            "summary": wanted.summary,
            "__dashboardUid__": wanted.dashboard,
            "__panelId__": str(wanted.panel),
        },
    )


def _query(wanted: Wanted) -> Query:
    return Query(SOURCE_UID, Sql(clean(wanted.sql)), "", "A", RelativeTimeRange(_LOOKS_BACK_S, 0))


def _threshold(wanted: Wanted) -> Query:
    condition = ExprTypeThresholdConditions(ExprTypeThresholdConditionsEvaluator([wanted.above], "gt"))
    model = TypeThreshold([condition], DataSourceRef(_EXPRESSION, _EXPRESSION), "A", ref_id="B")
    return Query(_EXPRESSION, model, "", "B", RelativeTimeRange(_LOOKS_BACK_S, 0))
