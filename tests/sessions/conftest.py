"""A table in memory, batches from lines, and histories of a small network for the tests of sessions."""

import itertools
import math
import pickle
import random
from dataclasses import dataclass, field

import numpy as np
import pytest

from models.columns import Batch, Readings
from models.operator import Delete, Marked, Upsert
from models.sessions import Sessions
from schemas.channels import BY_NAME
from schemas.telemetry import Event

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


def reading(port, at, received_at=None, flags=0, **values):
    return Reading(port, at, at if received_at is None else received_at, tuple(sorted(values.items())), flags)


def event(port, kind, at, received_at=None, flags=0, **data):
    received_at = at if received_at is None else received_at
    return Event(port=port, kind=kind, at=at, received_at=received_at, origin=0, flags=flags, data=data)


class Table:
    """`charging_session` as the sink would leave it: rows by (port, session_key)."""

    def __init__(self):
        self.rows = {}
        self.written = 0

    def apply(self, writes):
        for write in writes:
            assert write.table == "charging_session"
            assert write.key == ("session_key",)
            names = list(write.columns)
            columns = [list(write.columns[name]) for name in names]
            assert {len(column) for column in columns} == {len(write.port)}
            for i, port in enumerate(write.port):
                row = {name: plain(column[i]) for name, column in zip(names, columns, strict=True)}
                key = (write.ports[port], row["session_key"])
                if isinstance(write, Delete):
                    self.rows.pop(key, None)
                else:
                    assert isinstance(write, Upsert)
                    self.rows[key] = row
                    self.written += 1


def plain(value):
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    return None if value == NULL and isinstance(value, int) else value


def batch_of(lines, first, now):
    """A batch of lines (readings and events in order of arrival); line i has the raw offset `first + i`."""
    ports = sorted({line.port for line in lines})
    place = {port: i for i, port in enumerate(ports)}
    readings = [(i, line) for i, line in enumerate(lines) if isinstance(line, Reading)]
    names = sorted({name for _, line in readings for name, _ in line.values})
    channels = {}
    for name in names:
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
    events = []
    for i, line in enumerate(lines):
        if isinstance(line, Event):
            same = {name: getattr(line, name) for name in ("port", "kind", "at", "received_at", "flags", "data")}
            events.append(Event(**same, origin=first + i, seq=i))
    return Batch(
        partition=0, first=first, last=first + len(lines) - 1, now=now, ports=ports, readings=table, events=events
    )


@dataclass
class Played:
    table: Table
    alerts: list = field(default_factory=list)


def play(lines, make=Sessions, cuts=(), restarts=()):
    """Run lines through the operator, cut at `cuts` (positions); after the batches in `restarts` it goes on from a snapshot.

    A restart takes up the snapshot of one batch earlier and is given that batch again, as after a crash.
    """
    marked = Marked(make())
    played = Played(Table())
    bounds = [0, *sorted(set(cuts)), len(lines)]
    before = pickle.dumps(marked.snapshot())
    now = 0
    for k, (a, b) in enumerate(itertools.pairwise(bounds)):
        if a == b:
            continue
        now = max([now, *(line.received_at for line in lines[a:b])])
        out = marked.step(batch_of(lines[a:b], a, now))
        played.table.apply(out.writes)
        played.alerts += out.alerts
        if k in restarts:
            marked = Marked(make())
            marked.restore(pickle.loads(before))
            again = marked.step(batch_of(lines[a:b], a, now))
            played.table.apply(again.writes)
            assert [alert.model_dump() for alert in again.alerts] == [alert.model_dump() for alert in out.alerts]
        before = pickle.dumps(marked.snapshot())
    return played


class Maker:
    """Makes the history of some ports from a seed: sessions of several protocols, with what goes wrong in the field."""

    REASONS = (
        "local",
        "ev_disconnected",
        "remote",
        "stopped_by_ev",
        "power_loss",
        "other",
        "hard_reset",
        "de_authorized",
        None,
    )

    def __init__(self, seed, ports=2, sessions=4, lateness=90):
        self.random = random.Random(seed)
        self.lateness = lateness
        self.lines = []
        for number in range(1, ports + 1):
            self._port(f"ST-{number // 3}/{number}", self.random.randint(0, sessions))

    def say(self, line):
        self.lines.append(line)

    def _late(self, at):
        dice = self.random.random()
        if dice < 0.85:
            return at + self.random.randint(1, 900_000)
        return at + self.random.randint(1, self.lateness) * SECOND

    def event(self, port, kind, at, **data):
        self.say(event(port, kind, at, self._late(at), **data))

    def _port(self, port, sessions):
        r = self.random
        at = T0 + r.randint(0, 600) * SECOND + r.randint(0, 999_999)
        register = r.randint(0, 50_000_000)
        step = r.choice((1, 2, 5, 10, 30, 60))
        self.event(port, "status", at, status="available")
        for number in range(sessions):
            at, register = self._idle(port, at, register, step)
            at, register = self._session(port, at, register, step, number)
        self._idle(port, at, register, step)

    def _idle(self, port, at, register, step):
        r = self.random
        for _ in range(r.randint(1, 12)):
            at += step * SECOND
            self._read(port, at, 0.0, register, None)
        return at + r.randint(1, 40) * SECOND, register

    def _read(self, port, at, power, register, soc):
        r = self.random
        values = {}
        if r.random() < 0.9:
            values["power"] = round(power + r.random() * 5, 1)
        if r.random() < 0.8:
            values["energy"] = register / 1000
        if r.random() < 0.3:
            values["power_offered"] = r.choice((0.0, 11_000.0, 50_000.0))
        if soc is not None and r.random() < 0.3:
            values["soc"] = float(soc)
        if r.random() < 0.2:
            values |= {"voltage": 400.0, "current_requested": r.choice((0.0, 60.0))}
        if values:
            self.say(reading(port, at, self._late(at), **values))

    def _session(self, port, at, register, step, number):
        r = self.random
        style = r.choice(("ocpp16", "ocpp201", "nameless"))
        session = f"{port}-{number}" if style != "nameless" else None
        token = r.choice((None, "tag-1", "tag-2"))
        if token and r.random() < 0.7:
            when = at - r.randint(-20, 60) * SECOND
            self.event(
                port.rpartition("/")[0] + "/0",
                "authorize",
                when,
                token=token,
                result=r.choice(("accepted", "rejected")),
            )
        if r.random() < 0.7:
            self.event(port, "status", at - r.randint(0, 30) * SECOND, status="preparing")
        start = {"meter_wh": register / 1000 if r.random() < 0.9 else -1.0}
        if token:
            start["token"] = token
        if style == "ocpp201":
            start["session"] = session
        if session is None or style == "ocpp16" or r.random() < 0.85:
            self.event(port, "session_start", at, **start)
        if style == "ocpp16" and r.random() < 0.9:
            self.event(port, "session_id", at, session=session, **start)
        end = at + r.randint(0, 50) * step * SECOND + r.randint(0, 5) * SECOND
        when, soc = at, r.randint(5, 60)
        if r.random() < 0.8:
            self.event(port, "status", when, status="charging")
        while when + step * SECOND < end:
            when += step * SECOND
            power = r.choice((0.0, 60.0, 7_000.0, 48_000.0))
            register += round(power * step / 3.6)
            if r.random() < 0.02:
                register = r.choice((0, register - 4_000, register + 900_000_000))
            soc = min(soc + r.randint(0, 1), 100)
            self._read(port, when, power, register, soc)
            if style == "ocpp201" and r.random() < 0.2:
                self.event(
                    port, "session_update", when, session=session, charging_state=r.choice(("charging", "suspended_ev"))
                )
            if r.random() < 0.05:
                self.event(port, "status", when, status=r.choice(("charging", "suspended_ev", "suspended_evse")))
        if r.random() < 0.25:
            fault = {
                "status": "faulted",
                "error": r.choice(("ground_failure", "other_error", "ev_communication_error")),
            }
            if r.random() < 0.3:
                fault = {"status": "charging", "error": "weak_signal"}
            where = port if r.random() < 0.8 else port.rpartition("/")[0] + "/0"
            self.event(where, "status", end + r.randint(-150, 150) * SECOND, **fault)
        if r.random() < 0.85:
            said = {
                "meter_wh": r.choice((register / 1000, register / 1000, -1.0, 3.0)),
                "reason": r.choice(self.REASONS),
            }
            if session is not None:
                said["session"] = session if r.random() < 0.95 else "-1"
            self.event(port, "session_end", end, **said)
        self.event(port, "status", end + r.randint(0, 20) * SECOND, status=r.choice(("finishing", "available")))
        return end + r.randint(1, 30) * SECOND, register

    def arrived(self, repeats=0.1):
        """The lines in order of arrival, some of them told again later."""
        r = self.random
        again = [line for line in self.lines if r.random() < repeats]
        lines = list(self.lines)
        for line in again:
            late = line.received_at + r.randint(0, self.lateness) * SECOND
            if isinstance(line, Reading):
                lines.append(Reading(line.port, line.at, late, line.values, line.flags))
            else:
                lines.append(event(line.port, line.kind, line.at, late, line.flags, **line.data))
        return sorted(lines, key=lambda line: line.received_at)

    def cuts(self, lines):
        """Where to cut, and after which batches to restart."""
        r = self.random
        cuts = [r.randint(0, len(lines)) for _ in range(r.choice((0, 1, 5, 40)))]
        return cuts, [k for k in range(len(cuts) + 1) if r.random() < 0.3]


class Line:
    """Makes readings of one port, times in seconds after T0."""

    batch = staticmethod(lambda lines: batch_of(lines, 0, max(line.received_at for line in lines)))
    pickled = staticmethod(pickle.dumps)

    def __call__(self, at, received=None, **values):
        received = at + 0.1 if received is None else received
        return reading("DE-1/1", T0 + round(at * 1e6), T0 + round(received * 1e6), **values)


@pytest.fixture
def line():
    """Makes a reading of port DE-1/1."""
    return Line()


@pytest.fixture
def told():
    """Plays lines given in order of arrival; the rows by session key (of one port) and the alerts."""

    def run(*lines, facts=None, cuts=()):
        played = play(list(lines), lambda: Sessions(facts), cuts)
        return {key: row for (_, key), row in played.table.rows.items()}, played.alerts

    return run


@pytest.fixture
def written():
    """Plays lines; how many rows were written."""
    return lambda *lines, cuts=(): play(list(lines), cuts=cuts).table.written
