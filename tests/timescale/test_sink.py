"""The writer: rows, progress and the audit's sums together; repeats, corrections, crashes and second copies."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from connectors.timescale import sink
from connectors.timescale.pool import connect
from connectors.timescale.sink import FlowRunningError, Writer
from connectors.timescale.tally import Counts
from models.operator import Append, Delete, Outputs, Recompute, ReplaceSpan, Upsert

pytestmark = pytest.mark.integration

T0 = int(datetime(2025, 6, 1, 12, tzinfo=UTC).timestamp()) * 1_000_000
SECOND = 1_000_000


def at(seconds):
    return datetime.fromtimestamp(T0 / SECOND, UTC) + timedelta(seconds=seconds)


def readings(lines, ports=("A/1", "A/2", "B/1")):
    """Lines are (origin, port index, second, {channel: value}); received 5 s after they were taken."""
    names = sorted({name for *_, channels in lines for name in channels})
    when = np.array([T0 + s * SECOND for _, _, s, _ in lines], np.int64)
    columns = {"at": when, "received_at": when + 5 * SECOND, "flags": np.zeros(len(lines), np.uint8)}
    for name in names:
        columns[name] = np.array([c.get(name, np.nan) for *_, c in lines], np.float32)
    port = np.array([p for _, p, _, _ in lines], np.int32)
    return Append("reading", list(ports), port, np.array([o for o, *_ in lines], np.int64), columns)


def rejects(lines):
    """Lines are (origin, seq, station, reason)."""
    columns = {
        "seq": np.array([seq for _, seq, _, _ in lines], np.int64),
        "station": [station for *_, station, _ in lines],
        "topic": ["t"] * len(lines),
        "reason": [reason for *_, reason in lines],
        "detail": [""] * len(lines),
        "received_at": np.full(len(lines), T0, np.int64),
    }
    none = np.zeros(len(lines), np.int32)
    return Append("reject", [], none, np.array([o for o, *_ in lines], np.int64), columns)


@pytest.fixture
def writer(settings):
    with Writer(settings, "store", retry_for_s=10, claim_wait_s=0.3) as writer:
        yield writer


def stored(conn, *channels):
    names = ", ".join(channels)
    return conn.execute(
        f"SELECT p.port, r.at, {names} FROM reading r JOIN port p USING (port_no) ORDER BY 1, 2"
    ).fetchall()


def audit(conn):
    return {
        (station, hour): tuple(sums)
        for station, hour, *sums in conn.execute(
            "SELECT station, hour, received, stored, repeated, superseded, rejected FROM audit_hour"
        )
    }


def test_lines_their_progress_and_their_sums_are_stored_together(writer, conn):
    lines = [(7, 0, 0, {"voltage": 400.0}), (8, 2, 3600, {"current": 12.5})]

    counts = writer.write("00n", Outputs([readings(lines), rejects([(9, 4, "A", "json")])]), 9)

    assert counts == Counts(stored=2, rejected=1)
    assert stored(conn, "voltage", "current") == [("A/1", at(0), 400.0, None), ("B/1", at(3600), None, 12.5)]
    assert conn.execute("SELECT shard, origin, seq, station, reason FROM reject").fetchall() == [
        ("00n", 9, 4, "A", "json")
    ]
    assert writer.progress() == {"00n": 9}
    assert audit(conn) == {("A", at(0)): (2, 1, 0, 0, 1), ("B", at(3600)): (1, 1, 0, 0, 0)}


def test_what_is_stored_already_is_dropped_by_its_origin_and_counted_once(writer, conn):
    first = Outputs([readings([(7, 0, 0, {"voltage": 400.0}), (8, 0, 1, {"voltage": 401.0})])])
    writer.write("00n", first, 8)

    again = Outputs([readings([(8, 0, 1, {"voltage": 401.0}), (9, 0, 2, {"voltage": 402.0})])])

    assert writer.write("00n", again, 9) == Counts(stored=1, dropped=1)
    assert len(stored(conn, "voltage")) == 3
    assert audit(conn) == {("A", at(0)): (3, 3, 0, 0, 0)}
    assert writer.write("00n", first, 8) == Counts(dropped=2)
    assert writer.progress() == {"00n": 9}


def test_the_audits_sums_are_exact_before_and_after_they_are_folded(settings, conn, monkeypatch):
    write = lambda writer, i: writer.write("00n", Outputs([readings([(i, 0, 3600 * (i // 2), {"soc": 1.0 * i})])]), i)  # noqa: E731
    expected = {("A", at(0)): (2, 1, 0, 1, 0), ("A", at(3600)): (2, 1, 0, 1, 0)}

    with Writer(settings, "store") as writer:
        for i in range(4):
            write(writer, i)
    assert audit(conn) == expected
    assert conn.execute("SELECT count(*) FROM audit_recent").fetchone() == (3,)

    monkeypatch.setattr(sink, "FOLD_S", 0.0)
    with Writer(settings, "store") as writer:
        writer.write("00n", Outputs(), 4)
    assert audit(conn) == expected
    assert conn.execute("SELECT count(*) FROM audit_recent").fetchone() == (0,)


def test_shards_have_progress_of_their_own(writer):
    writer.write("00n", Outputs(), 5)
    writer.write("01d", Outputs([readings([(3, 0, 0, {"voltage": 1.0})])]), 3)

    assert writer.progress() == {"00n": 5, "01d": 3}


def test_a_line_told_again_is_repeated_and_keeps_its_first_receive_time(writer, conn):
    writer.write("00n", Outputs([readings([(1, 0, 0, {"voltage": 400.0})])]), 1)
    again = readings([(2, 0, 0, {"voltage": 400.0})])
    again.columns["received_at"] += 60 * SECOND

    assert writer.write("00n", Outputs([again]), 2) == Counts(repeated=1)
    assert conn.execute("SELECT received_at FROM reading").fetchall() == [(at(5),)]


def test_a_later_line_of_the_same_instant_corrects_and_completes_the_earlier_one(writer, conn):
    lines = [
        (1, 0, 0, {"voltage": 400.0, "current": 10.0}),
        (2, 0, 0, {"current": 11.0}),
        (3, 0, 0, {"current": 11.0}),
        (4, 0, 0, {"soc": 50.0}),
    ]

    assert writer.write("00n", Outputs([readings(lines)]), 4) == Counts(stored=1, superseded=2, repeated=1)
    assert stored(conn, "voltage", "current", "soc") == [("A/1", at(0), 400.0, 11.0, 50.0)]


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(0, 3),
            st.dictionaries(st.sampled_from(["voltage", "current", "soc"]), st.integers(0, 2).map(float), min_size=1),
        ),
        min_size=1,
        max_size=25,
    ),
    cuts=st.lists(st.integers(0, 25), max_size=4),
)
def test_rows_and_counts_are_those_of_lines_taken_one_by_one_wherever_writes_are_cut(settings, conn, lines, cuts):
    table, expected = {}, Counts()
    for port, second, channels in lines:
        row = table.get((port, second))
        kind = "stored" if row is None else "repeated" if row | channels == row else "superseded"
        setattr(expected, kind, getattr(expected, kind) + 1)
        table[port, second] = (row or {}) | channels
    conn.execute("TRUNCATE reading, flow_progress, audit_recent, audit_sum")
    numbered = [(i, *line) for i, line in enumerate(lines)]
    edges = [0, *sorted(min(cut, len(lines)) for cut in cuts), len(lines)]
    counts = Counts()

    with Writer(settings, "store") as writer:
        for start, end in pairwise(edges):
            counts.add(writer.write("00n", Outputs([readings(numbered[start:end])]), end - 1))

    assert counts == expected
    assert stored(conn, "voltage", "current", "soc") == [
        ((("A/1", "A/2", "B/1")[port]), at(second), *(row.get(n) for n in ("voltage", "current", "soc")))
        for (port, second), row in sorted(table.items())
    ]
    assert sum(sums[0] for sums in audit(conn).values()) == len(lines)


def test_outputs_of_many_batches_with_other_channels_go_in_together(writer, conn):
    parts = [readings([(i, i % 3, i, {("voltage", "power")[i % 2]: float(i)})]) for i in range(6)]

    assert writer.write("00n", Outputs(parts), 5) == Counts(stored=6)
    assert [row[2:] for row in stored(conn, "voltage", "power")] == [
        (0.0, None), (None, 3.0), (None, 1.0), (4.0, None), (2.0, None), (None, 5.0),
    ]  # fmt: skip


def test_events_keep_their_documents_and_are_known_by_their_digest(writer, conn):
    def event(origin, digest, data):
        columns = {
            "at": np.array([T0]), "received_at": np.array([T0]), "kind": ["status"], "digest": np.array([digest]),
            "flags": np.zeros(1, np.uint8), "data": [data],
        }  # fmt: skip
        return Append("event", ["A/1"], np.zeros(1, np.int32), np.array([origin]), columns)

    one, two = {"status": "faulted", "info": 'quote " \\ \0'}, {"status": "available"}

    counts = writer.write("00n", Outputs([event(1, 11, one), event(2, -12, two), event(3, 11, one)]), 3)

    assert counts == Counts(stored=2, repeated=1)
    assert conn.execute("SELECT data FROM event ORDER BY digest").fetchall() == [
        (two,),
        ({"status": "faulted", "info": 'quote " \\ �'},),
    ]


def test_an_unknown_port_is_entered_as_discovered_with_its_station(writer, conn):
    writer.write("00n", Outputs([readings([(1, 0, 0, {"voltage": 1.0})], ports=["DE:B@014/12"])]), 1)

    assert conn.execute("SELECT port, station, number, discovered FROM port").fetchall() == [
        ("DE:B@014/12", "DE:B@014", 12, True)
    ]
    assert conn.execute("SELECT station, discovered FROM station").fetchall() == [("DE:B@014", True)]


def test_a_port_id_that_is_none_is_named(writer):
    with pytest.raises(ValueError, match=r"port id 'A-1'.*<station>/<number>"):
        writer.write("00n", Outputs([readings([(1, 0, 0, {"voltage": 1.0})], ports=["A-1"])]), 1)


def now_rows(values, ports=("A/1", "A/2")):
    n = len(values)
    columns = {"at": np.full(n, T0), "since": np.full(n, T0), "up_1h": np.array([v for _, v in values], np.float32)}
    columns |= {"state": ["up"] * n, "reason": ["ok"] * n}
    return Upsert("uptime_now", (), list(ports), np.array([p for p, _ in values], np.int32), columns)


def test_an_upsert_puts_rows_in_place_and_the_last_of_a_key_wins(writer, conn):
    for values in ([(0, 0.5), (1, 0.25), (0, 0.75)], [(1, np.nan)], [(0, 1.0)]):
        writer.write("00n", Outputs([now_rows(values)]), 1)

    assert conn.execute("SELECT port, up_1h FROM pub.uptime_now ORDER BY 1").fetchall() == [("A/1", 1.0), ("A/2", None)]


def test_a_delete_takes_rows_away_before_what_stands_behind_it(writer, conn):
    taken = Delete("uptime_now", (), ["A/1", "A/9"], np.array([0, 1], np.int32), {})

    writer.write("00n", Outputs([now_rows([(0, 0.5), (1, 0.5)])]), 1)
    writer.write("00n", Outputs([taken, now_rows([(1, 0.75)])]), 2)

    assert conn.execute("SELECT port, up_1h FROM pub.uptime_now").fetchall() == [("A/2", 0.75)]


# -- intervals -------------------------------------------------------------------------------------------------------
def span(start, end, rows, port="A/1"):
    """Rows are (from, to, reason) in seconds; to None = open."""
    null = np.iinfo(np.int64).min
    columns = {
        "from_at": np.array([T0 + a * SECOND for a, _, _ in rows], np.int64),
        "to_at": np.array([null if b is None else T0 + b * SECOND for _, b, _ in rows], np.int64),
        "state": ["up"] * len(rows),
        "reason": [reason for *_, reason in rows],
        "detail": [None] * len(rows),
    }
    return ReplaceSpan("availability", port, T0 + start * SECOND, None if end is None else T0 + end * SECOND, columns)


@st.composite
def spans(draw):
    start = draw(st.integers(0, 20))
    end = draw(st.none() | st.integers(start + 1, 24))
    edges = sorted(draw(st.sets(st.integers(start, end or 24), max_size=4)))
    rows = [(a, b, draw(st.sampled_from("xyz"))) for a, b in pairwise(edges)]
    if end is None and edges and draw(st.booleans()):
        rows.append((edges[-1], None, "open"))
    return draw(st.sampled_from(["A/1", "A/2"])), start, end, rows


@hypothesis_settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(spans(), max_size=4), max_size=4))
def test_replaced_spans_leave_of_each_second_what_was_said_last(settings, conn, writes):
    conn.execute("TRUNCATE availability")
    seconds = {}
    with Writer(settings, "uptime") as writer:
        for group in writes:
            writer.write("00n", Outputs([span(a, b, rows, port) for port, a, b, rows in group]), 1)
            for port, a, b, rows in group:
                for second in range(a, 40 if b is None else b):
                    seconds.pop((port, second), None)
                for start, end, reason in rows:
                    seconds |= {(port, second): reason for second in range(start, 40 if end is None else end)}

    found = {}
    for port, a, b, reason in conn.execute("SELECT port, from_at, to_at, reason FROM pub.availability"):
        start = int((a - at(0)).total_seconds())
        for second in range(start, 40 if b is None else int((b - at(0)).total_seconds())):
            assert (port, second) not in found
            found[port, second] = reason
    assert found == seconds


# -- minutes ---------------------------------------------------------------------------------------------------------
def test_minutes_are_made_anew_from_what_stands_and_go_with_their_readings(writer, conn):
    lines = [(1, 0, s, {"voltage": v, "energy": 100.0 + s}) for s, v in ((0, 1.0), (59, 2.0), (60, 9.0))]
    lines[1][3].pop("energy")
    minutes = Recompute(
        "reading_1m", ["A/1"], np.zeros(3, np.int32), np.array([T0, T0 + 60 * SECOND, T0 + 600 * SECOND])
    )

    writer.write("00n", Outputs([minutes, readings(lines)]), 1)

    read = "SELECT at, n, voltage_mean, voltage_min, voltage_max, energy_last, soc_mean FROM reading_1m ORDER BY 1"
    assert conn.execute(read).fetchall() == [
        (at(0), 2, 1.5, 1.0, 2.0, 100.0, None),
        (at(60), 1, 9.0, 9.0, 9.0, 160.0, None),
    ]
    conn.execute("DELETE FROM reading WHERE at >= %s", (at(60),))
    writer.write("00n", Outputs([minutes]), 2)
    assert [row[0] for row in conn.execute(read)] == [at(0)]


# -- crashes and copies ----------------------------------------------------------------------------------------------
def test_a_write_that_fails_in_the_middle_stores_nothing(writer, conn):
    bad = now_rows([(0, 0.5)])
    bad.columns["state"] = [None]

    with pytest.raises(psycopg.errors.NotNullViolation):
        writer.write("00n", Outputs([readings([(1, 0, 0, {"voltage": 1.0})]), bad]), 1)

    assert stored(conn, "voltage") == []
    assert writer.progress() == {}
    assert writer.write("00n", Outputs([readings([(1, 0, 0, {"voltage": 1.0})])]), 1) == Counts(stored=1)


class Cut:
    """A connection that the server ends at the n-th statement, counted over all connections made."""

    def __init__(self, settings, at_statement):
        self.left, self._settings = at_statement, settings

    def __call__(self, settings, application):
        conn = connect(settings, application=application)
        outer, execute = self, conn.execute

        def counted(*args, **kwargs):
            outer.left -= 1
            if outer.left == 0:
                with connect(outer._settings) as other:
                    other.execute("SELECT pg_terminate_backend(%s)", (conn.info.backend_pid,))
            return execute(*args, **kwargs)

        conn.execute = counted
        return conn


@pytest.mark.parametrize("statement", range(1, 14))
def test_a_connection_lost_at_any_statement_costs_no_line_and_counts_none_twice(settings, conn, statement):
    outputs = Outputs([readings([(1, 0, 0, {"voltage": 1.0}), (2, 0, 0, {"voltage": 2.0})]), now_rows([(0, 0.5)])])

    with Writer(settings, "store", connect=Cut(settings, statement)) as writer:
        writer.write("00n", outputs, 2)
        writer.write("00n", outputs, 2)
        assert writer.progress() == {"00n": 2}

    assert stored(conn, "voltage") == [("A/1", at(0), 2.0)]
    assert audit(conn) == {("A", at(0)): (2, 1, 0, 1, 0)}


def test_a_server_that_stays_away_is_an_error_in_the_end(settings):
    gone = settings.model_copy(update={"dsn": "host=127.0.0.1 port=1 user=nobody"})

    with pytest.raises(psycopg.OperationalError), Writer(gone, "store", retry_for_s=0.3) as writer:
        writer.write("00n", Outputs(), 1)


def test_a_second_copy_of_a_running_flow_is_refused_by_name(settings, writer):
    writer.claim("00n")

    with Writer(settings, "store", claim_wait_s=0.2) as second:
        second.claim("01d")
        with pytest.raises(FlowRunningError, match=r"flow 'store' already runs on shard '00n'.*chargewell store"):
            second.write("00n", Outputs(), 1)
    with Writer(settings, "sessions") as other_flow:
        other_flow.claim("00n")


def test_a_flow_that_was_killed_gives_its_shards_free_at_once(settings):
    code = (
        "import sys, time\n"
        "from connectors.timescale.settings import DatabaseSettings\n"
        "from connectors.timescale.sink import Writer\n"
        "writer = Writer(DatabaseSettings(dsn=sys.argv[1]), 'store')\n"
        "writer.claim('00n')\n"
        "print('claimed', flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, settings.dsn], stdout=subprocess.PIPE) as first:
        assert first.stdout.readline() == b"claimed\n"
        first.kill()

    with Writer(settings, "store", claim_wait_s=60) as second:
        second.claim("00n")
