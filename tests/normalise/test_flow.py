"""The flow on a real Kafka: raw records in, packed records on the same partition and rejects out, across a restart."""

import pytest
from bytewax.dataflow import Dataflow

from connectors.adapters.packed import unpack
from connectors.adapters.raw import RawPoll
from connectors.bytewax_io import run_flow
from pipelines import SnapshotError
from pipelines.normalise import Normalising, _Logic, normalised, publish, reject_records

pytestmark = pytest.mark.integration
START = {"connectorId": 1, "idTag": "x", "meterStart": 0, "timestamp": "2025-10-09T08:50:00Z"}
MESSAGES = [
    ("ev/A/from/ocpp16", [2, "s", "StartTransaction", START]),
    ("ev/A/from/reading", {"port": 1, "at": 1_759_999_800_500, "power": 7_000}),
    ("ev/A/from/reading", {"port": 1, "pover": 7_000}),
    ("ev/A/to/ocpp16", [3, "s", {"transactionId": 8, "idTagInfo": {"status": "Accepted"}}]),
    ("ev/A/from/ocpp16", [2, "e", "StopTransaction", {"transactionId": 8, "meterStop": 5}]),
]


def run(kafka, folder, until, **more):
    flow = Dataflow("normalise")
    batches, rejects = normalised(flow, kafka, Normalising(b"k" * 16), group="normalise", until=until)
    publish(batches, rejects, kafka, **more)
    run_flow(flow, folder, epoch_interval_s=0.1)


def lines(read, kafka, partition):
    batches = [unpack(m.value()) for p, m in read(kafka.topics.telemetry) if p == partition]
    assert [b.first for b in batches[1:]] == [b.last + 1 for b in batches[:-1]]
    rows = [(o, "reading") for b in batches for o in b.readings.origin.tolist()]
    return batches, sorted(
        rows + [(e.origin, getattr(e, "kind", "reject")) for b in batches for e in [*b.events, *b.rejects]]
    )


def test_what_a_partition_holds_comes_out_on_the_same_partition_and_rejects_with_their_payload(
    kafka, fill, read, record, tmp_path
):
    fill(1, [record(topic, payload) for topic, payload in MESSAGES])

    run(kafka, tmp_path, {1: 5})

    batches, seen = lines(read, kafka, 1)
    assert seen == [(0, "session_start"), (1, "reading"), (2, "reject"), (3, "session_id"), (4, "session_end")]
    assert {e.port for b in batches for e in b.events} == {"A/1"}
    ((_, reject),) = read(kafka.topics.rejects)
    headers = dict(reject.headers())
    assert reject.value() == b'{"port": 1, "pover": 7000}'
    assert (reject.key(), headers["reason"], headers["topic"], headers["origin"]) == (
        b"A",
        b"schema",
        b"ev/A/from/reading",
        b"2",
    )
    assert b"pover" in headers["detail"]
    assert not [p for p, _ in read(kafka.topics.telemetry) if p != 1]


def test_a_restarted_flow_goes_on_where_it_stopped_and_remembers_open_calls(kafka, fill, read, record, tmp_path):
    fill(0, [record(topic, payload) for topic, payload in MESSAGES])

    for until in (1, 3, 4, 5):
        run(kafka, tmp_path, {0: until})

    _, seen = lines(read, kafka, 0)
    assert seen == [(0, "session_start"), (1, "reading"), (2, "reject"), (3, "session_id"), (4, "session_end")]


def test_large_polls_are_cut_into_records_of_bounded_size(kafka, fill, read, record, tmp_path):
    fill(0, [record("ev/A/from/reading", {"port": p % 50, "soc": 1 + p % 99}) for p in range(2_000)])

    run(kafka, tmp_path, {0: 2_000}, record_bytes=20_000)

    batches, seen = lines(read, kafka, 0)
    assert [o for o, _ in seen] == list(range(2_000))
    assert all(len(m.value()) <= 20_000 for _, m in read(kafka.topics.telemetry))
    assert len(batches) > 5


def test_a_withheld_payload_is_told_as_too_large(kafka, fill, read, record, tmp_path):
    fill(0, [record("ev/A/from/reading", b"")._replace(withheld=9_000_000)])

    run(kafka, tmp_path, {0: 1})

    (batches, _) = lines(read, kafka, 0)
    assert [(r.reason, r.detail.split()[0]) for r in batches[0].rejects] == [("too_large", "9000000")]


def test_records_at_or_below_the_last_offset_are_dropped(record):
    logic = _Logic(Normalising(b"k" * 16), None)
    records = [record("ev/A/from/reading", {"port": 1, "soc": i}, offset=i) for i in range(6)]

    batches = [
        done.batch
        for done in logic.on_batch(
            [RawPoll.of(0, part) for part in (records[:4], records[2:5], records[:5], records[5:])]
        )[0]
    ]

    assert [(b.first, b.last, len(b.readings)) for b in batches] == [(0, 3, 4), (4, 4, 1), (5, 5, 1)]
    again = _Logic(Normalising(b"k" * 16), logic.snapshot())
    assert again.on_batch([RawPoll.of(0, records)])[0] == []


def test_a_state_that_cannot_be_taken_up_says_what_to_do():
    with pytest.raises(SnapshotError, match="--rebuild"):
        _Logic(Normalising(b"k" * 16), {"origin": 1, "normaliser": {"v": 99}})


def test_each_reject_of_a_record_is_a_record_of_its_own(record):
    values = [{"value": "x"}, {"value": "y", "format": "SignedData"}]
    frame = [2, "a", "MeterValues", {"connectorId": 1, "meterValue": [{"sampledValue": values}]}]
    ((done,), _) = _Logic(Normalising(b"k" * 16), None).on_batch([RawPoll.of(0, [record("ev/A/from/ocpp16", frame)])])

    assert [dict(r.headers)["reason"] for r in reject_records(done)] == [b"value", b"unsupported"]
