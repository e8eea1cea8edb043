"""Rows go when their time is over and not before, in every edition."""

from datetime import UTC, datetime, timedelta

import pytest

from connectors.timescale import retention
from connectors.timescale.editions import Edition, edition
from connectors.timescale.retention import TIME, RetentionSettings, compress, enforce

pytestmark = pytest.mark.integration

NOW = datetime(2025, 6, 30, 12, tzinfo=UTC)
OLD, YOUNG = NOW - timedelta(days=40), NOW - timedelta(days=2)


def fill(conn):
    for at in (OLD, YOUNG):
        conn.execute(
            "INSERT INTO reading (port_no, at, received_at) SELECT n, %s, %s FROM generate_series(1, 30) n", (at, at)
        )
        conn.execute(
            "INSERT INTO event (port_no, at, received_at, kind, digest) VALUES (1, %s, %s, 'boot', 1)", (at, at)
        )
        conn.execute(
            "INSERT INTO availability (port_no, from_at, to_at, state, reason) VALUES (1, %s, %s, 'up', 'ok')",
            (at, at + timedelta(days=1)),
        )
        conn.execute(
            "INSERT INTO reject (shard, origin, seq, received_at, station, topic, reason) VALUES (%s, 1, 0, %s, 's', 't', 'json')",
            (f"{at:%j}", at),
        )
    conn.execute("INSERT INTO availability (port_no, from_at, state, reason) VALUES (2, %s, 'up', 'ok')", (OLD,))


def left(conn, table):
    return [at for (at,) in conn.execute(f"SELECT DISTINCT {TIME[table]} FROM {table} ORDER BY 1")]


def test_what_is_older_than_its_days_goes_and_the_rest_stays(conn, monkeypatch):
    monkeypatch.setattr(retention, "_AT_ONCE", 7)
    fill(conn)

    dropped = enforce(conn, RetentionSettings(reading=30, event=0, reject=30, availability=30), NOW)

    assert left(conn, "reading") == [YOUNG]
    assert left(conn, "event") == [OLD, YOUNG]
    assert left(conn, "reject") == [YOUNG]
    assert left(conn, "availability") == [YOUNG + timedelta(days=1), None]
    assert dropped["reading"] == (30 if edition(conn) is Edition.PLAIN else 1)
    assert "event" not in dropped
    assert not any(enforce(conn, RetentionSettings(reading=30, event=0, reject=30, availability=30), NOW).values())


def test_the_defaults_keep_what_a_statement_about_the_last_year_needs(conn):
    fill(conn)

    enforce(conn, RetentionSettings(), NOW + timedelta(days=366))

    assert left(conn, "event") == [OLD, YOUNG]
    assert len(left(conn, "availability")) == 3


def test_every_table_with_a_span_has_a_column_of_time_and_every_one_a_setting(conn):
    tables = set(RetentionSettings.model_fields) - {"compress_after"}

    assert tables == set(TIME)
    for table, column in TIME.items():
        conn.execute(f"SELECT {column} FROM {table} LIMIT 0")


def test_only_the_community_edition_compresses(conn):
    expected = list(retention.COMPRESSED) if edition(conn) is Edition.COMMUNITY else []

    assert compress(conn, RetentionSettings()) == expected
