"""Raw records, batches made at random, and a plain view of a batch to compare by."""

import json

import numpy as np
import pytest
from hypothesis import strategies as st

from connectors.adapters.normalise import Normaliser
from connectors.kafka import Producer, ends, read_span
from models.columns import Batch, Others, Readings
from schemas.channels import BY_NAME, NAMES
from schemas.telemetry import EVENT_KINDS, REJECT_REASONS, BridgeBeat, Event, RawRecord, Reject, encode_cw

NOW = 1_760_000_000_000_000
KEY = b"a key for tests only"
MICROS = st.integers(1_577_836_800_000_000, 4_000_000_000_000_000)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)


def plain(batch: Batch) -> dict:
    """All that a batch holds as values that compare by ==, NaN as None, lines by port id."""

    def rows(table, extra):
        return [
            (
                batch.ports[table.port[i]],
                *(int(c[i]) for c in (table.at, table.received_at, table.origin, table.seq)),
                *extra(i),
            )
            for i in range(len(table))
        ]

    def channels(i):
        values = {name: column[i] for name, column in sorted(batch.readings.channels.items())}
        return int(batch.readings.flags[i]), {n: float(v) for n, v in values.items() if not np.isnan(v)}

    return {
        "covers": (batch.partition, batch.first, batch.last, batch.now),
        "readings": rows(batch.readings, channels),
        "other": rows(batch.other, lambda i: (batch.other.channel[i], float(batch.other.value[i]))),
        "events": batch.events,
        "rejects": batch.rejects,
        "beats": batch.beats,
        "served": batch.served,
    }


@st.composite
def batches(draw) -> Batch:
    """Any batch that normalise could make: lines of up to five raw records in order, some of them without any line."""
    first = draw(st.integers(0, 2**40))
    origins = sorted(draw(st.lists(st.integers(first, first + 9), min_size=1, max_size=14)))
    ports = [f"ST-{i}/{i % 3}" for i in range(draw(st.integers(1, 4)))]
    batch = Batch(partition=draw(st.integers(0, 63)), first=first, last=first + 9, now=0, ports=ports)
    readings, others = [], []
    for seq, origin in enumerate(origins):
        at, received = draw(MICROS), draw(MICROS)
        where = draw(st.integers(0, len(ports) - 1))
        match draw(st.sampled_from(["reading", "other", "event", "reject", "beat"])):
            case "reading":
                readings.append((where, at, received, origin, seq, draw(st.integers(0, 7)), draw(_channels())))
            case "other":
                value = draw(st.floats(allow_nan=False, allow_infinity=False))
                others.append((where, at, received, origin, seq, draw(TEXT), value))
            case "event":
                data = draw(st.dictionaries(TEXT, JSON, max_size=3))
                kind = draw(st.sampled_from(EVENT_KINDS))
                batch.events.append(
                    Event(port=ports[where], kind=kind, at=at, received_at=received, origin=origin, seq=seq, data=data)
                )
            case "reject":
                reason = draw(st.sampled_from(sorted(REJECT_REASONS)))
                batch.rejects.append(
                    Reject(key="ST", topic=draw(TEXT), reason=reason, received_at=received, origin=origin, seq=seq)
                )
            case "beat":
                batch.beats.append(
                    BridgeBeat(bridge="b", at=received, connected=True, since=at, origin=origin, seq=seq)
                )
    batch.readings, batch.other = _readings(readings), _others(others)
    times = [r[2] for r in readings + others] + [x.received_at for x in (*batch.events, *batch.rejects)]
    batch.now = max(times + [b.at for b in batch.beats])
    batch.served = draw(st.dictionaries(TEXT, TEXT, max_size=2))
    return batch


def _channels():
    values = {
        n: st.floats(BY_NAME[n].low, BY_NAME[n].high, width=64 if BY_NAME[n].dtype == "f8" else 32) for n in draw_names
    }
    return st.fixed_dictionaries({}, optional=values)


draw_names = ("voltage", "current", "energy", "soc")


def _readings(rows) -> Readings:
    port, at, received, origin, seq, flags, channels = zip(*rows, strict=True) if rows else ([],) * 7
    names = {name for c in channels for name in c}
    return Readings(
        port=np.array(port, np.int32),
        at=np.array(at, np.int64),
        received_at=np.array(received, np.int64),
        origin=np.array(origin, np.int64),
        seq=np.array(seq, np.int64),
        flags=np.array(flags, np.uint8),
        channels={n: np.array([c.get(n, np.nan) for c in channels], BY_NAME[n].dtype) for n in NAMES if n in names},
    )


def _others(rows) -> Others:
    port, at, received, origin, seq, channel, value = zip(*rows, strict=True) if rows else ([],) * 7
    return Others(
        port=np.array(port, np.int32),
        at=np.array(at, np.int64),
        received_at=np.array(received, np.int64),
        origin=np.array(origin, np.int64),
        seq=np.array(seq, np.int64),
        channel=list(channel),
        value=np.array(value, np.float64),
    )


@pytest.fixture(scope="session")
def any_batch():
    """The strategy of batches."""
    return batches()


@pytest.fixture(scope="session")
def view():
    """The plain view of a batch."""
    return plain


def raw(topic: str | bytes, payload, offset: int = 0, received: int = NOW, retain: bool = False, bridge: str = "b1"):
    """A raw record as a bridge writes it; a payload that is not bytes is sent as JSON."""
    topic = topic.encode() if isinstance(topic, str) else topic
    value = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    way = "to" if b"/to/" in topic else "from"
    return RawRecord(offset, topic, value, encode_cw("m", received, retain, False, way, NOW, bridge, offset))


@pytest.fixture(scope="session")
def record():
    """`record(topic, payload, offset=0, received=now, retain=False, bridge="b1")`."""
    return raw


@pytest.fixture(scope="session")
def now():
    """The receive time of records, in microseconds."""
    return NOW


@pytest.fixture
def normaliser():
    """A new one."""
    return Normaliser(KEY)


@pytest.fixture(scope="session")
def new_normaliser():
    """Makes new ones, for property tests."""
    return lambda **more: Normaliser(KEY, **more)


@pytest.fixture
def said(normaliser):
    """`said(topic, payload, ...)`: the plain view of the batch that one more raw record becomes."""
    offset = iter(range(1_000))

    def one(topic, payload, **more):
        return plain(normaliser.normalise(3, [raw(topic, payload, offset=next(offset), **more)]).batch)

    return one


@pytest.fixture
def fill(kafka):
    """`fill(partition, records)`: write raw records as a bridge does; the offsets are Kafka's."""

    def write(partition, records):
        producer = Producer(kafka, "fill")
        for r in records:
            headers = [("cw", r.cw)] + ([("too_large", str(r.withheld).encode())] if r.withheld else [])
            producer.send(
                kafka.topics.raw, None if r.withheld else r.value, key=r.topic, partition=partition, headers=headers
            )
        producer.flush()

    return write


@pytest.fixture
def read(kafka):
    """`read(topic)`: (partition, message) of all that a topic holds."""

    def messages(topic):
        return [
            (p, m)
            for p, (low, high) in ends(kafka, topic).items()
            for ms in read_span(kafka, topic, p, low, high)
            for m in ms
        ]

    return messages
