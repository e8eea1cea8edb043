"""Bridge, broker and Kafka die in turn: nothing is lost, order is kept, memory is bounded, and heartbeats say what was seen."""

import os
import random
import signal
import threading
import time
from itertools import pairwise

import pytest

from chargewell.services import ServiceSettings, choose

pytestmark = pytest.mark.integration

PAYLOAD = bytes(300)


class Talking:
    """Two stations that speak in turn, `rate` messages a second, until told to stop."""

    def __init__(self, publisher, unique, rate=400.0):
        self.said = {"A": 0, "B": 0}
        self.publisher, self.unique, self.rate = publisher, unique, rate
        self.stopping = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stopping:
            for side in self.said:
                self.publisher.publish(f"ev/{self.unique}-{side}/from/reading", b"%d|" % self.said[side] + PAYLOAD)
                self.said[side] += 1
            time.sleep(2 / self.rate)

    def stop(self):
        self.stopping = True
        self.thread.join()
        self.publisher.flush()
        return self.said


def numbers(records, side):
    """The numbers a station's messages carry, in the order of the log."""
    return [int(r.value.split(b"|")[0]) for r in records if r.cw.type == "m" and r.key.decode().endswith(f"-{side}")]


def assert_complete_and_in_order(records, said):
    """Every message is there; first occurrences are in order; what comes again does not go back further than a broken connection.

    Artemis hands some messages of one publisher on out of order: there, order is an expected failure, completeness is not.
    """
    found = {side: numbers(records, side) for side in said}
    assert {side: set(seen) for side, seen in found.items()} == {side: set(range(n)) for side, n in said.items()}
    ordered = all(list(dict.fromkeys(seen)) == list(range(said[side])) for side, seen in found.items())
    if not ordered and broker() == "artemis":
        pytest.xfail(
            "Artemis hands some messages of one publisher to a subscriber out of order (docs/adr/0004-bridge.md)"
        )
    assert ordered
    assert all(b - a == 1 or b <= a for seen in found.values() for a, b in pairwise(seen))


def broker():
    """The provider of this run's MQTT broker."""
    return choose("mqtt", ServiceSettings().forced(os.environ.get("CHARGEWELL_TEST_SERVICES", "auto"))).provider.name


def beats(records, partition=0):
    return [r.beat for r in records if r.cw.type == "h" and r.partition == partition]


def test_a_bridge_killed_again_and_again_loses_nothing_and_keeps_the_order(
    mqtt, kafka, bridge_process, publisher, raw, unique, tmp_path
):
    chance = random.Random(11)
    process = bridge_process(mqtt, kafka)
    time.sleep(1.5)
    talking = Talking(publisher(mqtt), unique)
    for _ in range(5):
        time.sleep(chance.uniform(0.6, 1.2))
        assert process.poll() is None, (tmp_path / "bridge.log").read_text()
        process.kill()
        process.wait()
        process = bridge_process(mqtt, kafka)
    said = talking.stop()
    time.sleep(2.0)
    process.send_signal(signal.SIGTERM)

    assert process.wait(15) == 0, (tmp_path / "bridge.log").read_text()
    assert_complete_and_in_order(raw(kafka), said)
    assert "bridge: stopped" in (tmp_path / "bridge.log").read_text()


def test_a_broker_that_is_restarted_costs_nothing_and_shows_in_since(
    own, own_mqtt, own_kafka, bridge, publisher, raw, unique
):
    running = bridge(own_mqtt, own_kafka, heartbeat_s=0.1)
    talking = Talking(publisher(own_mqtt), unique)
    time.sleep(1.5)
    down = time.time_ns() // 1_000
    own.restart("mqtt")
    time.sleep(2.0)
    said = talking.stop()
    running.wait(lambda b: b.connected and b.confirmed >= sum(said.values()))
    time.sleep(0.3)
    running.stop()

    records = raw(own_kafka)
    assert_complete_and_in_order(records, said)
    connected = [b for b in beats(records) if b.connected]
    assert connected[0].since < down < connected[-1].since
    assert any(not b.connected and down < b.since for b in beats(records))


@pytest.mark.slow
def test_while_kafka_is_gone_nothing_is_acknowledged_memory_is_bounded_and_afterwards_all_is_there(
    own, own_mqtt, own_kafka, bridge, publisher, raw, unique
):
    running = bridge(own_mqtt, own_kafka, max_unacknowledged=200, stall_s=1.0, heartbeat_s=0.2)
    talking = Talking(publisher(own_mqtt), unique)
    time.sleep(1.0)
    os.kill(own.running("kafka").pid, signal.SIGKILL)
    gone = time.time_ns() // 1_000
    time.sleep(2.0)
    confirmed = running.bridge.confirmed
    time.sleep(4.0)  # three times the keepalive: the broker would have hung up on a bridge that does not ping

    assert running.bridge.confirmed == confirmed
    assert running.bridge.unacknowledged == 200
    assert running.bridge.connected
    own.restart("kafka")
    said = talking.stop()
    running.wait(lambda b: b.confirmed >= sum(said.values()) and b.unacknowledged == 0, 40)
    time.sleep(1.0)
    running.stop()

    records = raw(own_kafka)
    assert running.bridge.most_unacknowledged <= 200
    assert_complete_and_in_order(records, said)
    assert not any(r.cw.dup for r in records)
    last = [b for b in beats(records) if b.connected][-1]
    assert last.since > gone + 4_000_000
    during = [b for b in beats(records) if gone + 500_000 < b.at < last.since]
    assert all(not b.connected for b in during)


def test_a_kafka_that_hangs_and_comes_back_costs_nothing(own, own_mqtt, own_kafka, bridge, publisher, raw, unique):
    running = bridge(own_mqtt, own_kafka, max_unacknowledged=200)
    talking = Talking(publisher(own_mqtt), unique)
    pid = own.running("kafka").pid
    for _ in range(3):
        time.sleep(0.5)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(1.0)
        os.kill(pid, signal.SIGCONT)
    said = talking.stop()
    running.wait(lambda b: b.confirmed >= sum(said.values()), 40).stop()

    assert running.bridge.most_unacknowledged <= 200
    assert_complete_and_in_order(raw(own_kafka), said)


@pytest.mark.slow
def test_a_bridge_asked_to_stop_while_kafka_is_gone_ends_and_the_next_one_brings_what_it_held(
    own, own_mqtt, own_kafka, bridge, publisher, raw, unique
):
    running = bridge(own_mqtt, own_kafka, stop_s=0.5)
    say = publisher(own_mqtt)
    say.publish(f"ev/{unique}-A/from/reading", b"0|")
    say.flush()
    running.wait(lambda b: b.confirmed == 1)
    os.kill(own.running("kafka").pid, signal.SIGKILL)
    say.publish(f"ev/{unique}-A/from/reading", b"1|")
    say.flush()
    running.wait(lambda b: b.received == 2)
    before = time.monotonic()
    running.stop()

    assert time.monotonic() - before < 5
    own.restart("kafka")
    bridge(own_mqtt, own_kafka).wait(lambda b: b.confirmed == 1, 30).stop()
    assert numbers(raw(own_kafka), "A") == [0, 1]
