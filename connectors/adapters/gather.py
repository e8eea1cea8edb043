"""Gathers the lines of one poll, in any order, and puts them in order of arrival."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.adapters import clock
from connectors.adapters.join import joined_tables, joined_values, stored_channels
from connectors.adapters.lines import Happened, Ints, Line, Reading, Refused, Table, Value, Values
from models.columns import Batch, Others, Readings
from schemas.telemetry import CLOCK_REPLACED, BridgeBeat, Event, Reject

Codes = NDArray[np.int32]


class Gather:
    """The lines of a poll of n raw records.

    `offsets` and `received_at` are arrays over the records; `flags` the flags that all lines of a record carry. Lines of one
    record are given in their order; the records may come in any order. `ahead_us` is how far a device clock may be ahead.
    """

    def __init__(self, offsets: Ints, received_at: Ints, flags: NDArray[np.uint8], ahead_us: int) -> None:
        self.offsets, self.received_at, self.flags, self.ahead_us = offsets, received_at, flags, ahead_us
        self._ports: dict[str, int] = {}
        self._count = np.zeros(len(offsets), np.int64)
        self._tables: list[tuple[Table, Ints]] = []
        self._values: list[tuple[Values, Ints]] = []
        self._loose: list[tuple[int, int, Reading | Value, int, int, int]] = []
        self._events: list[tuple[int, int, Event]] = []
        self._rejects: list[tuple[int, int, Reject]] = []
        self._beats: list[tuple[int, int, BridgeBeat]] = []

    def codes(self, ports: Sequence[str]) -> Codes:
        """The codes of port ids in this poll."""
        if not self._ports:
            self._ports = dict(zip(ports, range(len(ports)), strict=True))
            if len(self._ports) == len(ports):
                return np.arange(len(ports), dtype=np.int32)
            self._ports = dict(zip(self._ports, range(len(self._ports)), strict=True))
        return np.array([self._ports.setdefault(port, len(self._ports)) for port in ports], np.int32)

    def add_columns(self, rows: Table | Values) -> None:
        """Readings or other values in columns."""
        if isinstance(rows, Table):
            self._tables.append((rows, self._take_lines(rows.record)))
        else:
            self._values.append((rows, self._take_lines(rows.record)))

    def add_beat(self, record: int, beat: BridgeBeat) -> None:
        """A heartbeat."""
        beat.origin = int(self.offsets[record])
        self._beats.append((record, self._take_line(record), beat))

    def reject(self, record: int, key: str, topic: str, refused: Refused) -> None:
        """A raw record, or a part of it, that was not understood."""
        reject = Reject(
            key=key,
            topic=topic,
            reason=refused.reason,
            detail=refused.detail[:200],
            received_at=int(self.received_at[record]),
            origin=int(self.offsets[record]),
        )
        self._rejects.append((record, self._take_line(record), reject))

    def add(self, record: int, station: str, topic: str, lines: Sequence[Line]) -> None:
        """What one raw record of `station` became, in order. Refusals of one reason are told in one line."""
        refused: dict[str, list[str]] = {}
        newest = self._newest_wrong(record, lines)
        for line in lines:
            if isinstance(line, Refused):
                refused.setdefault(line.reason, []).append(line.detail)
            elif isinstance(line, Happened):
                self._add_event(record, station, line, newest)
            else:
                at, flags = self._settled(record, line.at, newest)
                code = self._ports.setdefault(f"{station}/{line.port}", len(self._ports))
                self._loose.append((record, self._take_line(record), line, code, at, flags))
        for reason, details in refused.items():
            self.reject(record, station, topic, Refused(reason, "; ".join(details)))

    def batch(self, partition: int, first: int, last: int, now: int, served: dict[str, str]) -> Batch:
        """All lines in order of arrival, with their `seq`."""
        base = np.cumsum(self._count) - self._count
        return Batch(
            partition=partition,
            first=first,
            last=last,
            now=now,
            ports=list(self._ports),
            readings=self._readings(base),
            other=self._others(base),
            events=_numbered(self._events, base),
            rejects=_numbered(self._rejects, base),
            beats=_numbered(self._beats, base),
            served=served,
        )

    def rejected_records(self) -> list[int]:
        """The record of each of the batch's rejects."""
        return [record for record, _, _ in sorted(self._rejects, key=lambda row: row[:2])]

    def _newest_wrong(self, record: int, lines: Sequence[Line]) -> int:
        """The newest implausible time of the lines of a record; 0 where all are plausible."""
        received = int(self.received_at[record])
        said = [line.at for line in lines if not isinstance(line, Refused) and line.at is not None]
        return max((at for at in said if not clock.plausible(at, received, self.ahead_us)), default=0)

    def _settled(self, record: int, at: int | None, newest: int) -> tuple[int, int]:
        """The instant that a line gets, and its flags; implausible times of one message keep their distances."""
        received, flags = int(self.received_at[record]), int(self.flags[record])
        if at is None:
            return received, flags
        if clock.plausible(at, received, self.ahead_us):
            return at, flags
        shifted = received - (newest - at)
        return (shifted if shifted >= clock.EARLIEST_US else received), flags | CLOCK_REPLACED

    def _take_line(self, record: int) -> int:
        line = int(self._count[record])
        self._count[record] = line + 1
        return line

    def _take_lines(self, record: NDArray[np.intp]) -> Ints:
        n = len(record)
        line = self._count[record]
        fresh = np.concatenate((np.ones(min(n, 1), bool), record[1:] != record[:-1]))
        if fresh.all():
            self._count[record] += 1
            return line
        starts = np.flatnonzero(fresh)
        self._count += np.bincount(record, minlength=len(self._count))
        return line + np.arange(n) - np.repeat(starts, np.diff(np.append(starts, n)))

    def _add_event(self, record: int, station: str, line: Happened, newest: int) -> None:
        at, flags = self._settled(record, line.at, newest)
        event = Event(
            port=f"{station}/{line.port}",
            kind=line.kind,
            at=at,
            received_at=int(self.received_at[record]),
            origin=int(self.offsets[record]),
            flags=flags,
            data=line.data | {"device_at": line.at} if flags & CLOCK_REPLACED else line.data,
        )
        self._events.append((record, self._take_line(record), event))

    def _readings(self, base: Ints) -> Readings:
        table, line = joined_tables(self._tables, [row for row in self._loose if isinstance(row[2], Reading)])
        channels, flags = stored_channels(table)
        readings = Readings(
            port=table.port,
            at=table.at,
            received_at=self.received_at[table.record],
            origin=self.offsets[table.record],
            seq=base[table.record] + line,
            flags=flags,
            channels=channels,
        )
        in_order = bool((readings.seq[1:] > readings.seq[:-1]).all())
        return readings if in_order else readings.take(np.argsort(readings.seq))

    def _others(self, base: Ints) -> Others:
        loose = [row for row in self._loose if isinstance(row[2], Value)]
        if not self._values and not loose:
            return Others()
        values, line = joined_values(self._values, loose)
        seq = base[values.record] + line
        order = np.argsort(seq)
        record = values.record[order]
        return Others(
            port=values.port[order],
            at=values.at[order],
            received_at=self.received_at[record],
            origin=self.offsets[record],
            seq=seq[order],
            channel=[values.channel[i] for i in order.tolist()],
            value=values.value[order],
        )


def _numbered(rows: list[tuple[int, int, Any]], base: Ints) -> list[Any]:
    for record, line, row in rows:
        row.seq = int(base[record]) + line
    return sorted((row for _, _, row in rows), key=lambda row: row.seq)
