"""Kafka: settings, topics, a producer that never forgets a failure, consumers that never skip what is gone."""

from connectors.kafka.consumer import BATCH, check_message, consumer, consumer_config, read_span, watermarks
from connectors.kafka.errors import DeliveryError, KafkaError, KafkaUnreachableError, OffsetGoneError, TopicError
from connectors.kafka.producer import Headers, Producer, producer_config
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import (
    admin,
    check_topics,
    committed,
    ends,
    ensure_topics,
    lag,
    offsets_at,
    partition_counts,
    retention_days,
)

__all__ = [
    "BATCH",
    "DeliveryError",
    "Headers",
    "KafkaError",
    "KafkaSettings",
    "KafkaUnreachableError",
    "OffsetGoneError",
    "Producer",
    "TopicError",
    "admin",
    "check_message",
    "check_topics",
    "committed",
    "consumer",
    "consumer_config",
    "ends",
    "ensure_topics",
    "lag",
    "offsets_at",
    "partition_counts",
    "producer_config",
    "read_span",
    "retention_days",
    "watermarks",
]
