"""Failures that are expected: an incident and an order before anything is wrong, planned for the quietest hours."""

from datetime import UTC, datetime, timedelta

import pytest
from psycopg.rows import dict_row

from control.desk import press
from control.rules.planning import NOTICE, WORKING, quietest
from schemas.work import Finding, OrderState, Role

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday
pytestmark = pytest.mark.integration


def risk(alerts, station, now, days=5.0):
    evidence = {"expected_at": (now + timedelta(days=days)).isoformat(), "model_version": "m1", "p_7d": 0.7}
    return alerts.said(
        f"{station}/1", "contact_wear", kind="risk", source="failure", probability=0.7, evidence=evidence
    )


def test_a_risk_opens_an_order_with_a_visit_before_the_failure_and_sends_no_command(
    station, alerts, taken, table, now, conn
):
    taken(risk(alerts, station, now))
    (order,) = table("work_order", station)
    assert order["predicted_at"] == now + timedelta(days=5)
    assert order["state"] == "open"
    assert order["model_version"] == "m1"
    assert order["what"].startswith("Expected: ")
    assert now + NOTICE <= order["planned_from"] < order["planned_to"] <= order["predicted_at"]
    (incident,) = table("incident", station)
    assert incident["predicted_at"] == order["predicted_at"]
    assert table("command", station) == []


def test_once_the_failure_is_there_the_plan_is_gone_and_the_remedies_begin(station, alerts, taken, table, now):
    taken(risk(alerts, station, now))
    taken(alerts.said(f"{station}/1", "contact_wear", kind="status", severity="P2", source="uptime"))
    (order,) = table("work_order", station)
    assert order["predicted_at"] is None
    assert order["planned_from"] is None
    assert order["priority"] == "P2"
    assert [c["name"] for c in table("command", station)] == ["derate"]


def test_what_was_found_before_it_struck_is_a_label_that_grew_until_then(
    station, alerts, taken, table, now, conn, settings
):
    taken(risk(alerts, station, now))
    (order,) = table("work_order", station)
    later = now + timedelta(days=2)
    with conn.transaction():
        finding = Finding(found=True, family="contact_wear", mechanism="2.4", activity="replace", part="cable")
        press(conn, settings, order["number"], OrderState.RESOLVED, "crew", {Role.CREW}, later, finding=finding)
    (label,) = (
        conn.cursor(row_factory=dict_row).execute("SELECT * FROM label WHERE port = %s", (order["port"],)).fetchall()
    )
    assert label["present"]
    assert label["fault"] == "contact_wear"
    assert label["source"] == "technician"
    assert label["start_at"] + timedelta(seconds=label["ramp_s"]) == label["end_at"] == later


def test_the_quietest_hours_are_chosen_within_working_time_and_before_the_failure():
    def session(day, hour, hours):
        begin = datetime(2026, 2, day, hour, tzinfo=UTC)
        return begin, begin + timedelta(hours=hours)

    always = [session(day, 6, 7) for day in range(2, 28)] + [session(day, 15, 5) for day in range(2, 28)]
    visit = quietest(always, NOW, NOW + timedelta(days=4))
    assert (visit.begin.hour, visit.end.hour) == (13, 15)
    assert visit.begin >= NOW + NOTICE
    assert visit.end <= NOW + timedelta(days=4)


def test_a_visit_is_in_local_time():
    visit = quietest([], NOW, NOW + timedelta(days=4), "America/New_York")
    assert WORKING[0] <= visit.begin.hour < WORKING[1]
    assert visit.begin.utcoffset() == timedelta(hours=-5)


def test_a_failure_expected_at_once_gets_the_first_visit_that_can_be():
    visit = quietest([], NOW, NOW + timedelta(hours=1))
    assert NOW + NOTICE <= visit.begin <= NOW + NOTICE + timedelta(hours=1)
