"""Counters of control for Prometheus, in a registry of their own."""

from prometheus_client import CollectorRegistry, Counter, Gauge

REGISTRY = CollectorRegistry()

ALERTS = Counter("chargewell_control_alerts", "Alerts by what became of them", ["outcome"], registry=REGISTRY)
REJECTS = Counter(
    "chargewell_control_rejects", "Records of the alert topic that could not be taken", ["reason"], registry=REGISTRY
)
ALERT_AGE = Gauge(
    "chargewell_control_alert_age_seconds", "Age of the newest alert when it was taken", registry=REGISTRY
)
REQUESTS = Counter("chargewell_control_requests", "Requests by status class", ["status"], registry=REGISTRY)
