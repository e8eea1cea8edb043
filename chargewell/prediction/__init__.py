"""Failure models of a deployment: how they are trained and judged, where they rest, which one counts."""
