"""Heartbeats do not pile up while Kafka is away, and say since when the bridge has been seeing."""

import msgspec

from pipelines.bridge.heartbeat import Heart, Observation
from schemas.telemetry import BridgeBeat, decode_cw


class Sending:
    """Stands in for a producer: keeps what was sent and how to report it."""

    def __init__(self):
        self.sent = []

    def send(self, topic, value, *, key, partition, headers, on_delivery):
        self.sent.append((partition, value, dict(headers), key, on_delivery))


def beat(at):
    return BridgeBeat(bridge="b", at=at, connected=True, since=3)


def heart(producer):
    numbers = iter(range(100, 200))
    beating = Heart(producer, "raw", 3, "b")
    return lambda at: beating.beat(beat(at), 7, lambda: next(numbers)), beating


def test_each_partition_gets_the_heartbeat_under_a_number_of_its_own():
    producer = Sending()
    send, _ = heart(producer)

    assert send(50) == 3
    assert [(p, key, msgspec.json.decode(value, type=BridgeBeat)) for p, value, _, key, _ in producer.sent] == [
        (p, b"", beat(50)) for p in range(3)
    ]
    assert [decode_cw(h["cw"]) for _, _, h, _, _ in producer.sent] == [
        (1, "h", 50, False, False, "other", 7, "b", n) for n in (100, 101, 102)
    ]


def test_one_heartbeat_a_partition_is_on_its_way_at_most():
    producer = Sending()
    send, beating = heart(producer)
    send(50)
    assert [send(at) for at in range(51, 60)] == [0] * 9

    partition, *_, delivered = producer.sent[1]
    delivered(None, None)
    assert send(60) == 1
    assert producer.sent[-1][0] == partition
    assert beating.lost == 0


def test_a_heartbeat_that_kafka_gave_up_makes_room_for_the_next():
    producer = Sending()
    send, beating = heart(producer)
    send(50)
    producer.sent[0][-1]("timed out", None)

    assert send(51) == 1
    assert beating.lost == 1


def test_since_changes_only_when_seeing_changes():
    seen = Observation(10)
    said = []
    for seeing, now in [(False, 11), (True, 12), (True, 13), (False, 14), (False, 15), (True, 16)]:
        seen.became(seeing, now)
        said.append((seen.seeing, seen.since))

    assert said == [(False, 10), (True, 12), (True, 12), (False, 14), (False, 14), (True, 16)]
