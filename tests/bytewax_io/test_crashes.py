"""A flow may be killed at any moment: nothing is lost, nothing is counted twice."""

import json
import random
import signal
import threading
import time

import pytest

from connectors.kafka import Producer

pytestmark = pytest.mark.integration

SHARDS = {0: "00n", 1: "01d"}


def total(tmp_path, shard):
    file = tmp_path / f"{shard}.json"
    return json.loads(file.read_text()) if file.exists() else {"origin": -1, "n": 0, "sum": 0.0}


class Writing:
    """Writes the numbers from 0 on, to one partition four times as many as to the other, until told to stop."""

    def __init__(self, kafka):
        self.producer, self.topic = Producer(kafka, "writing"), kafka.topics.raw
        self.counts = {0: 0, 1: 0}
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping.wait(0.06):
            for partition, more in ((0, 40), (1, 10)):
                for _ in range(more):
                    self.producer.send(self.topic, str(self.counts[partition]).encode(), partition=partition)
                    self.counts[partition] += 1
            self.producer.poll()

    def stop(self):
        self.stopping.set()
        self.thread.join()
        self.producer.flush()
        return self.counts


def test_a_flow_killed_again_and_again_counts_every_reading_exactly_once(kafka, flow_process, tmp_path, until):
    def log():
        return (tmp_path / "flow.log").read_text()

    chance, writing = random.Random(7), Writing(kafka)
    for life in range(6):
        before, process = total(tmp_path, "00n")["origin"], flow_process()
        if life % 2 == 0:  # each other life comes as far as to store something, the rest may end while they begin
            until(lambda before=before: total(tmp_path, "00n")["origin"] > before, log)
        time.sleep(chance.uniform(0, 1.0))
        assert process.poll() is None, log()
        process.kill()
        process.wait()
    counts = writing.stop()
    flow_process()
    until(lambda: all(total(tmp_path, SHARDS[p])["origin"] == n - 1 for p, n in counts.items()), log)

    for partition, count in counts.items():
        assert total(tmp_path, SHARDS[partition]) == {"origin": count - 1, "n": count, "sum": count * (count - 1) / 2}


def test_a_flow_asked_to_stop_ends_cleanly_and_goes_on_where_it_was(kafka, fill, flow_process, tmp_path, until):
    fill(0, [b"1"] * 100)
    first = flow_process()
    until(lambda: total(tmp_path, "00n")["n"] == 100)
    first.send_signal(signal.SIGTERM)

    assert first.wait(60) == 0
    assert (tmp_path / "stopped").exists()
    fill(0, [b"1"] * 50)
    flow_process()
    until(lambda: total(tmp_path, "00n")["n"] >= 150)
    assert total(tmp_path, "00n") == {"origin": 149, "n": 150, "sum": 150.0}


def test_a_second_copy_of_a_running_flow_is_refused(kafka, fill, flow_process, tmp_path, until):
    fill(0, [b"1"])
    flow_process()
    until(lambda: total(tmp_path, "00n")["n"] == 1)
    second = flow_process()

    assert second.wait(60) != 0
    assert "FlowRunningError: flow counting runs already" in (tmp_path / "flow.log").read_text()
