"""The public views: documented column by column; outages, visits and uptime under rules equal to slow oracles."""

import re
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path

import psycopg
import pytest

from connectors.timescale.pool import connect
from connectors.timescale.settings import DatabaseSettings
from dashboards import uptime_rules
from models.uptime.rules.rule import rules
from models.uptime.rules.statement import Interval, statement

pytestmark = pytest.mark.integration
PAGE = Path(__file__).parents[2] / "docs" / "views.md"


@pytest.fixture
def conn(network):
    with connect(DatabaseSettings(dsn=network.dsn)) as conn:
        yield conn


def test_every_column_of_every_view_is_documented(conn):
    sections = dict(re.findall(r"^### `pub\.(\w+)`\n(.*?)(?=^##|\Z)", PAGE.read_text("utf-8"), re.M | re.S))
    found = conn.execute(
        "SELECT table_name, array_agg(column_name::text) FROM information_schema.columns WHERE table_schema = 'pub' GROUP BY 1"
    ).fetchall()

    lacking = {view: [c for c in columns if f"`{c}`" not in sections.get(view, "")] for view, columns in found}
    assert {view: columns for view, columns in lacking.items() if columns} == {}
    assert set(sections) == {view for view, _ in found}


def test_outages_are_runs_of_down_intervals(conn, network):
    expected = []
    rows = conn.execute(
        "SELECT port_no, from_at, to_at, reason FROM pub.availability WHERE state = 'down' ORDER BY port_no, from_at"
    ).fetchall()
    for port, of_port in groupby(rows, key=lambda row: row[0]):
        begun = None
        for _, start, end, reason in of_port:
            if begun is not None and begun[2] == start:
                begun[2] = end
            else:
                begun = [port, start, end, reason]
                expected.append(begun)

    found = conn.execute("SELECT port_no, from_at, to_at, reason FROM pub.outage ORDER BY 1, 2").fetchall()
    assert [list(row) for row in found] == expected
    assert len(found) > 3


def test_outages_join_what_follows_at_once_and_nothing_else(conn):
    at = datetime(2020, 1, 1, tzinfo=UTC)
    hours = [
        (0, 1, "down", "faulted"), (1, 2, "down", "silence"), (2, 3, "up", "ok"), (3, 4, "down", "faulted"), (5, 6, "down", "faulted"),
        (7, 8, "down", "silence"), (8, 9, "down", "faulted"), (9, None, "down", "silence"),
    ]  # fmt: skip
    with conn.transaction(force_rollback=True):
        (port,) = conn.execute("SELECT max(port_no) FROM pub.port_now").fetchone()
        conn.execute("DELETE FROM availability WHERE port_no = %s", (port,))
        for start, end, state, reason in hours:
            until = None if end is None else at + timedelta(hours=end)
            conn.execute(
                "INSERT INTO availability VALUES (%s, %s, %s, %s, %s)",
                (port, at + timedelta(hours=start), until, state, reason),
            )
        conn.execute("UPDATE uptime_now SET at = %s WHERE port_no = %s", (at + timedelta(hours=12), port))
        found = conn.execute(
            "SELECT seconds, reason, to_at IS NULL FROM pub.outage WHERE port_no = %s ORDER BY from_at", (port,)
        ).fetchall()

    assert found == [
        (7_200.0, "faulted", False), (3_600.0, "faulted", False), (3_600.0, "faulted", False), (18_000.0, "silence", True),
    ]  # fmt: skip


ATTEMPTS = [  # token, port of the station, minute of the day, lasts, outcome
    ("a", 0, 600, 10, "failed"), ("a", 1, 620, 30, "success"),  # the second attempt worked, elsewhere at the station
    ("a", 0, 700, 10, "success"),  # half an hour and more later: another visit
    ("b", 0, 730, 5, "cut"), ("b", 0, 764, 5, "failed"),  # 29 minutes' pause: one visit
    (None, 0, 800, 5, "failed"), (None, 0, 806, 5, "success"), (None, 1, 812, 5, "success"),  # nobody known: port by port
    (None, 0, 814, 5, "success"),  # three minutes after
]  # fmt: skip


def test_a_visit_is_what_one_driver_tries_with_short_pauses(conn):
    day = date(2020, 3, 1)
    with conn.transaction(force_rollback=True):
        ports = conn.execute(
            "SELECT port_no FROM pub.port_now WHERE station = (SELECT station FROM pub.port_now GROUP BY 1 HAVING count(*) > 1 LIMIT 1)"
        ).fetchall()
        for i, (token, port, minute, lasts, outcome) in enumerate(ATTEMPTS):
            start = datetime(2020, 3, 1, tzinfo=UTC) + timedelta(minutes=minute)
            conn.execute(
                """INSERT INTO charging_session (port_no, session_key, token, state, outcome, attempt_at, started_at, ended_at, as_of,
                charging_s, suspended_ev_s, suspended_evse_s, idle_s, measured_s, power_s, samples, register_resets, quality, needs_repair, version)
                VALUES (%s, %s, %s, 'closed', %s, %s, %s, %s, %s, 0, 0, 0, 0, 0, 0, 0, 0, 0, false, 1)""",
                (ports[port][0], f"visit-{i}", token, outcome, start, start, start + timedelta(minutes=lasts), start),
            )  # fmt: skip
        found = conn.execute(
            "SELECT attempts, outcome FROM pub.visit WHERE day = %s ORDER BY started_at", (day,)
        ).fetchall()

    assert found == [
        (2, "troubled_success"), (1, "first_attempt_success"), (2, "failed"), (2, "troubled_success"),
        (1, "first_attempt_success"), (1, "first_attempt_success"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", rules())
def test_uptime_under_a_rule_is_what_its_statement_says(conn, network, name):
    """On whole local days, where nothing is excused and sites are always open."""
    rule = rules()[name]
    day = (network.end - timedelta(days=2)).date()
    sql = uptime_rules.per_port(f"d.day = '{day}'")
    found = conn.execute(f"SELECT port_no, outage, whole FROM ({sql}) r WHERE rule = '{name}' ORDER BY 1").fetchall()

    assert found
    for port, outage, whole in found:
        zone, *_ = conn.execute("SELECT time_zone FROM pub.port WHERE port_no = %s", (port,)).fetchone()
        row = conn.execute(
            "SELECT %(d)s::timestamp AT TIME ZONE %(z)s, (%(d)s::timestamp + interval '1 day') AT TIME ZONE %(z)s",
            {"d": day, "z": zone},
        ).fetchone()
        window = tuple(round(moment.timestamp() * 1e6) for moment in row)
        intervals = [
            Interval(round(a.timestamp() * 1e6), None if b is None else round(b.timestamp() * 1e6), reason)
            for a, b, reason in conn.execute(
                "SELECT from_at, to_at, reason FROM pub.availability WHERE port_no = %s ORDER BY from_at", (port,)
            )
        ]
        said = statement(rule, intervals, window)
        assert (whole - outage) / whole == pytest.approx(said.uptime, abs=1e-5)


def test_a_port_shows_the_incidents_of_its_station_and_its_most_urgent_order(conn):
    found = conn.execute("SELECT port, station, incidents, work_order FROM pub.port_now").fetchall()
    open_incidents = conn.execute("SELECT port FROM pub.incident WHERE state = 'open'").fetchall()

    for port, station, incidents, order in found:
        assert incidents == sum(p in (port, f"{station}/0") for (p,) in open_incidents)
        waiting = conn.execute(
            "SELECT number FROM pub.work_order WHERE port IN (%s, %s) AND state NOT IN ('resolved', 'verified', 'cancelled') "
            "ORDER BY priority, opened_at", (port, f"{station}/0"),
        ).fetchall()  # fmt: skip
        assert order == (waiting[0][0] if waiting else None)


def test_the_read_only_role_sees_views_and_no_table(network):
    with psycopg.connect(network.dsn, autocommit=True) as connection:
        connection.execute("SET ROLE chargewell_read")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT 1 FROM chargewell.port")


def test_days_of_the_daily_sums_are_whole(conn):
    """The sums of a full day are its length, so shares of it mean something."""
    days = conn.execute(
        "SELECT port_no, day, up_s + down_s + unobserved_s FROM pub.uptime_daily ORDER BY 1, 2"
    ).fetchall()
    for (port, _, seconds), (following, _, _) in pairwise(days):
        if port == following:
            assert seconds in (82_800, 86_400, 90_000)


def sums_of(conn):
    """Charging by port and day, put together in Python from sessions and visits."""
    found = {}
    for port, day, outcome, energy in conn.execute(
        "SELECT port_no, (started_at AT TIME ZONE 'UTC')::date, outcome, energy_wh FROM pub.charging_session WHERE state = 'closed'"
    ):
        cell = found.setdefault((port, day), dict.fromkeys(SUMS, 0))
        cell["sessions"] += 1
        cell[outcome] += 1
        cell["energy_wh"] += energy or 0
    for port, day, outcome in conn.execute("SELECT port_no, day, outcome FROM pub.visit"):
        cell = found[port, day]
        cell["visits"] += 1
        cell["first_time"] += outcome == "first_attempt_success"
        cell["troubled"] += outcome == "troubled_success"
    return found


SUMS = ("sessions", "success", "failed", "cut", "unknown", "energy_wh", "visits", "first_time", "troubled")


def kept(conn):
    rows = conn.execute(f"SELECT port_no, day, {', '.join(SUMS)} FROM pub.charging_daily").fetchall()
    return {(port, day): dict(zip(SUMS, rest, strict=True)) for port, day, *rest in rows}


def test_daily_sums_follow_whatever_is_written_to_sessions(conn):
    assert kept(conn) == {key: pytest.approx(cell) for key, cell in sums_of(conn).items()}
    with conn.transaction(force_rollback=True):
        for change in (
            "UPDATE charging_session SET outcome = 'failed', energy_wh = 0 WHERE session_key LIKE '%1%'",
            "UPDATE charging_session SET started_at = started_at - interval '1 day' WHERE session_key LIKE '%2%'",
            "DELETE FROM charging_session WHERE session_key LIKE '%3%'",
            "UPDATE charging_session SET state = 'open', outcome = 'open' WHERE session_key LIKE '%4%'",
            "UPDATE charging_session SET token = NULL WHERE session_key LIKE '%5%'",
            "INSERT INTO charging_session SELECT * FROM charging_session ON CONFLICT (port_no, session_key) DO UPDATE SET energy_wh = 7",
        ):
            assert conn.execute(change).rowcount > 0
            assert kept(conn) == {key: pytest.approx(cell) for key, cell in sums_of(conn).items()}, change


def test_a_flow_may_write_sessions_although_it_may_not_write_the_sums(conn):
    with conn.transaction(force_rollback=True):
        conn.execute("SET LOCAL ROLE chargewell_flows")
        conn.execute("UPDATE charging_session SET energy_wh = 1 WHERE state = 'closed'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
            conn.execute("DELETE FROM charging_daily")


def test_temporary_tables_of_a_writer_do_not_stand_in_for_ours(conn):
    """The sums are renewed with the owner's rights, so a flow must not be able to slip in tables of its own."""
    before = kept(conn)
    with conn.transaction(force_rollback=True):
        conn.execute("SET LOCAL ROLE chargewell_flows")
        conn.execute("CREATE TEMPORARY TABLE charging_daily (port_no int, day date)")
        conn.execute("UPDATE chargewell.charging_session SET energy_wh = 1 WHERE state = 'closed'")
        assert conn.execute("SELECT count(*) FROM pg_temp.charging_daily").fetchone() == (0,)
        conn.execute("RESET ROLE")
        after = kept(conn)

    assert {key: cell["energy_wh"] for key, cell in after.items()} == {
        key: cell["sessions"] for key, cell in before.items()
    }
