"""What people do with orders, on a real PostgreSQL: steps, findings, labels, the change log."""

from datetime import timedelta

import psycopg
import pytest

from control import desk
from control.queries import NotThereError
from control.reports import report
from control.watch import look
from control.work_orders import OrderError
from schemas.labels import Label
from schemas.work import Finding, OrderState, Role

pytestmark = pytest.mark.integration
S = OrderState
CREW, DESK = frozenset({Role.CREW}), frozenset({Role.OPERATOR})


@pytest.fixture
def order(station, alerts, taken, table):
    """The number of an open order at port 1."""
    taken(alerts.said(f"{station}/1"))
    return table("work_order", station)[0]["number"]


@pytest.fixture
def press(conn, settings, now):
    def go(number, to, roles=CREW, actor="user:kim", **more):
        with conn.transaction():
            return desk.press(conn, settings, number, to, actor, roles, now + timedelta(minutes=5), **more)

    return go


FOUND = Finding(
    found=True,
    family="cooling",
    mechanism="5.1",
    cause="weather",
    activity="clean",
    part="filter mat",
    note="full of leaves",
)


def test_a_technician_works_an_order_to_its_end(order, press, table, station, conn, now):
    press(order, S.DISPATCHED)
    press(order, S.ON_SITE)
    done = press(order, S.RESOLVED, finding=FOUND)

    assert (done["state"], done["assignee"]) == ("resolved", "user:kim")
    assert done["responded_at"] == done["resolved_at"] == now + timedelta(minutes=5)
    assert (
        done["ended_because"]
        == "Fan or filter clogged; blockage; cause: weather or nature; part: filter mat; full of leaves"
    )
    finding = conn.execute(
        "SELECT found, mechanism, part FROM finding WHERE order_id = %s", (done["order_id"],)
    ).fetchone()
    assert finding == (True, "5.1", "filter mat")


def test_a_finding_becomes_a_label_of_the_common_shape(order, press, conn, station):
    done = press(order, S.RESOLVED, finding=FOUND)

    columns = "port, start_at, end_at, fault, variant, severity, ramp_s, signs, source, who, note"
    row = conn.execute(f"SELECT {columns} FROM label WHERE order_id = %s", (done["order_id"],)).fetchone()
    port, start, end, *rest = row
    label = Label(port=port, start=start, end=end, **dict(zip(columns.split(", ")[3:], rest, strict=True)))
    assert (label.port, label.fault, label.source, label.who) == (f"{station}/1", "cooling", "technician", "user:kim")
    assert label.start == done["onset_at"]


def test_that_nothing_was_found_is_a_label_too(order, press, conn):
    done = press(order, S.RESOLVED, finding=Finding(found=False, family="cooling"))

    assert conn.execute("SELECT present FROM label WHERE order_id = %s", (done["order_id"],)).fetchone() == (False,)


def test_a_repair_without_a_finding_is_refused(order, press):
    with pytest.raises(OrderError, match="needs a finding"):
        press(order, S.RESOLVED)


def test_a_cancellation_without_a_reason_is_refused(order, press):
    with pytest.raises(OrderError, match="needs a reason"):
        press(order, S.CANCELLED, DESK)


def test_crew_does_not_cancel(order, press):
    with pytest.raises(desk.NotAllowedError, match="operator"):
        press(order, S.CANCELLED, reason="no time")


def test_a_step_that_is_not_in_the_table_is_refused(order, press):
    with pytest.raises(OrderError, match="cannot become verified"):
        press(order, S.VERIFIED, DESK)


def test_a_step_from_an_old_page_is_refused(order, press):
    press(order, S.DISPATCHED)

    with pytest.raises(OrderError, match="changed meanwhile"):
        press(order, S.ACKNOWLEDGED, seen=S.OPEN)


def test_an_unknown_order_is_named(press):
    with pytest.raises(NotThereError, match="WO-9"):
        press("WO-9", S.DISPATCHED)


def test_the_end_of_an_order_ends_its_incident(order, press, table, station):
    press(order, S.CANCELLED, DESK, reason="the sensor was loose")

    (incident,) = table("incident", station)
    assert incident["state"] == "closed"
    assert incident["closed_because"] == f"{order} cancelled: the sensor was loose"


def test_a_repair_leaves_the_incident_open_until_it_is_verified(order, press, table, station):
    press(order, S.RESOLVED, finding=FOUND)
    assert table("incident", station)[0]["state"] == "open"

    press(order, S.VERIFIED, DESK)
    assert table("incident", station)[0]["state"] == "closed"


def session(conn, port, key, start, outcome):
    conn.execute(
        """INSERT INTO charging_session (port_no, session_key, state, outcome, attempt_at, started_at, ended_at, as_of, charging_s,
               suspended_ev_s, suspended_evse_s, idle_s, measured_s, power_s, samples, register_resets, quality, needs_repair, version)
           SELECT port_no, %(key)s, %(state)s, %(outcome)s, %(start)s, %(start)s, %(start)s, %(start)s, 0, 0, 0, 0, 0, 0, 0, 0, 0, false, 1
           FROM port WHERE port = %(port)s""",
        {
            "port": port,
            "key": key,
            "start": start,
            "outcome": outcome,
            "state": "open" if outcome == "open" else "closed",
        },
    )


@pytest.mark.parametrize(
    ("outcome", "minutes", "state"), [("success", 10, "verified"), ("cut", 10, "resolved"), ("success", 1, "resolved")]
)
def test_a_successful_session_after_the_repair_verifies_it(
    order, press, conn, pool, settings, station, table, now, outcome, minutes, state
):
    press(order, S.RESOLVED, finding=FOUND)
    session(conn, f"{station}/1", "after", now + timedelta(minutes=minutes), outcome)

    look(pool, settings, now + timedelta(minutes=20))

    assert table("work_order", station)[0]["state"] == state


@pytest.mark.parametrize(
    ("sent", "after"),
    [("accepted", ["available"]), ("sent", ["available"]), ("pending", []), ("rejected", []), ("expired", [])],
)
def test_a_port_that_control_switched_off_is_switched_on_after_the_repair(
    station, alerts, taken, table, press, conn, sent, after
):
    taken(alerts.said(f"{station}/1", "contactor"))
    number = table("work_order", station)[0]["number"]
    conn.execute("UPDATE command SET state = %s WHERE station = %s", (sent, station))

    press(number, S.RESOLVED, finding=Finding(found=True, family="contactor"))

    assert [c["name"] for c in table("command", station)] == ["unavailable", *after]


def test_a_port_that_control_did_not_switch_off_is_left_alone(order, press, table, station):
    press(order, S.RESOLVED, finding=FOUND)

    assert "available" not in [c["name"] for c in table("command", station)]


NOT_REPAIRED = Finding(found=True, family="contactor")


@pytest.fixture
def danger(station, alerts, taken, table, conn):
    """The number of an order about a welded contactor; its port is out of service."""
    taken(alerts.said(f"{station}/1", "contactor"))
    conn.execute("UPDATE command SET state = 'accepted' WHERE station = %s", (station,))
    return table("work_order", station)[0]["number"]


@pytest.mark.parametrize(
    ("sent", "after"),
    [
        ("pending", [("available", "withdrawn")]),
        ("accepted", [("available", "accepted"), ("unavailable", "pending")]),
        ("sent", [("available", "sent"), ("unavailable", "pending")]),
    ],
)
def test_a_dangerous_port_that_was_not_repaired_is_out_of_service_again(
    danger, press, table, station, conn, sent, after
):
    press(danger, S.RESOLVED, finding=NOT_REPAIRED)
    conn.execute("UPDATE command SET state = %s WHERE station = %s AND name = 'available'", (sent, station))
    conn.execute("UPDATE command SET created_at = created_at - interval '1 h' WHERE station = %s", (station,))

    press(danger, S.OPEN, reason="it still sticks")

    found = [(c["name"], c["state"]) for c in table("command", station)]
    assert found == [("unavailable", "accepted"), *after]
    assert all(c["safety"] for c in table("command", station) if c["name"] == "unavailable")


def test_an_alert_of_danger_that_joins_an_order_by_hand_takes_the_port_out_of_service(
    station, alerts, taken, table, conn, settings, now
):
    report(conn, settings, f"{station}/1", "damage", "sparks", now - timedelta(minutes=30))
    (incident,) = table("incident", station)
    with conn.transaction():
        desk.order_by_hand(conn, settings, incident["incident_id"], "user:anna", now - timedelta(minutes=20))
    assert table("command", station) == []

    taken(
        alerts.said(f"{station}/1", incident["family"]),
        alerts.said(f"{station}/1", incident["family"], revision=2, state="updated"),
    )

    assert [(c["name"], c["state"], c["safety"]) for c in table("command", station)] == [
        ("unavailable", "pending", True)
    ]


def test_a_port_stays_out_of_service_while_another_order_is_about_a_danger(
    danger, station, alerts, taken, table, press, conn
):
    taken(alerts.said(f"{station}/1", "isolation"))
    conn.execute("UPDATE command SET state = 'accepted' WHERE station = %s", (station,))
    other = next(o["number"] for o in table("work_order", station) if o["family"] == "isolation")

    press(danger, S.RESOLVED, finding=NOT_REPAIRED)
    assert [c["name"] for c in table("command", station)] == ["unavailable"] * 2

    press(other, S.RESOLVED, finding=NOT_REPAIRED)
    assert [c["name"] for c in table("command", station)] == ["unavailable"] * 2 + ["available"]


def test_people_who_take_over_end_the_remote_attempt(station, alerts, taken, table, press):
    taken(alerts.said(f"{station}/1", "pilot"))

    press(table("work_order", station)[0]["number"], S.DISPATCHED)

    assert [c["state"] for c in table("command", station)] == ["withdrawn"]


def test_a_person_may_have_it_tried_remotely_again(station, alerts, taken, table, press, conn):
    taken(alerts.said(f"{station}/1", "pilot"))
    number = table("work_order", station)[0]["number"]
    conn.execute("UPDATE command SET state = 'rejected' WHERE station = %s", (station,))
    conn.execute("UPDATE work_order SET state = 'open' WHERE number = %s", (number,))

    press(number, S.REMOTE_ATTEMPT, DESK)

    assert [c["name"] for c in table("command", station) if c["state"] == "pending"] == ["soft_reset"]


def test_trying_remotely_where_nothing_can_be_tried_leads_back_to_open(station, alerts, taken, table, press):
    taken(alerts.said(f"{station}/1", "meter"))
    number = table("work_order", station)[0]["number"]

    press(number, S.REMOTE_ATTEMPT, DESK)

    assert table("work_order", station)[0]["state"] == "open"


def test_an_order_by_hand_is_one_for_the_incident(station, alerts, taken, table, conn, settings, now):
    taken(alerts.said(f"{station}/1", "interop"))
    (incident,) = table("incident", station)

    with conn.transaction():
        made = desk.order_by_hand(conn, settings, incident["incident_id"], "user:anna", now)
        again = desk.order_by_hand(conn, settings, incident["incident_id"], "user:anna", now)

    assert made["number"] == again["number"]
    assert (made["source"], made["state"]) == ("manual", "open")


@pytest.mark.parametrize("history", [True, False])
def test_an_incident_that_is_over_leaves_the_active_order_as_it_is(
    station, alerts, taken, table, conn, settings, now, history
):
    onset = now - (timedelta(days=3) if history else timedelta(minutes=30))
    taken(
        alerts.said(f"{station}/1", onset=onset, text="long ago", severity="P1"),
        alerts.said(f"{station}/1", onset=onset, text="long ago", severity="P1", revision=2, state="cleared"),
    )
    old = table("incident", station)[0]
    conn.execute("UPDATE work_order SET state = 'verified' WHERE station = %s", (station,))
    taken(alerts.said(f"{station}/1"))
    conn.execute("UPDATE work_order SET cleared_at = %s WHERE station = %s", (now, station))
    (active,) = (order for order in table("work_order", station) if order["state"] != "verified")

    with conn.transaction():
        made = desk.order_by_hand(conn, settings, old["incident_id"], "user:anna", now)

    assert made["order_id"] == active["order_id"]
    assert active in table("work_order", station)
    linked = {i["incident_id"]: i["order_id"] for i in table("incident", station)}
    assert linked[old["incident_id"]] == active["order_id"]


# -- the change log -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement", ["UPDATE change_log SET actor = 'nobody'", "DELETE FROM change_log", "TRUNCATE change_log"]
)
def test_the_change_log_is_only_added_to(conn, order, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only added to"):
        conn.execute(statement)


def test_every_step_is_in_the_change_log_with_its_actor(order, press, conn):
    press(order, S.DISPATCHED)
    press(order, S.ON_SITE, actor="user:lee")

    log = conn.execute(
        "SELECT actor, action, data->>'after' FROM change_log WHERE kind = 'work_order' AND subject = %s ORDER BY change_no",
        (order,),
    ).fetchall()
    assert log == [("rule:intake", "open", None), ("user:kim", "state", "dispatched"), ("user:lee", "state", "on_site")]
