"""What control counts for Prometheus, in the registry of the process."""

from collections.abc import Iterator

import psycopg
from prometheus_client import Counter, Gauge
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg_pool import ConnectionPool, PoolTimeout

from connectors.metrics import REGISTRY
from control.queries import Connection, one

ALERTS = Counter("chargewell_control_alerts", "Alerts by what became of them", ["outcome"], registry=REGISTRY)
REJECTS = Counter(
    "chargewell_control_rejects", "Records of the alert topic that could not be taken", ["reason"], registry=REGISTRY
)
ALERT_AGE = Gauge(
    "chargewell_control_alert_age_seconds", "Age of the newest alert when it was taken", registry=REGISTRY
)
REQUESTS = Counter("chargewell_control_requests", "Requests by status class", ["status"], registry=REGISTRY)

_WAIT_S = 2.0


class ControlState(Collector):
    """What waits in control's tables, asked of the database when somebody scrapes; two small queries."""

    def __init__(self, pool: ConnectionPool[Connection]) -> None:
        self._pool = pool

    def collect(self) -> Iterator[Metric]:
        """The figures now; without a database only that it is away."""
        try:
            with self._pool.connection(timeout=_WAIT_S) as conn:
                health, counts = one(conn, "health"), one(conn, "counts", sites=None)
        except (psycopg.Error, PoolTimeout):
            yield GaugeMetricFamily("chargewell_control_database_up", "1 while the database answers", value=0)
            return
        yield GaugeMetricFamily("chargewell_control_database_up", "1 while the database answers", value=1)
        jobs = GaugeMetricFamily("chargewell_control_jobs", "Jobs that wait and that failed for good", labels=["state"])
        jobs.add_metric(["waiting"], health["jobs_waiting"])
        jobs.add_metric(["failed"], health["jobs_failed"])
        yield jobs
        for name, words, value in (
            ("commands_open", "Commands that are not answered yet", health["commands_open"]),
            ("alert_records_rejected", "Records of the alert topic set aside, ever", health["alerts_rejected"]),
            ("incidents_open", "Open incidents", counts["incidents"]),
            ("work_orders_open", "Work orders that somebody still has to do something about", counts["orders"]),
            ("credits_proposed", "Credits that wait for a person", counts["credits"]),
        ):
            yield GaugeMetricFamily(f"chargewell_control_{name}", words, value=value)
