"""The fixtures of tests/conftest.py give real, separate things."""

import psycopg
import pytest
from confluent_kafka import Producer

pytestmark = pytest.mark.integration


def test_a_topic_has_the_partitions_asked_for_and_takes_a_record(services, kafka_admin, kafka_topic):
    topic = kafka_topic(partitions=3)
    producer = Producer({"bootstrap.servers": services.kafka.bootstrap})
    errors = []

    producer.produce(topic, b"value", on_delivery=lambda error, _: errors.append(error))
    producer.flush(10)

    assert errors == [None]
    assert len(kafka_admin.list_topics(topic).topics[topic].partitions) == 3


def test_a_database_is_empty_and_separate(database, module_database):
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE only_here (a int)")
    with psycopg.connect(module_database) as other:
        found = other.execute("SELECT to_regclass('only_here')").fetchone()

    assert found == (None,)


def test_the_postgres_endpoint_speaks_scram_and_utc(services):
    with psycopg.connect(services.postgres.dsn) as connection:
        row = connection.execute(
            "SELECT current_setting('timezone'), rolpassword LIKE 'SCRAM-SHA-256$%%' FROM pg_authid WHERE rolname = current_user"
        ).fetchone()

    assert row == ("UTC", True)
