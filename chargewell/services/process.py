"""One child process that writes to a log file, ends with its owner, and stops within a bounded time."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

_LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass(frozen=True, slots=True)
class Identity:
    """The user a child runs as, when root starts it: `traverse` lets it pass through folders closed to it."""

    uid: int
    gid: int
    traverse: bool = False


@dataclass(frozen=True, slots=True)
class Tree:
    """Another root folder to run in; `binds` maps folders of this machine to where they are seen inside."""

    root: Path
    binds: Mapping[Path, str]


@dataclass(frozen=True, slots=True)
class Command:
    """What to run and how to end it. `argv` and `cwd` are as seen inside the tree, when there is one."""

    argv: Sequence[str]
    cwd: str
    env: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    """Sent by the kernel when the owner dies: one that surely ends the service at once."""
    stop_seconds: float = 20.0
    identity: Identity | None = None
    tree: Tree | None = None

    def order(self) -> str:
        """The launcher's order (see `launch`)."""
        who, tree = self.identity, self.tree
        return json.dumps(
            {
                "argv": list(self.argv),
                "cwd": self.cwd,
                "parent": os.getpid(),
                "death_signal": int(self.death_signal),
                "uid": who.uid if who else None,
                "gid": who.gid if who else None,
                "traverse": who.traverse if who else False,
                "root": str(tree.root) if tree else None,
                "binds": {str(outside): inside for outside, inside in tree.binds.items()} if tree else {},
            }
        )

    def launch_argv(self) -> list[str]:
        """The command line that carries the order out."""
        return [sys.executable, "-I", "-S", str(_LAUNCHER), self.order()]


class _Spawner:
    """A thread that starts all children and lives as long as the process.

    The kernel ties a child to the *thread* that started it, so none may be started from a thread that ends earlier.
    """

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[tuple[Command, Path, Future[subprocess.Popen[bytes]]]] = queue.SimpleQueue()
        self._pid = os.getpid()
        threading.Thread(target=self._work, name="service spawner", daemon=True).start()

    def _work(self) -> None:
        while True:
            command, log, future = self._orders.get()
            try:
                with log.open("ab") as out:
                    future.set_result(
                        subprocess.Popen(  # noqa: S603
                            command.launch_argv(),
                            stdin=subprocess.DEVNULL,
                            stdout=out,
                            stderr=subprocess.STDOUT,
                            env={"PATH": os.environ.get("PATH", os.defpath), **command.env},
                            start_new_session=True,
                        )
                    )
            except OSError as problem:
                future.set_exception(problem)

    def spawn(self, command: Command, log: Path) -> subprocess.Popen[bytes]:
        future: Future[subprocess.Popen[bytes]] = Future()
        self._orders.put((command, log, future))
        return future.result()

    _instance: "_Spawner | None" = None
    _guard = threading.Lock()

    @classmethod
    def get(cls) -> "_Spawner":
        with cls._guard:
            if cls._instance is None or cls._instance._pid != os.getpid():
                cls._instance = cls()
            return cls._instance


class Child:
    """A started command. It is in a session of its own, so that Ctrl-C at the terminal reaches its owner first."""

    def __init__(self, command: Command, log: Path) -> None:
        self._command = command
        self._log = log
        self._from = log.stat().st_size if log.exists() else 0
        self._popen = _Spawner.get().spawn(command, log)

    @property
    def pid(self) -> int:
        """Its process id, the same from launcher to service."""
        return self._popen.pid

    def alive(self) -> bool:
        """Whether it still runs; one system call."""
        return self._popen.poll() is None

    def wait(self, seconds: float) -> int | None:
        """The exit status once it ends (negative: the signal), None if it still runs after `seconds`."""
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """Ask it to end, end it by force after the command's `stop_seconds`, and wait until it is gone."""
        if self.alive():
            self._popen.send_signal(self._command.stop_signal)
            if self.wait(self._command.stop_seconds) is None:
                self._popen.kill()
        self._popen.wait()

    def written(self) -> str:
        """What it has written to its log since this start, at most the last 64 kB."""
        with self._log.open("rb") as file:
            file.seek(max(self._from, self._log.stat().st_size - 65536))
            return file.read().decode("utf-8", "replace")

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of `written`."""
        return "\n".join(self.written().splitlines()[-lines:])
