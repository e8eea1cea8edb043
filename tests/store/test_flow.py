"""Operator and writer together: a flow that is killed anywhere leaves the tables of one that ran undisturbed."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from connectors.timescale.sink import Writer
from models.columns import Batch, Readings
from models.operator import Marked, Outputs
from models.store import Store
from schemas.telemetry import BridgeBeat, Reject

pytestmark = pytest.mark.integration

T0 = 1_748_779_200_000_000
SECOND = 1_000_000
PORTS = ["A/1", "B/1"]
TABLES = {
    "reading": "port_no, at, voltage, soc, flags",
    "reading_1m": "port_no, at, n, voltage_mean, voltage_min, voltage_max, soc_mean",
    "reject": "shard, origin, seq, reason",
    "audit_hour": "station, hour, received, stored, repeated, superseded, rejected",
    "flow_progress": "flow, shard, origin",
}

lines = st.tuples(
    st.integers(0, 1),
    st.integers(0, 200),
    st.dictionaries(st.sampled_from(["voltage", "soc"]), st.sampled_from([1.0, 2.5, 400.25]), min_size=1),
    st.booleans(),
)


def batch(log, first, last):
    """Offsets `first` to `last` of the log; a heartbeat comes with each batch."""
    rows = [(origin, *log[origin]) for origin in range(first, last + 1)]
    good = [row for row in rows if not row[4]]
    at = np.array([T0 + row[2] * SECOND for row in good], np.int64)
    now = T0 + last * 10 * SECOND
    readings = Readings(
        port=np.array([row[1] for row in good], np.int32), at=at, received_at=at, seq=np.arange(len(good)),
        origin=np.array([row[0] for row in good], np.int64), flags=np.zeros(len(good), np.uint8),
        channels={n: np.array([row[3].get(n, np.nan) for row in good], np.float32) for n in ("voltage", "soc")},
    )  # fmt: skip
    rejects = [Reject(key="A", topic="t", reason="json", received_at=T0, origin=row[0]) for row in rows if row[4]]
    beat = BridgeBeat(bridge="b", at=now, connected=True, since=0, origin=last)
    return Batch(
        partition=0, first=first, last=last, now=now, ports=PORTS, readings=readings, rejects=rejects, beats=[beat]
    )


def run(settings, log, steps):
    """Play the log. A step is (offsets to take, then: "go on", "write", "snapshot" or "crash")."""
    writer, marked, held, position = Writer(settings, "store"), Marked(Store()), Outputs(), 0
    saved = (marked.snapshot(), 0)
    try:
        for size, then in [*steps, (len(log), "snapshot"), (len(log), "write")]:
            if then == "crash":
                writer.close()
                writer, marked, held = Writer(settings, "store"), Marked(Store()), Outputs()
                marked.restore(saved[0])
                position = saved[1]
                continue
            if position < len(log):
                last = min(position + size, len(log)) - 1
                held.extend(marked.step(batch(log, position, last)))
                position = last + 1
            if then in ("write", "snapshot") and position:
                writer.write("00n", held, position - 1)
                held = Outputs()
            if then == "snapshot":
                saved = (marked.snapshot(), position)
        writer.write("00n", marked.operator.on_time(T0 + 10**12), len(log) - 1)
    finally:
        writer.close()


def contents(conn):
    return {table: sorted(conn.execute(f"SELECT {names} FROM {table}").fetchall()) for table, names in TABLES.items()}


def empty(conn):
    conn.execute("TRUNCATE reading, reading_1m, reject, audit_recent, audit_sum, flow_progress")


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    log=st.lists(lines, min_size=1, max_size=30),
    steps=st.lists(
        st.tuples(st.integers(1, 8), st.sampled_from(["go on", "write", "snapshot", "crash", "crash"])), max_size=12
    ),
)
def test_a_flow_killed_anywhere_leaves_the_tables_of_one_that_ran_undisturbed(settings, conn, log, steps):
    empty(conn)
    run(settings, log, [(len(log), "write")])
    undisturbed = contents(conn)
    empty(conn)

    run(settings, log, steps)

    assert contents(conn) == undisturbed
    assert undisturbed["audit_hour"] != []
    made = conn.execute(
        """SELECT port_no, date_trunc('minute', at), count(*), avg(voltage)::real, min(voltage), max(voltage), avg(soc)::real
           FROM reading GROUP BY 1, 2 ORDER BY 1, 2"""
    ).fetchall()
    assert undisturbed["reading_1m"] == made
