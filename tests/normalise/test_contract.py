"""The fast decoders accept and refuse the same bytes as the published models, and read the same values from them."""

import json
import math

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.channels import BY_NAME
from schemas.messages import MODELS, instant

BIG = b"9" * 400
NUMBERS = [
    b"0",
    b"-0",
    b"1",
    b"1.0",
    b"-1",
    b"2.5e1",
    b"1e-999",
    b"1e999",
    b"-1e999",
    b"0e999",
    b"9999",
    b"10000",
    b"01",
    b"1.",
    b".5",
]
NUMBERS += [
    b"253402300799999",
    b"253402300800000",
    b"9223372036854775808",
    b"18446744073709551616",
    b"1" + b"0" * 30,
    BIG,
]
NUMBERS += [b"1760000000000", b"123456789012345678901234567890.5", b"+1", b"0x1", b"1_0", b"-"]
WORDS = [
    b"null",
    b"true",
    b"false",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"nan",
    b"[]",
    b"{}",
    b"[1]",
    b"[[[[1]]]]",
    b'{"a":1}',
]
STRINGS = [b'""', b'"1"', b'"\xff"', b'"\\ud800"', b'"\\ud83d\\ude00"', b'"\\u0000"', b'"a\nb"', b'"\xe2\x82"']
TIMES = [
    b'"2025-03-01T12:00:00Z"',
    b'"2025-03-01t12:00:00.123456789z"',
    b'"2025-03-01 12:00:00+02:00"',
    b'"2025-03-01T12:00:00"',
]
TIMES += [
    b'"2025-02-30T12:00:00Z"',
    b'"2025-03-01T12:00:00+24:00"',
    b'"2025-03-01T23:59:60Z"',
    b'"0001-01-01T00:00:00+14:00"',
    b'"2025-03-01"',
]
DEEP = [b"[" * 3_000 + b"]" * 3_000, b'{"a":' * 3_000 + b"1" + b"}" * 3_000]
VALUES = st.sampled_from([*NUMBERS, *WORDS, *STRINGS, *TIMES, *DEEP]) | st.floats(
    allow_nan=False, allow_infinity=False
).map(lambda x: json.dumps(x).encode())
NAMES = st.just(b'"isolation"') | st.sampled_from(
    [
        b'"x"',
        b'"x"',
        b'"Voltage"',
        b'"voltage"',
        b'"a\\n"',
        b'"a\\u0062"',
        b'""',
        b'"\xff"',
        b'"' + b"a" * 49 + b'"',
        b'"_a"',
        b'"a-b"',
    ]
)


def listed(values):
    return st.lists(values, max_size=3).map(lambda items: b"[" + b",".join(items) + b"]")


def dictionary(values, names=NAMES):
    pairs = st.lists(st.tuples(names, values), max_size=3, unique_by=lambda pair: pair[0])
    return pairs.map(lambda items: b"{" + b",".join(name + b":" + value for name, value in items) + b"}")


PLAUSIBLE = {
    b'"port"': st.sampled_from([b"0", b"1", b"2"]),
    b'"at"': st.sampled_from([b"1760000000123", b"null", b"0", *TIMES]),
    b'"v"': st.just(b"1"),
    b'"connector"': st.sampled_from([b"1", b"null", b"10000"]),
    b'"other"': dictionary(st.sampled_from([b"1", b"null", b"2.5", b"1e400"])),
    b'"voltage"': st.sampled_from([b"230.1", b"null", b"1e30", b"1"]),
    b'"energy"': st.sampled_from([b"12345678.9", b"0"]),
    b'"soc"': st.sampled_from([b"50", b"101"]),
    b'"connected"': st.sampled_from([b"true", b"false"]),
    b'"p\\u006frt"': st.just(b"1"),
}
ROWS = {
    b'"port"': st.sampled_from([b"1", b"[1,2]", b"[1]", b"[]"]),
    b'"at"': listed(st.sampled_from([b"1760000000123", b"0", *TIMES[:3]])),
    b'"v"': st.just(b"1"),
    b'"channels"': dictionary(
        listed(st.sampled_from([b"1", b"null", b"1e999"])), st.sampled_from([b'"voltage"', b'"soc"', b'"x"'])
    ),
    b'"other"': dictionary(listed(st.sampled_from([b"1", b"null", b"true"]))),
}


@st.composite
def payloads(draw, values):
    """(pairs of raw JSON, payload): objects of likely keys with likely and unlikely values, keys told twice among them.

    Not for rows, whose columns are judged together; and not `other`: of several only the last one's names are looked at.
    """
    keys = draw(st.lists(st.sampled_from(sorted(values)), max_size=4, unique=values is ROWS))
    keys = [key for i, key in enumerate(keys) if key != b'"other"' or key not in keys[:i]]
    odd = draw(st.integers(0, 5))
    pairs = [(key, draw(VALUES if i == odd else values[key])) for i, key in enumerate(keys)]
    if draw(st.booleans()) and b'"port"' not in keys:
        pairs.insert(0, (b'"port"', b"1"))
    return pairs


def text(pairs):
    return b"{" + b",".join(key + b":" + value for key, value in pairs) + b"}"


def model_accepts(kind, payload):
    try:
        return MODELS[kind].validate_json(payload)
    except ValidationError:
        return None


def contract_accepts(kind, pairs):
    """What the model makes of the message; None where it, or any of several values told for one key, is refused."""
    keys = [json.loads(key) for key, _ in pairs]
    for i, key in enumerate(keys):
        alone = [pair for j, pair in enumerate(pairs) if j == i or keys[j] != key]
        if len(alone) < len(pairs) and model_accepts(kind, text(alone)) is None:
            return None
    return model_accepts(kind, text(pairs))


def refused(new_normaliser, record, kind, payload):
    batch = new_normaliser().normalise(0, [record(f"ev/ST/from/{kind}", payload)]).batch
    assert {r.reason for r in batch.rejects} <= {"json", "schema", "port", "empty"}
    return batch, [r for r in batch.rejects if r.reason != "empty"]


@pytest.mark.parametrize(
    ("kind", "values"),
    [("reading", PLAUSIBLE), ("heartbeat", PLAUSIBLE), ("connection", PLAUSIBLE), ("readings", ROWS)],
)
def test_a_message_is_refused_exactly_where_its_model_refuses_it(kind, values, new_normaliser, record):
    @settings(max_examples=200)
    @given(payloads(values))
    def check(pairs):
        _, refusals = refused(new_normaliser, record, kind, text(pairs))

        assert bool(refusals) == (contract_accepts(kind, pairs) is None)

    check()


@pytest.mark.parametrize("kind", ["reading", "heartbeat", "connection", "readings"])
def test_damaged_bytes_are_refused_exactly_where_the_model_refuses_them(kind, new_normaliser, record):
    @settings(max_examples=150)
    @given(payloads(ROWS if kind == "readings" else PLAUSIBLE), st.data())
    def check(pairs, data):
        assume(len({json.loads(key) for key, _ in pairs}) == len(pairs))
        payload = bytearray(text(pairs))
        for _ in range(data.draw(st.integers(1, 3))):
            place = data.draw(st.integers(0, len(payload)))
            payload[place : place + data.draw(st.integers(0, 2))] = data.draw(
                st.sampled_from([b"", b" ", b",", b'"', b"}", b"\xff", b"\x00", b"9", b"\\"])
            )
        assume(_no_key_twice(bytes(payload)))

        _, refusals = refused(new_normaliser, record, kind, bytes(payload))

        assert bool(refusals) == (model_accepts(kind, bytes(payload)) is None)

    check()


@pytest.mark.parametrize("rows", [0, 1, 10_000, 10_001])
def test_a_message_of_rows_is_refused_exactly_where_its_model_refuses_their_number(rows, new_normaliser, record):
    payload = (
        b'{"port":1,"at":['
        + b",".join([b"1760000000123"] * rows)
        + b'],"channels":{"soc":['
        + b",".join([b"1"] * rows)
        + b"]}}"
    )

    batch, refusals = refused(new_normaliser, record, "readings", payload)

    assert bool(refusals) == (model_accepts("readings", payload) is None)
    assert len(batch.readings) == (rows if rows in (1, 10_000) else 0)


@pytest.mark.parametrize("count", [64, 65])
def test_a_reading_is_refused_exactly_where_its_model_refuses_the_number_of_other_values(count, new_normaliser, record):
    payload = json.dumps({"port": 1, "other": {f"x{i}": i for i in range(count)}}).encode()

    _, refusals = refused(new_normaliser, record, "reading", payload)

    assert bool(refusals) == (model_accepts("reading", payload) is None) == (count > 64)


def test_any_bytes_are_refused_exactly_where_the_models_refuse_them(new_normaliser, record):
    @given(st.sampled_from(["reading", "heartbeat", "connection", "readings"]), st.binary(max_size=40))
    @example("reading", b"")
    @example("heartbeat", b"\xef\xbb\xbf{}")
    @example("heartbeat", b"null")
    @example("connection", b"[]")
    def check(kind, payload):
        _, refusals = refused(new_normaliser, record, kind, payload)

        assert bool(refusals) == (model_accepts(kind, payload) is None)

    check()


def _no_key_twice(payload):
    def pairs(items):
        if len({key for key, _ in items}) < len(items):
            raise KeyError
        return dict(items)

    try:
        json.loads(payload, object_pairs_hook=pairs)
    except KeyError:
        return False
    except (ValueError, RecursionError):
        return True
    return True


def test_the_values_of_a_reading_are_those_of_the_model(new_normaliser, record, now):
    @settings(max_examples=150)
    @given(payloads({k: v for k, v in PLAUSIBLE.items() if k != b'"connected"'}))
    def check(pairs):
        model = contract_accepts("reading", pairs)
        assume(model is not None)
        batch, _ = refused(new_normaliser, record, "reading", text(pairs))

        inside = {
            name: value
            for name, channel in BY_NAME.items()
            if (value := getattr(model, name)) is not None and channel.low <= value <= channel.high
        }
        got = {name: float(c[0]) for name, c in batch.readings.channels.items() if not math.isnan(c[0])}
        assert got == pytest.approx(inside, rel=1e-6)
        others = {name: value for name, value in (model.other or {}).items() if value is not None}
        assert dict(zip(batch.other.channel, batch.other.value.tolist(), strict=True)) == others
        for at in [*batch.readings.at.tolist(), *batch.other.at.tolist()]:
            assert at == _instant(model.at, now)

    check()


def _instant(at, now):
    if at is None:
        return now
    micros = at * 1_000 if isinstance(at, int) else round(instant(at).timestamp() * 1e6)
    return micros if 1_577_836_800_000_000 <= micros <= now + 300_000_000 else now
