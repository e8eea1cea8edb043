"""A flow may be killed at any moment: nothing is lost, nothing is counted twice."""

import json
import random
import signal
import threading
import time

import pytest

from connectors.kafka import Producer

pytestmark = pytest.mark.integration

COUNTS = {0: 4_000, 1: 1_000}
SHARDS = {0: "00n", 1: "01d"}


def total(tmp_path, shard):
    file = tmp_path / f"{shard}.json"
    return json.loads(file.read_text()) if file.exists() else {"origin": -1, "n": 0, "sum": 0.0}


def wait_until(done, seconds):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "the flow did not come to the end of the topic"
        time.sleep(0.05)


def write_slowly(kafka, seconds):
    producer = Producer(kafka, "slowly")
    steps = 100
    for step in range(steps):
        for partition, count in COUNTS.items():
            for i in range(step * count // steps, (step + 1) * count // steps):
                producer.send(kafka.topics.raw, str(i).encode(), partition=partition)
        producer.poll()
        time.sleep(seconds / steps)
    producer.flush()


def test_a_flow_killed_again_and_again_counts_every_reading_exactly_once(kafka, flow_process, tmp_path):
    chance = random.Random(7)
    writer = threading.Thread(target=write_slowly, args=(kafka, 6.0))
    writer.start()

    kills = 0
    while writer.is_alive():
        process = flow_process()
        time.sleep(chance.uniform(0.4, 1.4))
        assert process.poll() is None, (tmp_path / "flow.log").read_text()
        process.kill()
        process.wait()
        kills += 1
    writer.join()
    flow_process()
    wait_until(lambda: all(total(tmp_path, SHARDS[p])["origin"] == n - 1 for p, n in COUNTS.items()), 20)

    assert kills >= 4
    for partition, count in COUNTS.items():
        assert total(tmp_path, SHARDS[partition]) == {"origin": count - 1, "n": count, "sum": count * (count - 1) / 2}


def test_a_flow_asked_to_stop_ends_cleanly_and_goes_on_where_it_was(kafka, fill, flow_process, tmp_path):
    fill(0, [b"1"] * 100)
    first = flow_process()
    wait_until(lambda: total(tmp_path, "00n")["n"] == 100, 20)
    first.send_signal(signal.SIGTERM)

    assert first.wait(10) == 0
    assert (tmp_path / "stopped").exists()
    fill(0, [b"1"] * 50)
    flow_process()
    wait_until(lambda: total(tmp_path, "00n")["n"] >= 150, 20)
    assert total(tmp_path, "00n") == {"origin": 149, "n": 150, "sum": 150.0}


def test_a_second_copy_of_a_running_flow_is_refused(kafka, fill, flow_process, tmp_path):
    fill(0, [b"1"])
    flow_process()
    wait_until(lambda: total(tmp_path, "00n")["n"] == 1, 20)
    second = flow_process()

    assert second.wait(10) != 0
    assert "FlowRunningError: flow counting runs already" in (tmp_path / "flow.log").read_text()
