"""Which PostgreSQL this is: plain, TimescaleDB under the Apache licence, or TimescaleDB Community."""

from enum import StrEnum
from typing import Any

import psycopg
import structlog

log = structlog.get_logger(__name__)


class Edition(StrEnum):
    """What the database can do beyond PostgreSQL; read at start, never set by hand."""

    PLAIN = "plain"
    APACHE = "timescaledb-apache"
    COMMUNITY = "timescaledb-community"


def edition(conn: psycopg.Connection[Any]) -> Edition:
    """The edition of the database behind `conn`: by its extension, and by the extension's licence setting."""
    if conn.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'").fetchone() is None:
        return Edition.PLAIN
    row = conn.execute("SELECT current_setting('timescaledb.license', true)").fetchone()
    return Edition.COMMUNITY if row is not None and row[0] == "timescale" else Edition.APACHE


def enable_timescaledb(conn: psycopg.Connection[Any]) -> Edition:
    """Create the extension where the server has it loaded and this login may; else leave the database plain.

    A database that already holds our tables keeps its edition: turning filled tables into hypertables is a migration
    of its own. Call before the first migration, outside a transaction.
    """
    loaded = conn.execute(
        """SELECT 1 FROM pg_available_extensions e, pg_settings s
           WHERE e.name = 'timescaledb' AND s.name = 'shared_preload_libraries' AND s.setting ~ 'timescaledb'"""
    ).fetchone()
    if loaded is not None:
        try:
            conn.execute("CREATE EXTENSION IF NOT EXISTS timescaledb SCHEMA public")
        except psycopg.errors.InsufficientPrivilege:
            log.warning(
                "timescaledb is loaded but not in this database, and this login may not add it: plain tables it is",
                remedy="as a superuser, before the first migrate: CREATE EXTENSION timescaledb",
            )
    return edition(conn)
