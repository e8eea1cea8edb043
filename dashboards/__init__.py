"""Dashboards as code: made with the Grafana Foundation SDK, pushed with grafana-client."""
