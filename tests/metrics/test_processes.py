"""Bridge, flows and control, each as its own process, scraped while a message goes through them."""

import socket
import time
import urllib.request

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import AnyHttpUrl, SecretStr

from chargewell.deployment import prepare
from chargewell.processes import Processes
from chargewell.settings import Settings, write
from chargewell.up import start
from connectors.kafka import KafkaSettings
from connectors.metrics import MetricsSettings
from connectors.mqtt import MqttSettings, Publisher
from connectors.timescale.settings import DatabaseSettings
from control.settings import ControlSettings

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def four_ports():
    """The first of four free ports in a row."""
    for base in range(24_400, 31_000, 7):
        held = []
        try:
            held = [socket.create_server(("127.0.0.1", base + i)) for i in range(4)]
        except OSError:
            continue
        else:
            return base
        finally:
            for server in held:
                server.close()
    raise RuntimeError("no four free ports in a row")


def scraped(port):
    """name{label=value,..} -> value; empty while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
            text = answer.read().decode()
    except OSError:
        return {}
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


@pytest.fixture
def settings(services, database, unique, tmp_path):
    base = four_ports()
    return Settings(
        namespace=unique,
        data_dir=tmp_path,
        kafka=KafkaSettings(bootstrap=services.kafka.bootstrap, partitions=2),
        mqtt=MqttSettings(
            host=services.mqtt.host, port=services.mqtt.port, client_id=f"bridge-{unique}", filters=(f"ev/{unique}/#",)
        ),
        database=DatabaseSettings(dsn=database),
        flows={"token_key": SecretStr("sixteen letters or more"), "epoch_s": 1.0},
        control=ControlSettings(port=base + 3, public_url=AnyHttpUrl(f"http://127.0.0.1:{base + 3}")),
        metrics=MetricsSettings(port=base),
    )


OPERATORS = ("store", "sessions", "uptime", "anomaly")


def test_every_process_shows_what_it_does(settings, unique, tmp_path, until):
    base = settings.metrics.port
    prepare(settings)
    write(settings, tmp_path / "settings.toml")
    publish(settings, unique, [("to/command", b"{}")], retain=True)  # comes as soon as the bridge has subscribed
    processes = Processes(tmp_path / "settings.toml", tmp_path / "logs")
    start(settings, processes)
    try:

        def shown(i, name):
            processes.watch()
            return scraped(base + i).get(name, 0)

        until(lambda: shown(1, "chargewell_bridge_messages_received_total") == 1)
        publish(settings, unique, readings_and_nonsense())
        until(lambda: shown(2, "chargewell_sink_lines_total{flow=store,outcome=stored}") >= 20)
        until(lambda: shown(2, "chargewell_operator_state_bytes{operator=store,shard=00n}"))
        until(lambda: shown(2, "chargewell_normalise_rejects_total{reason=json}"))
        for operator in OPERATORS:
            until(lambda seen=f"chargewell_operator_lines_total{{operator={operator}}}": shown(2, seen) >= 20)
        until(lambda: shown(1, "chargewell_bridge_messages_confirmed_total") == 22)
        until(lambda: shown(0, "chargewell_control_database_up") == 1)
        control, bridge, flows = (scraped(base + i) for i in range(3))
    finally:
        processes.stop()

    assert bridge["chargewell_bridge_connected"] == 1
    assert bridge["chargewell_bridge_messages_received_total"] == 22
    assert bridge["chargewell_bridge_messages_confirmed_total"] == 22
    assert bridge["chargewell_bridge_confirmation_seconds_count"] >= 1
    assert flows["chargewell_normalise_rejects_total{reason=json}"] == 1
    messages = {name: value for name, value in flows.items() if name.startswith("chargewell_source_messages_total")}
    assert sum(messages.values()) >= 22
    assert all(value >= 0 for name, value in flows.items() if name.startswith("chargewell_source_lag_messages"))
    for operator in OPERATORS:
        assert flows[f"chargewell_operator_lines_total{{operator={operator}}}"] >= 20
        assert 0 < flows[f"chargewell_operator_age_seconds_sum{{operator={operator}}}"] < 600
    assert flows["chargewell_sink_write_seconds_count{flow=store}"] >= 1
    assert control["chargewell_control_database_up"] == 1
    assert control["chargewell_control_jobs{state=failed}"] == 0
    assert control["chargewell_control_incidents_open"] == 0


def readings_and_nonsense():
    """Twenty readings and one message that is no JSON."""
    now = time.time_ns() // 1_000_000
    for i in range(20):
        body = {"port": 1, "at": now - 1_000 * (20 - i), "voltage": 230.0, "current": 16.0, "temp_connector": 30.0}
        yield "from/reading", orjson.dumps(body)
    yield "from/reading", b"{no json"


def publish(settings, unique, messages, *, retain=False):
    """Say `messages` (what follows the station in the topic, payload) as the station `unique`."""
    with Publisher(settings.mqtt, client_id=f"publisher-{unique}") as publisher:
        for rest, payload in messages:
            publisher.publish(f"ev/{unique}/{rest}", payload, retain=retain)
        publisher.flush()
