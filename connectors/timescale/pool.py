"""Connections: search path, role and time limits set once, on connecting."""

import hashlib
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool

from connectors.timescale.settings import DatabaseSettings, Names

_IDLE_S: Final = 30
"""After so long a silence either end asks whether the other is there: a lost host gives its locks free within a minute."""

Connection = psycopg.Connection[tuple[Any, ...]]


def connect(settings: DatabaseSettings, *, autocommit: bool = True, application: str = "chargewell") -> Connection:
    """One connection as `settings` say, outside any pool. Raises psycopg.OperationalError if the server is not there."""
    conn = psycopg.connect(settings.dsn, autocommit=True, **_arguments(settings, application))
    try:
        _configure(conn, settings)
        conn.autocommit = autocommit
    except BaseException:
        conn.close()
        raise
    return conn


def open_pool(settings: DatabaseSettings, *, application: str = "chargewell") -> ConnectionPool[Connection]:
    """A pool of such connections (autocommit), opened and filled to `pool_min`; use it as a context manager.

    A connection is checked when it is handed out, so a restarted server costs a reconnection and not an error. Raises
    psycopg_pool.PoolTimeout if no connection comes about within `connect_timeout_s`.
    """
    pool: ConnectionPool[Connection] = ConnectionPool(
        settings.dsn,
        kwargs={"autocommit": True, **_arguments(settings, application)},
        configure=lambda conn: _configure(conn, settings),
        check=ConnectionPool.check_connection,
        min_size=settings.pool_min,
        max_size=max(settings.pool_max, settings.pool_min),
        timeout=settings.connect_timeout_s,
        name=application,
        open=False,
    )
    try:
        pool.open(wait=True, timeout=settings.connect_timeout_s)
    except BaseException:
        pool.close()
        raise
    return pool


def advisory_key(*parts: str) -> int:
    """The 64-bit key of the advisory lock that `parts` name; the same in every process."""
    digest = hashlib.blake2b("|".join(("chargewell", *parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _arguments(settings: DatabaseSettings, application: str) -> dict[str, Any]:
    return {
        "connect_timeout": max(1, round(settings.connect_timeout_s)),
        "application_name": application,
        "prepare_threshold": None,
        "keepalives_idle": _IDLE_S,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    }


def _configure(conn: Connection, settings: DatabaseSettings) -> None:
    path = Names(settings.namespace).search_path
    conn.execute(
        """SELECT set_config('search_path', %s, false), set_config('timezone', 'UTC', false),
                  set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false),
                  set_config('tcp_keepalives_idle', %s, false), set_config('tcp_keepalives_interval', '10', false),
                  set_config('tcp_keepalives_count', '3', false)""",
        (
            path,
            f"{round(settings.statement_timeout_s * 1000)}ms",
            f"{round(settings.lock_timeout_s * 1000)}ms",
            str(_IDLE_S),
        ),
    )
    if settings.role is not None:
        conn.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(settings.role)))
