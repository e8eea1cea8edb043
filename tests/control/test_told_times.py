"""Ends are dated by what flows said of them, not by when control heard: rebuilds and late intakes change no duration."""

from datetime import timedelta

import pytest

pytestmark = pytest.mark.integration


def test_an_incident_is_over_when_the_last_of_its_alerts_was(station, alerts, taken, table, now):
    def silent(n, minutes=None):
        over = (
            {} if minutes is None else {"revision": 2, "state": "cleared", "cleared": now - timedelta(minutes=minutes)}
        )
        return alerts.said(f"{station}/{n}", "communication", kind="silence", source="uptime", **over)

    taken(silent(1), silent(2), silent(2, minutes=1), silent(1, minutes=2))

    (incident,) = table("incident", station)
    assert (incident["state"], incident["closed_at"]) == ("closed", now - timedelta(minutes=1))


def test_an_order_that_stays_says_since_when_its_alert_is_over(station, alerts, taken, table, now):
    over = now - timedelta(minutes=1, seconds=30)
    taken(alerts.said(f"{station}/1"), alerts.said(f"{station}/1", revision=2, state="cleared", cleared=over))

    (order,) = table("work_order", station)
    assert (order["state"], order["cleared_at"]) == ("open", over)


def test_an_alert_that_was_over_when_it_came_is_an_incident_that_ended_then(station, alerts, taken, table, now):
    over = now - timedelta(minutes=1, seconds=30)
    taken(alerts.said(f"{station}/1", state="cleared", cleared=over))

    (incident,) = table("incident", station)
    assert (incident["state"], incident["closed_at"]) == ("closed", over)


def test_history_that_goes_on_is_closed_at_what_it_said_last(station, alerts, taken, table, now):
    raised = now - timedelta(hours=3)
    taken(alerts.said(f"{station}/1", onset=raised - timedelta(minutes=5), raised=raised))

    (incident,) = table("incident", station)
    assert (incident["history"], incident["closed_at"]) == (True, raised)
