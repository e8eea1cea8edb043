"""What an operator is: engine-free state with `on_batch`, `on_time`, `snapshot`, `restore`, and what it puts out.

The same operator runs under Bytewax, in a backfill, in a notebook and in a property test. It never reads a clock: `now`
is log time (`Batch.now`). One operator instance serves one shard.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np

from models.columns import Batch
from schemas.alerts import Alert

Column = np.ndarray | list[Any]


@dataclass(slots=True)
class Append:
    """Rows for a hypertable keyed by natural key; written by COPY, upserted where the key exists (later origin wins).

    `ports[i]` is the port id of row i by way of `port[i]`; `origin` is the raw offset each row came of, by which the sink
    drops what it stored before. `columns` are the table's other columns: float NaN means NULL.
    """

    table: str
    ports: list[str]
    port: np.ndarray
    origin: np.ndarray
    columns: dict[str, Column]


@dataclass(slots=True)
class Upsert:
    """Rows that replace what stands under the same key: current knowledge, safe to write twice.

    `port` as in `Append`. `key` names the key columns beside port_no. A later row of the same key in one write wins.
    """

    table: str
    key: tuple[str, ...]
    ports: list[str]
    port: np.ndarray
    columns: dict[str, Column]


@dataclass(slots=True)
class ReplaceSpan:
    """Intervals of one port from `start_us` to `end_us`: rows of `table` that overlap the span are deleted or cut to lie
    outside it, then `columns` (with `from_at`, `to_at`) are inserted. None as `end_us`: to the end of time."""

    table: str
    port: str
    start_us: int
    end_us: int | None
    columns: dict[str, Column]


@dataclass(slots=True)
class Delete:
    """Rows of `table` whose key stands here are taken away; a key that is not there is no error. Fields as in `Upsert`;
    `columns` holds the key columns only. It takes effect before the writes that stand behind it."""

    table: str
    key: tuple[str, ...]
    ports: list[str]
    port: np.ndarray
    columns: dict[str, Column]


@dataclass(slots=True)
class Recompute:
    """Minutes (start, in microseconds) of ports that `table` must recompute from `reading` in the same transaction."""

    table: str
    ports: list[str]
    port: np.ndarray
    minute: np.ndarray


Write = Append | Upsert | ReplaceSpan | Delete | Recompute


@dataclass(slots=True)
class Outputs:
    """What one call of an operator puts out: writes for the database, in order, and alerts for `ev.alerts`."""

    writes: list[Write] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.writes or self.alerts)

    def extend(self, more: "Outputs") -> None:
        """Add what `more` puts out behind what stands here."""
        self.writes.extend(more.writes)
        self.alerts.extend(more.alerts)


class Operator(Protocol):
    """The engine-free heart of a flow.

    `name` and `version` mark rows and snapshots; `memory_days` says how many days of the database `--rebuild` must replay
    to make its state anew (0: it keeps none worth replaying).

    `on_batch` takes rows in order of arrival (not of time) and may be given the same port many times; results must not
    depend on where batches are cut. `on_time` is called after each batch that held a heartbeat, with log time. `snapshot`
    gives plain dicts, lists, numbers, strings and arrays under a key "v"; `restore` takes them, or raises ValueError
    for a version it does not know (the caller then rebuilds).
    """

    name: str
    version: int
    memory_days: float

    def on_batch(self, batch: Batch) -> Outputs:
        """Take a batch; `batch.now` is log time."""
        ...

    def on_time(self, now: int) -> Outputs:
        """Log time has come to `now` (microseconds) without more rows up to here."""
        ...

    def snapshot(self) -> dict[str, Any]:
        """The state as plain data; later changes of the operator do not change what was returned."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up the state of an earlier `snapshot`."""
        ...


class Marked:
    """An operator behind its origin mark: rows of a raw offset that was seen before are dropped, so state counts nothing twice."""

    VERSION: Final = 1

    def __init__(self, operator: Operator) -> None:
        self.operator = operator
        self.origin = -1
        self.now = 0

    def step(self, batch: Batch) -> Outputs:
        """`on_batch` of what is new in `batch`, then `on_time` if a heartbeat came with it."""
        if batch.last <= self.origin:
            return Outputs()
        fresh = batch.after(self.origin)
        self.origin = batch.last
        self.now = fresh.now = max(self.now, batch.now)
        out = self.operator.on_batch(fresh)
        if fresh.beats:
            out.extend(self.operator.on_time(self.now))
        return out

    def snapshot(self) -> dict[str, Any]:
        """The mark and the operator's own snapshot."""
        return {
            "v": self.VERSION,
            "name": self.operator.name,
            "version": self.operator.version,
            "origin": self.origin,
            "now": self.now,
            "state": self.operator.snapshot(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a snapshot; ValueError names what does not fit (other operator, other version)."""
        mine = (self.VERSION, self.operator.name, self.operator.version)
        theirs = (state.get("v"), state.get("name"), state.get("version"))
        if mine != theirs:
            raise ValueError(f"snapshot of {theirs}, this is {mine}: run the flow with --rebuild")
        self.origin, self.now = int(state["origin"]), int(state["now"])
        self.operator.restore(state["state"])
