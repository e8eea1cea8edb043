"""Sinks keep their promise: what a snapshot covers is written, and what was not written raises."""

import os
import threading

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSource

from connectors.bytewax_io import AlertSink, DatabaseSink, FlowError, Record, RejectSink, TelemetrySink, run_flow
from connectors.kafka import DeliveryError, ends
from models.operator import Outputs
from schemas.alerts import Alert
from schemas.topics import partition_of, shard_name


def written(sink, items, tmp_path):
    flow = Dataflow("writing")
    op.output("out", op.input("in", flow, TestingSource(items)), sink)
    run_flow(flow, tmp_path, epoch_interval_s=0.1)


def alert(port, revision):
    return Alert(
        id="a", revision=revision, port=port, family="contact", kind="anomaly", severity="P3", state="raised",
        onset_at="2026-01-01T00:00:00Z", raised_at="2026-01-01T00:00:00Z", text="warm", source="anomaly", source_version="1",
    )  # fmt: skip


@pytest.mark.integration
def test_packed_records_go_to_the_partition_that_their_shard_is(kafka, read, tmp_path):
    written(TelemetrySink(kafka), [("01d", b"a"), ("00n", b"b"), ("01d", b"c")], tmp_path)

    assert read(kafka.topics.telemetry, 0) == [b"b"]
    assert read(kafka.topics.telemetry, 1) == [b"a", b"c"]


@pytest.mark.integration
def test_alerts_of_a_port_stay_in_order_in_the_partition_of_its_key(kafka, read, tmp_path):
    said = [alert("DE-1/1", 1), alert("DE-2/1", 1), alert("DE-1/1", 2)]
    written(AlertSink(kafka, name="anomaly"), [("00n", a) for a in said], tmp_path)

    found = [Alert.model_validate_json(v) for v in read(kafka.topics.alerts, partition_of(b"DE-1/1", 2))]
    assert [a for a in found if a.port == "DE-1/1"] == [said[0], said[2]]


@pytest.mark.integration
def test_rejects_keep_key_and_headers(kafka, tmp_path):
    record = Record(b"{", b"DE-1", headers=[("reason", b"json")])
    written(RejectSink(kafka), [("00n", record)], tmp_path)

    assert sum(high for _, high in ends(kafka, kafka.topics.rejects).values()) == 1


@pytest.mark.integration
def test_a_record_that_kafka_does_not_take_stops_the_flow(kafka, kafka_topic, tmp_path):
    small = kafka_topic(2, f"{kafka.namespace}.small", {"max.message.bytes": "1000"})
    sink = TelemetrySink(kafka)
    sink.topic = small

    with pytest.raises(FlowError, match="1 records were not written to Kafka") as stopped:
        written(sink, [("00n", os.urandom(50_000))], tmp_path)
    assert isinstance(stopped.value.cause, DeliveryError)


class Keeping:
    """A writer that keeps what it was given."""

    def __init__(self):
        self.claimed, self.writes, self.fail = [], [], False

    def claim(self, shard):
        self.claimed.append(shard)

    def write(self, shard, outputs, origin):
        if self.fail:
            raise ConnectionError("gone")
        self.writes.append((shard, list(outputs.writes), origin))

    def close(self):
        pass


@pytest.fixture
def clock(monkeypatch):
    """The sink's clock, set by hand."""
    now = [100.0]
    monkeypatch.setattr("connectors.bytewax_io.database_sink.time.monotonic", lambda: now[0])
    return now


def part(writer, **options):
    return DatabaseSink(lambda: writer, 2, **options).build_part("out", "01d", None)


def test_the_database_sink_gathers_until_it_is_time_and_writes_in_order(clock):
    writer = Keeping()
    sink = part(writer, flush_s=0.5)
    sink.write_batch([(Outputs(["a"]), 3), (Outputs(["b"]), 5)])
    clock[0] += 0.4
    sink.write_batch([(Outputs(["c"]), 6)])
    assert writer.writes == []
    clock[0] += 0.2
    sink.write_batch([(Outputs(), 9)])
    sink.close()

    assert writer.writes == [("01d", ["a", "b", "c"], 9)]
    assert writer.claimed == ["01d"]


def test_the_database_sink_writes_before_a_snapshot_and_only_what_there_is(clock):
    writer = Keeping()
    sink = part(writer)
    sink.snapshot()
    sink.write_batch([(Outputs(["a"]), 3)])
    sink.snapshot()
    sink.snapshot()

    assert writer.writes == [("01d", ["a"], 3)]


def test_the_database_sink_writes_when_many_items_wait(clock):
    writer = Keeping()
    sink = part(writer, flush_items=2)
    sink.write_batch([(Outputs([i]), i) for i in range(5)])
    sink.close()

    assert writer.writes == [("01d", [0, 1], 1), ("01d", [2, 3], 3)]


def test_gathering_leaves_outputs_as_they_were_for_other_branches_of_the_flow(clock):
    first = Outputs(["a"], ["alert"])
    sink = part(Keeping())
    sink.write_batch([(first, 1), (Outputs(["b"], ["other"]), 2)])
    sink.snapshot()

    assert first == Outputs(["a"], ["alert"])


def test_after_a_write_that_failed_none_moves_the_mark_past_its_rows():
    writer = Keeping()
    sink = part(writer, flush_items=1)
    writer.fail = True
    sink.write_batch([(Outputs(["lost"]), 1)])
    with pytest.raises(ConnectionError, match="gone"):
        sink.snapshot()
    writer.fail = False

    with pytest.raises(ConnectionError, match="gone"):
        sink.write_batch([(Outputs(["later"]), origin) for origin in range(2, 9)])
    assert writer.writes == []


def test_the_flow_goes_on_while_the_database_writes_and_what_comes_meanwhile_is_written_together(clock):
    writer, go_on = Keeping(), threading.Event()
    keep = writer.write
    writer.write = lambda *what: go_on.wait(60) and keep(*what)
    sink = part(writer, flush_s=0.5, flush_items=4)
    for origin in range(1, 5):
        sink.write_batch([(Outputs([origin]), origin)])
        clock[0] += 0.6
        sink.write_batch([])
    go_on.set()
    sink.snapshot()

    assert writer.writes == [("01d", [1], 1), ("01d", [2, 3, 4], 4)]


def test_the_flow_waits_for_a_database_that_is_too_far_behind(clock):
    writer, go_on, done = Keeping(), threading.Event(), threading.Event()
    keep = writer.write
    writer.write = lambda *what: go_on.wait(60) and keep(*what)
    sink = part(writer, flush_items=2)

    def write():
        sink.write_batch([(Outputs([i]), i) for i in range(4)])
        done.set()

    waiting = threading.Thread(target=write)
    waiting.start()
    assert not done.wait(0.2)
    go_on.set()
    waiting.join(60)
    sink.close()
    assert writer.writes == [("01d", [0, 1], 1), ("01d", [2, 3], 3)]


def test_a_write_that_fails_stops_the_flow(tmp_path):
    writer = Keeping()
    writer.fail = True

    with pytest.raises(FlowError, match="ConnectionError: gone"):
        written(DatabaseSink(lambda: writer, 2), [("00n", (Outputs(["a"]), 1))], tmp_path)


def test_each_shard_has_a_part_of_its_own():
    sink = DatabaseSink(Keeping, 16)
    parts = sorted(sink.list_parts())

    assert [parts[sink.part_fn(shard_name(p)) % len(parts)] for p in range(16)] == [shard_name(p) for p in range(16)]
