"""Tables against lines: rows that lack, rows that nothing made, rows whose values differ, sums that do not add up."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from chargewell.audit.findings import Finding, Kind, shown
from chargewell.audit.lines import COMPARED, HOUR_US, Lines
from connectors.timescale.pool import Connection
from schemas.channels import BY_NAME
from schemas.topics import shard_partition

_MOST = 50
"""Findings of one kind at one port that are named one by one; what is more is counted."""


def check_readings(conn: Connection, lines: Lines) -> Iterator[Finding]:
    """Rows of `reading` at the ports of the log, within each port's span of the log, against the newest lines."""
    columns = ", ".join(COMPARED)
    for port, readings in sorted(lines.readings.items()):
        at, values = readings.newest()
        rows = conn.execute(
            f"SELECT (extract(epoch FROM at) * 1000000)::bigint, {columns} FROM reading "  # noqa: S608 - names of ours
            "JOIN port USING (port_no) WHERE port = %s AND at BETWEEN to_timestamp(%s / 1e6) AND to_timestamp(%s / 1e6) "
            "AND NOT EXISTS (SELECT FROM history_span h WHERE h.port_no = reading.port_no "
            "AND reading.at >= h.from_at AND reading.at < h.to_at) ORDER BY at",
            (port, int(at[0]), int(at[-1])),
        ).fetchall()
        held = np.array([row[0] for row in rows], np.int64)
        stored = _as_stored(rows)
        yield from _some(Finding("missing_row", "reading", port, int(t)) for t in np.setdiff1d(at, held))
        yield from _some(Finding("unexpected_row", "reading", port, int(t)) for t in np.setdiff1d(held, at))
        yield from _some(_altered(port, at, values, held, stored))


def _as_stored(rows: list[tuple[Any, ...]]) -> np.ndarray:
    """Values as the log's columns hold them: PostgreSQL tells a `real` by its shortest decimals, which are not its float64."""
    columns = [
        np.array([row[i] for row in rows], np.float64).astype(BY_NAME[name].dtype).astype(np.float64)
        for i, name in enumerate(COMPARED, 1)
    ]
    return np.stack(columns, axis=1)


def _altered(port: str, at: np.ndarray, values: np.ndarray, held: np.ndarray, stored: np.ndarray) -> Iterator[Finding]:
    common, mine, theirs = np.intersect1d(at, held, assume_unique=True, return_indices=True)
    a, b = values[mine], stored[theirs]
    differs = ~((a == b) | (np.isnan(a) & np.isnan(b)))
    for row, column in np.argwhere(differs):
        name = COMPARED[column]
        yield Finding(
            "altered_row",
            "reading",
            port,
            int(common[row]),
            f"{name} is {b[row, column]:g}, the log says {a[row, column]:g}",
        )


def check_others(conn: Connection, lines: Lines) -> Iterator[Finding]:
    """Keys of `reading_other`."""
    for (port, channel), wanted in sorted(lines.others.items()):
        rows = conn.execute(
            "SELECT (extract(epoch FROM at) * 1000000)::bigint FROM reading_other o JOIN port USING (port_no) "
            "WHERE port = %s AND channel = %s AND at BETWEEN to_timestamp(%s / 1e6) AND to_timestamp(%s / 1e6) "
            "AND NOT EXISTS (SELECT FROM history_span h WHERE h.port_no = o.port_no AND o.at >= h.from_at AND o.at < h.to_at)",
            (port, channel, min(wanted), max(wanted)),
        ).fetchall()
        held = {row[0] for row in rows}
        yield from _some(Finding("missing_row", "reading_other", port, t, channel) for t in sorted(wanted - held))
        yield from _some(Finding("unexpected_row", "reading_other", port, t, channel) for t in sorted(held - wanted))


def check_events(conn: Connection, lines: Lines) -> Iterator[Finding]:
    """Keys of `event`, within each port's span of the log."""
    spans: dict[str, tuple[int, int]] = {}
    for port, at, _kind, _digest in lines.events:
        low, high = spans.get(port, (at, at))
        spans[port] = min(low, at), max(high, at)
    for port, (low, high) in sorted(spans.items()):
        rows = conn.execute(
            "SELECT (extract(epoch FROM at) * 1000000)::bigint, e.kind, e.digest FROM event e JOIN port USING (port_no) "
            "WHERE port = %s AND at BETWEEN to_timestamp(%s / 1e6) AND to_timestamp(%s / 1e6) "
            "AND NOT EXISTS (SELECT FROM history_span h WHERE h.port_no = e.port_no AND e.at >= h.from_at AND e.at < h.to_at)",
            (port, low, high),
        ).fetchall()
        held = {(port, *row) for row in rows}
        wanted = {line for line in lines.events if line[0] == port}
        yield from _some(Finding("missing_row", "event", port, key[1], key[2]) for key in sorted(wanted - held))
        yield from _some(Finding("unexpected_row", "event", port, key[1], key[2]) for key in sorted(held - wanted))


def check_rejects(conn: Connection, lines: Lines, first: dict[int, int]) -> Iterator[Finding]:
    """Keys of `reject`, from the first raw offset of the span on (`first`: partition -> offset)."""
    rows = [(shard_partition(shard), *key) for shard, *key in conn.execute("SELECT shard, origin, seq FROM reject")]
    held = {(partition, origin, seq) for partition, origin, seq in rows if origin >= first.get(partition, 0)}
    yield from _some(_reject("missing_row", key) for key in sorted(lines.rejects - held))
    yield from _some(_reject("unexpected_row", key) for key in sorted(held - lines.rejects))


def _reject(kind: Kind, key: tuple[int, int, int]) -> Finding:
    shard, origin, seq = key
    return Finding(kind, "reject", f"partition {shard}", None, f"raw offset {origin}, line {seq}")


def check_sums(conn: Connection, lines: Lines, whole: bool) -> Iterator[Finding]:
    """`audit_hour` of the store flow against the lines of the log, station by station and hour by hour.

    Only where the log was read `whole`: a span that begins within an hour holds only part of its lines.
    """
    rows = conn.execute(
        "SELECT station, (extract(epoch FROM hour) * 1000000)::bigint, received, stored, repeated, superseded, rejected "
        "FROM audit_hour WHERE flow = 'store'"
    ).fetchall()
    sums: dict[tuple[str, int], int] = {}
    for station, hour, received, *parts in rows:
        if received != sum(parts):
            yield Finding("sum", "audit_hour", station, hour, f"received {received}, accounted for {sum(parts)}")
        sums[station, hour // HOUR_US] = received
    if whole:
        for key in sorted(sums.keys() | lines.hours.keys()):
            said, counted = sums.get(key, 0), lines.hours.get(key, 0)
            if said != counted:
                yield Finding(
                    "sum", "audit_hour", key[0], key[1] * HOUR_US, f"received {said}, the log holds {counted}"
                )


def _some(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The first few, and one that counts the others."""
    more = 0
    last: Finding | None = None
    for i, finding in enumerate(findings):
        if i < _MOST:
            yield finding
        else:
            more, last = more + 1, finding
    if last is not None:
        until = "" if last.at is None else f", the last at {shown(last.at)}"
        yield Finding(last.kind, last.place, last.who, None, f"and {more} more{until}")
