"""One consumer for all partitions of a worker: whoever leads polls for all."""

import confluent_kafka as ck
import pytest

from connectors.bytewax_io.reader import Reader
from connectors.kafka import KafkaSettings

pytestmark = pytest.mark.integration


@pytest.fixture
def reader(kafka):
    reader = Reader(kafka, kafka.topics.raw, "reading")
    for partition in (0, 1):
        reader.open(partition, None)
    yield reader
    for partition in (0, 1):
        reader.close(partition)


def taken(reader, partition, until):
    """What `partition` is given, asked again until something comes."""
    found = []
    until(lambda: found.extend(reader.take(partition)) or found, seconds=20)
    return [message.value() for message in found]


def test_each_partition_is_given_its_own(reader, fill, until):
    fill(1, [b"b"])
    fill(0, [b"a"])
    found = {0: [], 1: []}

    def both():
        for partition, messages in found.items():
            messages += [message.value() for message in reader.take(partition)]
        return all(found.values())

    until(both, seconds=20)
    assert found == {0: [b"a"], 1: [b"b"]}


def test_when_the_leader_has_ended_another_one_polls(reader, fill, until):
    assert not reader.all_ended(0)
    fill(1, [b"b"])

    assert taken(reader, 1, until) == [b"b"]


def test_what_comes_for_a_partition_that_has_ended_holds_nobody_up(reader, fill, until):
    assert not reader.all_ended(1)
    fill(1, [b"late"])
    fill(0, [b"a"])
    assert taken(reader, 0, until) == [b"a"]
    fill(0, [b"c"])

    assert taken(reader, 0, until) == [b"c"]
    assert reader.take(1) == []


class Told:
    """A client that always has one more message for each partition, and counts how often it was asked."""

    polls = 0

    def __init__(self, *partitions):
        self.partitions = partitions

    def incremental_assign(self, parts):
        pass

    def poll(self, timeout):
        self.polls += 1
        return ck.Message(topic="t", partition=self.partitions[0], value=b"ten bytes.")

    def consume(self, count, timeout):
        return [ck.Message(topic="t", partition=partition, value=b"ten bytes.") for partition in self.partitions[1:]]

    def close(self):
        pass


def test_one_poll_is_held_at_most_until_every_partition_took_its_own(monkeypatch):
    client = Told(0, 1)
    monkeypatch.setattr("connectors.bytewax_io.reader.consumer", lambda settings, group: client)
    monkeypatch.setattr("connectors.bytewax_io.reader.watermarks", lambda *asked: (0, 100))
    reader = Reader(KafkaSettings(), "t", "g")
    for partition in (0, 1):
        reader.open(partition, None)

    assert len(reader.take(0)) == 1
    assert [reader.take(0) for _ in range(5)] == [[]] * 5
    assert client.polls == 1
    assert len(reader.take(1)) == 1
    assert reader.take(1) == []
    assert client.polls == 1
    assert len(reader.take(0)) == 1
    assert client.polls == 2
