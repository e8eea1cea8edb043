"""Control as one process: pages and API, intake of alerts, worker of jobs, watch for answers; all end together."""

import asyncio
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import structlog
import uvicorn

from connectors.kafka import KafkaSettings
from connectors.metrics import asked
from connectors.mqtt import MqttSettings
from connectors.timescale.pool import open_pool
from connectors.timescale.settings import DatabaseSettings
from control.accounts import first_admin, session_secret
from control.app import create_app
from control.context import Context
from control.effects import Effects
from control.intake import Intake
from control.metrics import ControlState
from control.sender import Sender
from control.settings import ControlSettings
from control.watch import watch
from control.worker import work

log = structlog.get_logger(__name__)

_POOL = 16
_CLIENT_ID = "chargewell-control"


def run(
    settings: ControlSettings,
    database: DatabaseSettings,
    kafka: KafkaSettings,
    mqtt: MqttSettings,
    *,
    ready: Callable[[str], None] | None = None,
    stop: threading.Event | None = None,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Run control until SIGINT or SIGTERM (or `stop`, from another thread); what is under way is finished first.

    `ready` is told the address of the pages once they answer; `announce` is told the first admin token on a new database
    (default: printed). Raises what made a part end: a port in use, a second control, a database without its tables.
    """
    listener = _listen(settings)
    with listener, open_pool(database.model_copy(update={"pool_max": _POOL}), application="chargewell control") as pool:
        with pool.connection() as conn:
            token = first_admin(conn)
            given = settings.session_secret.get_secret_value() if settings.session_secret else None
            secret = session_secret(conn, given)
        if token is not None:
            (announce or _print_token)(token)
        sender = Sender(mqtt, client_id=kafka.named(_CLIENT_ID))
        effects, halt = Effects(pool, settings, sender), threading.Event()
        server = _Server(_uvicorn(settings, create_app(Context(settings, pool), secret)))
        intake = Intake(database, kafka, settings)
        try:
            parts = {
                "pages": server.serve(sockets=[listener]),
                "intake": asyncio.to_thread(intake.run, halt),
                "watch": asyncio.to_thread(watch, pool, settings, halt),
                "worker": work(database, effects, halt),
                "told": _until_ready(server, _address(listener), ready),
            }
            with asked(ControlState(pool)):
                asyncio.run(_together(parts, server, halt, stop))
        finally:
            sender.close()


def _listen(settings: ControlSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=512)
    except OSError as error:
        raise OSError(
            error.errno,
            f"control cannot listen on {settings.host} port {settings.port} ({error.strerror}): "
            "free it, or set control.port to another one",
        ) from error


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _uvicorn(settings: ControlSettings, app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=5,
        timeout_keep_alive=20,
        limit_concurrency=500,
        lifespan="off",
    )


class _Server(uvicorn.Server):
    """Leaves the signals to `run`."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield


async def _together(
    parts: dict[str, Coroutine[Any, Any, None]],
    server: uvicorn.Server,
    halt: threading.Event,
    stop: threading.Event | None,
) -> None:
    """Run all parts until one ends or a stop is asked for, then end the others; raise what the first one raised."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(ValueError, RuntimeError):  # not in the main thread: `stop` is the way
            loop.add_signal_handler(number, asked.set)
    tasks = {asyncio.create_task(part, name=name) for name, part in parts.items() if name != "told"}
    told = asyncio.create_task(parts["told"])
    stopped = asyncio.create_task(_asked(asked, stop))
    first, _ = await asyncio.wait({*tasks, stopped}, return_when=asyncio.FIRST_COMPLETED)
    halt.set()
    server.should_exit = True
    told.cancel()
    stopped.cancel()
    ended = await asyncio.gather(*tasks, told, stopped, return_exceptions=True)
    for task in first:
        if task is not stopped and not task.cancelled() and task.exception() is not None:
            raise task.exception() or RuntimeError(task.get_name())
    log.info("control has ended", parts=len(ended))


async def _asked(asked: asyncio.Event, stop: threading.Event | None) -> None:
    while not asked.is_set() and not (stop is not None and stop.is_set()):
        with suppress(TimeoutError):
            await asyncio.wait_for(asked.wait(), 0.2)


async def _until_ready(server: uvicorn.Server, address: str, ready: Callable[[str], None] | None) -> None:
    while not server.started:
        await asyncio.sleep(0.02)
    log.info("control is ready", address=address)
    if ready is not None:
        ready(address)


def _print_token(token: str) -> None:
    sys.stdout.write(f"First admin token, shown this once: {token}\n")
    sys.stdout.flush()
