"""What the operator writes stands in a real database as it stands in the table in memory."""

import importlib.util
import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from connectors.timescale.migrate import migrate
from connectors.timescale.settings import DatabaseSettings
from connectors.timescale.sink import Writer
from models.operator import Marked
from models.sessions import Sessions

pytestmark = pytest.mark.integration

_spec = importlib.util.spec_from_file_location("sessions_world", Path(__file__).parent / "conftest.py")
world = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(world)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def plain(value):
    return (value - EPOCH) // timedelta(microseconds=1) if isinstance(value, datetime) else value


def test_sessions_in_the_database_are_those_in_memory(database):
    migrate(database)
    maker = world.Maker(5, ports=4)
    lines = maker.arrived()
    cuts = sorted({0, len(lines), *range(0, len(lines), 40)})
    marked, table = Marked(Sessions()), world.Table()

    with Writer(DatabaseSettings(dsn=database), "sessions") as writer:
        for a, b in itertools.pairwise(cuts):
            batch = world.batch_of(lines[a:b], a, max(line.received_at for line in lines[:b]))
            out = marked.step(batch)
            table.apply(out.writes)
            writer.write("00n", out, batch.last)

    with psycopg.connect(database, row_factory=dict_row) as conn:
        rows = conn.execute(
            "SELECT port, c.* FROM chargewell.charging_session c JOIN chargewell.port p USING (port_no)"
        ).fetchall()
    stored = {(row["port"], row["session_key"]): {name: plain(row[name]) for name in row} for row in rows}
    assert stored.keys() == table.rows.keys()
    for key, row in table.rows.items():
        assert {name: stored[key][name] for name in row} == {
            name: pytest.approx(value, rel=1e-6) if isinstance(value, float) else value for name, value in row.items()
        }
