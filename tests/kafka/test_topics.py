"""Topics are made as the settings say and never changed; how far they and their readers are can be asked."""

import socket
import time

import confluent_kafka as ck
import pytest

from connectors.kafka import (
    KafkaUnreachableError,
    OffsetGoneError,
    Producer,
    TopicError,
    check_topics,
    committed,
    consumer,
    ends,
    ensure_topics,
    lag,
    offsets_at,
    partition_counts,
    read_span,
)
from schemas.topics import partition_of

pytestmark = pytest.mark.integration


def names(kafka):
    return [f"{kafka.namespace}.ev.{name}" for name in ("raw", "telemetry", "rejects", "alerts")]


def send(kafka, values, **to):
    producer = Producer(kafka, "send")
    for value in values:
        producer.send(kafka.topics.raw, value, **to)
    producer.flush()


def test_topics_are_made_once_with_the_partitions_of_the_settings(kafka):
    assert ensure_topics(kafka) == names(kafka)
    assert ensure_topics(kafka) == []
    assert partition_counts(kafka) == dict.fromkeys(names(kafka), 3)
    check_topics(kafka)


def test_topics_keep_their_records_as_long_as_the_settings_say(kafka, kafka_admin):
    ensure_topics(kafka.model_copy(update={"telemetry_days": 2.0}))
    resource = ck.admin.ConfigResource(ck.admin.RESOURCE_TOPIC, kafka.topics.telemetry)
    config = next(iter(kafka_admin.describe_configs([resource]).values())).result(60)

    assert config["retention.ms"].value == str(2 * 86_400_000)
    assert config["max.message.bytes"].value == str(kafka.message_max_bytes)


def test_a_changed_partition_count_is_refused_with_the_remedy(kafka):
    ensure_topics(kafka)
    changed = kafka.model_copy(update={"partitions": 4})

    for use in (ensure_topics, check_topics):
        with pytest.raises(
            TopicError, match=r"ev\.raw has 3 partitions, the setting kafka\.partitions says 4.*Set kafka"
        ):
            use(changed)


def test_a_topic_that_takes_smaller_records_than_the_settings_say_is_refused_with_the_remedy(kafka):
    ensure_topics(kafka.model_copy(update={"message_max_bytes": 200_000}))

    for use in (ensure_topics, check_topics):
        with pytest.raises(
            TopicError, match=r"up to 200000 bytes, the setting kafka\.message_max_bytes says 8388608.*Set"
        ):
            use(kafka)


def test_missing_topics_are_named_with_the_remedy(kafka):
    with pytest.raises(TopicError, match=rf"topics missing in Kafka: {', '.join(names(kafka))}.*chargewell migrate"):
        check_topics(kafka)


def test_a_kafka_that_does_not_answer_is_named_with_the_setting(kafka):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        silent = kafka.model_copy(update={"bootstrap": f"127.0.0.1:{nobody.getsockname()[1]}", "timeout_s": 1.0})
        with pytest.raises(KafkaUnreachableError, match=r"does not answer.*kafka\.bootstrap"):
            check_topics(silent)


def test_ends_and_lag_follow_what_is_written_and_committed(kafka):
    ensure_topics(kafka)
    send(kafka, [b"x"] * 5, partition=1)
    client = consumer(kafka, "reader")
    client.commit(offsets=[ck.TopicPartition(kafka.topics.raw, 1, 2)], asynchronous=False)
    client.close()

    assert ends(kafka, kafka.topics.raw) == {0: (0, 0), 1: (0, 5), 2: (0, 0)}
    assert committed(kafka, "reader", kafka.topics.raw) == {1: 2}
    assert lag(kafka, "reader", kafka.topics.raw) == {0: 0, 1: 3, 2: 0}
    assert lag(kafka, "nobody", kafka.topics.raw) == {0: 0, 1: 5, 2: 0}


def test_an_instant_is_an_offset(kafka):
    ensure_topics(kafka)
    send(kafka, [b"x"] * 2, partition=0)
    time.sleep(0.01)
    between = time.time_ns() // 1_000
    time.sleep(0.01)
    send(kafka, [b"x"] * 2, partition=0)

    assert offsets_at(kafka, kafka.topics.raw, 0)[0] == 0
    assert offsets_at(kafka, kafka.topics.raw, between) == {0: 2, 1: 0, 2: 0}
    assert offsets_at(kafka, kafka.topics.raw, between + 10**9)[0] == 4


def test_a_span_gives_exactly_its_records(kafka):
    ensure_topics(kafka)
    send(kafka, [b"%d" % i for i in range(30)], partition=2)

    def span(a, b, **how):
        return [int(m.value()) for ms in read_span(kafka, kafka.topics.raw, 2, a, b, **how) for m in ms]

    assert span(3, 11) == list(range(3, 11))
    assert span(3, 11, batch=2) == list(range(3, 11))
    assert span(25, 99) == list(range(25, 30))
    assert span(7, 7) == []


def test_a_span_whose_beginning_was_deleted_is_refused(kafka, kafka_admin):
    ensure_topics(kafka)
    send(kafka, [b"x"] * 10, partition=0)
    (deleted,) = kafka_admin.delete_records([ck.TopicPartition(kafka.topics.raw, 0, 6)]).values()
    deleted.result(60)

    with pytest.raises(OffsetGoneError, match="offset 2 is gone, the topic holds 6 up to 10"):
        list(read_span(kafka, kafka.topics.raw, 0, 2, 8))


def test_keys_go_to_the_partition_that_java_would_choose(kafka):
    ensure_topics(kafka)
    keys = [b"DE-B-%03d" % i for i in range(60)] + [b"", b"a", b"abc", "Zürich/1".encode()]
    producer = Producer(kafka, "keys")
    for key in keys:
        producer.send(kafka.topics.raw, key, key=key)
    producer.flush()

    where = {
        m.value(): partition
        for partition, (low, high) in ends(kafka, kafka.topics.raw).items()
        for ms in read_span(kafka, kafka.topics.raw, partition, low, high)
        for m in ms
    }
    assert where == {key: partition_of(key, 3) for key in keys}
