"""Control as one process: from an alert on the topic to the command at the station, and a clean end."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from connectors.kafka import Producer
from connectors.mqtt import MqttSettings
from control.run import run
from control.settings import ControlSettings

pytestmark = pytest.mark.integration

MAIN = """
import json, sys
from connectors.kafka import KafkaSettings
from connectors.mqtt import MqttSettings
from connectors.timescale.settings import DatabaseSettings
from control.run import run
from control.settings import ControlSettings
control, database, kafka, mqtt = json.loads(sys.argv[1])
run(ControlSettings(**control), DatabaseSettings(**database), KafkaSettings(**kafka), MqttSettings(**mqtt),
    ready=lambda address: print("ready", address, flush=True))
"""


@pytest.fixture
def mqtt(services):
    end = services.mqtt
    return MqttSettings(host=end.host, port=end.port, user=end.username, password=end.password)


def alert_now(alerts, port, kafka, **more):
    at = datetime.now(UTC) - timedelta(seconds=2)
    producer = Producer(kafka, "tests")
    value = alerts.said(port, "pilot", onset=at, raised=at, **more).model_dump_json().encode()
    producer.send(kafka.topics.alerts, value, key=port.encode())
    producer.flush(60)


def test_it_does_its_work_and_ends_when_asked(conn, station, alerts, table, database_settings, kafka, mqtt, until):
    stop, told, tokens = threading.Event(), [], []
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(
            run,
            ControlSettings(port=0),
            database_settings,
            kafka,
            mqtt,
            ready=told.append,
            stop=stop,
            announce=tokens.append,
        )
        try:
            until(lambda: told or ended.done())
            alert_now(alerts, f"{station}/1", kafka)
            until(lambda: [c["state"] for c in table("command", station)] == ["sent"])
            answer = httpx.get(f"{told[0]}/v1/work_orders", headers={"authorization": f"Bearer {tokens[0]}"})
            assert [order["port"] for order in answer.json()] == [f"{station}/1"]
        finally:
            stop.set()
        assert ended.result(60) is None
    held = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'chargewell control%%'"
    until(lambda: conn.execute(held).fetchone() is None)  # the server takes a moment to see that a connection has ended


def test_a_port_in_use_is_named(database_settings, kafka, mqtt):
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match=r"set control\.port to another one"),
    ):
        run(ControlSettings(port=taken.getsockname()[1]), database_settings, kafka, mqtt)


@pytest.fixture
def process(database_settings, kafka, mqtt):
    """Start control as a process of its own."""
    parts = [ControlSettings(port=0), database_settings, kafka, mqtt]
    plain = [p.model_dump(mode="json", exclude_unset=True) for p in parts]
    plain[3]["password"] = mqtt.password.get_secret_value() if mqtt.password else None
    started = []

    def start():
        child = subprocess.Popen([sys.executable, "-c", MAIN, json.dumps(plain)], stdout=subprocess.PIPE, text=True)
        started.append(child)
        for line in child.stdout:
            if line.startswith("ready"):
                return child
        raise AssertionError(f"it ended with {child.wait()}")

    yield start
    for child in started:
        child.kill()
        child.wait()
        child.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(process, number):
    child = process()
    child.send_signal(number)

    assert child.wait(60) == 0


def test_killed_again_and_again_it_takes_each_alert_once(process, station, alerts, table, kafka, until):
    for n in range(4):
        child = process()
        for source in range(5):
            alert_now(alerts, f"{station}/1", kafka, source=f"s{n}{source}")
        time.sleep(0.05 * n)
        child.kill()
        child.wait()
    process()

    until(lambda: len(table("inbox", station)) == 20)
    assert len(table("incident", station)) == len(table("work_order", station)) == 1
    until(lambda: [c["state"] for c in table("command", station)] == ["sent"])
