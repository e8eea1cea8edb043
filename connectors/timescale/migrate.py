"""Bring a database to the newest schema: tables by numbered migrations, then views and rights as files say.

One transaction holds it all, under an advisory lock that dies with its connection: a second `migrate` waits and finds
nothing to do, and one that is killed leaves nothing behind.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from yoyo import read_migrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.migrations import default_migration_table

from connectors.timescale import jobs, roles
from connectors.timescale.editions import Edition, enable_timescaledb
from connectors.timescale.pool import advisory_key
from connectors.timescale.settings import DEFAULT_NAMESPACE, Names

HERE = Path(str(files("connectors.timescale")))
MIGRATIONS = HERE / "migrations"
VIEWS = HERE / "views"


@dataclass(frozen=True, slots=True)
class Migrated:
    """What `migrate` found and did: the edition, the migrations applied now (empty: it was up to date)."""

    edition: Edition
    applied: tuple[str, ...]


def migrate(dsn: str, namespace: str = DEFAULT_NAMESPACE) -> Migrated:
    """Bring the database at `dsn` to the newest schema of `namespace`. Idempotent; safe beside another `migrate`.

    The login must own the schema or be allowed to create it. Roles are made where it may create roles; otherwise make
    `<namespace>_flows`, `_control` and `_read` beforehand, or the rights are left as they are (and a warning is logged).
    Raises psycopg.Error from the statement that failed, with nothing changed.
    """
    names = Names(namespace)
    backend = _Backend(dsn, names)
    with backend, backend.lock():
        found = enable_timescaledb(backend.connection)
        backend.execute(f'CREATE SCHEMA IF NOT EXISTS "{names.schema}"')
        backend.execute(f'CREATE SCHEMA IF NOT EXISTS "{names.pub}"')
        backend.ensure_internal_schema_updated()
        with backend.transaction():
            applied = _apply(backend, names)
        return Migrated(found, applied)


def _apply(backend: "_Backend", names: Names) -> tuple[str, ...]:
    conn = backend.connection
    pending = backend.to_apply(read_migrations(str(MIGRATIONS)))
    text = _views_text(names)
    mark = f"chargewell {hashlib.sha256(text.encode()).hexdigest()[:16]}"
    stale = bool(pending) or _comment(conn, names.pub) != mark
    if stale:
        _drop_views(conn, names)
    for migration in pending:
        migration.process_steps(backend, "apply")
        backend.mark_one(migration)
    done = [str(m.id) for m in pending] + jobs.migrate(conn)
    if stale:
        conn.execute(text.encode())
        conn.execute(sql.SQL("COMMENT ON SCHEMA {} IS {}").format(sql.Identifier(names.pub), mark))
    if stale or done:
        roles.grant(conn, names)
    return tuple(done)


def _views_text(names: Names) -> str:
    """All view files in order of name, with `pub.` standing for the schema of views."""
    text = "\n".join(path.read_text("utf-8") for path in sorted(VIEWS.glob("*.sql")))
    return re.sub(r"\bpub\.", f'"{names.pub}".', text)


def _comment(conn: psycopg.Connection[Any], schema: str) -> str | None:
    row = conn.execute(
        "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s", (schema,)
    ).fetchone()
    return None if row is None else row[0]


def _drop_views(conn: psycopg.Connection[Any], names: Names) -> None:
    views = conn.execute("SELECT viewname FROM pg_views WHERE schemaname = %s", (names.pub,)).fetchall()
    for (view,) in views:
        conn.execute(sql.SQL("DROP VIEW IF EXISTS {} CASCADE").format(sql.Identifier(names.pub, view)))


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]  # yoyo is untyped
    """yoyo on one connection of ours: an advisory lock in place of its lock table, all migrations in one transaction."""

    _is_locked: bool = False

    def __init__(self, dsn: str, names: Names) -> None:
        self._dsn, self._names = dsn, names
        self._lock_key = advisory_key("migrate")
        super().__init__(DatabaseURI("postgresql", None, None, None, None, "", {}), default_migration_table)

    def connect(self, dburi: object) -> psycopg.Connection[Any]:
        return psycopg.connect(self._dsn, autocommit=True, application_name="chargewell migrate")

    def init_connection(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute("SELECT set_config('search_path', %s, false)", (self._names.search_path,))
        connection.execute("SET client_min_messages = warning")

    @contextmanager
    def lock(self, timeout: float = 0) -> Iterator[None]:
        if self._is_locked:
            yield
            return
        self.connection.execute("SELECT pg_advisory_lock(%s)", (self._lock_key,))
        self._is_locked = True
        try:
            yield
        finally:
            self._is_locked = False
            if not self.connection.broken:
                self.connection.execute("SELECT pg_advisory_unlock(%s)", (self._lock_key,))
