"""The bridge between the run's broker and Kafka."""

import time

import pytest

from connectors.kafka import TopicError
from connectors.mqtt import Connection, MqttRefusedError
from pipelines.bridge import TopicPattern, run_bridge
from schemas.topics import partition_of

pytestmark = pytest.mark.integration


def messages(records):
    return [r for r in records if r.cw.type == "m"]


def beats(records, partition=0):
    return [r.beat for r in records if r.cw.type == "h" and r.partition == partition]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_messages_stand_in_the_log_as_they_came_in_the_order_of_their_station(
    mqtt, kafka, bridge, publisher, raw, unique, in_order, protocol
):
    before = time.time_ns() // 1_000
    running = bridge(mqtt.model_copy(update={"protocol": protocol}), kafka)
    say = publisher(mqtt)
    for i in range(300):
        say.publish(f"ev/{unique}-{'AB'[i % 2]}/{('from', 'to')[i % 3 == 0]}/reading", b"\0\xff%d" % i)
    say.flush()
    running.wait(lambda b: b.confirmed == 300).stop()

    found = messages(raw(kafka))
    assert len(found) == 300
    for side in "AB":
        station = f"{unique}-{side}"
        mine = [r for r in found if r.key.startswith(f"ev/{station}/".encode())]
        in_order([r.value for r in mine], [b"\0\xff%d" % i for i in range("AB".index(side), 300, 2)])
        assert {r.partition for r in mine} == {partition_of(station.encode(), 2)}
    for r in found:
        _, _, direction, kind = r.key.decode().split("/")
        assert (r.cw.direction, kind) == (direction, "reading")
        assert before < r.cw.connection < r.cw.received_us < time.time_ns() // 1_000
        assert (r.cw.retain, r.cw.dup, r.cw.bridge) == (False, False, running.bridge.name)
    assert len({r.cw.n for r in raw(kafka)}) == len(raw(kafka))


def test_topics_of_other_devices_are_kept_together_by_their_pattern_or_by_themselves(
    mqtt, kafka, bridge, publisher, raw, unique
):
    running = bridge(mqtt, kafka, patterns=[TopicPattern(pattern=f"{unique}/box-(?P<station>..)/#")])
    say = publisher(mqtt)
    boxes = [f"{unique}/box-{i:02d}/amp" for i in range(20)]
    lids = [f"{unique}/lid-{i:02d}/amp" for i in range(20)]
    for topic in boxes + lids:
        say.publish(topic, b"16")
    say.flush()
    running.wait(lambda b: b.confirmed == 40).stop()

    assert {(r.key.decode(), r.partition, r.cw.direction) for r in messages(raw(kafka))} == {
        *((topic, partition_of(b"%02d" % i, 2), "from") for i, topic in enumerate(boxes)),
        *((topic, partition_of(topic.encode(), 2), "other") for topic in lids),
    }


def test_a_retained_message_is_marked_and_an_empty_payload_is_not_a_missing_one(
    mqtt, kafka, bridge, publisher, raw, unique
):
    say = publisher(mqtt)
    say.publish(f"ev/{unique}-A/from/event", b"state", retain=True)
    say.flush()
    running = bridge(mqtt, kafka)
    say.publish(f"ev/{unique}-A/from/event", b"", retain=True)
    say.flush()
    running.wait(lambda b: b.confirmed == 2).stop()

    assert [(r.value, r.cw.retain) for r in messages(raw(kafka))] == [(b"state", True), (b"", False)]


def test_a_payload_that_kafka_does_not_take_is_withheld_and_holds_nothing_up(
    mqtt, kafka, bridge, publisher, raw, unique
):
    small = kafka.model_copy(update={"message_max_bytes": 100_000})
    running = bridge(mqtt, small, max_unacknowledged=2)
    say = publisher(mqtt)
    for payload in (b"a", bytes(200_000), b"b"):
        say.publish(f"ev/{unique}-A/from/reading", payload)
    say.flush()
    running.wait(lambda b: b.confirmed == 3).stop()

    found = messages(raw(kafka))
    assert [r.value for r in found] == [b"a", None, b"b"]
    assert [r.headers.get("too_large") for r in found] == [None, b"200000", None]
    assert beats(raw(kafka))[-1].too_large == 1


def test_every_partition_gets_heartbeats_that_say_since_when(mqtt, kafka, bridge, raw, until):
    every_s, began = 0.05, time.monotonic()
    running = bridge(mqtt, kafka, heartbeat_s=every_s)
    # Within sixty seconds: one a second would be too few.
    until(lambda: all(len(beats(raw(kafka), partition)) > 70 for partition in (0, 1)), seconds=60)
    running.stop()
    most = (time.monotonic() - began) / every_s + 2  # the first at once, and the last whenever it stops

    for partition in (0, 1):
        said = beats(raw(kafka), partition)
        connected = [b for b in said if b.connected]
        assert len(said) <= most
        assert len({b.since for b in connected}) == 1
        assert all(b.since < b.at for b in connected)
        assert sorted(b.at for b in said) == [b.at for b in said]
        assert said[-1].filters == list(mqtt.filters)


def test_a_bridge_says_that_it_sees_once_the_broker_has_granted_or_kept_its_subscription(
    mqtt, kafka, bridge, raw, until, monkeypatch
):
    grants = Connection.subscribe
    monkeypatch.setattr(Connection, "subscribe", lambda *_, **__: None)
    waiting = bridge(mqtt, kafka, ready=lambda b: b.connected, heartbeat_s=0.05)
    before = len(beats(raw(kafka)))
    until(lambda: len(beats(raw(kafka))) > before + 5)
    waiting.stop()
    assert not any(b.connected for b in beats(raw(kafka)))

    monkeypatch.setattr(Connection, "subscribe", grants)
    bridge(mqtt, kafka, heartbeat_s=0.05).stop()
    said = len(beats(raw(kafka)))
    monkeypatch.setattr(Connection, "subscribe", lambda *_, **__: None)
    kept = bridge(mqtt, kafka, ready=lambda b: b.connected, heartbeat_s=0.05)
    until(lambda: any(b.connected for b in beats(raw(kafka))[said:]))
    kept.stop()


def test_a_broken_connection_shows_in_since(mqtt, kafka, bridge, raw, until):
    running = bridge(mqtt, kafka, heartbeat_s=0.05)
    until(lambda: any(b.connected for b in beats(raw(kafka))))
    broken = time.time_ns() // 1_000
    running.bridge._connection.client.buffered._sock.shutdown(2)
    until(lambda: any(b.connected and b.since > broken for b in beats(raw(kafka))))
    running.stop()

    said = [b for b in beats(raw(kafka)) if b.connected]
    first, last = said[0], said[-1]
    assert first.since < broken < last.since
    assert {b.since for b in said} == {first.since, last.since}


def test_a_bridge_that_stops_says_so_and_leaves_nothing_unacknowledged(mqtt, kafka, bridge, publisher, raw, unique):
    running = bridge(mqtt, kafka)
    say = publisher(mqtt)
    for i in range(100):
        say.publish(f"ev/{unique}-A/from/reading", b"%d" % i)
    say.flush()
    running.wait(lambda b: b.received == 100).stop()
    said = beats(raw(kafka))
    say.publish(f"ev/{unique}-A/from/reading", b"while away")
    say.flush()
    bridge(mqtt, kafka).wait(lambda b: b.confirmed).stop()

    assert (said[-1].connected, said[-1].confirmed) == (False, 100)
    assert [r.value for r in messages(raw(kafka))] == [*(b"%d" % i for i in range(100)), b"while away"]


def test_in_a_replay_the_publishers_time_is_log_time(mqtt, kafka, bridge, publisher, raw, unique, until):
    replay = mqtt.model_copy(update={"trust_publisher_time": True, "protocol": "5"})
    running = bridge(replay, kafka, heartbeat_s=0.05)
    say = publisher(replay)
    for at in (5_000_000, 9_000_000, 7_000_000):
        say.publish(f"ev/{unique}-A/from/reading", b"x", at_us=at)
    say.flush()
    running.wait(lambda b: b.confirmed == 3)
    until(lambda: any(b.at == 9_000_000 for b in beats(raw(kafka))))
    running.stop()

    found = raw(kafka)
    assert [r.cw.received_us for r in messages(found)] == [5_000_000, 9_000_000, 7_000_000]
    said = beats(found) + beats(found, 1)
    assert {(b.connected, b.since) for b in said} == {(True, 0)}
    assert min(b.at for b in said) >= 5_000_000
    assert beats(found)[-1].at == 9_000_000


def test_the_publishers_time_is_ignored_unless_it_is_trusted(mqtt, kafka, bridge, publisher, raw, unique):
    running = bridge(mqtt, kafka)
    say = publisher(mqtt.model_copy(update={"protocol": "5"}))
    say.publish(f"ev/{unique}-A/from/reading", b"x", at_us=5_000_000)
    say.flush()
    running.wait(lambda b: b.confirmed == 1).stop()

    (found,) = messages(raw(kafka))
    assert abs(found.cw.received_us - time.time_ns() // 1_000) < 60_000_000


def test_missing_or_changed_topics_stop_the_bridge_before_it_takes_anything(mqtt, kafka, unique):
    with pytest.raises(TopicError, match="chargewell migrate"):
        run_bridge(mqtt, kafka.model_copy(update={"namespace": f"{unique}x"}), stop=lambda: False)
    with pytest.raises(TopicError, match=r"2 partitions, the setting kafka\.partitions says 3"):
        run_bridge(mqtt, kafka.model_copy(update={"partitions": 3}), stop=lambda: False)


def test_a_wrong_password_stops_the_bridge_and_names_the_settings(tmp_path, kafka, mqtt):
    from chargewell.services import MqttAccess, ServiceSettings, start_all

    settings = ServiceSettings(mqtt={"access": MqttAccess(users={"bridge": "right"})})
    with start_all(tmp_path, settings, kinds=("mqtt",)) as guarded:
        at = {"host": guarded.mqtt.host, "port": guarded.mqtt.port, "user": "bridge"}
        wrong = mqtt.model_copy(update=at).model_validate(mqtt.model_dump() | at | {"password": "wrong"})
        with pytest.raises(MqttRefusedError, match=r"mqtt\.user and mqtt\.password"):
            run_bridge(wrong, kafka, stop=lambda: False)
