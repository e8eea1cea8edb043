"""The folder of one running thing: one owner at a time, and a record of who it is and what it started."""

import json
import os
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from chargewell.services.provider import ServiceError


class FolderLock:
    """Holds a folder for this process until released or until the process dies, however it dies."""

    def __init__(self, folder: Path, what: str) -> None:
        """Take the folder (made when missing), or raise `ServiceError` that names the pid of its owner."""
        folder.mkdir(parents=True, exist_ok=True)
        self._owner = folder / ".owner"
        self._lock = FileLock(folder / ".lock", thread_local=False)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            pid = self._owner.read_text("ascii").strip() if self._owner.exists() else "unknown"
            raise ServiceError(
                f"{what} already runs from {folder}, owned by process {pid}; end that process, or name another folder"
            ) from None
        self._owner.write_text(str(os.getpid()), "ascii")

    def release(self) -> None:
        """Give the folder back."""
        self._lock.release()


class Record:
    """`service.json` of a service's folder: which provider made the data, its ports, its last process."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "service.json"

    def read(self) -> dict[str, Any]:
        """What was recorded; empty in a new folder."""
        return json.loads(self._path.read_text("utf-8")) if self._path.exists() else {}

    def write(self, provider: str, ports: dict[str, int], pid: int | None) -> None:
        """Record a start, in one step."""
        created = psutil.Process(pid).create_time() if pid is not None and psutil.pid_exists(pid) else None
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps({"provider": provider, "ports": ports, "pid": pid, "created": created}), "utf-8")
        fresh.replace(self._path)

    def end_leftover(self, seconds: float = 10.0) -> None:
        """Wait for the process of an earlier owner that died, and end it when it stays. Call with the lock held."""
        last = self.read()
        if last.get("pid") is None or last.get("created") is None:
            return
        try:
            process = psutil.Process(last["pid"])
            if abs(process.create_time() - last["created"]) > 0.05:
                return
            process.wait(seconds)
        except psutil.NoSuchProcess:
            return
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(seconds)
