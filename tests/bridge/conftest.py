"""A bridge on a deployment of its own, in a thread or as a process that can be killed, and what it wrote."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from chargewell.services import ServiceSettings, start_all
from connectors.kafka import KafkaSettings, ends, ensure_topics, read_span, retention_days
from connectors.mqtt import MqttSettings, Publisher
from pipelines.bridge import Bridge, BridgeSettings
from schemas.telemetry import BridgeBeat, Cw, decode_cw

HERE = Path(__file__).parent


@dataclass
class Raw:
    """One record of `ev.raw`, taken apart."""

    partition: int
    key: bytes
    value: bytes | None
    headers: dict[str, bytes]
    cw: Cw

    @property
    def beat(self) -> BridgeBeat:
        return msgspec.json.decode(self.value, type=BridgeBeat)


class Running:
    """A bridge in a thread."""

    def __init__(self, until, mqtt, kafka, **settings):
        self.until = until
        self.stopping = False
        self.error = None
        self.bridge = Bridge(mqtt, kafka, BridgeSettings(**settings))
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            self.bridge.run(lambda: self.stopping)
        except Exception as error:  # noqa: BLE001 - raised where the test waits
            self.error = error

    def wait(self, done):
        """Wait until `done(bridge)`; what ended the bridge is raised."""
        b = self.bridge

        def come_about():
            if self.error is not None:
                raise self.error
            return done(b)

        self.until(come_about, lambda: f"{b.connected=} {b.received=} {b.confirmed=} {b.unacknowledged=}")
        return self

    def stop(self):
        self.stopping = True
        self.until(lambda: not self.thread.is_alive())
        if self.error is not None:
            raise self.error


@pytest.fixture
def kafka(services, kafka_admin, unique) -> Iterator[KafkaSettings]:
    """A fresh deployment with two partitions a topic, on the run's Kafka."""
    settings = KafkaSettings(bootstrap=services.kafka.bootstrap, namespace=unique, partitions=2)
    ensure_topics(settings)
    yield settings
    for dropped in kafka_admin.delete_topics(list(retention_days(settings))).values():
        dropped.result(60)


@pytest.fixture
def mqtt(services, unique) -> MqttSettings:
    """The run's broker, with filters of this test alone."""
    at = services.mqtt
    return MqttSettings(
        host=at.host, port=at.port, filters=(f"ev/{unique}-A/#", f"ev/{unique}-B/#", f"{unique}/#"), reconnect_max_s=0.3
    )


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Iterator:
    """A broker and a Kafka of this file alone, to be killed."""
    settings = ServiceSettings().forced(os.environ.get("CHARGEWELL_TEST_SERVICES", "auto"))
    with start_all(tmp_path_factory.mktemp("own"), settings, kinds=("mqtt", "kafka")) as started:
        yield started


@pytest.fixture
def own_kafka(own, unique) -> KafkaSettings:
    """A fresh deployment on the Kafka that may be killed."""
    settings = KafkaSettings(bootstrap=own.kafka.bootstrap, namespace=unique, partitions=2, timeout_s=30)
    ensure_topics(settings)
    return settings


@pytest.fixture
def own_mqtt(own, unique) -> MqttSettings:
    """The broker that may be killed."""
    at = own.mqtt
    return MqttSettings(
        host=at.host, port=at.port, filters=(f"ev/{unique}-A/#", f"ev/{unique}-B/#"), reconnect_max_s=0.3
    )


@pytest.fixture
def bridge(until) -> Iterator[Callable[..., Running]]:
    """`bridge(mqtt, kafka, **settings)`: a running bridge that is `ready` (subscribed); stopped after the test."""
    made: list[Running] = []

    def start(mqtt, kafka, *, ready=lambda b: b.subscribed, **settings):
        made.append(Running(until, mqtt, kafka, **settings))
        return made[-1].wait(ready)

    yield start
    for running in made:
        running.stopping = True
        running.thread.join()


@pytest.fixture
def bridge_process(tmp_path) -> Iterator[Callable[..., subprocess.Popen]]:
    """`bridge_process(mqtt, kafka)`: the bridge as a process of its own; its output is in `tmp_path / "bridge.log"`."""
    started: list[subprocess.Popen] = []

    def start(mqtt, kafka):
        given = json.dumps([json.loads(mqtt.model_dump_json()), json.loads(kafka.model_dump_json())])
        with (tmp_path / "bridge.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, str(HERE / "bridge_process.py"), given],
                env=os.environ | {"PYTHONPATH": str(HERE.parents[1])},
                stdout=log,
                stderr=log,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()


@pytest.fixture
def publisher(unique) -> Iterator[Callable[[MqttSettings], Publisher]]:
    """`publisher(mqtt)`: closed after the test."""
    made: list[Publisher] = []

    def start(mqtt):
        made.append(Publisher(mqtt, client_id=f"p-{unique}-{len(made)}"))
        made[-1].wait_connected()
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def raw() -> Callable[[KafkaSettings], list[Raw]]:
    """`raw(kafka)`: all records of `ev.raw`, partition by partition, each with its headers."""

    def read(kafka):
        found = []
        for partition, (low, high) in ends(kafka, kafka.topics.raw).items():
            for messages in read_span(kafka, kafka.topics.raw, partition, low, high):
                for m in messages:
                    headers = dict(m.headers())
                    found.append(Raw(partition, m.key(), m.value(), headers, decode_cw(headers["cw"])))
        return found

    return read
