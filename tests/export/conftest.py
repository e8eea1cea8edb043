"""A database with two ports, some readings, an interval, a failed attempt and a price, made by migrate and plain inserts."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from chargewell.settings import Settings
from connectors.timescale.migrate import migrate
from connectors.timescale.settings import DatabaseSettings

START = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="session")
def start():
    return START


@pytest.fixture
def deployment(database):
    """Settings of a database that holds ten readings of each of two ports, a minute apart, and one row of other views."""
    migrate(database)
    with psycopg.connect(database) as conn:
        conn.execute("SET search_path = chargewell, public")
        conn.execute("INSERT INTO site (site, name, time_zone) VALUES ('X', 'Quay', 'UTC')")
        conn.execute("INSERT INTO station (station, site) VALUES ('X-1', 'X')")
        for number in (1, 2):
            port_no = conn.execute(
                "INSERT INTO port (port, station, number) VALUES (%s, 'X-1', %s) RETURNING port_no",
                (f"X-1/{number}", number),
            ).fetchone()[0]
            for i in range(10):
                conn.execute(
                    "INSERT INTO reading (port_no, at, received_at, flags, voltage, energy) VALUES (%s, %s, %s, 0, %s, %s)",
                    (port_no, START + i * MINUTE, START + i * MINUTE, 230.0 + i, None if i % 2 else 1e9 + i),
                )
        conn.execute(
            "INSERT INTO event (port_no, at, kind, digest, received_at, flags, data) VALUES (%s, %s, 'status', 1, %s, 0, %s)",
            (port_no, START, START, '{"status": "it\'s \\\\ \\"faulted\\"\\n"}'),
        )
        conn.execute(
            "INSERT INTO availability (port_no, from_at, to_at, state, reason) VALUES (%s, %s, %s, 'up', 'ok'), (%s, %s, NULL, 'down', 'silence')",
            (port_no, START, START + 60 * MINUTE, port_no, START + 60 * MINUTE),
        )
        conn.execute(
            "INSERT INTO tariff (tariff, currency, per_kwh, valid_from) VALUES ('T', 'EUR', 0.4999, %s)", (START,)
        )
    return Settings(database=DatabaseSettings(dsn=database))
