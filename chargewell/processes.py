"""Our own processes: started from one settings file, watched, restarted with back-off, ended with their owner.

Each writes to a log of its own. A process that ends by itself is started again; one that keeps ending within seconds is
given up, and its last lines say why.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from chargewell.services.process import Child, Command
from chargewell.settings import CONFIG_VARIABLE

PASSED_ON: Final = (
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "XDG_CACHE_HOME",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "PYTHONWARNINGS",
)
_QUICK_S: Final = 10.0
_QUICK_ENDS: Final = 5
_LONGEST_WAIT_S: Final = 10.0


class ProcessError(RuntimeError):
    """A process of ours kept ending; the message holds its last lines."""


@dataclass
class Managed:
    """One process: its `chargewell` arguments, and how often it was started."""

    name: str
    arguments: tuple[str, ...]
    log: Path
    environment: dict[str, str]
    stop_s: float
    child: Child | None = None
    started: float = 0.0
    starts: int = 0
    quick: int = 0
    not_before: float = 0.0

    def start(self) -> None:
        """Start (again)."""
        argv = [sys.executable, "-m", "chargewell", *self.arguments]
        command = Command(argv=argv, cwd=str(Path.cwd()), env=self.environment, stop_seconds=self.stop_s)
        self.child = Child(command, self.log)
        self.started = time.monotonic()
        self.starts += 1


@dataclass
class Processes:
    """The processes of one deployment on one machine, in the order in which they were added; they stop in reverse."""

    config: Path
    logs: Path
    note: Callable[[str], None] = print
    forgiving: bool = False
    """Start again at once and however often: for runs in which somebody kills on purpose."""
    all: list[Managed] = field(default_factory=list)

    def add(
        self, name: str, *arguments: str, stop_s: float = 20.0, environment: dict[str, str] | None = None
    ) -> Managed:
        """Start ``chargewell ARGUMENTS`` under the settings file; its log is `logs`/NAME.log."""
        self.logs.mkdir(parents=True, exist_ok=True)
        passed = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
        passed |= {CONFIG_VARIABLE: str(self.config), "PYTHONUNBUFFERED": "1"} | (environment or {})
        managed = Managed(name, arguments, self.logs / f"{name}.log", passed, stop_s)
        managed.start()
        self.all.append(managed)
        return managed

    def __getitem__(self, name: str) -> Managed:
        return next(managed for managed in self.all if managed.name == name)

    def watch(self) -> None:
        """Start again what ended, with back-off; call it about once a second. ProcessError for what keeps ending."""
        now = time.monotonic()
        for managed in self.all:
            if managed.child is None or managed.child.alive():
                continue
            if managed.not_before == 0.0:
                self._ended(managed, now)
            elif now >= managed.not_before:
                managed.not_before = 0.0
                managed.start()

    def _ended(self, managed: Managed, now: float) -> None:
        assert managed.child is not None  # noqa: S101 - the caller looked
        managed.quick = managed.quick + 1 if now - managed.started < _QUICK_S and not self.forgiving else 0
        status = managed.child.wait(0)
        if managed.quick >= _QUICK_ENDS:
            tail = managed.child.log_tail(15)
            raise ProcessError(
                f"{managed.name} ended {managed.quick} times soon after its start (status {status}):\n{tail}"
            )
        wait = min(_LONGEST_WAIT_S, 0.2 * 2.0**managed.quick)
        managed.not_before = now + wait
        self.note(f"{managed.name} ended (status {status}); it is started again in {wait:.1f} s. Log: {managed.log}")

    def stop(self) -> None:
        """Ask each to end, last started first, by force after its time; returns when all are gone."""
        for managed in reversed(self.all):
            if managed.child is not None:
                managed.child.stop()
        self.all.clear()


def wait_until(ready: Callable[[], bool], seconds: float, watch: Iterable[Processes] = (), step_s: float = 0.1) -> bool:
    """Whether `ready()` came true within `seconds`, looking every `step_s` and watching processes meanwhile."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() >= end:
            return False
        for processes in watch:
            processes.watch()
        time.sleep(step_s)
    return True
