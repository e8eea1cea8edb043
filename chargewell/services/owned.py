"""The part that all services started by us share: lock, ports, configuration, start, readiness, stop."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from chargewell.services.endpoints import Endpoint, Kind
from chargewell.services.folder import FolderLock, Record
from chargewell.services.ports import choose
from chargewell.services.process import Child, Command
from chargewell.services.provider import Availability, Note, Origin, ServiceError
from chargewell.services.settings import ServiceSettings

_POLL_SECONDS = 0.05
_PORT_TAKEN = ("Address already in use", "Address in use", "could not bind")


class OwnedRunning:
    """A service that runs as our child."""

    def __init__(self, endpoint: Endpoint, child: Child, lock: FolderLock) -> None:
        self.endpoint = endpoint
        self._child = child
        self._lock = lock

    @property
    def pid(self) -> int | None:
        """Its process id."""
        return self._child.pid

    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._child.alive()

    def log_tail(self, lines: int = 20) -> str:
        """The last lines it wrote since this start."""
        return self._child.log_tail(lines)

    def stop(self) -> None:
        """End it and give its folder back."""
        self._child.stop()
        self._lock.release()


class OwnedProvider(ABC):
    """A provider that starts a process of ours. Subclasses say which program, which configuration, which probe."""

    kind: ClassVar[Kind]
    name: ClassVar[str]
    origin: ClassVar[Origin]
    port_names: ClassVar[tuple[str, ...]] = ("main",)
    transient: ClassVar[tuple[str, ...]] = ()
    """Phrases of the log that mean: something of the last run is still ending, try again."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings

    @abstractmethod
    def available(self) -> Availability:
        """See `Provider.available`."""

    @abstractmethod
    def version(self) -> str:
        """See `Provider.version`."""

    @abstractmethod
    def prepare(self, folder: Path, ports: dict[str, int], note: Note) -> Command:
        """Write the configuration, make the data folder when there is none, and say what to run."""

    @abstractmethod
    def endpoint(self, folder: Path, ports: dict[str, int]) -> Endpoint:
        """Where the service will be."""

    @abstractmethod
    def answers(self, endpoint: Endpoint) -> bool:
        """Whether the service answers a request of its own protocol now; bounded to about a second."""

    def started(self, folder: Path, endpoint: Endpoint) -> None:  # noqa: B027  (few services need it)
        """Called once the service answers, before `start` returns; to complete its first start."""

    def start(self, folder: Path, *, keep_ports: bool = False, note: Note = print) -> OwnedRunning:
        """See `Provider.start`."""
        able = self.available()
        if not able.ok:
            raise ServiceError(f"{self.kind} cannot be started as {self.name}: {able.reason}")
        folder = folder.resolve()
        lock = FolderLock(folder, self.version())
        try:
            return self._start_locked(folder, lock, keep_ports, note)
        except BaseException:
            lock.release()
            raise

    def _start_locked(self, folder: Path, lock: FolderLock, keep_ports: bool, note: Note) -> OwnedRunning:
        record = Record(folder)
        earlier = record.read()
        if earlier.get("provider", self.name) != self.name:
            raise ServiceError(
                f"the data in {folder} was made by {earlier['provider']}, not by {self.name}; "
                f"choose {earlier['provider']} again, or another folder"
            )
        record.end_leftover()
        deadline = time.monotonic() + self.settings.ready_seconds
        while True:
            ports = choose(self.port_names, earlier.get("ports", {}), keep=keep_ports)
            command = self.prepare(folder, ports, note)
            child = Child(command, folder / "log")
            try:
                record.write(self.name, ports, child.pid)
                endpoint = self.endpoint(folder, ports)
                problem = self._wait_ready(child, endpoint, deadline)
                if problem is None:
                    self.started(folder, endpoint)
                    return OwnedRunning(endpoint, child, lock)
            except BaseException:
                child.stop()
                raise
            tail = child.log_tail()
            child.stop()
            if not self._worth_another_try(tail, keep_ports, deadline):
                raise ServiceError(f"{self.version()} {problem}; the end of {folder / 'log'}:\n{tail}")
            time.sleep(0.2)

    def _wait_ready(self, child: Child, endpoint: Endpoint, deadline: float) -> str | None:
        """None once it answers, else why it does not."""
        while time.monotonic() < deadline:
            if not child.alive():
                return f"ended at its start with status {child.wait(0)}"
            if self.answers(endpoint):
                return None
            time.sleep(_POLL_SECONDS)
        return f"did not answer at {endpoint.shown} within {self.settings.ready_seconds:g} seconds"

    def _worth_another_try(self, tail: str, keep_ports: bool, deadline: float) -> bool:
        """Whether another program took a port, or the last run is still ending. A kept port is waited for."""
        phrases: tuple[str, ...] = (*_PORT_TAKEN, *self.transient)
        return time.monotonic() < deadline and any(phrase in tail for phrase in phrases)


class GivenRunning:
    """A service that runs elsewhere; we only ask whether it answers."""

    pid = None

    def __init__(self, endpoint: Endpoint, answers: Callable[[], bool]) -> None:
        self.endpoint = endpoint
        self._answers = answers

    def alive(self) -> bool:
        """Whether it answers its protocol."""
        return self._answers()

    def log_tail(self, lines: int = 20) -> str:
        """Nothing: its log is elsewhere."""
        return ""

    def stop(self) -> None:
        """Leave it running: it is not ours."""
