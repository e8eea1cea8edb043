"""Stored lines read back as batches, in the order in which they arrived: for rebuilding the state of operators.

Readings come by binary COPY: without NULLs (NaN stands for one) its rows are a structured array as they stand. What the
tables do not keep is not told again: lines that were repeated or superseded, bridges' heartbeats, and which bridge served a
station.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import psycopg
from numpy.typing import NDArray

from connectors.timescale.decode import layout
from connectors.timescale.encode import HEADER, TRAILER
from connectors.timescale.fields import PG_EPOCH_US
from connectors.timescale.ports import split_port
from connectors.timescale.queries import query
from models.columns import Batch, Others, Readings
from schemas.channels import CHANNELS
from schemas.telemetry import Event
from schemas.topics import partition_of

ROWS: Final = 50_000
"""Readings of a batch, at most (more where more arrived at one instant)."""
SLICE: Final = timedelta(hours=6)
"""Span of arrival that one pass over the tables reads; other values and events of a slice are held in memory."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS: Final = (
    ("port_no", ">i4"), ("at", ">i8"), ("received_at", ">i8"), ("flags", ">i2"), *((c.name, ">" + c.dtype) for c in CHANNELS),
)  # fmt: skip
_ROW: Final = layout(_COLUMNS)


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

    In order of arrival; at one receive time in order of their own time, events first; `seq` says so. `Batch.now` is the
    newest receive time; `first`, `last` and origins count batches from 0. A line that arrived more than `lateness` after
    its time, or more than a day before it, may be left out: that bounds what is looked through. The connection is taken
    until the iterator is at its end or closed. Most of the time goes into the server's sort of a slice by arrival.
    """
    reader = _Reader(conn, ports, lateness, rows)
    count, start = 0, start_us
    while start < end_us:
        end = min(start + SLICE // timedelta(microseconds=1), end_us)
        for readings, other, events in reader.slices(start, end):
            yield _batch(readings, other, events, list(reader.ports), partition, count)
            count += 1
        start = end


def _batch(
    readings: Readings, other: Others, events: list[Event], ports: list[str], partition: int, origin: int
) -> Batch:
    event_times = np.array([(event.received_at, event.at) for event in events], np.int64).reshape(-1, 2)
    received = np.concatenate([event_times[:, 0], readings.received_at, other.received_at])
    at = np.concatenate([event_times[:, 1], readings.at, other.at])
    seq = np.empty(len(at), np.int64)
    seq[np.lexsort((at, received))] = np.arange(len(at))
    for event, number in zip(events, seq.tolist(), strict=False):
        event.seq, event.origin = number, origin
    readings.seq = seq[len(events) : len(events) + len(readings)]
    readings.origin = np.full(len(readings), origin)
    other.seq = seq[len(events) + len(readings) :]
    other.origin = np.full(len(other), origin)
    return Batch(
        partition=partition, first=origin, last=origin, now=int(received.max()), ports=ports,
        readings=readings, other=other, events=events,
    )  # fmt: skip


class _Reader:
    """Reads slices of the tables, cut where the time of arrival changes."""

    def __init__(self, conn: psycopg.Connection[Any], ports: Sequence[str], lateness: timedelta, rows: int) -> None:
        self._conn, self._lateness, self._rows = conn, lateness, rows
        numbers = dict(conn.execute(query("port_numbers"), {"ports": list(ports)}).fetchall())
        self.ports = list(numbers)
        self._numbers = list(numbers.values())
        self._code = np.zeros(max(self._numbers, default=0) + 1, np.int32)
        self._code[self._numbers] = np.arange(len(self._numbers))

    def slices(self, start: int, end: int) -> Iterator[tuple[Readings, Others, list[Event]]]:
        """Lines that arrived from `start` to `end`, in pieces of about `rows` readings."""
        span = self._span(start, end)
        other, events = self._others(span), self._events(span)
        arrived = np.array([event.received_at for event in events], np.int64)
        held, done, told = np.empty(0, _ROW), 0, 0
        for part in self._stream(span):
            held = np.concatenate([held, part])
            cut = int(np.searchsorted(held["received_at"], held["received_at"][-1], "left")) if len(held) else 0
            if cut >= self._rows:
                until = int(held["received_at"][cut - 1]) + PG_EPOCH_US
                upto = int(np.searchsorted(arrived, until, "right"))
                others_upto = int(np.searchsorted(other.received_at, until, "right"))
                yield self._readings(held[:cut]), _piece(other, told, others_upto), events[done:upto]
                held, done, told = held[cut:], upto, others_upto
        if len(held) or done < len(events) or told < len(other):
            yield self._readings(held), _piece(other, told, len(other)), events[done:]

    def _span(self, start: int, end: int) -> dict[str, Any]:
        begins, ends = _EPOCH + timedelta(microseconds=start), _EPOCH + timedelta(microseconds=end)
        return {
            "ports": self._numbers, "start": begins, "end": ends,
            "first": begins - self._lateness, "last": ends + timedelta(days=1),
        }  # fmt: skip

    def _stream(self, span: dict[str, Any]) -> Iterator[NDArray[Any]]:
        """Rows of `reading` in order of arrival, `rows` at a time."""
        with self._conn.cursor() as cursor, cursor.copy(query("history_readings"), span) as copy:
            parts, skip = [], len(HEADER)
            for part in copy:
                parts.append(bytes(part))
                if len(parts) >= self._rows:
                    yield _rows(parts, skip)
                    parts, skip = [], 0
            yield _rows(parts, skip)

    def _readings(self, rows: NDArray[Any]) -> Readings:
        native = {name: rows[name].astype(np.dtype(kind).newbyteorder("=")) for name, kind in _COLUMNS}
        channels = {c.name: native[c.name] for c in CHANNELS}
        return Readings(
            port=self._code[native["port_no"]],
            at=native["at"] + PG_EPOCH_US,
            received_at=native["received_at"] + PG_EPOCH_US,
            flags=native["flags"].astype(np.uint8),
            channels={name: column for name, column in channels.items() if not np.isnan(column).all()},
        )

    def _others(self, span: dict[str, Any]) -> Others:
        rows = self._conn.execute(query("history_others"), span).fetchall()
        port, at, received_at, channel, value = zip(*rows, strict=True) if rows else ((), (), (), (), ())
        return Others(
            port=self._code[list(port)], at=np.array(at, np.int64), received_at=np.array(received_at, np.int64),
            channel=list(channel), value=np.array(value, np.float64),
        )  # fmt: skip

    def _events(self, span: dict[str, Any]) -> list[Event]:
        rows = self._conn.execute(query("history_events"), span).fetchall()
        return [
            Event(port=port, kind=kind, at=at, received_at=received_at, origin=0, flags=flags, data=data)
            for port, kind, at, received_at, flags, data in rows
        ]


def _rows(parts: list[bytes], skip: int) -> NDArray[Any]:
    data = b"".join(parts)
    end = len(data) - len(TRAILER) if (len(data) - skip) % _ROW.itemsize == len(TRAILER) else len(data)
    return np.frombuffer(data[skip:end], _ROW)


def _piece(other: Others, start: int, end: int) -> Others:
    mask = np.zeros(len(other), np.bool_)
    mask[start:end] = True
    piece = Others(
        port=other.port, at=other.at, received_at=other.received_at, channel=other.channel, value=other.value
    )
    piece.origin = piece.seq = np.zeros(len(other), np.int64)
    return piece.take(mask)
