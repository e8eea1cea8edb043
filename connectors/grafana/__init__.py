"""Grafana: its settings, and its HTTP API through grafana-client."""
