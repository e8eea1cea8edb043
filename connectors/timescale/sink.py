"""The way of a flow's outputs into the database: one transaction a write, exactly once by origin.

The rows, the mark of how far the flow is, and the audit's sums are written together or not at all. After a crash the flow
says again what it said since its last snapshot; rows of an origin that is stored are dropped, everything else is safe to
write twice.
"""

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

import psycopg
import structlog
import tenacity

from connectors.flow_metrics import SinkMetrics
from connectors.timescale.pool import Connection, advisory_key, connect
from connectors.timescale.queries import query
from connectors.timescale.rows import Place, Rows
from connectors.timescale.settings import DatabaseSettings
from connectors.timescale.tally import Counts, Tally
from models.operator import Outputs, Write

log = structlog.get_logger(__name__)

FOLD_S: Final = 10.0
"""How often the outcomes of a shard's writes are added to the audit's sums; until then `audit_hour` adds them up itself."""
RETRIED: Final = (psycopg.OperationalError, psycopg.InterfaceError)
"""Lost connections, a server that is not up, deadlocks, serialization failures, timeouts. Anything else is a defect."""


class FlowRunningError(RuntimeError):
    """Another process runs this flow on this shard."""


class Writer:
    """Writes the outputs of one flow, for as many shards as this process runs; not for use by several threads at once.

    It holds one connection and, for each shard, an advisory lock of that session, so a second copy of a running flow is
    refused (`FlowRunningError`) instead of writing the same rows. A lost connection, a restarted server, a deadlock or a
    timeout is retried for `retry_for_s` seconds and then raised. `connect` stands in for `pool.connect` in tests.
    """

    def __init__(
        self,
        settings: DatabaseSettings,
        flow: str,
        *,
        retry_for_s: float = 300.0,
        claim_wait_s: float = 15.0,
        connect: Callable[..., Connection] = connect,
    ) -> None:
        self._settings, self._flow, self._connect = settings, flow, connect
        self._claim_wait_s = claim_wait_s
        self._conn: Connection | None = None
        self._claimed: set[str] = set()
        self._held: set[str] = set()
        self._done: dict[str, int] = {}
        self._rows = Rows()
        self._fold_at: dict[str, float] = {}
        self._metrics = SinkMetrics(flow)
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(RETRIED),
            wait=tenacity.wait_exponential_jitter(multiplier=0.1, max=5.0, jitter=0.2),
            stop=tenacity.stop_after_delay(retry_for_s),
            before_sleep=self._give_up_connection,
            reraise=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection and with it give up all shards."""
        if self._conn is not None:
            self._conn.close()
            self._conn = None

    def progress(self) -> dict[str, int]:
        """The last stored origin of each shard of this flow, by shard."""
        return self._retrying(
            lambda: dict(self._connection().execute(query("flow_progress"), {"flow": self._flow}).fetchall())
        )

    def claim(self, shard: str) -> None:
        """Take the shard for this process; `FlowRunningError` if another one holds it for longer than `claim_wait_s`."""
        self._claimed.add(shard)
        self._retrying(self._connection)

    def write(self, shard: str, outputs: Outputs, origin: int) -> Counts:
        """Store `outputs`, which came of raw offsets up to `origin`, in one transaction; what became of their lines.

        In the order that `plan` says. Alerts are not the database's. Claims the shard if that was not done.
        """
        self._claimed.add(shard)
        began = time.perf_counter()
        counts: Counts = self._retrying(lambda: self._write(shard, outputs.writes, origin))
        self._metrics.wrote(began, counts)
        return counts

    def _write(self, shard: str, writes: Sequence[Write], origin: int) -> Counts:
        """One attempt."""
        conn = self._connection()
        self._rows.prepare(conn, writes)
        done = self._stored(conn, shard)
        tally, fold = Tally(), time.monotonic() >= self._fold_at.get(shard, 0.0)
        with conn.transaction():
            self._rows.store(conn, writes, Place(shard, done), tally)
            with conn.pipeline():
                tally.write(conn, self._flow, shard, self._rows.stations)
                if fold:
                    conn.execute(query("fold_audit"), {"flow": self._flow, "shard": shard})
                if origin > done:
                    conn.execute(query("set_progress"), {"flow": self._flow, "shard": shard, "origin": origin})
        self._done[shard] = max(origin, done)
        if fold:
            self._fold_at[shard] = time.monotonic() + FOLD_S
        return tally.counts

    def _stored(self, conn: Connection, shard: str) -> int:
        """The last stored origin of a shard that this session holds; read once a session, since nobody else moves it."""
        if shard not in self._done:
            row = conn.execute(query("shard_progress"), {"flow": self._flow, "shard": shard}).fetchone()
            self._done[shard] = -1 if row is None else int(row[0])
        return self._done[shard]

    # -- the connection -----------------------------------------------------------------------------------------------
    def _connection(self) -> Connection:
        """The connection, made anew where it was lost, holding the locks of all claimed shards."""
        if self._conn is None or self._conn.closed:
            self.close()
            self._conn = self._connect(self._settings, application=f"chargewell {self._flow}")
            self._held, self._done = set(), {}
        for shard in sorted(self._claimed - self._held):
            self._lock(self._conn, shard)
            self._held.add(shard)
        return self._conn

    def _lock(self, conn: Connection, shard: str) -> None:
        key = advisory_key("flow", self._settings.namespace, self._flow, shard)
        deadline = time.monotonic() + self._claim_wait_s
        while True:
            row = conn.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
            if row is not None and row[0]:
                return
            if time.monotonic() > deadline:
                self._claimed.discard(shard)
                raise FlowRunningError(
                    f"flow {self._flow!r} already runs on shard {shard!r} of namespace {self._settings.namespace!r} "
                    f"({_holder(conn, key)}): end that process first, or give this one another namespace"
                )
            time.sleep(0.1)

    def _give_up_connection(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome is not None else None
        self._metrics.retried()
        log.warning("the database did not take a write, trying again", flow=self._flow, error=str(error).strip())
        self.close()


def _holder(conn: Connection, key: int) -> str:
    row = conn.execute(query("lock_holder"), {"key": key}).fetchone()
    return (
        "it has just let go"
        if row is None
        else f"held by {row[0]!r}, process {row[1]} of the server, since {row[2]:%F %T}"
    )
