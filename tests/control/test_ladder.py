"""Remedies from the first to the truck, with jobs, answers and a settable clock, on a real PostgreSQL."""

from datetime import timedelta

import orjson
import pytest
from psycopg.types.json import Jsonb

from control import desk
from control.commands import message
from control.effects import Effects
from control.take import take
from control.watch import GRACE, look
from schemas.messages import Command
from schemas.work import OrderState, Role

pytestmark = pytest.mark.integration


class Clock:
    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now

    def go(self, **span):
        self.now += timedelta(**span)


@pytest.fixture
def clock(now):
    return Clock(now)


@pytest.fixture
def sent():
    return []


@pytest.fixture
def effects(pool, settings, sent, clock):
    return Effects(pool, settings, lambda topic, payload: sent.append((topic, orjson.loads(payload))), clock)


@pytest.fixture
def due_jobs(conn, effects, clock, station):
    """Do every job of this station's commands that is due, once; how many there were."""

    def run():
        found = conn.execute(
            """DELETE FROM procrastinate_jobs j USING command c
               WHERE c.command_id::text = j.args->>'command_id' AND c.station = %s AND coalesce(j.scheduled_at, %s) <= %s
               RETURNING j.task_name, j.args""",
            (station, clock(), clock()),
        ).fetchall()
        for name, arguments in found:
            getattr(effects, name.removeprefix("control."))(**arguments)
        return len(found)

    return run


@pytest.fixture
def answer(conn, pool, settings, clock, table, station):
    """The station answers its newest command that was sent."""

    def say(result, **more):
        command = [c for c in table("command", station) if c["state"] in ("sending", "sent")][-1]
        conn.execute(
            """INSERT INTO event (port_no, at, received_at, kind, digest, data)
               SELECT port_no, %s, %s, 'command_result', hashtext(%s::text), %s FROM port WHERE port = %s""",
            (
                clock(),
                clock(),
                command["command_id"],
                Jsonb({"command": str(command["command_id"]), "result": result} | more),
                f"{station}/0",
            ),
        )
        look(pool, settings, clock())

    return say


def states(table, station):
    return [(c["name"], c["state"]) for c in table("command", station)]


@pytest.fixture
def controller(conn, settings, alerts, station, now):
    """A hung controller: soft reset, then hard reset."""
    take(conn, settings, alerts.said(f"{station}/1", "controller"), now)


def test_a_command_goes_out_on_the_stations_topic_with_its_expiry(
    controller, due_jobs, sent, table, station, now, settings
):
    assert due_jobs() == 1

    ((topic, body),) = sent
    (command,) = table("command", station)
    assert topic == f"ev/{station}/to/command"
    assert body == {
        "id": str(command["command_id"]),
        "name": "soft_reset",
        "port": 1,
        "params": {},
        "expires_at": round((now + settings.command_ttl).timestamp() * 1000),
    }
    assert command["state"] == "sent"


def test_a_job_that_is_done_twice_sends_once(controller, effects, sent, table, station):
    command_id = str(table("command", station)[0]["command_id"])

    effects.send_command(command_id)
    effects.send_command(command_id)

    assert len(sent) == 1


def test_a_worker_that_died_while_sending_sends_the_same_command_again(
    controller, effects, sent, table, station, monkeypatch, conn
):
    command_id = str(table("command", station)[0]["command_id"])
    dying = Effects(
        effects.pool, effects.settings, lambda *_: (_ for _ in ()).throw(ConnectionError("gone")), effects.clock
    )
    with pytest.raises(ConnectionError):
        dying.send_command(command_id)
    assert states(table, station) == [("soft_reset", "sending")]

    effects.send_command(command_id)

    assert [body["id"] for _, body in sent] == [command_id]
    assert states(table, station) == [("soft_reset", "sent")]


def test_an_expired_command_is_never_sent(controller, due_jobs, sent, table, station, clock, settings):
    clock.go(seconds=settings.command_ttl_s)

    due_jobs()

    assert sent == []
    assert states(table, station)[0] == ("soft_reset", "expired")


def test_one_that_died_while_sending_is_not_sent_after_its_time(
    controller, effects, sent, table, station, clock, settings, conn
):
    conn.execute("UPDATE command SET state = 'sending' WHERE station = %s", (station,))
    clock.go(seconds=settings.command_ttl_s)

    effects.send_command(str(table("command", station)[0]["command_id"]))

    assert sent == []


def open_session(conn, port, start):
    conn.execute(
        """INSERT INTO charging_session (port_no, session_key, state, outcome, attempt_at, started_at, as_of, charging_s,
               suspended_ev_s, suspended_evse_s, idle_s, measured_s, power_s, samples, register_resets, quality, needs_repair, version)
           SELECT port_no, 'now', 'open', 'open', %(at)s, %(at)s, %(at)s, 0, 0, 0, 0, 0, 0, 0, 0, 0, false, 1 FROM port WHERE port = %(port)s""",
        {"port": port, "at": start},
    )


def test_a_reset_waits_for_the_session_at_the_other_port_and_goes_out_after_it(
    controller, due_jobs, sent, station, conn, clock, settings, now
):
    open_session(conn, f"{station}/2", now - timedelta(minutes=10))
    due_jobs()
    assert sent == []

    clock.go(seconds=settings.busy_retry_s)
    conn.execute("UPDATE charging_session SET state = 'closed', outcome = 'success' WHERE session_key = 'now'")
    assert due_jobs() == 1
    assert [body["name"] for _, body in sent] == ["soft_reset"]


def test_a_session_that_does_not_end_lets_the_reset_expire_and_nobody_is_cut_off(
    controller, due_jobs, sent, station, conn, clock, settings, now, table
):
    open_session(conn, f"{station}/1", now - timedelta(minutes=10))
    for _ in range(50):
        due_jobs()
        clock.go(seconds=settings.busy_retry_s)

    assert sent == []
    assert states(table, station) == [("soft_reset", "expired"), ("hard_reset", "expired")]
    assert table("work_order", station)[0]["state"] == "open"


def test_a_rejected_remedy_is_followed_by_the_next_and_the_last_by_a_crew(controller, due_jobs, answer, table, station):
    due_jobs()
    answer("rejected")
    due_jobs()
    assert states(table, station) == [("soft_reset", "rejected"), ("hard_reset", "sent")]

    answer("failed", info="no such function")

    (order,) = table("work_order", station)
    assert states(table, station)[-1] == ("hard_reset", "failed")
    assert order["state"] == "open"


def test_an_accepted_remedy_that_does_not_help_is_followed_by_the_next(
    controller, due_jobs, answer, table, station, clock, settings
):
    due_jobs()
    answer("accepted")
    assert due_jobs() == 0

    clock.go(seconds=settings.verify_after_s)
    due_jobs()
    assert states(table, station) == [("soft_reset", "accepted"), ("hard_reset", "pending")]


def test_an_accepted_remedy_that_helped_ends_the_order(
    controller, due_jobs, answer, table, station, clock, settings, conn, alerts
):
    due_jobs()
    answer("accepted")
    take(conn, settings, alerts.said(f"{station}/1", "controller", revision=2, state="cleared"), clock())
    clock.go(seconds=settings.verify_after_s)
    due_jobs()

    assert states(table, station) == [("soft_reset", "accepted")]
    assert table("work_order", station)[0]["state"] == "resolved"


def test_a_fix_that_did_not_help_has_not_mended_what_ends_later(
    controller, due_jobs, answer, table, station, clock, settings, conn, alerts
):
    for _ in range(2):
        due_jobs()
        answer("accepted")
        clock.go(seconds=settings.verify_after_s)
        due_jobs()
    assert table("work_order", station)[0]["state"] == "open"

    take(conn, settings, alerts.said(f"{station}/1", "controller", revision=2, state="cleared"), clock())

    (order,) = table("work_order", station)
    assert (order["state"], order["cleared_at"] is None) == ("open", False)


def test_while_the_next_fix_is_tried_the_one_before_has_not_mended_it(
    controller, due_jobs, answer, table, station, clock, settings, conn, alerts
):
    due_jobs()
    answer("accepted")
    clock.go(seconds=settings.verify_after_s)
    due_jobs()
    take(conn, settings, alerts.said(f"{station}/1", "controller", revision=2, state="cleared"), clock())

    (order,) = table("work_order", station)
    assert (order["state"], order["cleared_at"] is None) == ("open", False)
    assert states(table, station) == [("soft_reset", "accepted"), ("hard_reset", "withdrawn")]


def test_a_question_mends_nothing(due_jobs, answer, table, station, clock, settings, conn, alerts, now):
    lost = {"kind": "silence", "source": "uptime"}
    take(conn, settings, alerts.said(f"{station}/0", "communication", **lost), now)
    due_jobs()
    answer("accepted")
    assert states(table, station) == [("trigger_status", "accepted")]

    take(conn, settings, alerts.said(f"{station}/0", "communication", revision=2, state="cleared", **lost), clock())

    assert table("work_order", station)[0]["state"] == "cancelled"


def test_a_station_that_never_answers_is_given_up(controller, due_jobs, table, station, clock, settings, pool):
    due_jobs()
    clock.go(seconds=settings.command_ttl_s)
    look(pool, settings, clock())
    assert states(table, station) == [("soft_reset", "sent")]

    clock.now += GRACE + timedelta(seconds=1)
    look(pool, settings, clock())
    assert states(table, station) == [("soft_reset", "expired"), ("hard_reset", "pending")]


def test_the_same_answer_twice_counts_once(controller, due_jobs, answer, pool, settings, clock, table, station):
    due_jobs()
    answer("rejected")

    look(pool, settings, clock())

    assert states(table, station) == [("soft_reset", "rejected"), ("hard_reset", "pending")]


def test_a_third_reset_within_a_day_is_refused(
    controller, due_jobs, sent, answer, conn, settings, alerts, clock, station, table, now
):
    due_jobs()
    answer("rejected")
    due_jobs()
    answer("rejected")
    clock.go(hours=1)
    take(conn, settings, alerts.said(f"{station}/2", "pilot", onset=clock(), raised=clock()), clock())
    due_jobs()

    assert [body["name"] for _, body in sent] == ["soft_reset", "hard_reset"]
    assert [c["state"] for c in table("command", station) if c["port"] == f"{station}/2"] == ["refused"]

    clock.go(hours=24)
    take(conn, settings, alerts.said(f"{station}/1", "power_module", onset=clock(), raised=clock()), clock())
    due_jobs()
    assert [body["name"] for _, body in sent] == ["soft_reset", "hard_reset", "soft_reset"]


def test_a_dangerous_port_is_switched_off_even_while_it_charges(conn, settings, alerts, station, now, due_jobs, sent):
    open_session(conn, f"{station}/1", now - timedelta(minutes=10))
    take(conn, settings, alerts.said(f"{station}/1", "isolation"), now)

    due_jobs()

    assert [(body["name"], body["port"]) for _, body in sent] == [("unavailable", 1)]


@pytest.fixture
def off(conn, settings, alerts, station, now, due_jobs):
    """A port that is taken out of service for a danger; the command was sent."""
    take(conn, settings, alerts.said(f"{station}/1", "isolation"), now)
    due_jobs()


@pytest.mark.parametrize("said", ["rejected", "failed", "expired"])
def test_a_port_in_danger_is_switched_off_again_if_that_was_in_vain(
    off, said, answer, due_jobs, clock, settings, table, station, sent
):
    for tries in range(3):
        clock.go(seconds=1)
        answer(said)
        assert states(table, station)[-1] == ("unavailable", "pending")
        assert due_jobs() == 0, "not at once"
        clock.go(seconds=settings.busy_retry_s * 2**tries)
        assert due_jobs() == 1
        assert (len(sent), states(table, station)[-1]) == (tries + 2, ("unavailable", "sent"))
    assert all(c["safety"] for c in table("command", station))


def test_a_measure_that_nobody_answered_is_tried_again(off, due_jobs, clock, settings, table, station, pool):
    clock.go(seconds=settings.command_ttl_s)
    clock.now += GRACE + timedelta(seconds=1)
    look(pool, settings, clock())

    assert states(table, station) == [("unavailable", "expired"), ("unavailable", "pending")]


def finish(conn, settings, station, table, clock, to=OrderState.CANCELLED):
    with conn.transaction():
        (order,) = table("work_order", station)
        desk.press(conn, settings, order["number"], to, "user:anna", {Role.OPERATOR}, clock(), reason="a mistake")


def test_a_measure_is_not_tried_again_when_the_order_has_ended(
    off, answer, due_jobs, clock, settings, table, station, conn
):
    clock.go(seconds=1)
    answer("rejected")
    finish(conn, settings, station, table, clock)

    assert states(table, station) == [("unavailable", "rejected"), ("unavailable", "withdrawn")]


def test_a_port_that_was_not_put_back_is_put_back_later(off, answer, due_jobs, clock, settings, table, station, conn):
    answer("accepted")
    assert due_jobs() == 0, "a measure is not judged"
    finish(conn, settings, station, table, clock)
    due_jobs()
    clock.go(seconds=1)
    answer("failed")
    clock.go(seconds=settings.busy_retry_s)
    due_jobs()

    assert states(table, station) == [("unavailable", "accepted"), ("available", "failed"), ("available", "sent")]


def test_a_measure_that_was_accepted_is_not_judged_and_not_repeated(
    conn, settings, alerts, station, now, due_jobs, answer, effects, table
):
    take(conn, settings, alerts.said(f"{station}/1", "cooling"), now)
    due_jobs()
    answer("accepted")
    conn.execute("UPDATE work_order SET state = 'remote_attempt' WHERE station = %s", (station,))

    effects.judge_remedy(str(table("command", station)[0]["command_id"]))

    assert states(table, station) == [("derate", "accepted")]


def test_a_limit_that_was_in_vain_is_set_again(conn, settings, alerts, station, now, due_jobs, answer, clock, table):
    take(conn, settings, alerts.said(f"{station}/1", "cooling"), now)
    due_jobs()
    clock.go(seconds=1)
    answer("failed")
    clock.go(seconds=settings.busy_retry_s)
    due_jobs()

    assert states(table, station) == [("derate", "failed"), ("derate", "sent")]


@pytest.mark.parametrize("family", ["controller", "lock", "cooling", "contactor", "communication"])
def test_every_command_is_one_that_stations_understand(conn, settings, alerts, station, now, table, family):
    take(conn, settings, alerts.said(f"{station}/1", family), now)

    for command in table("command", station):
        said = Command.model_validate_json(message(command)[1])
        assert (said.name, said.id) == (command["name"], str(command["command_id"]))
