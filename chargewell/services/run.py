"""All services of one deployment, together: start in parallel, watch, restart, stop in order."""

import atexit
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from chargewell.services.choose import Choice, choose
from chargewell.services.endpoints import KINDS, KafkaEndpoint, Kind, MqttEndpoint, PostgresEndpoint
from chargewell.services.folder import FolderLock
from chargewell.services.provider import Note, Running, ServiceError
from chargewell.services.settings import ServiceSettings

_STOP_ORDER: tuple[Kind, ...] = ("mqtt", "kafka", "postgres")
"""Against the data's way: what feeds ends before what is fed."""


class Services:
    """What `start_all` started. A context manager that stops everything; also stopped when the interpreter ends."""

    def __init__(self, folder: Path, lock: FolderLock, choices: Mapping[Kind, Choice], running: dict[Kind, Running]):
        self.folder = folder
        self.choices = choices
        self._lock = lock
        self._running = running
        self._guard = threading.Lock()
        self._ended = threading.Event()
        atexit.register(self.stop)

    @property
    def kafka(self) -> KafkaEndpoint:
        """Where Kafka is."""
        endpoint = self._running["kafka"].endpoint
        if not isinstance(endpoint, KafkaEndpoint):
            raise TypeError(endpoint)
        return endpoint

    @property
    def mqtt(self) -> MqttEndpoint:
        """Where the MQTT broker is."""
        endpoint = self._running["mqtt"].endpoint
        if not isinstance(endpoint, MqttEndpoint):
            raise TypeError(endpoint)
        return endpoint

    @property
    def postgres(self) -> PostgresEndpoint:
        """Where the database is."""
        endpoint = self._running["postgres"].endpoint
        if not isinstance(endpoint, PostgresEndpoint):
            raise TypeError(endpoint)
        return endpoint

    def running(self, kind: Kind) -> Running:
        """One running service, with its pid."""
        return self._running[kind]

    def describe(self) -> str:
        """One line: each product, where it came from and where it is."""
        return ", ".join(
            f"{choice.provider.version()} ({choice.provider.origin}, {self._running[kind].endpoint.shown})"
            for kind, choice in self.choices.items()
        )

    def dead(self) -> dict[Kind, str]:
        """The services that do not run any more, each with the last lines it wrote."""
        with self._guard:
            return {kind: one.log_tail() for kind, one in self._running.items() if not one.alive()}

    def watch(self, on_death: Callable[[Kind, str], None], every_seconds: float = 0.5) -> None:
        """Call `on_death(kind, last lines)` once for each service that dies before `stop`, from a thread of its own."""

        def look() -> None:
            told: set[int | None] = set()
            while not self._ended.wait(every_seconds):
                for kind, tail in self.dead().items():
                    pid = self._running[kind].pid
                    if pid not in told and not self._ended.is_set():
                        told.add(pid)
                        on_death(kind, tail)

        threading.Thread(target=look, name="service watch", daemon=True).start()

    def restart(self, kind: Kind, note: Note = print) -> None:
        """Start a service again on the same data and the same ports; stops it first when it still runs."""
        with self._guard:
            self._running[kind].stop()
            again = self.choices[kind].provider.start(self.folder / kind, keep_ports=True, note=note)
            self._running[kind] = again

    def stop(self) -> None:
        """End all that is ours, one after the other, each within a bounded time; safe to call again."""
        if self._ended.is_set():
            return
        self._ended.set()
        atexit.unregister(self.stop)
        with self._guard:
            _stop(self._running)
        self._lock.release()

    def __enter__(self) -> "Services":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def _stop(running: Mapping[Kind, Running]) -> None:
    for kind in _STOP_ORDER:
        if kind in running:
            running[kind].stop()


def start_all(
    folder: Path, settings: ServiceSettings | None = None, note: Note = print, kinds: Sequence[Kind] = KINDS
) -> Services:
    """Choose and start Kafka, MQTT broker and PostgreSQL (or some `kinds`) side by side, all data under `folder`.

    Returns when each has answered its own protocol. Raises `ServiceError` naming what failed and why, after stopping
    the others; also when another process already runs services from the folder.
    """
    wanted = settings or ServiceSettings()
    folder = folder.resolve()
    lock = FolderLock(folder, "a set of services")
    starts: dict[Kind, Future[Running]] = {}
    try:
        choices = {kind: choose(kind, wanted, folder / kind) for kind in kinds}
        with ThreadPoolExecutor(len(kinds), thread_name_prefix="start service") as pool:
            for kind, choice in choices.items():
                starts[kind] = pool.submit(choice.provider.start, folder / kind, note=note)
        _raise([problem for start in starts.values() if (problem := start.exception()) is not None])
    except BaseException:
        _stop({kind: start.result() for kind, start in starts.items() if start.exception() is None})
        lock.release()
        raise
    return Services(folder, lock, choices, {kind: start.result() for kind, start in starts.items()})


def _raise(problems: list[BaseException]) -> None:
    """The one problem as it is; several service errors as one with all messages."""
    if len(problems) > 1 and all(isinstance(problem, ServiceError) for problem in problems):
        raise ServiceError("\n".join(str(problem) for problem in problems))
    if problems:
        raise problems[0]
