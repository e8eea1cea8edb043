"""The partition source: where it starts, where it ends, what it refuses."""

import threading
import time

import bytewax.operators as op
import confluent_kafka as ck
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink

from connectors.bytewax_io import DecodeError, FlowError, PartitionSource, forget, reader, run_flow
from connectors.kafka import (
    KafkaError,
    KafkaSettings,
    OffsetGoneError,
    Producer,
    check_message,
    committed,
    consumer,
    ends,
)
from connectors.stopping import request_stop


def values(partition, messages):
    return [m.value() for m in messages]


def flow_into(out, kafka, **source):
    flow = Dataflow("reading")
    stream = op.input("raw", flow, PartitionSource(kafka, kafka.topics.raw, values, group="reading", **source))
    op.output("out", stream, TestingSink(out))
    return flow


def run(kafka, folder, **source):
    """Run to the end of the topic; shard -> what it gave."""
    out = []
    source.setdefault("until", {p: high for p, (_, high) in ends(kafka, kafka.topics.raw).items()})
    run_flow(flow_into(out, kafka, **source), folder, epoch_interval_s=0.2)
    found = {}
    for shard, batch in out:
        found.setdefault(shard, []).extend(batch)
    return found


@pytest.mark.integration
def test_every_record_comes_once_in_order_and_a_second_run_goes_on_behind_it(kafka, fill, tmp_path):
    fill(0, [b"%d" % i for i in range(25_000)])
    fill(1, [b"x"])
    first = run(kafka, tmp_path)
    fill(1, [b"y", b"z"])
    second = run(kafka, tmp_path)

    assert first == {"00n": [b"%d" % i for i in range(25_000)], "01d": [b"x"]}
    assert second == {"01d": [b"y", b"z"]}


@pytest.mark.integration
def test_an_item_is_one_poll_of_one_partition(kafka, fill, tmp_path):
    fill(0, [b"a"] * 100)
    fill(1, [b"b"] * 100)
    out = []
    until = {0: 100, 1: 100}
    run_flow(flow_into(out, kafka, until=until), tmp_path)

    assert all(set(batch) == {{"00n": b"a", "01d": b"b"}[shard]} for shard, batch in out)
    assert len(out) < 50


@pytest.mark.integration
def test_starts_say_where_to_begin_without_a_recovery_store_and_until_where_to_end(kafka, fill, tmp_path):
    fill(0, [b"%d" % i for i in range(10)])
    fill(1, [b"%d" % i for i in range(10)])

    assert run(kafka, tmp_path, starts={0: 4}, until={0: 7}) == {"00n": [b"4", b"5", b"6"]}


@pytest.mark.integration
def test_large_records_come_in_smaller_polls(kafka, fill, tmp_path):
    fill(0, [bytes(200_000)] * 120)
    out = []
    run_flow(flow_into(out, kafka, until={0: 120}), tmp_path)

    assert sum(len(batch) for _, batch in out) == 120
    assert max(len(batch) for _, batch in out) <= 21


@pytest.mark.integration
def test_an_offset_that_was_deleted_stops_the_flow_and_says_what_to_do(kafka, fill, delete_before, tmp_path):
    fill(0, [b"1"] * 10)
    run(kafka, tmp_path)
    fill(0, [b"2"] * 10)
    delete_before(0, 15)

    with pytest.raises(
        FlowError, match=r"partition 0: offset 10 is gone, the topic holds 15 up to 20.*--rebuild"
    ) as stopped:
        run(kafka, tmp_path)
    assert isinstance(stopped.value.cause, OffsetGoneError)
    forget(tmp_path)
    assert run(kafka, tmp_path) == {"00n": [b"2"] * 5}


@pytest.mark.integration
def test_an_offset_that_is_not_there_yet_stops_the_flow_too(kafka, fill, tmp_path):
    fill(0, [b"1"])

    with pytest.raises(FlowError, match="offset 5 is gone, the topic holds 0 up to 1"):
        run(kafka, tmp_path, starts={0: 5}, until={0: 9})


@pytest.mark.integration
def test_a_decode_that_fails_stops_the_flow_and_names_the_place(kafka, fill, tmp_path):
    fill(1, [b"1", b"no number"])
    flow = Dataflow("failing")
    source = PartitionSource(
        kafka, kafka.topics.raw, lambda _p, ms: [int(m.value()) for m in ms], group="failing", until={1: 2}
    )
    op.output("out", op.input("raw", flow, source), TestingSink([]))

    with pytest.raises(FlowError, match=r"ev\.raw partition 1, offsets 0\.\.1: ValueError") as stopped:
        run_flow(flow, tmp_path)
    assert isinstance(stopped.value.cause, DecodeError)


@pytest.mark.integration
def test_offsets_are_told_to_the_group_for_lag_tools(kafka, fill, tmp_path):
    fill(0, [b"1"] * 7)
    run(kafka, tmp_path)

    assert committed(kafka, "reading", kafka.topics.raw)[0] == 7


class Watched:
    """A consumer that notes of each poll that brought something how long it had waited."""

    def __init__(self, client, waits):
        self.client, self.waits = client, waits

    def __getattr__(self, name):
        return getattr(self.client, name)

    def poll(self, timeout):
        began = time.monotonic()
        message = self.client.poll(timeout)
        if message is not None:
            self.waits.append(time.monotonic() - began)
        return message


@pytest.mark.integration
def test_an_idle_source_waits_in_the_client_and_wakes_with_the_message(kafka, tmp_path, monkeypatch, until):
    out, waits = [], []
    monkeypatch.setattr(reader, "consumer", lambda *how: Watched(consumer(*how), waits))
    thread = threading.Thread(target=run_flow, args=(flow_into(out, kafka), tmp_path))
    thread.start()
    producer = Producer(kafka, "waking", linger_ms=0)
    for number in range(40):
        time.sleep(0.04)
        producer.send(kafka.topics.raw, b"%d" % number, partition=number % 2)
        producer.flush()
        until(lambda wanted=number + 1: sum(len(batch) for _, batch in out) == wanted or not thread.is_alive())
    request_stop()
    until(lambda: not thread.is_alive())

    assert sum(len(batch) for _, batch in out) == 40
    # Not how soon it woke, but that a poll was waiting: one after a sleep elsewhere finds the message there at once.
    assert sum(wait > 0.001 for wait in waits) >= 10


class Watermarks:
    """Stands in for a consumer that is asked what the topic holds."""

    def get_watermark_offsets(self, partition, timeout):
        return 40, 90


def said(code, **flags):
    return ck.Message(topic="t", partition=3, error=ck.KafkaError(code, "said so", **flags))


def test_messages_that_are_errors_stop_the_source_unless_waiting_mends_them():
    settings = KafkaSettings()

    assert check_message(ck.Message(topic="t", partition=0, value=b"x"), Watermarks(), settings)
    assert not check_message(said(ck.KafkaError._TRANSPORT), Watermarks(), settings)
    with pytest.raises(
        OffsetGoneError, match="t partition 3: the offset it stopped at is gone, the topic holds 40 up to 90"
    ):
        check_message(said(ck.KafkaError._AUTO_OFFSET_RESET), Watermarks(), settings)
    with pytest.raises(KafkaError, match="reading t partition 3: said so"):
        check_message(said(ck.KafkaError.TOPIC_AUTHORIZATION_FAILED), Watermarks(), settings)
