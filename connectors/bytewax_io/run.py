"""Running a flow: one copy at a time, with a recovery store, ending cleanly when asked to."""

import gc
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main
from filelock import FileLock, Timeout

from connectors.stopping import stop_on_signals

log = structlog.get_logger(__name__)

_STORE: Final = "store"
_PAGE_BYTES: Final = 32_768
_COLLECT_AFTER: Final = 100_000
"""Container objects alive from one poll: Python's default of 700 had the collector walk them 60 times a poll, a sixth of all CPU."""


class FlowError(RuntimeError):
    """A flow stopped by an error; `cause` is what happened, without the engine's wrapping."""

    def __init__(self, flow: str, cause: BaseException) -> None:
        super().__init__(f"flow {flow} stopped: {type(cause).__name__}: {cause}")
        self.cause = cause


class FlowRunningError(RuntimeError):
    """A copy of the flow runs on this recovery directory already."""


def run_flow(
    flow: Dataflow,
    recovery_dir: Path,
    *,
    epoch_interval_s: float = 10.0,
    workers: int = 1,
    process_id: int | None = None,
    addresses: list[str] | None = None,
) -> None:
    """Run `flow` until its sources end, SIGTERM or SIGINT comes, or something fails (FlowError).

    State and offsets are kept under `recovery_dir`, made when missing; after any kind of end the next run goes on from the
    last snapshot, at most `epoch_interval_s` back (a clean end: from exactly where it stopped). FlowRunningError when a
    copy runs on the same directory. `process_id` and `addresses` make it one process of a cluster.
    """
    recovery_dir.mkdir(parents=True, exist_ok=True)
    lock = FileLock(recovery_dir / f"process-{process_id or 0}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise FlowRunningError(
            f"flow {flow.flow_id} runs already on {recovery_dir}: stop that one first; for more speed add workers to it"
        ) from error
    try:
        _run(flow, _store(recovery_dir), epoch_interval_s, workers, process_id, addresses)
    finally:
        lock.release()


def forget(recovery_dir: Path) -> None:
    """Remove the recovery store: the next run of the flow starts without state (`--rebuild`)."""
    shutil.rmtree(recovery_dir / _STORE, ignore_errors=True)


def _run(
    flow: Dataflow, store: Path, epoch_s: float, workers: int, process_id: int | None, addresses: list[str] | None
) -> None:
    with stop_on_signals(), _rare_collections():
        try:
            cli_main(  # type: ignore[no-untyped-call]
                flow,
                workers_per_process=workers,
                process_id=process_id,
                addresses=addresses,
                epoch_interval=timedelta(seconds=epoch_s),
                recovery_config=RecoveryConfig(store),  # type: ignore[no-untyped-call]
            )
        except Exception as error:
            raise FlowError(flow.flow_id, _cause(error)) from error


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Cyclic garbage is looked for seldom, and not among what the program loaded: what a poll makes, reference counts free."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _store(recovery_dir: Path) -> Path:
    """The store's folder, initialised at once or not at all: a kill in between leaves nothing half made."""
    store = recovery_dir / _STORE
    if not store.exists():
        fresh = recovery_dir / f"{_STORE}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        init_db_dir(fresh, 1)  # type: ignore[no-untyped-call]
        for file in fresh.glob("*.sqlite3"):
            _with_large_pages(file)
        fresh.rename(store)
    return store


def _with_large_pages(file: Path) -> None:
    """States are megabytes: with SQLite's pages of 4 kB each would be a chain of thousands, to be written and, once old, freed."""
    with closing(sqlite3.connect(file, isolation_level=None)) as store:
        store.execute("PRAGMA journal_mode = DELETE")
        store.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        store.execute("VACUUM")


def _cause(error: BaseException) -> BaseException:
    """What happened, below the engine's own wrapping."""
    while type(error).__module__.startswith("bytewax") and error.__cause__ is not None:
        error = error.__cause__
    return error
