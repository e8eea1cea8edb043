"""Dashboards as code: made with the Grafana Foundation SDK from queries on the public views, pushed with grafana-client."""
