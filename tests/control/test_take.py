"""One alert, one transaction, on a real PostgreSQL: repeated, out of order, interrupted, at once and late."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import psycopg
import pytest

from connectors.timescale.pool import connect
from control import consequences
from control.settings import ControlSettings
from control.take import UnknownFamilyError, take
from schemas.alerts import Alert

pytestmark = pytest.mark.integration


def test_a_fresh_alert_opens_an_incident_and_an_order_and_plans_the_first_remedy(station, alerts, taken, table, jobs):
    alert = alerts.said(f"{station}/1", "pilot", text="the pilot drifts")

    assert taken(alert) == ["new"]

    (incident,), (order,), (command,) = (
        table("incident", station),
        table("work_order", station),
        table("command", station),
    )
    assert (incident["state"], incident["family"], incident["severity"]) == ("open", "pilot", "P3")
    assert incident["order_id"] == order["order_id"] == command["order_id"]
    assert order["state"] == "remote_attempt"
    assert order["what"] == f"Control pilot or proximity out of range, port 1 of {station}"
    assert order["why"] == "the pilot drifts"
    assert "contact cleaner" in order["bring"]
    assert "pins and cable" in order["checks"]
    assert order["respond_by"] == alert.raised_at + timedelta(days=3)
    assert order["restore_by"] == alert.raised_at + timedelta(days=10)
    assert (command["name"], command["state"], command["station"]) == ("soft_reset", "pending", station)
    assert {"command_id": str(command["command_id"])} in jobs("send_command")


def test_the_same_alert_twice_changes_nothing(station, alerts, taken, table):
    alert = alerts.cut(f"{station}/1")
    taken(alert)
    before = {name: table(name, station) for name in ("incident", "work_order", "command", "credit", "inbox")}

    assert taken(alert, alert) == ["stale", "stale"]

    assert {name: table(name, station) for name in before} == before
    assert [len(rows) for rows in before.values()] == [1] * 5


def test_an_older_revision_after_a_newer_one_is_ignored(station, alerts, taken, table):
    worse = alerts.said(f"{station}/1", revision=3, state="updated", severity="P2", text="worse")
    older = alerts.said(f"{station}/1", revision=2, state="updated", severity="P4", text="better")

    assert taken(alerts.said(f"{station}/1"), worse, older) == ["new", "revision", "stale"]

    (incident,) = table("incident", station)
    assert (incident["severity"], incident["why"]) == ("P2", "worse")


def test_a_worse_revision_makes_the_order_more_urgent_and_brings_its_deadlines_forward(station, alerts, taken, table):
    first = alerts.said(f"{station}/1")
    taken(first, alerts.said(f"{station}/1", revision=2, state="updated", severity="P2"))

    (order,) = table("work_order", station)
    assert order["priority"] == "P2"
    assert order["respond_by"] == first.raised_at + timedelta(hours=8)


def test_two_alerts_on_one_cause_are_one_incident_and_one_order(station, alerts, taken, table, now):
    taken(
        alerts.said(f"{station}/1", text="hot"),
        alerts.said(f"{station}/1", source="failure", text="will fail", onset=now - timedelta(minutes=3)),
    )

    (incident,), orders = table("incident", station), table("work_order", station)
    assert len(orders) == 1
    assert incident["why"] == "hot\nwill fail"
    assert orders[0]["why"] == incident["why"]


@pytest.mark.parametrize("turned", [False, True])
def test_what_an_incident_says_does_not_depend_on_the_order_of_its_alerts(station, alerts, taken, table, now, turned):
    both = [
        alerts.said(f"{station}/1", text="hot", severity="P2"),
        alerts.said(f"{station}/1", source="failure", text="will fail", onset=now - timedelta(minutes=3), score=4.0),
    ]
    taken(*(reversed(both) if turned else both))

    (incident,) = table("incident", station)
    assert (incident["severity"], incident["score"], incident["onset_at"]) == ("P2", 4.0, both[0].onset_at)
    assert incident["why"].splitlines()[0].endswith("hot")


def test_lost_communication_of_all_ports_is_one_incident_of_the_station(station, alerts, taken, table):
    taken(*(alerts.said(f"{station}/{n}", "communication", kind="silence", source="uptime") for n in (1, 2)))

    (incident,), orders = table("incident", station), table("work_order", station)
    assert (incident["port"], incident["ports"]) == (f"{station}/0", [f"{station}/1", f"{station}/2"])
    assert len(orders) == 1


def test_it_is_over_when_all_of_its_ports_are_back(station, alerts, taken, table):
    def silent(n, **more):
        return alerts.said(f"{station}/{n}", "communication", kind="silence", source="uptime", **more)

    taken(silent(1), silent(2), silent(1, revision=2, state="cleared"))
    assert [i["state"] for i in table("incident", station)] == ["open"]

    taken(silent(2, revision=2, state="cleared"))
    (incident,), (order,) = table("incident", station), table("work_order", station)
    assert (incident["state"], incident["closed_because"]) == ("closed", "the alert cleared")
    assert (order["state"], order["ended_because"]) == (
        "cancelled",
        "the alert cleared by itself before anybody took it up",
    )
    assert {c["state"] for c in table("command", station)} == {"withdrawn"}


def test_a_hidden_fault_that_clears_leaves_its_order_open_with_a_mark(station, alerts, taken, table):
    taken(alerts.said(f"{station}/1"), alerts.said(f"{station}/1", revision=2, state="cleared"))

    (incident,), (order,) = table("incident", station), table("work_order", station)
    assert incident["state"] == "closed"
    assert order["state"] == "open"
    assert order["cleared_at"] is not None


def test_an_order_that_is_on_its_way_is_not_closed_when_the_alert_clears(station, alerts, taken, table, conn):
    silent = {"family": "communication", "kind": "silence"}
    taken(alerts.said(f"{station}/0", **silent))
    conn.execute("UPDATE work_order SET state = 'dispatched' WHERE station = %s", (station,))

    taken(alerts.said(f"{station}/0", revision=2, state="cleared", **silent))

    (order,) = table("work_order", station)
    assert order["state"] == "dispatched"
    assert order["cleared_at"] is not None


def test_a_fault_that_clears_after_an_accepted_remedy_was_mended_from_afar(station, alerts, taken, table, conn):
    taken(alerts.said(f"{station}/1", "pilot"))
    conn.execute("UPDATE command SET state = 'accepted' WHERE station = %s", (station,))

    taken(alerts.said(f"{station}/1", "pilot", revision=2, state="cleared"))

    (order,) = table("work_order", station)
    assert order["state"] == "resolved"
    assert "mended from afar" in order["ended_because"]


def test_a_new_episode_joins_the_order_that_is_being_worked_on(station, alerts, taken, table, now):
    taken(
        alerts.said(f"{station}/1"),
        alerts.said(f"{station}/1", revision=2, state="cleared"),
        alerts.said(f"{station}/1", onset=now - timedelta(minutes=1), raised=now),
    )

    incidents, (order,) = table("incident", station), table("work_order", station)
    assert [i["state"] for i in incidents] == ["closed", "open"]
    assert {i["order_id"] for i in incidents} == {order["order_id"]}
    assert order["cleared_at"] is None


def test_a_repaired_port_gets_no_second_order_from_the_next_words_of_its_alert(station, alerts, taken, table, conn):
    taken(alerts.said(f"{station}/1"))
    conn.execute("UPDATE work_order SET state = 'resolved' WHERE station = %s", (station,))

    taken(alerts.said(f"{station}/1", revision=2, state="updated"))

    assert len(table("work_order", station)) == 1


def test_an_alert_older_than_an_hour_is_history(station, alerts, taken, table, jobs, now):
    before = len(jobs("send_command")), len(jobs("settle_credit"))
    old = now - timedelta(hours=1, seconds=1)

    assert taken(alerts.cut(f"{station}/1", onset=old - timedelta(minutes=9), raised=old)) == ["history"]

    (incident,) = table("incident", station)
    assert (incident["state"], incident["history"]) == ("closed", True)
    assert [table(name, station) for name in ("work_order", "command", "credit")] == [[], [], []]
    assert (len(jobs("send_command")), len(jobs("settle_credit"))) == before


def test_an_alert_of_just_under_an_hour_is_not(station, alerts, taken, now):
    at = now - timedelta(minutes=59)

    assert taken(alerts.said(f"{station}/1", onset=at, raised=at)) == ["new"]


def test_history_neither_joins_nor_disturbs_what_is_open(station, alerts, taken, table, now):
    old = now - timedelta(days=3)
    taken(
        alerts.said(f"{station}/1"),
        alerts.said(f"{station}/1", onset=old),
        alerts.said(f"{station}/1", onset=old, revision=2),
    )

    assert [(i["history"], i["state"]) for i in table("incident", station)] == [(True, "closed"), (False, "open")]


def test_a_safety_fault_takes_the_port_out_of_service_and_goes_straight_to_a_crew(station, alerts, taken, table):
    taken(alerts.said(f"{station}/2", "contactor", severity="P2"))

    (order,), (command,) = table("work_order", station), table("command", station)
    assert (order["state"], order["priority"]) == ("open", "P1")
    assert (command["name"], command["port"], command["safety"]) == ("unavailable", f"{station}/2", True)


def test_a_derated_port_still_gets_its_visit(station, alerts, taken, table):
    taken(alerts.said(f"{station}/1", "contact_wear"))

    (order,), (command,) = table("work_order", station), table("command", station)
    assert (order["state"], command["name"]) == ("open", "derate")


def test_nobody_is_sent_where_the_vehicle_is_at_fault(station, alerts, taken, table):
    taken(alerts.said(f"{station}/1", "interop"))

    assert len(table("incident", station)) == 1
    assert table("work_order", station) == []


def test_an_unknown_family_is_refused_by_name(conn, settings, station, alerts, now):
    with pytest.raises(UnknownFamilyError, match="'gremlins' is not in the catalogue"):
        take(conn, settings, alerts.said(f"{station}/1", "gremlins"), now)


@pytest.mark.parametrize("where", ["open_for", "link", "begin", "consider"])
def test_a_crash_in_the_middle_leaves_nothing(station, alerts, table, conn, settings, now, monkeypatch, where):
    def crash(*_, **__):
        raise KeyboardInterrupt

    owner = {
        "open_for": consequences,
        "link": consequences.incidents,
        "begin": consequences.ladder,
        "consider": consequences.credits,
    }
    monkeypatch.setattr(owner[where], where, crash)
    jobs_before = conn.execute("SELECT count(*) FROM procrastinate_jobs").fetchone()
    number_before = conn.execute("SELECT value FROM counter").fetchone()

    with pytest.raises(KeyboardInterrupt):
        take(conn, settings, alerts.cut(f"{station}/1"), now)

    assert [table(n, station) for n in ("inbox", "incident", "work_order", "command", "credit")] == [[]] * 5
    assert conn.execute("SELECT count(*) FROM procrastinate_jobs").fetchone() == jobs_before
    assert conn.execute("SELECT value FROM counter").fetchone() == number_before


def test_a_server_that_ends_the_connection_in_the_middle_leaves_nothing(
    station, alerts, table, other, settings, now, monkeypatch
):
    real = consequences.ladder.begin

    def cut_off(conn, *rest):
        real(conn, *rest)
        conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(consequences.ladder, "begin", cut_off)
    with pytest.raises(psycopg.OperationalError):
        take(other, settings, alerts.said(f"{station}/1", "pilot"), now)

    assert [table(n, station) for n in ("inbox", "incident", "work_order", "command")] == [[]] * 4


def test_eight_intakes_at_once_open_one_incident_and_one_order_without_a_gap_in_the_numbers(
    station, alerts, table, database_settings, settings, now, conn
):
    ready = Barrier(8)

    def one(n: int) -> str:
        alert: Alert = alerts.said(f"{station}/{1 + n % 2}", "communication", source=f"s{n}", kind="silence")
        with connect(database_settings) as own:
            ready.wait(60)
            return take(own, settings, alert, now).value

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(8))) == {"new"}

    (incident,), (order,) = table("incident", station), table("work_order", station)
    assert incident["order_id"] == order["order_id"]
    numbers = [int(n.removeprefix("WO-")) for (n,) in conn.execute("SELECT number FROM work_order")]
    assert sorted(numbers) == list(range(1001, 1001 + len(numbers)))


def test_at_most_one_open_incident_is_held_by_the_database_itself(station, alerts, taken, conn):
    taken(alerts.said(f"{station}/1"))

    with pytest.raises(psycopg.errors.UniqueViolation):
        conn.execute(
            """INSERT INTO incident (incident_id, port, station, family, severity, state, source, onset_at, opened_at, ports)
               SELECT gen_random_uuid(), port, station, family, severity, 'open', source, onset_at, opened_at, ports
               FROM incident WHERE station = %s""",
            (station,),
        )


def test_an_alert_that_is_explained_by_another_family_moves_to_its_incident(station, alerts, taken, table):
    first = alerts.cut(f"{station}/1", "unknown", text="cut short")
    better = alerts.cut(
        f"{station}/1", "power_module", text="cut short by its module", revision=2, state="updated", id=first.id
    )

    assert taken(first, better) == ["new", "revision"]

    incidents = {i["family"]: i for i in table("incident", station)}
    orders = {o["family"]: o for o in table("work_order", station)}
    assert (incidents["unknown"]["state"], incidents["power_module"]["state"]) == ("closed", "open")
    assert incidents["unknown"]["closed_because"] == "explained otherwise now: power module lost"
    assert incidents["unknown"]["closed_at"] == better.at()
    assert (orders["unknown"]["state"], orders["power_module"]["state"]) == ("cancelled", "remote_attempt")
    assert len(table("credit", station)) == 1


@pytest.fixture
def opened(conn, station, jobs):
    """The families of the incidents of this test's station that a receiver was told of as opened, in order."""

    def read():
        bodies = [job["body"] for job in jobs("post_webhook")]
        of_it = [b for b in bodies if b["type"] == "incident.opened" and b["data"]["port"].startswith(station)]
        return [body["data"]["family"] for body in of_it]

    return read


@pytest.fixture
def heard(receiver):
    """Settings with a receiver of all messages."""
    return ControlSettings(webhooks=(receiver.hook,))


def test_every_incident_is_told_of_once_when_it_opens(station, alerts, conn, heard, now, opened):
    first = alerts.cut(f"{station}/1", "unknown")
    for alert in (
        first,
        alerts.cut(f"{station}/1", "power_module", revision=2, state="updated", id=first.id),
        alerts.cut(f"{station}/1", "power_module", revision=3, state="cleared", id=first.id),
        alerts.cut(f"{station}/1", "power_module", revision=4, state="updated", id=first.id),
    ):
        take(conn, heard, alert, now)

    assert opened() == ["unknown", "power_module", "power_module"]


def test_an_incident_without_an_order_is_told_of_once(station, alerts, conn, heard, now, opened):
    take(conn, heard, alerts.said(f"{station}/1", "interop"), now)
    take(conn, heard, alerts.said(f"{station}/1", "interop", source="other"), now)

    assert opened() == ["interop"]


def test_history_and_what_was_over_when_it_came_is_not_told_of(station, alerts, conn, heard, now, opened):
    take(conn, heard, alerts.said(f"{station}/1", onset=now - timedelta(days=2)), now)
    take(conn, heard, alerts.said(f"{station}/2", state="cleared"), now)

    assert opened() == []


def test_an_order_that_a_person_holds_survives_a_better_explanation(station, alerts, taken, table, conn):
    first = alerts.cut(f"{station}/1", "unknown")
    taken(first)
    conn.execute("UPDATE work_order SET state = 'dispatched' WHERE station = %s", (station,))
    taken(alerts.cut(f"{station}/1", "power_module", revision=2, state="updated", id=first.id))

    assert {o["family"]: o["state"] for o in table("work_order", station)} == {
        "unknown": "dispatched",
        "power_module": "remote_attempt",
    }


def test_a_live_alert_does_not_become_history_by_going_on(station, alerts, conn, settings, table, now):
    first = alerts.said(f"{station}/1")
    take(conn, settings, first, now)
    later = now + timedelta(hours=5)

    assert (
        take(conn, settings, alerts.said(f"{station}/1", revision=2, state="updated", severity="P1"), later)
        == "revision"
    )
    assert table("work_order", station)[0]["priority"] == "P1"


def test_an_incident_keeps_its_reason_when_its_alert_clears(station, alerts, taken, table):
    taken(
        alerts.said(f"{station}/1", text="it runs hot"),
        alerts.said(f"{station}/1", revision=2, state="cleared", text="Over."),
    )

    assert table("incident", station)[0]["why"] == "it runs hot"


@pytest.mark.parametrize(("limit", "left"), [("0", "rejected"), ("10", "approved")])
def test_a_session_that_was_not_cut_after_all_takes_its_waiting_credit_back(
    station, alerts, conn, now, table, limit, left
):
    settings = ControlSettings(approve_up_to={"EUR": limit})
    take(conn, settings, alerts.cut(f"{station}/1"), now)
    take(conn, settings, alerts.cut(f"{station}/1", revision=2, state="cleared"), now)

    assert [c["state"] for c in table("credit", station)] == [left]


@pytest.mark.parametrize("hours", [0, 5])
@pytest.mark.parametrize(("limit", "state"), [("0", "proposed"), ("10", "approved")])
def test_an_alert_that_comes_back_opens_a_new_incident_and_its_credit_again(
    station, alerts, conn, now, table, limit, state, hours
):
    take(conn, ControlSettings(approve_up_to={"EUR": "0"}), alerts.cut(f"{station}/1"), now)
    settings = ControlSettings(approve_up_to={"EUR": limit})
    take(conn, settings, alerts.cut(f"{station}/1", revision=2, state="cleared"), now)
    back = alerts.cut(f"{station}/1", revision=3, state="updated", evidence={"energy_wh": 9e3})
    take(conn, settings, back, now + timedelta(hours=hours))

    assert [i["state"] for i in table("incident", station)].count("open") == 1
    assert len(table("incident", station)) == 2
    (order,) = (o for o in table("work_order", station) if o["state"] not in ("resolved", "cancelled", "verified"))
    assert order["cleared_at"] is None
    (credit,) = table("credit", station)
    assert (credit["state"], "9.00 kWh" in credit["reason"]) == (state, True)
    (open_one,) = (i for i in table("incident", station) if i["state"] == "open")
    assert credit["incident_id"] == open_one["incident_id"]


def test_a_credit_that_a_person_rejected_stays_rejected_when_the_alert_comes_back(station, alerts, conn, now, table):
    settings = ControlSettings(approve_up_to={"EUR": "0"})
    take(conn, settings, alerts.cut(f"{station}/1"), now)
    conn.execute(
        "UPDATE credit SET state = 'rejected', decided_by = 'user:bea' WHERE port = %s RETURNING 1", (f"{station}/1",)
    )
    take(conn, settings, alerts.cut(f"{station}/1", revision=2, state="cleared"), now)
    take(conn, settings, alerts.cut(f"{station}/1", revision=3, state="updated"), now)

    assert [(c["state"], c["decided_by"]) for c in table("credit", station)] == [("rejected", "user:bea")]


def test_an_incident_that_a_person_closed_is_not_opened_again_by_an_alert_that_goes_on(
    station, alerts, taken, table, conn
):
    taken(alerts.said(f"{station}/1"))
    conn.execute("UPDATE incident SET state = 'closed', closed_at = now() WHERE station = %s", (station,))
    taken(alerts.said(f"{station}/1", revision=2, state="updated"))

    assert [i["state"] for i in table("incident", station)] == ["closed"]


def test_a_session_whose_alert_comes_already_cleared_gets_no_credit(station, alerts, taken, table):
    assert taken(alerts.cut(f"{station}/1", state="cleared")) == ["new"]
    assert table("credit", station) == []
    assert [i["state"] for i in table("incident", station)] == ["closed"]
