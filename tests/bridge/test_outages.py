"""Bridge, broker and Kafka die in turn: nothing is lost, order is kept, memory is bounded, and heartbeats say what was seen."""

import os
import random
import signal
import threading
import time
from itertools import pairwise

import pytest

from connectors.kafka import ends

pytestmark = pytest.mark.integration

PAYLOAD = bytes(300)


class Talking:
    """Two stations that speak in turn, `rate` messages a second, until told to stop."""

    def __init__(self, publisher, unique, rate=400.0):
        self.said = {"A": 0, "B": 0}
        self.publisher, self.unique, self.rate = publisher, unique, rate
        self.stopping = False
        self.thread = threading.Thread(target=self.run, daemon=True)
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
    return [int(r.value.split(b"|")[0]) for r in records if r.cw.type == "m" and f"-{side}/" in r.key.decode()]


def assert_complete_and_in_order(records, said, in_order):
    """Every message is there; first occurrences are in order; what comes again does not go back further than a broken connection."""
    assert all_arrived(records, said)
    for side, n in said.items():
        seen = numbers(records, side)
        in_order(list(dict.fromkeys(seen)), list(range(n)))
        assert all(b - a == 1 or b <= a for a, b in pairwise(seen))


def all_arrived(records, said):
    """Whether the log holds every message; what came twice counts once."""
    return all(len(set(numbers(records, side))) == n for side, n in said.items())


def beats(records, partition=0):
    return [r.beat for r in records if r.cw.type == "h" and r.partition == partition]


def test_a_bridge_killed_again_and_again_loses_nothing_and_keeps_the_order(
    mqtt, kafka, bridge_process, publisher, raw, unique, tmp_path, until, in_order
):
    def log():
        return (tmp_path / "bridge.log").read_text()

    def stored():
        assert process.poll() is None, log()
        return sum(high for _, high in ends(kafka, kafka.topics.raw).values())

    def heard(mark=f"{unique}/mark"):
        say.publish(mark, b"")  # each time: before the first bridge has subscribed, the broker drops it
        stored()
        return any(r.key == mark.encode() for r in raw(kafka))

    chance = random.Random(11)
    process, say = bridge_process(mqtt, kafka), publisher(mqtt)
    until(heard, log)
    talking = Talking(say, unique)
    for _ in range(5):
        before = stored()
        until(lambda before=before: stored() > before + 50, log)
        time.sleep(chance.uniform(0, 0.5))
        process.kill()
        process.wait()
        process = bridge_process(mqtt, kafka)
    said = talking.stop()
    until(lambda: all_arrived(raw(kafka), said), log)
    process.send_signal(signal.SIGTERM)

    assert process.wait(60) == 0, log()
    assert_complete_and_in_order(raw(kafka), said, in_order)
    assert "bridge: stopped" in log()


def test_a_broker_that_is_restarted_costs_nothing_and_shows_in_since(
    own, own_mqtt, own_kafka, bridge, publisher, raw, unique, until, in_order
):
    def told(wanted):
        return any(wanted(beat) for beat in beats(raw(own_kafka)))

    running = bridge(own_mqtt, own_kafka, heartbeat_s=0.1)
    talking = Talking(publisher(own_mqtt), unique)
    running.wait(lambda b: b.confirmed > 300)
    until(lambda: told(lambda beat: beat.connected))
    down = time.time_ns() // 1_000
    own.running("mqtt").stop()
    until(lambda: told(lambda beat: not beat.connected and beat.since > down))
    own.restart("mqtt")
    before = running.wait(lambda b: b.subscribed).bridge.confirmed
    running.wait(lambda b: b.confirmed > before + 300)
    said = talking.stop()
    until(lambda: all_arrived(raw(own_kafka), said) and told(lambda beat: beat.connected and beat.since > down))
    running.stop()

    records = raw(own_kafka)
    assert_complete_and_in_order(records, said, in_order)
    connected = [b for b in beats(records) if b.connected]
    assert connected[0].since < down < connected[-1].since
    assert any(not b.connected and down < b.since for b in beats(records))


@pytest.mark.slow
def test_while_kafka_is_gone_nothing_is_acknowledged_memory_is_bounded_and_afterwards_all_is_there(
    own, own_mqtt, own_kafka, bridge, publisher, raw, unique, until, in_order
):
    keepalive_s = 3
    brief = own_mqtt.model_copy(update={"keepalive_s": keepalive_s})
    running = bridge(brief, own_kafka, max_unacknowledged=200, stall_s=1.0, heartbeat_s=0.2)
    talking = Talking(publisher(own_mqtt), unique)
    running.wait(lambda b: b.confirmed > 200)
    os.kill(own.running("kafka").pid, signal.SIGKILL)
    running.wait(lambda b: b.unacknowledged == 200)
    confirmed = running.bridge.confirmed
    time.sleep(2 * keepalive_s)  # a broker hangs up after one and a half on a bridge that does not ping
    stalled = time.time_ns() // 1_000

    assert running.bridge.confirmed == confirmed
    assert running.bridge.unacknowledged == 200
    assert running.bridge.connected
    own.restart("kafka")
    said = talking.stop()
    running.wait(lambda b: b.confirmed >= sum(said.values()) and b.unacknowledged == 0)
    until(lambda: any(b.connected and b.since > stalled for b in beats(raw(own_kafka))))
    running.stop()

    records = raw(own_kafka)
    assert running.bridge.most_unacknowledged <= 200
    assert_complete_and_in_order(records, said, in_order)
    assert not any(r.cw.dup for r in records)
    last = [b for b in beats(records) if b.connected][-1]
    assert last.since > stalled
    assert not any(b.connected for b in beats(records) if stalled < b.at < last.since)


def test_a_kafka_that_hangs_and_comes_back_costs_nothing(
    own, own_mqtt, own_kafka, bridge, publisher, raw, unique, until, in_order
):
    running = bridge(own_mqtt, own_kafka, max_unacknowledged=200)
    talking = Talking(publisher(own_mqtt), unique)
    pid = own.running("kafka").pid
    for _ in range(3):
        before = running.bridge.confirmed
        running.wait(lambda b, before=before: b.confirmed > before + 200)
        os.kill(pid, signal.SIGSTOP)
        running.wait(lambda b: b.unacknowledged == 200)
        os.kill(pid, signal.SIGCONT)
    said = talking.stop()
    until(lambda: all_arrived(raw(own_kafka), said))
    running.stop()

    assert running.bridge.most_unacknowledged <= 200
    assert_complete_and_in_order(raw(own_kafka), said, in_order)


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
    running.stop()

    assert running.bridge.confirmed == 1
    own.restart("kafka")
    bridge(own_mqtt, own_kafka).wait(lambda b: b.confirmed == 1).stop()
    assert numbers(raw(own_kafka), "A") == [0, 1]
