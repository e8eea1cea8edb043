"""Tables in memory, batches from lines, and histories of a small network for the tests of uptime."""

import math
import pickle
import random
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest

from models.columns import Batch, Readings
from models.operator import Marked, ReplaceSpan, Upsert
from models.uptime import Uptime
from schemas.channels import BY_NAME
from schemas.telemetry import BridgeBeat, Event

T0 = 1_760_000_400_000_000
SECOND = 1_000_000
NULL = int(np.iinfo(np.int64).min)


@dataclass(frozen=True)
class Reading:
    port: str
    at: int
    received_at: int
    values: tuple[tuple[str, float], ...]
    flags: int = 0


@dataclass(frozen=True)
class Beat:
    bridge: str
    received_at: int
    connected: bool
    since: int


def reading(port, at, received_at=None, flags=0, **values):
    return Reading(port, at, at if received_at is None else received_at, tuple(sorted(values.items())), flags)


def event(port, kind, at, received_at=None, flags=0, **data):
    received_at = at if received_at is None else received_at
    return Event(port=port, kind=kind, at=at, received_at=received_at, origin=0, flags=flags, data=data)


def plain(value):
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    return None if value == NULL and isinstance(value, int) else value


class Tables:
    """The tables of the flow as the sink would leave them."""

    def __init__(self):
        self.availability = {}
        self.rows = {"uptime_rolling": {}, "uptime_now": {}, "uptime_daily": {}}

    def apply(self, writes):
        for write in writes:
            if isinstance(write, ReplaceSpan):
                self._replace(write)
            else:
                assert isinstance(write, Upsert)
                self._upsert(write)

    def _replace(self, write):
        assert (write.table, write.end_us) == ("availability", None)
        kept = [list(row) for row in self.availability.get(write.port, []) if row[0] < write.start_us]
        if kept and (kept[-1][1] is None or kept[-1][1] > write.start_us):
            kept[-1][1] = write.start_us
        names = ("from_at", "to_at", "state", "reason", "detail")
        new = [[plain(v) for v in row] for row in zip(*(write.columns[name] for name in names), strict=True)]
        assert new[0][0] == write.start_us
        assert all(a[1] == b[0] for a, b in pairwise(new))
        self.availability[write.port] = [tuple(row) for row in (*kept, *new)]

    def _upsert(self, write):
        table = self.rows[write.table]
        names = list(write.columns)
        columns = [list(write.columns[name]) for name in names]
        assert {len(column) for column in columns} == {len(write.port)}
        for i, port in enumerate(write.port):
            row = {name: plain(column[i]) for name, column in zip(names, columns, strict=True)}
            table[(write.ports[port], *(row[name] for name in write.key))] = row


def batch_of(lines, first, now, served):
    """A batch of lines (readings, events, beats in order of arrival); line i has the raw offset `first + i`."""
    said = [(i, line) for i, line in enumerate(lines) if not isinstance(line, Beat)]
    ports = sorted({line.port for _, line in said})
    place = {port: i for i, port in enumerate(ports)}
    readings = [(i, line) for i, line in said if isinstance(line, Reading)]
    channels = {}
    for name in sorted({name for _, line in readings for name, _ in line.values}):
        column = [dict(line.values).get(name, np.nan) for _, line in readings]
        channels[name] = np.array(column, BY_NAME[name].dtype)
    table = Readings(
        port=np.array([place[line.port] for _, line in readings], np.int32),
        at=np.array([line.at for _, line in readings], np.int64),
        received_at=np.array([line.received_at for _, line in readings], np.int64),
        origin=np.array([first + i for i, _ in readings], np.int64),
        seq=np.array([i for i, _ in readings], np.int64),
        flags=np.array([line.flags for _, line in readings], np.uint8),
        channels=channels,
    )
    events, beats = [], []
    for i, line in enumerate(lines):
        if isinstance(line, Event):
            same = {name: getattr(line, name) for name in ("port", "kind", "at", "received_at", "flags", "data")}
            events.append(Event(**same, origin=first + i, seq=i))
        elif isinstance(line, Beat):
            beats.append(
                BridgeBeat(
                    bridge=line.bridge,
                    at=line.received_at,
                    connected=line.connected,
                    since=line.since,
                    origin=first + i,
                )
            )
    stations = {port.rpartition("/")[0] for port in ports}
    return Batch(
        partition=0, first=first, last=first + len(lines) - 1, now=now, ports=ports, readings=table, events=events,
        beats=beats, served={station: served[station] for station in stations if station in served},
    )  # fmt: skip


@dataclass
class Played:
    tables: Tables
    alerts: list = field(default_factory=list)
    operator: object = None


def play(lines, make=Uptime, cuts=(), restarts=(), served=None):
    """Run lines through the operator, cut at `cuts` (positions); after the batches in `restarts` it goes on from a snapshot.

    A restart takes up the snapshot of one batch earlier and is given that batch again, as after a crash.
    """
    marked = Marked(make())
    played = Played(Tables())
    bounds = [0, *sorted(set(cuts)), len(lines)]
    before = pickle.dumps(marked.snapshot())
    now = 0
    for k, (a, b) in enumerate(pairwise(bounds)):
        if a == b:
            continue
        now = max([now, *(line.received_at for line in lines[a:b])])
        out = marked.step(batch_of(lines[a:b], a, now, served or {}))
        played.tables.apply(out.writes)
        played.alerts += out.alerts
        if k in restarts:
            marked = Marked(make())
            marked.restore(pickle.loads(before))
            again = marked.step(batch_of(lines[a:b], a, now, served or {}))
            played.tables.apply(again.writes)
            assert [alert.model_dump() for alert in again.alerts] == [alert.model_dump() for alert in out.alerts]
        before = pickle.dumps(marked.snapshot())
    played.operator = marked.operator
    return played


class Maker:
    """Makes the history of a few stations from a seed: statuses, silences, lost links, absent bridges, late data."""

    STATUSES = ("available", "preparing", "charging", "suspended_ev", "faulted", "unavailable", "finishing")

    def __init__(self, seed, hours=3, late=True):
        r = self.random = random.Random(seed)
        self.start = T0 + r.randint(0, 3600) * SECOND
        self.end = self.start + r.randint(600, hours * 3600) * SECOND
        self.late = late
        self.lines = []
        self.served = {}
        self.bridges = {}
        for name in ("b1", "b2")[: r.choice((1, 1, 2))]:
            self.bridges[name] = self._outages()
        for number in range(r.randint(1, 3)):
            bridge = r.choice(list(self.bridges))
            self.served[f"ST-{number}"] = bridge
            self._station(f"ST-{number}", self.bridges[bridge])
        for name, outages in self.bridges.items():
            self._beats(name, outages)

    def _outages(self):
        r = self.random
        outages, at = [], self.start
        for _ in range(r.choice((0, 0, 1, 2))):
            at += r.randint(60, 6000) * SECOND
            outages.append((at, at + r.choice((5, 20, 40, 400, 3000)) * SECOND))
            at = outages[-1][1]
        return outages

    def _beats(self, name, outages):
        since, at = self.start, self.start
        while at < self.end:
            away = next(((a, b) for a, b in outages if a <= at < b), None)
            if away is None:
                self.lines.append(Beat(name, at, True, since))
                at += self.random.choice((1, 7, 20)) * SECOND
            else:
                if self.random.random() < 0.5:
                    self.lines.append(Beat(name, (away[0] + away[1]) // 2, False, away[0]))
                at = since = away[1]

    def _station(self, station, outages):
        r = self.random
        ports = [f"{station}/{n + 1}" for n in range(r.randint(1, 2))]
        quiet = []
        at = self.start + r.randint(0, 600) * SECOND
        for _ in range(r.choice((0, 0, 1, 2, 3))):
            at += r.randint(100, 5000) * SECOND
            quiet.append((at, at + r.choice((20, 45, 200, 310, 900, 4000)) * SECOND))
            at = quiet[-1][1]
            if r.random() < 0.5:
                will = quiet[-1][0] + r.randint(1, 30) * SECOND
                self._say(
                    outages, [], event(f"{station}/0", "connection", will, will + r.randint(1, 99), connected=False)
                )
        every = r.choice((15, 60, 150))
        register = dict.fromkeys(ports, 1000.0)
        at = self.start + r.randint(0, 500) * SECOND + r.randint(0, 999_999)
        while at < self.end:
            port = r.choice(ports)
            for line in self._line(station, port, at, register):
                self._say(outages, quiet, line)
            at += r.randint(1, every) * SECOND

    def _line(self, station, port, at, register):
        r = self.random
        received = at + r.randint(1, 900_000)
        if self.late and r.random() < 0.05:
            received += r.choice((20, 60, 600)) * SECOND
        dice = r.random()
        if dice < 0.5:
            power = r.choice((0.0, 0.0, 50.0, 7_000.0))
            register[port] += power / 100
            values = {"power": power} if r.random() < 0.6 else {"energy": register[port]}
            yield reading(port, at, received, **values)
        elif dice < 0.62:
            yield event(f"{station}/0", "alive", at, received)
        elif dice < 0.66:
            yield event(
                f"{station}/0", "status", at, received, status=r.choice(("available", "faulted", "unavailable"))
            )
            back = at + r.randint(1, 300) * SECOND
            yield event(f"{station}/0", "status", back, back + r.randint(1, 900), status="available")
        elif dice < 0.68:
            yield event(port, "status", at, received, 2, status=r.choice(self.STATUSES))
        elif dice < 0.7:
            yield event(port, "fault", at, received, code=r.choice(("CX011", "CX018", "odd")), active=r.random() < 0.5)
        else:
            data = {"status": r.choice(self.STATUSES)}
            if data["status"] == "faulted" or r.random() < 0.1:
                data["error"] = r.choice(("ground_failure", "weak_signal", "other_error"))
            if r.random() < 0.3:
                data["connector"] = r.choice((1, 2))
            yield event(port, "status", at, received, **data)

    def _say(self, outages, quiet, line):
        """What is said while the station or its bridge is away arrives when both are back, or never."""
        r = self.random
        received = line.received_at
        for _ in range(3):
            for a, b in (*quiet, *outages):
                if a <= received < b:
                    if r.random() < 0.4:
                        return
                    received = b + r.randint(1, 5_000_000)
        if isinstance(line, Reading):
            self.lines.append(Reading(line.port, line.at, received, line.values, line.flags))
        else:
            self.lines.append(event(line.port, line.kind, line.at, received, line.flags, **line.data))

    def arrived(self, repeats=0.05):
        """The lines in order of arrival, some of them told again a little later."""
        lines = sorted(self.lines, key=lambda line: (line.received_at, repr(line)))
        r = self.random
        out = []
        for line in lines:
            out.append(line)
            if r.random() < repeats and self._is_fact(line):
                out.insert(r.randint(max(0, len(out) - 5), len(out)), line)
        return sorted(out, key=lambda line: line.received_at)

    @staticmethod
    def _is_fact(line):
        return not isinstance(line, Beat)

    def cuts(self, lines):
        """Where to cut, and after which batches to restart."""
        r = self.random
        cuts = [r.randint(0, len(lines)) for _ in range(r.choice((0, 1, 5, 40)))]
        return cuts, [k for k in range(len(cuts) + 1) if r.random() < 0.3]


@pytest.fixture
def world():
    """This module, for tests that make their own lines."""
    import sys

    return sys.modules[__name__]
