"""A deployment of its own for each test."""

from collections.abc import Iterator

import pytest

from connectors.kafka import KafkaSettings, retention_days


@pytest.fixture
def kafka(services, kafka_admin, unique) -> Iterator[KafkaSettings]:
    """Settings of a deployment with three partitions whose topics are not made yet; those that a test makes are dropped."""
    settings = KafkaSettings(bootstrap=services.kafka.bootstrap, namespace=unique, partitions=3)
    yield settings
    there = set(retention_days(settings)) & set(kafka_admin.list_topics(timeout=15).topics)
    for dropped in kafka_admin.delete_topics(list(there)).values() if there else ():
        dropped.result(60)
