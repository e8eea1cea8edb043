"""Kafka: a given cluster, or the real Apache Kafka (KRaft, one node, durable) on the packaged Java runtime."""

import base64
import subprocess
import uuid
from pathlib import Path
from typing import ClassVar

from chargewell.services.endpoints import Endpoint, KafkaEndpoint, Kind
from chargewell.services.java import availability, class_path, java_argv, read_lock
from chargewell.services.owned import GivenRunning, OwnedProvider
from chargewell.services.ports import LOOPBACK
from chargewell.services.probe import kafka_answers
from chargewell.services.process import Command
from chargewell.services.provider import Availability, Note, Origin, ServiceError, provider
from chargewell.services.settings import ServiceSettings

_LOGGING = Path(__file__).with_name("kafka.log4j2.properties")

_PROPERTIES = """\
# written by Chargewell at every start
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{main},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{main}
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
num.partitions=8
log.retention.hours=720
message.max.bytes=8388608
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=33554432
"""
# The session timeout bounds how long a broker that was killed must wait before it may come back; memory is kept small.


@provider
class GivenKafka:
    """A cluster of your own."""

    kind: ClassVar[Kind] = "kafka"
    name: ClassVar[str] = "given"
    origin: ClassVar[Origin] = "given"

    def __init__(self, settings: ServiceSettings) -> None:
        self._bootstrap = settings.kafka.bootstrap

    def available(self) -> Availability:
        """With an address."""
        if self._bootstrap is None:
            return Availability(False, "services.kafka.bootstrap is not set")
        return Availability(True, f"services.kafka.bootstrap is set to {self._bootstrap}")

    def version(self) -> str:
        """Kafka does not tell its version."""
        return "Kafka (given)"

    def start(self, folder: Path, *, keep_ports: bool = False, note: Note = print) -> GivenRunning:
        """Ask it once."""
        if self._bootstrap is None:
            raise ServiceError(f"no Kafka: {self.available().reason}")
        endpoint = KafkaEndpoint(self._bootstrap)
        if not kafka_answers(endpoint, 10.0):
            raise ServiceError(
                f"Kafka at {self._bootstrap} does not answer; check services.kafka.bootstrap and the network"
            )
        return GivenRunning(endpoint, lambda: kafka_answers(endpoint, 3.0))


@provider
class EmbeddedKafka(OwnedProvider):
    """Apache Kafka itself. About 340 MB of memory, ready in 2 to 3 seconds; data survives kill -9, not a power cut."""

    kind: ClassVar[Kind] = "kafka"
    name = "embedded"
    origin: ClassVar[Origin] = "embedded"
    port_names = ("main", "controller")
    transient = ("Failed to acquire lock on file",)

    def available(self) -> Availability:
        """Always, given the network once."""
        return availability(read_lock("kafka"), self.settings.cache)

    def version(self) -> str:
        """As locked."""
        return str(read_lock("kafka"))

    def endpoint(self, folder: Path, ports: dict[str, int]) -> KafkaEndpoint:
        """On the loopback interface."""
        return KafkaEndpoint(f"{LOOPBACK}:{ports['main']}")

    def answers(self, endpoint: Endpoint) -> bool:
        """It names its brokers."""
        return isinstance(endpoint, KafkaEndpoint) and kafka_answers(endpoint, 0.5)

    def prepare(self, folder: Path, ports: dict[str, int], note: Note) -> Command:
        """Write server.properties; format the data folder when it is new."""
        jars = class_path(read_lock("kafka"), self.settings.cache, note)
        data, properties = folder / "data", folder / "server.properties"
        properties.write_text(_PROPERTIES.format(host=LOOPBACK, data=data, **ports), "utf-8")
        if not (data / "meta.properties").exists():
            _format(jars, properties)
        options = [f"-Dlog4j2.configurationFile={_LOGGING}"]
        argv = java_argv(
            jars, "kafka.Kafka", str(properties), folder=folder, heap_mb=self.settings.kafka.heap_mb, options=options
        )
        return Command(argv, cwd=str(folder))


def _format(jars: str, properties: Path) -> None:
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")
    tool = ("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "--config", str(properties))
    options = ["-XX:TieredStopAtLevel=1", f"-Dlog4j2.configurationFile={_LOGGING}"]
    argv = java_argv(jars, *tool, folder=properties.parent, heap_mb=256, options=options)
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    if done.returncode != 0:
        raise ServiceError(f"Kafka's data folder cannot be made: {(done.stdout + done.stderr).strip()[-2000:]}")
