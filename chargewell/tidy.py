"""Housekeeping: registry rows whose time has come are put in force, rows that are older than they are kept are dropped,
old chunks are compressed where the edition can."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import structlog

from chargewell.settings import Settings
from connectors.stopping import stop_on_signals, stopping
from connectors.timescale import registry
from connectors.timescale.pool import connect
from connectors.timescale.retention import compress, enforce

log = structlog.get_logger(__name__)

_HOUR_S = 3_600.0
_STEP_S = 0.5
_AGAIN_S = 60.0


def tidy(settings: Settings, now: datetime) -> Iterator[str]:
    """Do it once, as of `now`, as the owner of the tables; a line for people on each step. Safe at any time and again."""
    with connect(settings.database, application="chargewell tidy") as conn:
        registry.refresh(conn, now)
        yield "registry: the rows in force today stand"
        dropped = {table: number for table, number in enforce(conn, settings.retention, now).items() if number}
        yield "old rows: " + (", ".join(f"{table} {number:,}" for table, number in dropped.items()) or "none")
        packed = compress(conn, settings.retention)
        yield "compressed by the database: " + (", ".join(packed) or "nothing, this edition cannot")


def keep_tidy(settings: Settings, every_h: float) -> None:
    """Do it now and every `every_h` hours until asked to stop; a database that is away is tried again in a minute."""
    with stop_on_signals():
        while not stopping():
            pause = every_h * _HOUR_S
            try:
                for line in tidy(settings, datetime.now(UTC)):
                    log.info(line)
            except psycopg.OperationalError as error:
                log.warning("the database is away, trying again", error=str(error).strip())
                pause = _AGAIN_S
            end = time.monotonic() + pause
            while not stopping() and time.monotonic() < end:
                time.sleep(_STEP_S)
