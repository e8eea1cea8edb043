"""A record that was not written is raised, and a full queue is waited for."""

import os
import socket

import confluent_kafka as ck
import pytest

from connectors.kafka import DeliveryError, KafkaSettings, Producer, ensure_topics, producer_config


def test_producers_are_safe_and_partition_as_java_does():
    config = producer_config(KafkaSettings(), "x")

    assert (config["acks"], config["enable.idempotence"], config["linger.ms"], config["partitioner"]) == (
        "all", True, 5, "murmur2_random",
    )  # fmt: skip


@pytest.mark.integration
def test_a_record_that_the_topic_does_not_take_raises_at_the_next_call(kafka, kafka_topic):
    small = kafka_topic(1, f"{kafka.namespace}.small", {"max.message.bytes": "1000"})
    producer = Producer(kafka, "x")
    producer.send(small, os.urandom(5_000))

    with pytest.raises(DeliveryError, match=r"1 records were not written to Kafka; the first: .*small partition 0"):
        producer.flush()
    for call in (producer.flush, producer.poll, lambda: producer.send(small, b"")):
        with pytest.raises(DeliveryError):
            call()


@pytest.mark.integration
def test_a_record_larger_than_the_settings_allow_is_refused_at_once(kafka):
    ensure_topics(kafka)

    with pytest.raises(DeliveryError, match="a record of 9000000 bytes was refused"):
        Producer(kafka, "x").send(kafka.topics.raw, bytes(9_000_000))


def test_records_that_nobody_takes_fail_after_the_patience():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        settings = KafkaSettings(bootstrap=f"127.0.0.1:{nobody.getsockname()[1]}")
        patient, impatient = (
            Producer(settings, "patient", patience_s=60),
            Producer(settings, "impatient", patience_s=0.5),
        )
        for producer in (patient, impatient):
            producer.send("t", b"x")

        with pytest.raises(DeliveryError, match="1 records were not confirmed by Kafka within"):
            patient.flush(0.2)
        with pytest.raises(DeliveryError, match="1 records were not written to Kafka"):
            impatient.flush(60)


class Full:
    """Stands in for a client whose queue is full for the first three calls."""

    def __init__(self, config):
        self.refusals, self.polls, self.sent = 3, [], []

    def produce(self, topic, value, key, partition, on_delivery, headers):
        if self.refusals:
            self.refusals -= 1
            raise BufferError
        self.sent.append(value)

    def poll(self, timeout):
        self.polls.append(timeout)
        return 0

    def flush(self, timeout):
        raise AssertionError("a full queue is polled, not flushed: a flush waits for everything")


def test_a_full_queue_is_answered_by_polling(monkeypatch):
    monkeypatch.setattr(ck, "Producer", Full)
    producer = Producer(KafkaSettings(), "x")
    producer.send("t", b"x")

    assert producer._producer.sent == [b"x"]
    assert len(producer._producer.polls) == 3
