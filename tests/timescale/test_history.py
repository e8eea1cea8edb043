"""Stored lines come back as they were told, in the order of their arrival."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from connectors.timescale.history import ports_of, read_batches
from connectors.timescale.ports import PortNumbers
from connectors.timescale.sink import Writer
from models.columns import Batch, Others, Readings
from models.store import Store
from schemas.channels import BY_NAME
from schemas.telemetry import Event
from schemas.topics import partition_of

pytestmark = pytest.mark.integration

T0 = 1_748_779_200_000_000
PORTS = ["A/1", "A/2", "B/0"]
SECONDS = st.integers(0, 300).map(lambda s: T0 + s * 1_000_000)
CHANNELS = ("voltage", "energy", "fan_rpm")
readings = st.dictionaries(
    st.tuples(st.integers(0, 2), SECONDS),
    st.tuples(
        SECONDS, st.integers(0, 7), st.dictionaries(st.sampled_from(CHANNELS), st.sampled_from([0.0, -1.5, 1e7]))
    ),
    max_size=30,
)
others = st.dictionaries(
    st.tuples(st.integers(0, 2), SECONDS, st.sampled_from(["isolation", "rssi"])),
    st.tuples(SECONDS, st.sampled_from([0.25, -90.0])),
    max_size=6,
)
events = st.dictionaries(
    st.tuples(st.integers(0, 2), SECONDS, st.sampled_from(["status", "boot"])),
    st.tuples(SECONDS, st.sampled_from([{}, {"status": "faulted", "info": 'q"u\nx'}])),
    max_size=6,
)


def as_batch(readings, others, events):
    rows, values = list(readings.items()), list(others.items())
    told = {name for _, (_, _, channels) in rows for name in channels}
    return Batch(
        partition=0, first=0, last=0, now=T0, ports=PORTS,
        readings=Readings(
            port=np.array([k[0] for k, _ in rows], np.int32), at=np.array([k[1] for k, _ in rows], np.int64),
            received_at=np.array([v[0] for _, v in rows], np.int64), origin=np.zeros(len(rows), np.int64),
            seq=np.zeros(len(rows), np.int64), flags=np.array([v[1] & 5 for _, v in rows], np.uint8),
            channels={n: np.array([v[2].get(n, np.nan) for _, v in rows], BY_NAME[n].dtype) for n in told},
        ),
        other=Others(
            port=np.array([k[0] for k, _ in values], np.int32), at=np.array([k[1] for k, _ in values], np.int64),
            received_at=np.array([v[0] for _, v in values], np.int64), origin=np.zeros(len(values), np.int64),
            seq=np.zeros(len(values), np.int64), channel=[k[2] for k, _ in values],
            value=np.array([v[1] for _, v in values], np.float64),
        ),
        events=[
            Event(port=PORTS[p], kind=kind, at=at, received_at=received_at, origin=0, data=data)
            for (p, at, kind), (received_at, data) in events.items()
        ],
    )  # fmt: skip


def lines(batches):
    """Every line of batches as a tuple (received_at, at, ...), in the order that `seq` gives."""
    found = []
    for batch in batches:
        mine = []
        r, o = batch.readings, batch.other
        for i in range(len(r)):
            told = {n: float(c[i]) for n, c in r.channels.items() if not np.isnan(c[i])}
            mine.append(
                (
                    int(r.seq[i]),
                    (
                        int(r.received_at[i]),
                        int(r.at[i]),
                        batch.ports[r.port[i]],
                        int(r.flags[i]),
                        sorted(told.items()),
                    ),
                )
            )
        for i in range(len(o)):
            line = (int(o.received_at[i]), int(o.at[i]), batch.ports[o.port[i]], o.channel[i], float(o.value[i]))
            mine.append((int(o.seq[i]), line))
        mine += [(e.seq, (e.received_at, e.at, e.port, e.kind, sorted(e.data.items()))) for e in batch.events]
        found += [line for _, line in sorted(mine, key=lambda line: line[0])]
    return found


@hypothesis_settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(readings=readings, others=others, events=events, rows=st.integers(1, 20))
def test_what_is_stored_comes_back_whole_and_in_order_of_arrival(settings, conn, readings, others, events, rows):
    conn.execute("TRUNCATE reading, reading_other, event, flow_progress")
    given_batch = as_batch(readings, others, events)
    with Writer(settings, "store") as writer:
        writer.write("00n", Store().on_batch(given_batch), 0)

    batches = list(read_batches(conn, PORTS, T0, T0 + 301_000_000, partition=5, rows=rows))

    found = lines(batches)
    assert sorted(map(repr, found)) == sorted(map(repr, lines([given_batch])))
    assert [line[:2] for line in found] == sorted(line[:2] for line in found)
    assert [(b.first, b.last, b.partition) for b in batches] == [(i, i, 5) for i in range(len(batches))]
    assert [b.now for b in batches] == sorted(max(line[0] for line in lines([b])) for b in batches)


def test_only_the_ports_and_the_span_asked_for_come_back(settings, conn):
    told = {(p, T0 + s): (T0 + s, 0, {"voltage": 1.0}) for p in range(3) for s in range(5)}
    with Writer(settings, "store") as writer:
        writer.write("00n", Store().on_batch(as_batch(told, {}, {})), 0)

    found = lines(read_batches(conn, ["A/2", "nobody/1"], T0 + 1, T0 + 4))

    assert [(port, at - T0) for _, at, port, *_ in found] == [("A/2", 1), ("A/2", 2), ("A/2", 3)]


def test_the_ports_of_a_partition_are_those_of_its_stations(conn):
    ports = [f"ST{i}/{n}" for i in range(40) for n in (0, 1)]
    PortNumbers().of(conn, ports)

    parts = [ports_of(conn, p, 4) for p in range(4)]

    assert sorted(port for part in parts for port in part) == sorted(ports)
    assert all(partition_of(port.split("/")[0].encode(), 4) == p for p, part in enumerate(parts) for port in part)
    assert min(map(len, parts)) > 0
