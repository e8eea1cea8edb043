"""Jobs by a real worker: deferred with the transaction, done after it, rescued from a dead worker; commands by a real broker."""

import asyncio
import queue
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import orjson
import paho.mqtt.client as mqtt
import pytest

from connectors.mqtt import MqttSettings
from control.effects import Effects
from control.jobs import defer
from control.sender import Sender
from control.settings import ControlSettings
from control.take import take
from control.worker import work

pytestmark = pytest.mark.integration


@contextmanager
def listening(endpoint, topic):
    """Messages on `topic`, as they come."""
    got = queue.Queue()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    ready = queue.Queue()
    client.on_message = lambda _c, _u, message: got.put((message.topic, orjson.loads(message.payload)))
    client.on_subscribe = lambda *_: ready.put(True)
    if endpoint.username:
        client.username_pw_set(endpoint.username, endpoint.password)
    client.connect(endpoint.host, endpoint.port)
    client.loop_start()
    client.subscribe(topic, 1)
    ready.get(timeout=60)
    try:
        yield got
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.fixture
def work_for(until):
    """`work_for(database_settings, effects, done)`: run the worker until `done()`."""

    def run(database_settings, effects, done):
        async def go():
            halt = threading.Event()
            task = asyncio.create_task(work(database_settings, effects, halt))
            try:
                await asyncio.to_thread(until, done)
            finally:
                halt.set()
                await asyncio.wait_for(task, 60)

        asyncio.run(go())

    return run


def test_a_command_travels_from_the_alert_to_the_station(
    conn, pool, settings, station, alerts, database_settings, services, table, mqtt_client_id, work_for
):
    now = datetime.now(UTC)
    sender = Sender(mqtt_settings(services.mqtt), client_id=mqtt_client_id)
    with listening(services.mqtt, f"ev/{station}/to/command") as got:
        take(conn, settings, alerts.said(f"{station}/1", "pilot", onset=now), now)
        work_for(database_settings, Effects(pool, settings, sender), lambda: not got.empty())
        topic, body = got.get_nowait()
    sender.close()

    (command,) = table("command", station)
    assert topic == f"ev/{station}/to/command"
    assert (body["id"], body["name"]) == (str(command["command_id"]), "soft_reset")


def mqtt_settings(endpoint):
    return MqttSettings(host=endpoint.host, port=endpoint.port, user=endpoint.username, password=endpoint.password)


def test_a_job_exists_only_if_its_transaction_does(conn, other):
    def waiting():
        return conn.execute("SELECT count(*) FROM procrastinate_jobs WHERE args->>'command_id' = 'ghost'").fetchone()[0]

    with other.transaction(force_rollback=True):
        defer(other, "send_command", command_id="ghost")
    assert waiting() == 0

    with other.transaction():
        defer(other, "send_command", at=datetime.now(UTC) + timedelta(days=1), command_id="ghost")
        assert waiting() == 0
    assert waiting() == 1


def test_a_job_of_a_worker_that_died_is_done_by_the_next(
    conn, pool, settings, station, alerts, database_settings, table, work_for
):
    now = datetime.now(UTC)
    take(conn, settings, alerts.said(f"{station}/1", "pilot", onset=now), now)
    (command,) = table("command", station)
    worker = conn.execute(
        "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 minute') RETURNING id"
    ).fetchone()
    conn.execute(
        "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s WHERE args->>'command_id' = %s",
        (worker[0], str(command["command_id"])),
    )
    sent = []

    work_for(database_settings, Effects(pool, settings, lambda *message: sent.append(message)), lambda: len(sent) > 0)


def test_an_approved_credit_is_settled_once_the_provider_has_it(
    conn, pool, station, alerts, database_settings, table, receiver, monkeypatch, work_for
):
    now = datetime.now(UTC)
    hook = receiver.hook.model_copy(update={"events": ("credit.approved",)})
    settings = ControlSettings(webhooks=(hook,), webhook_networks=("127.0.0.0/8",))
    take(conn, settings, alerts.cut(f"{station}/1", onset=now, raised=now), now)

    def settled():
        return table("credit", station)[0]["state"] == "settled"

    work_for(database_settings, Effects(pool, settings, lambda *_: None), settled)
    ((_, body),) = receiver.got
    assert orjson.loads(body)["data"]["net_minor"] == 50


def test_without_a_provider_a_credit_stays_approved(conn, pool, settings, station, alerts, table):
    now = datetime.now(UTC)
    take(conn, settings, alerts.cut(f"{station}/1", onset=now, raised=now), now)
    (credit,) = table("credit", station)

    asyncio.run(Effects(pool, settings, lambda *_: None).settle_credit(str(credit["credit_id"])))

    assert table("credit", station)[0]["state"] == "approved"


def test_receivers_are_told_of_incidents_and_orders(conn, pool, station, alerts, database_settings, receiver, work_for):
    now = datetime.now(UTC)
    settings = ControlSettings(webhooks=(receiver.hook,), webhook_networks=("127.0.0.0/8",))
    take(conn, settings, alerts.said(f"{station}/1", onset=now), now)

    def told():
        messages = [orjson.loads(body) for _, body in receiver.got]
        return {m["type"] for m in messages if m["data"]["port"] == f"{station}/1"}

    wanted = {"incident.opened", "work_order.opened"}
    work_for(database_settings, Effects(pool, settings, lambda *_: None), lambda: told() == wanted)


def test_a_broker_that_is_away_is_an_error_and_leaves_nothing_to_be_sent_later(unused_port):
    sender = Sender(MqttSettings(host="127.0.0.1", port=unused_port), client_id="nobody")

    with pytest.raises(Exception, match="did not answer"):
        sender("ev/x/to/command", b"{}")

    assert sender._publisher is None
