"""Stored lines read back as batches, in the order in which they arrived: for rebuilding the state of operators.

Columns come as arrays that the server puts together, one row a batch: 2 to 3 million values a second, where rows fetched one
by one are ten times slower. What the tables do not keep is not told again: lines that were repeated or superseded,
bridges' heartbeats, and which bridge served a station.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import psycopg
from numpy.typing import NDArray

from connectors.timescale.ports import split_port
from connectors.timescale.queries import query
from models.columns import Batch, Others, Readings
from schemas.channels import CHANNELS
from schemas.telemetry import Event
from schemas.topics import partition_of

ROWS: Final = 50_000
"""About how many readings a batch holds."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PG_EPOCH_US: Final = 946_684_800_000_000
_TYPES: Final = {"f4": ">f4", "f8": ">f8"}


def ports_of(conn: psycopg.Connection[Any], partition: int, partitions: int) -> list[str]:
    """The known ports whose stations' messages go to `partition` of `partitions`."""
    ports = [port for (port,) in conn.execute(query("all_ports"))]
    return [port for port in ports if partition_of(split_port(port)[0].encode(), partitions) == partition]


def read_batches(
    conn: psycopg.Connection[Any],
    ports: Sequence[str],
    start_us: int,
    end_us: int,
    *,
    partition: int = 0,
    lateness: timedelta = timedelta(days=30),
    rows: int = ROWS,
) -> Iterator[Batch]:
    """Readings, other values and events of `ports` that arrived from `start_us` up to (without) `end_us`, as batches.

    In order of arrival, at one receive time in order of their own time, events first; `seq` says so. `Batch.now` is the newest receive time; `first`, `last` and
    origins count batches from 0. A line that arrived more than `lateness` after its time, or a day before, may be left out: it bounds the chunks to
    look through. Memory: `rows` readings, give or take what a quarter of a minute brings.
    """
    port_no = dict(conn.execute(query("port_numbers"), {"ports": list(ports)}).fetchall())
    reader = _Reader(conn, port_no, lateness)
    step, start, count = 3_600_000_000, start_us, 0
    while start < end_us:
        end = min(start + step, end_us)
        n = reader.count(start, end)
        if n > 2 * rows and step > 15_000_000:
            step = max(15_000_000, step * rows // n)
            continue
        batch = reader.batch(start, end, partition, count)
        if batch is not None:
            yield batch
            count += 1
        start = end
        step = min(86_400_000_000, step * 4 if n < rows // 4 else step)


class _Reader:
    def __init__(self, conn: psycopg.Connection[Any], port_no: dict[str, int], lateness: timedelta) -> None:
        self._conn, self._lateness = conn, lateness
        self._ports = list(port_no)
        self._numbers = list(port_no.values())
        self._code = np.zeros(max(self._numbers, default=0) + 1, np.int32)
        self._code[self._numbers] = np.arange(len(self._numbers))

    def _span(self, start: int, end: int) -> dict[str, Any]:
        begins, ends = _EPOCH + timedelta(microseconds=start), _EPOCH + timedelta(microseconds=end)
        return {
            "ports": self._numbers, "start": begins, "end": ends,
            "first": begins - self._lateness, "last": ends + timedelta(days=1),
        }  # fmt: skip

    def count(self, start: int, end: int) -> int:
        row = self._conn.execute(query("history_count"), self._span(start, end)).fetchone()
        return 0 if row is None else int(row[0])

    def batch(self, start: int, end: int, partition: int, origin: int) -> Batch | None:
        readings, other = self._readings(start, end, origin), self._others(start, end, origin)
        events = self._events(start, end, origin)
        if not (len(readings) or len(other) or events):
            return None
        event_times = [np.array([(e.received_at, e.at) for e in events], np.int64).reshape(-1, 2)]
        received = np.concatenate([event_times[0][:, 0], readings.received_at, other.received_at])
        at = np.concatenate([event_times[0][:, 1], readings.at, other.at])
        seq = np.empty(len(at), np.int64)
        seq[np.lexsort((at, received))] = np.arange(len(at))
        for event, number in zip(events, seq.tolist(), strict=False):
            event.seq = number
        readings.seq = seq[len(events) : len(events) + len(readings)]
        other.seq = seq[len(events) + len(readings) :]
        return Batch(
            partition=partition, first=origin, last=origin, now=int(received.max()), ports=list(self._ports),
            readings=readings, other=other, events=events,
        )  # fmt: skip

    def _readings(self, start: int, end: int, origin: int) -> Readings:
        with self._conn.cursor(binary=True) as cursor:
            row = cursor.execute(query("history_readings"), self._span(start, end)).fetchone()
        if row is None or row[0] is None:
            return Readings()
        port, at, received_at, flags = row[:4]
        columns = {c.name: _array(data, _TYPES[c.dtype]) for c, data in zip(CHANNELS, row[4:], strict=True)}
        codes = self._code[_array(port, ">i4")]
        return Readings(
            port=codes,
            at=_times(at),
            received_at=_times(received_at),
            origin=np.full(len(codes), origin),
            flags=_array(flags, ">i2").astype(np.uint8),
            channels={name: column for name, column in columns.items() if not np.isnan(column).all()},
        )

    def _others(self, start: int, end: int, origin: int) -> Others:
        with self._conn.cursor(binary=True) as cursor:
            row = cursor.execute(query("history_others"), self._span(start, end)).fetchone()
        if row is None or row[0] is None:
            return Others()
        port, at, received_at, channel, value = row
        codes = self._code[_array(port, ">i4")]
        return Others(
            port=codes, at=_times(at), received_at=_times(received_at), origin=np.full(len(codes), origin),
            channel=channel, value=_array(value, ">f8"),
        )  # fmt: skip

    def _events(self, start: int, end: int, origin: int) -> list[Event]:
        rows = self._conn.execute(query("history_events"), self._span(start, end)).fetchall()
        return [
            Event(port=port, kind=kind, at=at, received_at=received_at, origin=origin, flags=flags, data=data)
            for port, kind, at, received_at, flags, data in rows
        ]


def _array(data: bytes, dtype: str) -> NDArray[Any]:
    """The elements of a one-dimensional array without NULLs, as PostgreSQL sends it: a header of 20 bytes, then each
    element behind its length (Source: array_send in src/backend/utils/adt/arrayfuncs.c)."""
    elements = np.frombuffer(data, np.dtype([("length", ">i4"), ("value", dtype)]), offset=20)
    return elements["value"].astype(np.dtype(dtype).newbyteorder("="))


def _times(data: bytes) -> NDArray[np.int64]:
    return _array(data, ">i8") + _PG_EPOCH_US
