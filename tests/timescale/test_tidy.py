"""`chargewell tidy`: what begins today is in force, what is too old is gone, and it goes on day by day."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from chargewell import tidy
from chargewell.cli import app
from connectors.stopping import request_stop
from connectors.timescale import registry
from connectors.timescale.pool import connect
from schemas.assets import Port, Registry, Site, Station

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC)


def of(rated_w, since):
    return Registry(
        site=(Site(site="T", time_zone="UTC", valid_from=NOW - timedelta(days=400)),),
        station=(Station(station="T-1", site="T", valid_from=NOW - timedelta(days=400)),),
        port=(
            Port(
                station="T-1", number=1, kind="ac", rated_w=11_000, valid_from=NOW - timedelta(days=400), valid_to=since
            ),
            Port(station="T-1", number=1, kind="ac", rated_w=rated_w, valid_from=since),
        ),
    )


def rated(conn):
    return registry.facts(conn)["T-1/1"].rated_w, conn.execute(
        "SELECT rated_w FROM port WHERE port = 'T-1/1'"
    ).fetchone()[0]


def reject(conn, *days):
    """Rejects of so many days ago."""
    for ago in days:
        conn.execute(
            "INSERT INTO reject (shard, origin, seq, received_at, station, topic, reason) VALUES ('00n', %s, 0, %s, 's', 't', 'json')",
            (ago, NOW - timedelta(days=ago)),
        )


def test_a_row_that_begins_is_put_in_force_and_old_rejects_go(database_alone):
    with connect(database_alone.database) as conn:
        registry.store(conn, of(22_000, NOW + timedelta(hours=1)))
        assert rated(conn)[1] == 11_000
        reject(conn, 5, 45)

        said = list(tidy.tidy(database_alone, NOW + timedelta(hours=2)))

        assert rated(conn)[1] == 22_000
        assert conn.execute("SELECT origin FROM reject").fetchall() == [(5,)]
        assert any("reject 1" in line for line in said)


def test_the_command_tells_what_it_did(database_alone):
    told = CliRunner().invoke(app, ["tidy"], catch_exceptions=False)

    assert (told.exit_code, "old rows: none" in told.output) == (0, True)


@pytest.mark.parametrize(("kept_days", "left"), [(0, [5, 4_500]), (3, [])])
def test_the_command_keeps_what_the_settings_say_and_with_zero_days_all(database_alone, configure, kept_days, left):
    retention = database_alone.retention.model_copy(update={"reject": kept_days})
    configure(database_alone.model_copy(update={"retention": retention}))
    with connect(database_alone.database) as conn:
        reject(conn, 5, 4_500)

        CliRunner().invoke(app, ["tidy"], catch_exceptions=False)

        assert [origin for (origin,) in conn.execute("SELECT origin FROM reject ORDER BY origin")] == left


def test_it_goes_on_until_asked_to_stop_and_outlives_an_absent_database(database_alone, monkeypatch, until):
    monkeypatch.setattr(tidy, "_AGAIN_S", 0.05)
    monkeypatch.setattr(tidy, "_STEP_S", 0.01)
    right, calls = tidy.tidy, []

    def sometimes(settings, now):
        calls.append(now)
        away = settings.database.model_copy(update={"dsn": "postgresql://nobody@127.0.0.1:1/none"})
        return right(settings if len(calls) > 1 else settings.model_copy(update={"database": away}), now)

    monkeypatch.setattr(tidy, "tidy", sometimes)
    keeping = threading.Thread(target=tidy.keep_tidy, args=(database_alone, 0.05 / 3_600))
    keeping.start()
    try:
        until(lambda: len(calls) >= 4)
    finally:
        request_stop()
    until(lambda: not keeping.is_alive())
