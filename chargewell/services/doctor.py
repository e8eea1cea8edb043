"""What `chargewell doctor` reports about services: which would be taken and why, and what a running one says of itself."""

from dataclasses import dataclass
from pathlib import Path

import psycopg
from confluent_kafka import KafkaException, Producer

from chargewell.services.choose import choose
from chargewell.services.endpoints import KINDS, Endpoint, KafkaEndpoint, Kind, MqttEndpoint, PostgresEndpoint
from chargewell.services.probe import mqtt_answers
from chargewell.services.provider import Origin, ServiceError
from chargewell.services.settings import ServiceSettings
from connectors.timescale.editions import edition


@dataclass(frozen=True, slots=True)
class Finding:
    """The choice for one kind; `provider` None: none can be used, and `reason` says why and what to do."""

    kind: Kind
    provider: str | None
    origin: Origin | None
    version: str
    reason: str
    passed_over: tuple[tuple[str, str], ...] = ()
    """Name of each provider that would have been preferred, and why it was not taken."""


def survey(settings: ServiceSettings, folder: Path | None = None) -> list[Finding]:
    """The choice for every kind, nothing started; `folder` is that of `start_all`, whose data may decide."""
    return [_find(kind, settings, folder) for kind in KINDS]


def _find(kind: Kind, settings: ServiceSettings, folder: Path | None) -> Finding:
    try:
        choice = choose(kind, settings, folder / kind if folder is not None else None)
    except ServiceError as problem:
        return Finding(kind, None, None, "", str(problem))
    one = choice.provider
    return Finding(kind, one.name, one.origin, one.version(), choice.reason, choice.passed_over)


def facts(endpoint: Endpoint) -> dict[str, str]:
    """What a running service says of itself, as short texts by name; raises `ServiceError` when it does not answer."""
    if isinstance(endpoint, PostgresEndpoint):
        return _postgres_facts(endpoint)
    if isinstance(endpoint, MqttEndpoint):
        return {"MQTT versions": ", ".join(_mqtt_versions(endpoint))}
    return _kafka_facts(endpoint)


def _postgres_facts(endpoint: PostgresEndpoint) -> dict[str, str]:
    try:
        with psycopg.connect(endpoint.dsn, connect_timeout=5) as connection:
            (version,) = connection.execute("SHOW server_version").fetchone() or ("",)
            extension = connection.execute(
                "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"
            ).fetchone()
            found = {"version": f"PostgreSQL {version}", "edition": str(edition(connection))}
    except psycopg.OperationalError as problem:
        raise ServiceError(f"PostgreSQL at {endpoint.shown} does not answer: {problem}; check the address") from problem
    return found | ({"TimescaleDB": extension[0]} if extension else {})


def _mqtt_versions(endpoint: MqttEndpoint) -> list[str]:
    spoken = [name for name, protocol in (("3.1.1", 4), ("5", 5)) if mqtt_answers(endpoint, 3.0, protocol)]
    if not spoken:
        raise ServiceError(f"no MQTT broker answers at {endpoint.shown}; check the address")
    return spoken


def _kafka_facts(endpoint: KafkaEndpoint) -> dict[str, str]:
    partitions = topic_partitions(endpoint)
    return {"topics": ", ".join(f"{name} ({count})" for name, count in sorted(partitions.items())) or "none"}


def topic_partitions(endpoint: KafkaEndpoint) -> dict[str, int]:
    """Partition count by topic, Kafka's own topics left out."""
    try:
        topics = Producer({"bootstrap.servers": endpoint.bootstrap, "log_level": 0}).list_topics(timeout=5).topics
    except KafkaException as problem:
        raise ServiceError(f"Kafka at {endpoint.bootstrap} does not answer: {problem}; check the address") from problem
    return {name: len(topic.partitions) for name, topic in topics.items() if not name.startswith("__")}
