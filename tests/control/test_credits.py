"""Credits for sessions that were cut, on a real PostgreSQL: once a session, limits, decisions, what gets none."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest

from control import credits
from control.queries import NotThereError
from control.settings import ControlSettings
from control.take import take

pytestmark = pytest.mark.integration


def test_a_small_credit_is_approved_by_the_rule_and_settled_by_a_job(station, alerts, taken, table, jobs):
    taken(alerts.cut(f"{station}/1"))

    (credit,) = table("credit", station)
    assert (credit["state"], credit["net_minor"], credit["tax_minor"]) == ("approved", 50, 9)
    assert (credit["charged_net_minor"], credit["charged_tax_minor"]) == (655, 124)
    assert "session fee of 0.50 EUR is waived" in credit["reason"]
    assert {"credit_id": str(credit["credit_id"])} in jobs("settle_credit")


@pytest.fixture
def large(station, alerts, conn, now, table):
    """A credit above the limit, proposed."""
    take(conn, ControlSettings(approve_up_to={"EUR": Decimal("0.58")}), alerts.cut(f"{station}/1"), now)
    return table("credit", station)[0]


def test_a_credit_above_the_limit_waits_for_a_person(large, jobs):
    assert (large["state"], large["decided_by"]) == ("proposed", None)
    assert {"credit_id": str(large["credit_id"])} not in jobs("settle_credit")


@pytest.mark.parametrize(("approve", "state"), [(True, "approved"), (False, "rejected")])
def test_a_person_decides_once(large, conn, settings, now, jobs, approve, state):
    def decide(yes):
        with conn.transaction():
            return credits.decide(
                conn, settings, large["credit_id"], "user:bea", approve=yes, because="looked", now=now
            )

    assert decide(approve)["state"] == state
    assert ({"credit_id": str(large["credit_id"])} in jobs("settle_credit")) == approve
    with pytest.raises(credits.CreditError, match=f"is {state} already, by user:bea"):
        decide(not approve)


def test_one_session_is_credited_once_whoever_says_that_it_was_cut(station, alerts, taken, table, now):
    taken(
        alerts.cut(f"{station}/1"),
        alerts.cut(f"{station}/1", revision=2, state="updated", evidence={"energy_wh": 99_000.0}),
        alerts.cut(f"{station}/1", "controller"),
    )

    assert len(table("credit", station)) == 1


def test_a_session_whose_key_changes_is_credited_once(station, alerts, taken, table):
    taken(
        alerts.cut(f"{station}/1", evidence={"session_key": "at:2026-03-01T11:25:00Z"}),
        alerts.cut(f"{station}/1", revision=2, state="updated"),
        alerts.cut(f"{station}/1", revision=3, state="updated", evidence={"energy_wh": 99_000.0}),
    )

    assert [c["session_key"] for c in table("credit", station)] == ["at:2026-03-01T11:25:00Z"]


def test_a_credit_that_waits_is_taken_back_though_the_key_of_its_session_changed(large, station, alerts, taken, table):
    taken(
        alerts.cut(f"{station}/1", revision=2, state="updated", evidence={"session_key": "4712"}),
        alerts.cut(f"{station}/1", revision=3, state="cleared", evidence={"session_key": "4712"}),
    )

    assert [c["state"] for c in table("credit", station)] == ["rejected"]


def test_without_a_tariff_there_is_no_credit_and_a_note_says_so(station, alerts, taken, table, conn):
    conn.execute("UPDATE tariff SET valid_to = '2020-02-01' WHERE tariff = %s", (f"tariff-{station}",))
    taken(alerts.cut(f"{station}/1"))

    (incident,) = table("incident", station)
    notes = conn.execute("SELECT text FROM note WHERE incident_id = %s", (incident["incident_id"],)).fetchall()
    assert table("credit", station) == []
    assert ("No credit: no tariff was in force",) in notes


def test_the_tariff_is_the_one_that_was_in_force_when_the_session_started(station, alerts, taken, table, conn, now):
    conn.execute(
        """INSERT INTO tariff (tariff, currency, per_session, port, valid_from, valid_to)
           VALUES (%s, 'GBP', 3, %s, %s, %s), (%s, 'GBP', 9, %s, %s, NULL)""",
        (
            f"old-{station}",
            f"{station}/1",
            now - timedelta(days=9),
            now - timedelta(minutes=20),
            f"new-{station}",
            f"{station}/1",
            now,
        ),
    )
    taken(alerts.cut(f"{station}/1"))

    (credit,) = table("credit", station)
    assert (credit["tariff"], credit["currency"], credit["net_minor"]) == (f"old-{station}", "GBP", 300)


def test_evidence_that_is_not_complete_gives_no_credit_and_holds_nothing_up(station, alerts, taken, table):
    assert taken(alerts.cut(f"{station}/1", evidence={"started_at": None})) == ["new"]
    assert table("credit", station) == []
    assert len(table("incident", station)) == 1


def test_the_database_refuses_a_credit_above_the_charge(large, conn):
    with pytest.raises(psycopg.errors.CheckViolation):
        conn.execute("UPDATE credit SET net_minor = charged_net_minor + 1 WHERE credit_id = %s", (large["credit_id"],))


def test_an_unknown_credit_is_named(conn, settings, now):
    with pytest.raises(NotThereError, match="there is no credit"):
        credits.decide(conn, settings, uuid4(), "user:bea", approve=True, because="looked", now=now)
