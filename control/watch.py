"""What is looked for from time to time: answers of stations, commands nobody answered, repairs that proved good."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg
import structlog
from psycopg_pool import ConnectionPool, PoolTimeout

from control import ladder
from control.desk import verify
from control.queries import Connection, rows
from control.settings import ControlSettings

log = structlog.get_logger(__name__)

GRACE: Final = timedelta(seconds=15)
"""An answer may be this late on its way through the broker, the flows and the store."""


def look(pool: ConnectionPool[Connection], settings: ControlSettings, now: datetime) -> int:
    """One look at everything; how much was found. Each finding is handled in a transaction of its own."""
    with pool.connection() as conn:
        answers = rows(conn, "answers")
        silent = rows(conn, "commands_unanswered", before=now - GRACE)
        repaired = rows(conn, "orders_to_verify")
    for answer in answers:
        with pool.connection() as conn, conn.transaction():
            command = ladder.lock_command(conn, answer["command_id"])
            if command["state"] in ("sending", "sent"):
                ladder.answered(conn, settings, command, answer["result"], answer["info"], now)
    for known in silent:
        with pool.connection() as conn, conn.transaction():
            command = ladder.lock_command(conn, known["command_id"])
            if command["state"] in ("pending", "sending", "sent"):
                ladder.gave_up(conn, settings, command, "expired", "no answer in time", now)
    for order in repaired:
        with pool.connection() as conn, conn.transaction():
            verify(conn, settings, order["number"], order["session_key"], now)
    return len(answers) + len(silent) + len(repaired)


def watch(
    pool: ConnectionPool[Connection],
    settings: ControlSettings,
    stop: threading.Event,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Look every `answers_every_s` until `stop`; a database that is away is waited for."""
    while not stop.wait(settings.answers_every_s):
        try:
            look(pool, settings, clock())
        except (psycopg.OperationalError, PoolTimeout) as error:
            log.warning("the database is away, looking again", error=str(error))
