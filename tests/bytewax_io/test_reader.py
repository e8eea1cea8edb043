"""One consumer for all partitions of a worker: whoever leads polls for all."""

import pytest

from connectors.bytewax_io.reader import Reader

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
