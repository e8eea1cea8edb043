"""The deployment's topics: made with exact partition counts, checked, and asked how far they and their readers are."""

import time
from functools import lru_cache
from typing import Final

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined]

from connectors.kafka.asking import answer
from connectors.kafka.consumer import consumer, watermarks
from connectors.kafka.errors import TopicError
from connectors.kafka.producer import log_error
from connectors.kafka.settings import KafkaSettings

_DAY_MS: Final = 86_400_000


@lru_cache(maxsize=8)
def admin(settings: KafkaSettings) -> AdminClient:
    """A client for questions about topics and groups; one for each settings of the process, never closed.

    An AdminClient that is freed while its background thread still hands over the last answer waits a second or crashes
    the interpreter (seen with confluent-kafka 2.16).
    """
    return AdminClient(settings.client("admin") | {"error_cb": log_error})


def retention_days(settings: KafkaSettings) -> dict[str, float]:
    """Topic -> days its records are kept."""
    names = settings.topics
    return {
        names.raw: settings.raw_days,
        names.telemetry: settings.telemetry_days,
        names.rejects: settings.rejects_days,
        names.alerts: settings.alerts_days,
    }


def ensure_topics(settings: KafkaSettings) -> list[str]:
    """Make the topics that are missing; the names of those made. TopicError where one has another partition count."""
    missing = _missing(settings)
    wanted = [
        NewTopic(name, settings.partitions, settings.replication, config=_topic_config(settings, name))
        for name in missing
    ]
    for name, future in admin(settings).create_topics(wanted).items() if wanted else ():
        try:
            future.result(settings.timeout_s)
        except ck.KafkaException as error:
            if error.args[0].code() != ck.KafkaError.TOPIC_ALREADY_EXISTS:
                raise TopicError(f"Kafka did not make the topic {name}: {error.args[0].str()}") from error
    _wait_until_there(settings)
    _check_sizes(settings)
    return missing


def check_topics(settings: KafkaSettings) -> None:
    """TopicError unless all topics are there, with the partition count and the record size of the settings."""
    missing = _missing(settings)
    if missing:
        raise TopicError(f"topics missing in Kafka: {', '.join(missing)}. Make them: chargewell migrate")
    _check_sizes(settings)


def partition_counts(settings: KafkaSettings) -> dict[str, int]:
    """Topic -> number of partitions, for those of our topics that are there and can be used."""
    found = answer(settings, lambda: admin(settings).list_topics(timeout=settings.timeout_s)).topics
    ours = {name: found[name].partitions for name in retention_days(settings) if name in found}
    return {name: len(parts) for name, parts in ours.items() if all(part.leader >= 0 for part in parts.values())}


def _check_sizes(settings: KafkaSettings) -> None:
    """A topic that takes less than our producers send would refuse whole batches, small records and all."""

    def ask() -> dict[str, int]:
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in retention_days(settings)]
        futures = admin(settings).describe_configs(resources, request_timeout=settings.timeout_s)
        found = {resource.name: future.result(settings.timeout_s) for resource, future in futures.items()}
        return {name: int(config["max.message.bytes"].value) for name, config in found.items()}

    for name, size in answer(settings, ask).items():
        if size < settings.message_max_bytes:
            raise TopicError(
                f"topic {name} takes records of up to {size} bytes, the setting kafka.message_max_bytes says "
                f"{settings.message_max_bytes}. Set max.message.bytes of the topic to that, or the setting to {size} or less"
            )


def _wait_until_there(settings: KafkaSettings) -> None:
    """Brokers tell of a topic a moment after they made it; only then is it there for everybody."""
    end = time.monotonic() + settings.timeout_s
    while late := _missing(settings):
        if time.monotonic() > end:
            raise TopicError(f"Kafka made the topics {', '.join(late)} but does not show them: look at its logs")
        time.sleep(0.05)


def _missing(settings: KafkaSettings) -> list[str]:
    counts = partition_counts(settings)
    for name, count in counts.items():
        if count != settings.partitions:
            raise TopicError(
                f"topic {name} has {count} partitions, the setting kafka.partitions says {settings.partitions}. "
                f"Partition counts are part of the deployment: a station would change its partition and its order be "
                f"lost. Set kafka.partitions = {count}, or start a new deployment under another namespace"
            )
    return [name for name in retention_days(settings) if name not in counts]


def _topic_config(settings: KafkaSettings, name: str) -> dict[str, str]:
    return {
        "retention.ms": str(round(retention_days(settings)[name] * _DAY_MS)),
        "max.message.bytes": str(settings.message_max_bytes),
        "cleanup.policy": "delete",
    }


def ends(settings: KafkaSettings, topic: str) -> dict[int, tuple[int, int]]:
    """Partition -> (first offset held, offset of the next record).

    Asked through a consumer of its own: the admin client keeps asking with the leader epochs it learned first and is
    refused for good after a broker's restart (confluent-kafka 2.16).
    """
    client = consumer(settings, "ends")
    try:
        return {p: watermarks(client, settings, topic, p) for p in range(settings.partitions)}
    finally:
        client.close()


def offsets_at(settings: KafkaSettings, topic: str, at_us: int) -> dict[int, int]:
    """Partition -> offset of the first record whose Kafka time is `at_us` (microseconds) or later; its end where none is."""
    parts = [ck.TopicPartition(topic, p, at_us // 1_000) for p in range(settings.partitions)]
    client = consumer(settings, "offsets-at")
    try:
        found = answer(settings, lambda: client.offsets_for_times(parts, timeout=settings.timeout_s))
    finally:
        client.close()
    high = ends(settings, topic)
    return {part.partition: part.offset if part.offset >= 0 else high[part.partition][1] for part in found}


def committed(settings: KafkaSettings, group: str, topic: str) -> dict[int, int]:
    """Partition -> offset the group `group` told last (for lag tools; the truth is in the flow's recovery store).

    Asked through a consumer: the admin client's own question crashes the interpreter while the group's coordinator is
    still loading (confluent-kafka 2.16).
    """
    parts = [ck.TopicPartition(topic, p) for p in range(settings.partitions)]
    client = consumer(settings, group)
    try:
        told = answer(settings, lambda: client.committed(parts, timeout=settings.timeout_s))
    finally:
        client.close()
    return {t.partition: t.offset for t in told if t.error is None and t.offset >= 0}


def lag(settings: KafkaSettings, group: str, topic: str) -> dict[int, int]:
    """Partition -> records that `group` has still to read, as of its last commit (all of them where it made none)."""
    done = committed(settings, group, topic)
    return {p: high - max(low, done.get(p, low)) for p, (low, high) in ends(settings, topic).items()}
