"""Kills processes and services at random moments, a given number of times each, spread over the time of a play."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from chargewell.processes import Processes
from chargewell.services import Services
from chargewell.services.endpoints import Kind


@dataclass
class Killer:
    """A thread that ends each process `of_ours` times and Kafka and the database `of_services` times by SIGKILL.

    `for_s` is the time over which the kills are spread. A victim that is down at its moment is waited for. `kills` counts
    what was done; `failed` holds what went wrong.
    """

    processes: Processes
    services: Services
    of_ours: int
    of_services: int
    for_s: float
    seed: int = 1
    note: Callable[[str], None] = print
    kills: dict[str, int] = field(default_factory=dict)
    failed: BaseException | None = None

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="killer", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether there is something left to kill."""
        return self._thread.is_alive()

    def join(self) -> None:
        """Wait until all kills are done; raises what went wrong."""
        self._thread.join()
        if self.failed is not None:
            raise self.failed

    def stop(self) -> None:
        """Kill no more."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            began = time.monotonic()
            for at, kill in self._plan():
                if self._stop.wait(max(0.0, at - (time.monotonic() - began))):
                    return
                kill()
        except BaseException as error:  # noqa: BLE001 - raised by join
            self.failed = error

    def _plan(self) -> list[tuple[float, Callable[[], None]]]:
        chance = random.Random(self.seed)  # noqa: S311 - moments, not secrets
        plan: list[tuple[float, Callable[[], None]]] = []
        for managed in self.processes.all:
            for _ in range(self.of_ours):
                plan.append((chance.uniform(0, self.for_s), partial(self._kill, managed.name)))
        kinds: tuple[Kind, ...] = ("kafka", "postgres")
        for kind in kinds:
            for _ in range(self.of_services):
                plan.append((chance.uniform(0, self.for_s), partial(self._kill_service, kind)))
        return sorted(plan, key=lambda one: one[0])

    def _kill(self, name: str) -> None:
        managed = self.processes[name]
        for _ in range(600):
            if managed.child is not None and managed.child.alive():
                os.kill(managed.child.pid, signal.SIGKILL)
                self._count(name)
                return
            if self._stop.wait(0.1):
                return
        raise TimeoutError(f"{name} did not come up again within a minute, so it could not be killed once more")

    def _kill_service(self, kind: Kind) -> None:
        pid = self.services.running(kind).pid
        if pid is None:
            raise ValueError(f"the {kind} in use is not ours to kill: torture runs on services that it started")
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)
        self.services.restart(kind, note=self.note)
        self._count(kind)

    def _count(self, name: str) -> None:
        self.kills[name] = self.kills.get(name, 0) + 1
