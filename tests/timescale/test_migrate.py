"""Migrations: on an empty database they add up to the schema file; twice, at once and interrupted they do no harm."""

from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from connectors.timescale import migrate as migrate_module
from connectors.timescale import roles
from connectors.timescale.dump import dump, parts
from connectors.timescale.editions import Edition, edition
from connectors.timescale.migrate import MIGRATIONS, migrate
from connectors.timescale.pool import connect
from connectors.timescale.settings import DatabaseSettings, Names
from schemas.channels import CHANNELS

pytestmark = pytest.mark.integration

EVERY = {path.stem for path in MIGRATIONS.glob("*.sql")} | {"procrastinate"}


def test_the_migrations_replayed_on_an_empty_database_are_the_schema_file(conn):
    shared, own = parts(files("connectors.timescale").joinpath("schema.sql").read_text("utf-8"))
    section = "plain" if edition(conn) is Edition.PLAIN else "timescaledb"

    assert dump(conn, Names()) == (shared, own[section]), "make schema.sql anew: its head says how"


def test_a_second_migrate_finds_nothing_to_do(database):
    first, second = migrate(database), migrate(database)

    assert set(first.applied) == EVERY
    assert second.applied == ()


def test_four_at_once_apply_each_migration_once(database):
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: migrate(database).applied, range(4)))

    assert sorted(map(len, done)) == [0, 0, 0, len(EVERY)]


def test_two_namespaces_live_in_one_database(database):
    migrate(database, "north")
    migrate(database, "south")

    with psycopg.connect(database) as conn:
        found = conn.execute("SELECT schemaname FROM pg_views WHERE viewname = 'reading' ORDER BY 1").fetchall()
    assert found == [("north_pub",), ("south_pub",)]


def test_a_migration_that_fails_leaves_nothing_behind(database, tmp_path, monkeypatch):
    for path in MIGRATIONS.glob("000*.sql"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "0099.broken.sql").write_text("CREATE TABLE half (x int);\nSELECT 1 / 0;\n")
    monkeypatch.setattr(migrate_module, "MIGRATIONS", tmp_path)

    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(database)
    with psycopg.connect(database) as conn:
        assert conn.execute("SELECT to_regclass('chargewell.half'), to_regclass('chargewell.reading')").fetchone() == (
            None,
            None,
        )
    monkeypatch.undo()
    assert set(migrate(database).applied) == EVERY


def test_views_follow_a_change_of_their_file(database, tmp_path, monkeypatch):
    migrate(database)
    (tmp_path / "1.sql").write_text("CREATE VIEW pub.only AS SELECT port FROM port;")
    monkeypatch.setattr(migrate_module, "VIEWS", tmp_path)

    assert migrate(database).applied == ()
    with psycopg.connect(database) as conn:
        assert conn.execute("SELECT viewname FROM pg_views WHERE schemaname = 'pub'").fetchall() == [("only",)]
        assert conn.execute("SELECT has_table_privilege('chargewell_read', 'pub.only', 'SELECT')").fetchone() == (True,)


def test_each_canonical_channel_has_its_column_and_its_minute(conn):
    reading = {
        name for (name,) in conn.execute("SELECT attname FROM pg_attribute WHERE attrelid = 'reading'::regclass")
    }
    minute = {
        name for (name,) in conn.execute("SELECT attname FROM pg_attribute WHERE attrelid = 'reading_1m'::regclass")
    }

    assert {c.name for c in CHANNELS} <= reading
    assert {"energy_last" if c.name == "energy" else f"{c.name}_mean" for c in CHANNELS} <= minute


def test_every_table_and_view_that_people_read_says_what_it_is(conn):
    silent = conn.execute(
        """SELECT relname FROM pg_class
           WHERE relnamespace IN ('chargewell'::regnamespace, 'pub'::regnamespace) AND relkind IN ('r', 'v')
             AND obj_description(oid, 'pg_class') IS NULL AND relname !~ '^(_yoyo|procrastinate)'"""
    ).fetchall()

    assert silent == []


@pytest.mark.parametrize(
    ("role", "statement", "allowed"),
    [
        ("chargewell_flows", "INSERT INTO flow_progress VALUES ('f', 's', 1)", True),
        ("chargewell_flows", "INSERT INTO port (port, station, number) VALUES ('A/1', 'A', 1)", True),
        ("chargewell_flows", "UPDATE port SET rated_w = 1", False),
        ("chargewell_flows", "DELETE FROM tariff", False),
        ("chargewell_flows", "CREATE TEMP TABLE mine (x int)", True),
        ("chargewell_control", "SELECT count(*) FROM reading", True),
        ("chargewell_control", "DELETE FROM reading", False),
        ("chargewell_control", "INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('q', 't')", True),
        ("chargewell_read", "SELECT count(*) FROM pub.reading", True),
        ("chargewell_read", "SELECT count(*) FROM reading", False),
        ("chargewell_read", "SELECT count(*) FROM chargewell.reading", False),
    ],
)
def test_each_role_may_do_its_part_and_no_more(settings, role, statement, allowed):
    with connect(settings.model_copy(update={"role": role})) as conn:
        if allowed:
            conn.execute(statement)
        else:
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable)):
                conn.execute(statement)


def test_a_reader_made_for_grafana_logs_in_and_reads_the_views(conn, settings, unique):
    roles.create_login(conn, unique, "seven seas", "chargewell_read")
    try:
        with psycopg.connect(make_conninfo(settings.dsn, user=unique, password="seven seas")) as reader:
            assert reader.execute("SELECT count(*) FROM pub.port").fetchone() == (0,)
    finally:
        conn.execute(f"DROP ROLE {unique}")


def test_a_login_that_may_not_create_roles_gets_its_tables_all_the_same(conn, settings, unique):
    conn.execute(f"CREATE ROLE {unique} LOGIN PASSWORD 'seven seas'")
    conn.execute(f'GRANT CREATE ON DATABASE "{conn.info.dbname}" TO {unique}')
    try:
        login = make_conninfo(settings.dsn, user=unique, password="seven seas")
        assert set(migrate(login, "humble").applied) == EVERY
    finally:
        conn.execute(f"DROP OWNED BY {unique} CASCADE")
        conn.execute(f"DROP ROLE {unique}")


def test_a_namespace_that_is_no_name_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match="lower-case"):
        Names('x"; drop')


def test_connections_carry_namespace_and_limits(settings):
    with connect(settings.model_copy(update={"statement_timeout_s": 1.5})) as conn:
        shown = [
            conn.execute(f"SHOW {name}").fetchone()[0] for name in ("search_path", "statement_timeout", "timezone")
        ]

    assert shown == ['"chargewell", public', "1500ms", "UTC"]
    assert DatabaseSettings(dsn="").namespace == "chargewell"
