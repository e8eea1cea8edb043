"""The worker of jobs, in the process of control: restarted when the database goes away, stopped without losing a job."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

import procrastinate
import psycopg
import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.worker import Worker
from psycopg import sql
from psycopg_pool import PoolTimeout

from connectors.timescale.settings import DatabaseSettings, Names
from control.effects import Effects, register
from control.jobs import QUEUE

log = structlog.get_logger(__name__)

_BEAT_S: Final = 3.0
_STALLED_S: Final = 12.0
_PAUSE_S: Final = 1.0
_LOOK_S: Final = 0.2


def worker_app(database: DatabaseSettings, effects: Effects) -> App:
    """The application of the worker: our tasks on a pool of connections that see the deployment's schema."""
    connector = PsycopgConnector(
        conninfo=database.dsn,
        kwargs={"application_name": "chargewell control worker", "prepare_threshold": None},
        configure=_configure(database),
        min_size=1,
        max_size=4,
    )
    return register(App(connector=connector), effects)


def _configure(database: DatabaseSettings) -> Callable[[psycopg.AsyncConnection[Any]], Awaitable[None]]:
    async def configure(conn: psycopg.AsyncConnection[Any]) -> None:
        await conn.set_autocommit(True)
        await conn.execute("SELECT set_config('search_path', %s, false)", (Names(database.namespace).search_path,))
        if database.role is not None:
            await conn.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(database.role)))
        await conn.set_autocommit(False)

    return configure


async def work(database: DatabaseSettings, effects: Effects, halt: threading.Event) -> None:
    """Do jobs until `halt` is set; running ones are waited for. A database that goes away is waited for too.

    Ended by the flag and not by cancelling: a cancellation that falls into the opening of a connection may get lost.
    """
    while not halt.is_set():
        try:
            async with worker_app(database, effects).open_async() as app:
                await _both(app, halt)
        except (psycopg.Error, PoolTimeout, procrastinate.exceptions.ConnectorException, OSError) as error:
            log.warning("the database is away, the worker tries again", error=str(error))
            await asyncio.sleep(_PAUSE_S)


async def _both(app: App, halt: threading.Event) -> None:
    """The worker, and beside it the rescue of jobs whose worker died."""
    worker = Worker(
        app,
        queues=[QUEUE],
        name="control",
        concurrency=4,
        delete_jobs="successful",
        install_signal_handlers=False,
        fetch_job_polling_interval=2.0,
        shutdown_graceful_timeout=10.0,
        update_heartbeat_interval=_BEAT_S,
        stalled_worker_timeout=_STALLED_S,
    )
    running = asyncio.create_task(worker.run())  # type: ignore[no-untyped-call]
    rescue = asyncio.create_task(_rescue(app))
    try:
        while not running.done():
            if halt.is_set():
                worker.stop()  # type: ignore[no-untyped-call]
            await asyncio.wait({running}, timeout=_LOOK_S)
        await running
    finally:
        rescue.cancel()
        await asyncio.gather(rescue, return_exceptions=True)


async def _rescue(app: App) -> None:
    """Give jobs back that a dead worker left behind: every task is harmless when done twice."""
    while True:
        try:
            for job in await app.job_manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=_STALLED_S):
                log.warning("a job of a worker that died is done again", task=job.task_name, job=job.id)
                await app.job_manager.retry_job(job, retry_at=datetime.now(UTC))
        except procrastinate.exceptions.ConnectorException as error:
            log.warning("the database is away, stalled jobs are looked for later", error=str(error))
        await asyncio.sleep(_BEAT_S)
