"""What the operator writes stands in a real database as it stands in the tables in memory."""

import importlib.util
import itertools
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from connectors.timescale.migrate import migrate
from connectors.timescale.settings import DatabaseSettings
from connectors.timescale.sink import Writer
from models.operator import Marked
from models.uptime import Uptime

pytestmark = pytest.mark.integration

_spec = importlib.util.spec_from_file_location("uptime_world", Path(__file__).parent / "conftest.py")
world = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(world)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
KEYS = {"uptime_rolling": ("at",), "uptime_now": (), "uptime_daily": ("day",)}


def plain(value):
    if isinstance(value, datetime):
        return (value - EPOCH) // timedelta(microseconds=1)
    return (value - EPOCH.date()).days if isinstance(value, date) else value


def read(conn, table):
    rows = conn.execute(f"SELECT port, t.* FROM chargewell.{table} t JOIN chargewell.port p USING (port_no)").fetchall()
    return [{name: plain(value) for name, value in row.items()} for row in rows]


def test_availability_and_uptime_in_the_database_are_those_in_memory(database):
    migrate(database)
    maker = world.Maker(11)
    lines = maker.arrived()
    cuts = sorted({0, len(lines), *range(0, len(lines), 40)})
    marked, tables, now = Marked(Uptime()), world.Tables(), 0

    with Writer(DatabaseSettings(dsn=database), "uptime") as writer:
        for a, b in itertools.pairwise(cuts):
            now = max(now, *(line.received_at for line in lines[a:b]))
            batch = world.batch_of(lines[a:b], a, now, maker.served)
            out = marked.step(batch)
            tables.apply(out.writes)
            writer.write("00n", out, batch.last)

    with psycopg.connect(database, row_factory=dict_row) as conn:
        stored = {}
        for row in sorted(read(conn, "availability"), key=lambda row: row["from_at"]):
            values = tuple(row[name] for name in ("from_at", "to_at", "state", "reason", "detail"))
            stored.setdefault(row["port"], []).append(values)
        assert stored == tables.availability
        for table, key in KEYS.items():
            rows = {(row["port"], *(row[name] for name in key)): row for row in read(conn, table)}
            assert rows.keys() == tables.rows[table].keys()
            for which, row in tables.rows[table].items():
                assert {name: rows[which][name] for name in row} == {
                    name: pytest.approx(value, rel=1e-6) if isinstance(value, float) else value
                    for name, value in row.items()
                }
