"""The normaliser as a whole: any bytes, order, accounting, cuts, log time, memory, defects."""

import json
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.adapters import canonical_columns, normalise
from connectors.adapters.limits import Limits
from connectors.adapters.packed import pack, unpack
from connectors.adapters.routes import TopicBinding
from schemas.telemetry import REJECT_REASONS, BridgeBeat, RawRecord, encode_cw

KINDS = ["reading", "readings", "event", "heartbeat", "connection", "ocpp16", "ocpp201"]
TOPICS = [f"ev/S-{n}/from/{kind}" for kind in KINDS for n in (1, 2)]
TOPICS += [
    "ev/S-1/to/ocpp16",
    "ev/S-1/to/ocpp201",
    "ev/S-1/to/command",
    "ev/S-1/from/mood",
    "ev/ bad/from/reading",
    "other/topic",
    "",
    "ev/S-1/from",
]
START = {"connectorId": 1, "idTag": "x", "meterStart": 0, "timestamp": "2025-10-09T08:50:00Z"}
SAMPLES = [
    {"port": 1, "voltage": 230.0, "other": {"rssi": -70}},
    {"port": 2, "soc": 400, "at": 1_759_999_999_000},
    {"port": 1},
    {"port": 1, "at": [1_759_999_999_000, 5], "channels": {"current": [1, None]}, "other": {"x": [None, 2]}},
    {"port": 1, "kind": "status", "data": {"status": "charging"}},
    {"kind": "authorize", "data": {"token": "t", "result": "accepted"}},
    {},
    {"connected": False},
    [2, "a", "StartTransaction", START],
    [3, "a", {"transactionId": 7, "idTagInfo": {"status": "Accepted"}}],
    [2, "b", "StopTransaction", {"transactionId": 7, "meterStop": 9}],
    [2, "a", "MeterValues", {"connectorId": 1, "meterValue": [{"sampledValue": [{"value": "1"}, {"value": "x"}, {"value": "2", "measurand": "Frequency"}]}]}],
    [2, "a", "TransactionEvent", {"eventType": "Started", "seqNo": 0, "transactionInfo": {"transactionId": "t"}, "evse": {"id": 2}}],
    [4, "a", "GenericError", "", {}],
    [2, "a", "Heartbeat", {}],
]  # fmt: skip
JSONISH = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["port", "at", "2025-10-09T08:50:00Z"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "port",
                    "at",
                    "data",
                    "kind",
                    "connectorId",
                    "evse",
                    "id",
                    "meterValue",
                    "sampledValue",
                    "value",
                    "timestamp",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
PAYLOADS = (
    st.binary(max_size=60)
    | st.sampled_from(SAMPLES).map(lambda s: json.dumps(s).encode())
    | JSONISH.map(lambda s: json.dumps(s).encode())
    | st.tuples(
        st.sampled_from([2, 3, 4]),
        st.sampled_from("ab"),
        st.sampled_from(["StatusNotification", "MeterValues", "TransactionEvent", "NotifyEvent", "StopTransaction"]),
        JSONISH,
    ).map(lambda frame: json.dumps(frame).encode())
)


@st.composite
def polls(draw, payloads=PAYLOADS, now=1_760_000_000_000_000):
    """Records as they may lie in a partition: messages of any kind, heartbeats of bridges, headers that are none."""
    records = []
    offset = draw(st.integers(0, 10**9))
    for _ in range(draw(st.integers(1, 12))):
        now += draw(st.integers(-5, 1_000_000))
        topic = draw(st.sampled_from(TOPICS)).encode()
        match draw(st.sampled_from(["m"] * 8 + ["h", "broken"])):
            case "m":
                cw = encode_cw("m", now, draw(st.booleans()), False, "from", 0, draw(st.sampled_from(["b1", "b2"])), 1)
                records.append(RawRecord(offset, topic, draw(payloads), cw))
            case "h":
                beat = {"bridge": "b1", "at": now, "connected": True, "since": 1}
                value = draw(
                    st.sampled_from([json.dumps(beat).encode(), json.dumps(beat | {"at": 2**70}).encode(), b"{}"])
                )
                records.append(RawRecord(offset, b"", value, encode_cw("h", now, False, False, "other", 0, "b1", 1)))
            case "broken":
                records.append(RawRecord(offset, topic, draw(payloads), draw(st.binary(max_size=30))))
        offset += draw(st.integers(1, 2))
    return records


def origins(batch):
    """How many lines, heartbeats among them, each raw offset became."""
    rows = [*batch.readings.origin.tolist(), *batch.other.origin.tolist()]
    return Counter(rows + [line.origin for lines in (batch.events, batch.rejects, batch.beats) for line in lines])


def sequence(batch):
    """(seq, origin) of all lines, sorted by seq."""
    pairs = [*zip(batch.readings.seq.tolist(), batch.readings.origin.tolist(), strict=True)]
    pairs += zip(batch.other.seq.tolist(), batch.other.origin.tolist(), strict=True)
    return sorted(
        pairs + [(line.seq, line.origin) for lines in (batch.events, batch.rejects, batch.beats) for line in lines]
    )


def test_any_bytes_become_lines_in_order_each_record_at_least_one_and_can_be_packed(new_normaliser, view):
    @settings(max_examples=200)
    @given(polls())
    def check(records):
        done = new_normaliser().normalise(5, records)
        batch = done.batch

        assert (batch.partition, batch.first, batch.last) == (5, records[0].offset, records[-1].offset)
        assert set(origins(batch)) == {r.offset for r in records}
        order = sequence(batch)
        assert [seq for seq, _ in order] == list(range(len(order)))
        assert [origin for _, origin in order] == sorted(origin for _, origin in order)
        assert {r.reason for r in batch.rejects} <= set(REJECT_REASONS) - {"adapter"}
        assert [r for r, _ in done.rejected] == batch.rejects
        by_offset = {r.offset: r for r in records}
        assert all(value == by_offset[r.origin].value for r, value in done.rejected)
        assert view(unpack(pack(batch))) == view(batch)

    check()


def unsequenced(views):
    """The lines of several views, without seq and what covers a batch."""
    for one in views:
        for line in [*one["events"], *one["rejects"], *one["beats"]]:
            line.seq = 0
    return {
        "readings": [row[:4] + row[5:] for v in views for row in v["readings"]],
        "other": [row[:4] + row[5:] for v in views for row in v["other"]],
        **{kind: [line for v in views for line in v[kind]] for kind in ("events", "rejects", "beats")},
    }


def test_lines_do_not_depend_on_where_polls_are_cut_or_on_restarts_in_between(new_normaliser, view):
    @settings(max_examples=150)
    @given(polls(), st.sets(st.integers(1, 11)), st.booleans())
    def check(records, cuts, restart):
        whole = new_normaliser().normalise(0, records).batch
        places = sorted({0, *(c for c in cuts if c < len(records)), len(records)})
        normaliser, parts = new_normaliser(), []
        for a, b in pairwise(places):
            parts.append(normaliser.normalise(0, records[a:b]).batch)
            if restart:
                state = json.loads(json.dumps(normaliser.snapshot()))
                normaliser = new_normaliser()
                normaliser.restore(state)

        assert parts[-1].now == whole.now
        assert unsequenced([view(p) for p in parts]) == unsequenced([view(whole)])

    check()


def test_a_snapshot_of_another_version_is_refused(normaliser):
    with pytest.raises(ValueError, match="version 9"):
        normaliser.restore({"v": 9})


def test_log_time_is_the_newest_receive_time_or_heartbeat_and_never_goes_back(normaliser, record, now):
    beat = BridgeBeat(bridge="b1", at=now + 50, connected=True, since=now)
    cw = encode_cw("h", now + 50, False, False, "other", 0, "b1", 1)
    with_beat = [
        record("ev/S/from/heartbeat", {}),
        RawRecord(1, b"", json.dumps({"bridge": "b1", "at": beat.at, "connected": True, "since": now}).encode(), cw),
    ]

    assert normaliser.normalise(0, with_beat[:1]).batch.now == now
    assert normaliser.normalise(0, with_beat[1:]).batch.now == now + 50
    assert normaliser.normalise(0, [record("ev/S/from/heartbeat", {}, offset=2)]).batch.now == now + 50
    assert normaliser.normalise(1, [record("ev/S/from/heartbeat", {})]).batch.now == now


def test_a_record_with_a_foreign_header_is_rejected_at_log_time(normaliser, record, now):
    records = [
        record("ev/S/from/heartbeat", {}),
        RawRecord(1, b"ev/S/from/heartbeat", b"{}", b"2|m|1|0|0|from|0|b|1"),
    ]

    (reject,) = normaliser.normalise(0, records).batch.rejects
    assert (reject.reason, reject.received_at, reject.origin) == ("header", now, 1)


@pytest.mark.parametrize("received", [1, 999_999_999_999_999, 1_760_000_000_000_000, 10_000_000_000_000_000])
def test_receive_times_of_any_length_are_read(received, normaliser, record):
    assert (
        normaliser.normalise(0, [record("ev/S/from/heartbeat", {}, received=received)]).batch.events[0].received_at
        == received
    )


@pytest.mark.parametrize(
    ("topic", "key", "reason"),
    [
        ("ev/S-1/from/mood", "S-1", "topic"),
        ("ev/S-1/to/command", "S-1", "unsupported"),
        ("ev/S-1/to/reading", "S-1", "topic"),
        ("ev/-bad/from/reading", "ev/-bad/from/reading", "station"),
        ("ev//from/event", "ev//from/event", "station"),
        ("ev/" + "a" * 65 + "/from/event", "ev/" + "a" * 65 + "/from/event", "station"),
        ("ev/S-1/from/event/x", "ev/S-1/from/event/x", "topic"),
        ("zigbee2mqtt/lamp", "zigbee2mqtt/lamp", "topic"),
        (b"\xff\x00", "��", "topic"),
    ],
)
def test_a_topic_that_is_not_read_is_rejected_under_its_station_or_itself(topic, key, reason, normaliser, record):
    ((reject, payload),) = normaliser.normalise(0, [record(topic, b"\x00payload")]).rejected

    assert (reject.key, reject.reason, payload) == (key, reason, b"\x00payload")


def test_other_topics_can_be_bound_to_an_adapter(new_normaliser, record, view):
    bindings = [
        TopicBinding(pattern="meters/+/{station}/live", adapter="reading"),
        TopicBinding(pattern="gw/{station}/ocpp/#", adapter="ocpp16"),
    ]
    normaliser = new_normaliser(bindings=bindings)
    records = [
        record("meters/hall/M-1/live", {"port": 1, "power": 5}),
        record("gw/M-2/ocpp", [2, "a", "Heartbeat", {}], offset=1),
        record("gw/M-2/ocpp/in/1", [2, "a", "Heartbeat", {}], offset=2),
        record("meters/hall/a/M-1/live", {"port": 1, "power": 5}, offset=3),
        record("meters/hall/M 1/live", {"port": 1, "power": 5}, offset=4),
    ]
    seen = view(normaliser.normalise(0, records).batch)

    assert [row[0] for row in seen["readings"]] == ["M-1/1"]
    assert [(e.port, e.kind) for e in seen["events"]] == [("M-2/0", "alive")] * 2
    assert [r.reason for r in seen["rejects"]] == ["topic", "station"]
    assert seen["served"] == {"M-1": "b1", "M-2": "b1"}


@pytest.mark.parametrize(
    "pattern", ["meters/live", "{station}/{station}", "a/#/{station}", "a/x{station}", "a+/{station}", "{x}/{station}"]
)
def test_a_binding_without_exactly_one_station_is_refused(pattern):
    with pytest.raises(ValueError, match=r"station|levels"):
        TopicBinding(pattern=pattern, adapter="reading")


def test_a_station_is_served_by_the_bridge_of_its_newest_message(normaliser, record):
    records = [
        record("ev/A/from/reading", {"port": 1, "soc": 1}, bridge="b1"),
        record("ev/A/from/heartbeat", {}, offset=1, bridge="b2"),
        record("ev/B/from/mood", {}, offset=2, bridge="b2"),
        record("ev/B/to/ocpp16", {}, offset=3, bridge="b3"),
        record("nothing/of/ours", {}, offset=4, bridge="b4"),
        record("ev/A/from/reading", {"port": 1, "soc": 1}, offset=5, bridge="b5"),
    ]

    assert normaliser.normalise(0, records).batch.served == {"A": "b5", "B": "b2"}


def test_a_payload_above_the_limit_is_rejected_and_its_neighbours_are_not(new_normaliser, record):
    normaliser = new_normaliser(limits=Limits(payload_bytes=1_000))
    large = json.dumps({"port": 1, "soc": 5}).encode() + b" " * 1_000
    records = [
        record("ev/A/from/reading", p, offset=i)
        for i, p in enumerate([{"port": 1, "soc": 1}, large, {"port": 1, "soc": 2}])
    ]
    records.append(records[0]._replace(offset=3, value=b"", withheld=9_000_000))
    batch = normaliser.normalise(0, records).batch

    assert batch.readings.origin.tolist() == [0, 2]
    assert [(r.origin, r.reason, r.detail.split()[0]) for r in batch.rejects] == [
        (1, "too_large", str(len(large))),
        (3, "too_large", "9000000"),
    ]


def test_a_device_clock_may_be_ahead_as_far_as_is_allowed(new_normaliser, record, now):
    reading = {"port": 1, "at": now // 1_000 + 10_000, "soc": 1}

    for limit, at in ((10, now + 10_000_000), (9, now)):
        normaliser = new_normaliser(limits=Limits(clock_ahead_s=limit))
        assert normaliser.normalise(0, [record("ev/A/from/reading", reading)]).batch.readings.at.tolist() == [at]


def test_a_defect_of_an_adapter_costs_the_one_message_that_shows_it(normaliser, record, monkeypatch):
    def broken(payload):
        raise ZeroDivisionError

    def fussy(gather, decoder, records, payloads, stations, station):
        if any(b"13" in p for p in payloads):
            raise KeyError("x")
        return real(gather, decoder, records, payloads, stations, station)

    real = canonical_columns.readings
    monkeypatch.setattr(canonical_columns, "readings", fussy)
    monkeypatch.setitem(normalise._CANONICAL, "heartbeat", broken)
    records = [record("ev/A/from/reading", {"port": 1, "soc": s}, offset=s) for s in (12, 13, 14)]
    batch = normaliser.normalise(0, [*records, record("ev/A/from/heartbeat", {}, offset=15)]).batch

    assert batch.readings.origin.tolist() == [12, 14]
    assert [(r.origin, r.reason, r.detail) for r in batch.rejects] == [
        (13, "adapter", "KeyError"),
        (15, "adapter", "ZeroDivisionError"),
    ]


def test_a_normaliser_without_a_key_is_refused():
    with pytest.raises(ValueError, match="token_key"):
        normalise.Normaliser(b"")


def test_tokens_differ_by_key_and_a_long_key_counts_whole(record):
    def token(key):
        payload = {"kind": "authorize", "data": {"token": "04A1", "result": "accepted"}}
        return (
            normalise.Normaliser(key).normalise(0, [record("ev/A/from/event", payload)]).batch.events[0].data["token"]
        )

    assert len({token(b"a"), token(b"b"), token(b"c" * 64), token(b"c" * 65), token(b"c" * 64 + b"d")}) == 5


def test_lines_of_all_adapters_of_a_poll_are_numbered_as_they_arrived(normaliser, record, view):
    meter = {
        "timestamp": "2025-10-09T08:50:00Z",
        "sampledValue": [{"value": "1"}, {"value": "50", "measurand": "Frequency"}],
    }
    messages = [
        ("ocpp16", [2, "a", "MeterValues", {"connectorId": 1, "meterValue": [meter]}]),
        ("reading", {"port": 1, "soc": 1, "other": {"x": 1}}),
        ("readings", {"port": 1, "at": [5, 6], "channels": {"soc": [1, 2]}, "other": {"y": [1, 2]}}),
        ("heartbeat", {}),
        ("reading", {"port": 1}),
        ("reading", {"port": 1, "soc": 3, "other": {"z": 1}}),
    ]
    records = [record(f"ev/A/from/{kind}", payload, offset=i) for i, (kind, payload) in enumerate(messages)]
    seen = view(normaliser.normalise(0, records).batch)

    assert [(row[3], row[4]) for row in seen["readings"]] == [(0, 0), (1, 2), (2, 4), (2, 5), (5, 10)]
    assert [(row[3], row[4], row[5]) for row in seen["other"]] == [
        (0, 1, "frequency"),
        (1, 3, "x"),
        (2, 6, "y"),
        (2, 7, "y"),
        (5, 11, "z"),
    ]
    assert [(e.origin, e.seq) for e in [*seen["events"], *seen["rejects"]]] == [(3, 8), (4, 9)]
