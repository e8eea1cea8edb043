"""The intake on a real Kafka and PostgreSQL: each alert once, poison set aside, killed and away."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import confluent_kafka as ck
import pytest

from connectors.kafka import Producer
from connectors.timescale.pool import connect
from control import intake as intake_module
from control.intake import GROUP, Intake, SecondIntakeError
from control.settings import ControlSettings

pytestmark = pytest.mark.integration


@pytest.fixture
def publish(kafka):
    def send(*values, key="S/1"):
        producer = Producer(kafka, "tests")
        for value in values:
            raw = value if isinstance(value, bytes | None) else value.model_dump_json().encode()
            producer.send(kafka.topics.alerts, raw, key=key.encode())
        producer.flush(60)

    return send


@pytest.fixture
def running(database_settings, kafka):
    """Start an intake; it is stopped after the test, and what ended it is raised then."""
    started = []

    class Running:
        def __init__(self):
            self.stop, self.pool = threading.Event(), ThreadPoolExecutor(1)
            self.ended = self.pool.submit(Intake(database_settings, kafka, ControlSettings()).run, self.stop)
            started.append(self)

        def end(self):
            self.stop.set()
            return self.ended.exception(60)

    yield Running
    assert [
        error for one in started if (error := one.end()) is not None and not isinstance(error, SecondIntakeError)
    ] == []


def now_minus(**span):
    return datetime.now(UTC) - timedelta(**span)


def test_alerts_are_taken_as_they_come(running, publish, alerts, station, table, until):
    running()
    publish(alerts.said(f"{station}/1", onset=now_minus(minutes=1), raised=now_minus(seconds=1)))

    until(lambda: len(table("work_order", station)) == 1)


def test_alerts_of_before_the_first_start_are_history(running, publish, alerts, station, table, until):
    publish(alerts.said(f"{station}/1", onset=now_minus(hours=3)))
    running()

    until(lambda: len(table("incident", station)) == 1)
    assert table("incident", station)[0]["history"]
    assert table("work_order", station) == []


def poison(conn, kafka):
    found = conn.execute(
        "SELECT reason, detail FROM inbox_reject WHERE topic = %s ORDER BY shard, origin", (kafka.topics.alerts,)
    )
    return found.fetchall()


def test_poison_is_set_aside_with_its_reason_and_holds_nobody_up(
    running, publish, alerts, station, table, conn, kafka, until
):
    good = alerts.said(f"{station}/1", onset=now_minus(minutes=1), raised=now_minus(seconds=1))
    publish(
        b"{not json",
        b'{"id": "x"}',
        None,
        b"\xff\xfe",
        alerts.said(f"{station}/1", "gremlins"),
        alerts.said(f"{station}/1", "pilot", text="a \x00 in the text", raised=now_minus(seconds=1)),
        alerts.said(f"{station}/1", "lock", id="no uuid", raised=now_minus(seconds=1)),
        good,
        key=good.port,
    )
    running()

    until(lambda: len(table("work_order", station)) == 1)
    assert [reason for reason, _ in poison(conn, kafka)] == [
        "json",
        "schema",
        "json",
        "json",
        "family",
        "defect",
        "defect",
    ]
    assert all(detail for _, detail in poison(conn, kafka))


def test_a_restart_goes_on_where_it_was(running, publish, alerts, station, table, kafka, until):
    first = running()
    publish(alerts.said(f"{station}/1", onset=now_minus(minutes=1), raised=now_minus(seconds=1)))
    until(lambda: len(table("incident", station)) == 1)
    assert first.end() is None
    publish(alerts.said(f"{station}/2", onset=now_minus(minutes=1), raised=now_minus(seconds=1)))

    running()
    until(lambda: len(table("incident", station)) == 2)

    consumer = ck.Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": kafka.named(GROUP)})
    parts = [ck.TopicPartition(kafka.topics.alerts, p) for p in range(2)]
    until(lambda: sum(max(0, p.offset) for p in consumer.committed(parts, timeout=60)) == 2)
    consumer.close()


def test_what_was_taken_but_not_committed_comes_again_and_changes_nothing(
    running, publish, alerts, station, table, monkeypatch, until
):
    alert = alerts.cut(f"{station}/1", onset=now_minus(minutes=1), raised=now_minus(seconds=1))
    publish(alert)
    first = running()
    until(lambda: len(table("credit", station)) == 1)
    first.end()
    before = {name: table(name, station) for name in ("incident", "work_order", "credit")}

    publish(alert, alert)
    running()
    publish(alerts.said(f"{station}/2", onset=now_minus(minutes=1), raised=now_minus(seconds=1)))
    until(lambda: len(table("incident", station)) == 2)

    assert table("credit", station) == before["credit"]
    assert before["incident"][0] in table("incident", station)


def test_a_second_intake_refuses_to_start(running, monkeypatch, publish, alerts, station, table, until):
    monkeypatch.setattr(intake_module, "_TAKEOVER_S", 0.5)
    running()
    publish(alerts.said(f"{station}/1", onset=now_minus(minutes=1), raised=now_minus(seconds=1)))
    until(lambda: len(table("incident", station)) == 1)
    second = running()

    with pytest.raises(SecondIntakeError, match="stop it first"):
        second.ended.result(60)


def test_a_database_that_ends_its_connections_loses_no_alert(
    running, publish, alerts, station, table, database_settings, until
):
    running()
    with connect(database_settings) as admin:
        for n in range(5):
            raised = now_minus(seconds=1)
            publish(*(alerts.said(f"{station}/1", source=f"s{n}{i}", onset=raised, raised=raised) for i in range(20)))
            admin.execute(
                """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND application_name = 'chargewell control intake'"""
            )

    until(lambda: len(table("inbox", station)) == 100)
    assert len(table("incident", station)) == 1
    assert len(table("work_order", station)) == 1
