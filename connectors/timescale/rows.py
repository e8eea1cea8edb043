"""What operators put out, carried out inside one transaction."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.timescale.plan import Columns, joined, plan, rows_of
from connectors.timescale.pool import Connection
from connectors.timescale.ports import PortNumbers
from connectors.timescale.queries import query
from connectors.timescale.shapes import Shape, shape_of
from connectors.timescale.spans import replace_spans
from connectors.timescale.tally import LINES, Tally
from connectors.timescale.upsert import Tables
from models.operator import Append, Delete, Recompute, ReplaceSpan, Upsert, Write

_MINUTES: Final = 5_000
"""Minutes that one statement recomputes, so that none runs into the time limit."""


class Place(NamedTuple):
    """Where writes belong: their shard, and the last origin that is stored of it."""

    shard: str
    done: int


class Rows:
    """Carries out writes. Keeps what never changes: shapes of tables and numbers of ports."""

    def __init__(self) -> None:
        self._shapes: dict[str, Shape] = {}
        self._numbers = PortNumbers()
        self._tables = Tables()
        self._ports: dict[int, NDArray[np.int32]] = {}

    @property
    def stations(self) -> list[str]:
        """Names of stations by the codes that `tally` was given."""
        return self._numbers.stations

    def prepare(self, conn: Connection, writes: Iterable[Write]) -> None:
        """Learn the tables and ports of `writes`, outside a transaction; enters unknown ports as discovered."""
        self._ports = {}
        for write in writes:
            shape = self._shape(conn, write.table)
            if isinstance(write, ReplaceSpan):
                self._numbers.of(conn, [write.port])
            elif "port_no" in shape.types and id(write.ports) not in self._ports:
                self._ports[id(write.ports)] = self._numbers.of(conn, write.ports)

    def store(self, conn: Connection, writes: Iterable[Write], place: Place, tally: Tally) -> None:
        """Carry out the `writes` that were prepared last, inside the caller's transaction; lines are counted in `tally`."""
        for kind, group in plan(writes):
            shape = self._shape(conn, group[0].table)
            if kind is Append:
                self._append(conn, shape, group, place, tally)
            elif kind is Upsert:
                self._upsert(conn, shape, group)
            elif kind is Delete:
                self._delete(conn, shape, group)
            elif kind is ReplaceSpan:
                replace_spans(conn, shape, group, self._numbers)
            else:
                self._recompute(conn, group)

    def _shape(self, conn: Connection, table: str) -> Shape:
        found = self._shapes.get(table)
        if found is None:
            found = self._shapes[table] = shape_of(conn, table)
        return found

    def _append(self, conn: Connection, shape: Shape, group: Sequence[Append], place: Place, tally: Tally) -> None:
        parts = []
        for append in group:
            fresh = append.origin > place.done
            rows: Any = slice(None) if fresh.all() else np.flatnonzero(fresh)
            columns = self._columns(shape, append, rows)
            columns |= {"origin": append.origin[rows]} if "origin" in shape.types else {}
            columns |= {"shard": [place.shard] * len(append.origin[rows])} if "shard" in shape.types else {}
            if append.table in LINES:
                tally.counts.dropped += int(np.count_nonzero(~fresh))
            if rows_of(columns):
                parts.append(columns)
        for columns, _ in joined(parts, fill=True):
            outcome = self._tables.append(conn, shape, columns)
            if shape.table in LINES:
                tally.lines(shape.table, self._stations(columns), columns["received_at"], outcome)

    def _stations(self, columns: Columns) -> NDArray[np.int64]:
        """The codes of the stations of rows: told by a column, else the station of the row's port."""
        if "station" in columns:
            return np.array([self._numbers.code_of(name) for name in columns["station"]], np.int64)
        return self._numbers.stations_of(columns["port_no"])

    def _upsert(self, conn: Connection, shape: Shape, group: Sequence[Upsert]) -> None:
        parts = [self._columns(shape, write, slice(None)) for write in group]
        for columns, members in joined(parts, fill=False):
            self._tables.replace(conn, shape, columns, _key(shape, group[members][0]))

    def _delete(self, conn: Connection, shape: Shape, group: Sequence[Delete]) -> None:
        parts = [self._columns(shape, write, slice(None)) for write in group]
        for columns, members in joined(parts, fill=False):
            self._tables.remove(conn, shape, columns, _key(shape, group[members][0]))

    def _columns(self, shape: Shape, write: Append | Upsert | Delete, rows: Any) -> Columns:
        columns = {name: _taken(column, rows) for name, column in write.columns.items()}
        if "port_no" in shape.types:
            columns["port_no"] = self._ports[id(write.ports)][write.port[rows]]
        return columns

    def _recompute(self, conn: Connection, group: Sequence[Recompute]) -> None:
        ports = np.concatenate([self._ports[id(write.ports)][write.port] for write in group])
        minutes = np.concatenate([write.minute for write in group])
        pairs = np.unique(np.stack([ports.astype(np.int64), minutes]), axis=1)
        for start in range(0, pairs.shape[1], _MINUTES):
            port_no, minute = pairs[:, start : start + _MINUTES]
            texts = np.datetime_as_string(minute.astype("datetime64[us]"))
            conn.execute(
                query(f"recompute_{group[0].table}"),
                {"port_no": port_no.tolist(), "minute": [f"{text}Z" for text in texts]},
            )


def _key(shape: Shape, write: Upsert | Delete) -> tuple[str, ...]:
    return ("port_no", *write.key) if "port_no" in shape.types else write.key


def _taken(column: Any, rows: Any) -> Any:
    if isinstance(rows, slice):
        return column
    if isinstance(column, np.ndarray):
        return column[rows]
    return [column[i] for i in rows]
