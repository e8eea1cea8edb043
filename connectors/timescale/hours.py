"""Hours of ports in the database: made from minutes, scores, values, events and sessions; read back as columns; labels."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql
from psycopg.rows import dict_row

from connectors.timescale.decode import layout
from connectors.timescale.encode import HEADER, TRAILER
from connectors.timescale.fields import PG_EPOCH_US
from connectors.timescale.queries import query
from models.failure.hour_book import MINUTES, HourBook
from models.failure.hours import COLUMNS, HOUR_US, OTHERS, Hours
from models.operator import Upsert
from schemas.assets import PortFacts
from schemas.labels import Label

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS: Final = ("status", "fault", "boot", "connection")
_SPAN: Final = timedelta(days=1)
"""Span of time that one pass over the tables makes hours of."""
_FIELDS: Final = (("port_no", ">i4"), ("at", ">i8"), *((name, ">f4") for name in COLUMNS))
_ROW: Final = layout(_FIELDS)
Conn = psycopg.Connection[Any]


def make(conn: Conn, ports: Mapping[str, int], facts: Mapping[str, PortFacts], start_us: int, end_us: int) -> Hours:
    """The hours from `start_us` to `end_us` (whole hours) of `ports` (number by id), from what stands in the tables now.

    Cost: about 10 ms a day and 10 ports, most of it the server's; memory is that of the result and a day of minutes.
    """
    book = HourBook(facts)
    at = start_us
    while at < end_us:
        end = min(at + _SPAN // timedelta(microseconds=1), end_us)
        _span(conn, book, ports, at, end)
        at = end
    return book.hours()


def _span(conn: Conn, book: HourBook, ports: Mapping[str, int], start_us: int, end_us: int) -> None:
    names = list(ports)
    place = {number: i for i, number in enumerate(ports.values())}
    which = _which(ports, start_us, end_us) | {"channels": list(OTHERS), "kinds": list(_KINDS)}

    def take(table: str, name: str, columns: Sequence[str], numbers: bool = False) -> None:
        rows = conn.execute(query(name), which).fetchall()
        if not rows:
            return
        port, at, *rest = zip(*rows, strict=True)
        told: dict[str, Any] = {"at": np.array(at, np.int64)}
        for column, values in zip(columns, rest, strict=True):
            told[column] = np.array(values, np.float64) if numbers else list(values)
        book.take(table, names, np.array([place[p] for p in port], np.int64), told)

    take("reading_1m", "hour_minutes", MINUTES, numbers=True)
    take("anomaly_score", "hour_scores", ("score", "contributions"))
    take("reading_other", "hour_others", ("channel", "value"))
    take("event", "hour_events", ("kind", "data"))
    rows = conn.execute(query("hour_sessions"), which).fetchall()
    if rows:
        port, at, key, state, outcome = zip(*rows, strict=True)
        told = {"ended_at": np.array(at, np.int64), "session_key": key, "state": state, "outcome": outcome}
        book.take("charging_session", names, np.array([place[p] for p in port], np.int64), told)


def rows_of(hours: Hours) -> Upsert:
    """The hours as rows of `port_hour`."""
    return Upsert(
        "port_hour", ("at",), hours.ports, hours.port, {"at": hours.at, **hours.columns, "errors": list(hours.errors)}
    )


def read(conn: Conn, ports: Mapping[str, int], start_us: int, end_us: int) -> Hours:
    """The stored hours of `ports` (number by id) from `start_us` up to (without) `end_us`. About 1 microsecond an hour."""
    which = _which(ports, start_us, end_us)
    columns = sql.SQL(", ").join(sql.SQL("coalesce({}, 'NaN')").format(sql.Identifier(name)) for name in COLUMNS)
    statement = sql.SQL(
        "COPY (SELECT port_no, at, {} FROM port_hour WHERE port_no = ANY(%(ports)s) AND at >= %(start)s AND at < %(end)s "
        "ORDER BY port_no, at) TO STDOUT (FORMAT BINARY)"
    ).format(columns)
    with conn.cursor() as cursor, cursor.copy(statement, which) as copy:
        data = b"".join(bytes(part) for part in copy)
    table = np.frombuffer(data[len(HEADER) : len(data) - len(TRAILER)], _ROW)
    code = np.full(max(ports.values(), default=0) + 1, -1, np.int64)
    code[list(ports.values())] = np.arange(len(ports))
    port, at = code[table["port_no"].astype(np.int64)], table["at"].astype(np.int64) + PG_EPOCH_US
    order = np.lexsort((at, port))
    told = {name: table[name].astype(np.float32)[order] for name in COLUMNS}
    return Hours(list(ports), port[order], at[order], told, _errors(conn, which, code, port[order], at[order]))


def _errors(
    conn: Conn, which: dict[str, Any], code: NDArray[np.int64], port: NDArray[np.int64], at: NDArray[np.int64]
) -> list[dict[str, int] | None]:
    found = {(int(code[p]), t // HOUR_US): e for p, t, e in conn.execute(query("hour_errors"), which)}
    if not found:
        return [None] * len(port)
    return [found.get((p, t)) for p, t in zip(port.tolist(), (at // HOUR_US).tolist(), strict=True)]


def _which(ports: Mapping[str, int], start_us: int, end_us: int) -> dict[str, Any]:
    begin, end = (_EPOCH + timedelta(microseconds=us) for us in (start_us, end_us))
    return {"ports": list(ports.values()), "start": begin, "end": end}


def numbers(conn: Conn, ports: Sequence[str]) -> dict[str, int]:
    """Port number by id, of those that are known, in order of number; the stations themselves (number 0) left out."""
    wanted = [port for port in ports if not port.endswith("/0")]
    found = conn.execute(query("port_numbers"), {"ports": wanted}).fetchall()
    return dict(sorted(found, key=lambda row: int(row[1])))


def newest(conn: Conn, name: str, ports: Mapping[str, int], start_us: int = 0) -> int | None:
    """The time that the query `name` (hours_known, hours_begin, risks_known) tells of ports, microseconds."""
    row = conn.execute(query(name), _which(ports, start_us, start_us)).fetchone()
    return None if row is None or row[0] is None else int(row[0])


def labels(conn: Conn) -> list[tuple[Label, bool]]:
    """All labels, each with whether the fault was there."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query("failure_labels")).fetchall()
    return [(Label(**row), present) for row in rows for present in (row.pop("present"),)]
