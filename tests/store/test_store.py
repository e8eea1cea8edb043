"""The operator `store` against an obvious oracle: minutes and lines, however they come and wherever they are cut."""

import json
from dataclasses import dataclass, field

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.columns import Batch, Others, Readings
from models.minutes import EXTREMES
from models.operator import Append, Marked, Recompute, Upsert
from models.store import Store, event_digest
from schemas.channels import BY_NAME, CHANNELS
from schemas.telemetry import RETAINED, BridgeBeat, Event, Reject

T0 = 1_748_779_200_000_000
MINUTE = 60_000_000
PORTS = ["A/1", "A/2", "B/1"]
TOLD = ("voltage", "temp_connector", "soc", "energy")
VALUES = (0.0, -1.5, 230.125, 401.0625, 55_000.0)


@dataclass
class Line:
    """One reading as it arrives."""

    port: int
    at: int
    channels: dict[str, float]
    delay: int = 0
    flags: int = 0


def batch(lines, first, beat=False, now=0):
    """Lines as one batch of raw offsets `first`, `first + 1`, ..."""
    n = len(lines)
    names = sorted({name for line in lines for name in line.channels})
    origin = np.arange(first, first + n)
    now = max([now, *(line.at + line.delay for line in lines)])
    readings = Readings(
        port=np.array([line.port for line in lines], np.int32),
        at=np.array([line.at for line in lines], np.int64),
        received_at=np.array([line.at + line.delay for line in lines], np.int64),
        origin=origin,
        seq=np.arange(n),
        flags=np.array([line.flags for line in lines], np.uint8),
        channels={
            name: np.array([line.channels.get(name, np.nan) for line in lines], BY_NAME[name].dtype) for name in names
        },
    )
    beats = [BridgeBeat(bridge="b", at=now, connected=True, since=0, origin=first + max(n - 1, 0))] if beat else []
    return Batch(
        partition=0, first=first, last=first + max(n - 1, 0), now=now, ports=PORTS, readings=readings, beats=beats
    )


@dataclass
class Tables:
    """What the database would hold: rows by key; a recomputed minute is made of the readings that stand."""

    reading: dict = field(default_factory=dict)
    minute: dict = field(default_factory=dict)
    recomputed: int = 0

    def take(self, outputs):
        for write in outputs.writes:
            if isinstance(write, Append) and write.table == "reading":
                for i, port in enumerate(write.port):
                    row = self.reading.setdefault((write.ports[port], int(write.columns["at"][i])), {})
                    told = {c.name: write.columns[c.name][i] for c in CHANNELS if c.name in write.columns}
                    row |= {name: float(value) for name, value in told.items() if not np.isnan(value)}
            elif isinstance(write, Upsert):
                for i, port in enumerate(write.port):
                    row = {name: column[i] for name, column in write.columns.items() if name != "at"}
                    row = {name: float(value) for name, value in row.items() if not np.isnan(value)}
                    self.minute[write.ports[port], int(write.columns["at"][i])] = row
        for write in outputs.writes:
            if isinstance(write, Recompute):
                self.recomputed += len(write.port)
                for port, minute in zip(write.port, write.minute, strict=True):
                    key = (write.ports[port], int(minute))
                    self.minute[key] = self.made_of_readings(*key)

    def made_of_readings(self, port, minute):
        """The slow, obvious minute."""
        rows = [row for (p, at), row in sorted(self.reading.items()) if p == port and minute <= at < minute + MINUTE]
        made = {"n": float(len(rows))}
        for channel in CHANNELS:
            told = [row[channel.name] for row in rows if channel.name in row]
            if told and channel.name == "energy":
                made["energy_last"] = told[-1]
            elif told:
                made[f"{channel.name}_mean"] = float(np.float32(sum(told) / len(told)))
                if channel.name in EXTREMES:
                    made |= {f"{channel.name}_min": min(told), f"{channel.name}_max": max(told)}
        return made

    def expected(self):
        """All minutes that have readings."""
        keys = {(port, at - at % MINUTE) for port, at in self.reading}
        return {key: self.made_of_readings(*key) for key in keys}


def plain(state):
    """A snapshot as it comes back from a store: arrays copied, everything else through JSON."""
    if isinstance(state, dict):
        return {key: plain(value) for key, value in state.items()}
    return state.copy() if isinstance(state, np.ndarray) else json.loads(json.dumps(state))


lines = st.builds(
    Line,
    port=st.integers(0, 2),
    at=st.integers(0, 240).map(lambda s: T0 + s * 1_000_000),
    channels=st.dictionaries(st.sampled_from(TOLD), st.sampled_from(VALUES), max_size=4),
    delay=st.integers(-5, 200).map(lambda s: s * 1_000_000),
)


@st.composite
def histories(draw):
    """Lines nearly in order of time, with late, repeated and shuffled ones, cut into batches."""
    given_lines = sorted(draw(st.lists(lines, max_size=60)), key=lambda line: line.at)
    for _ in range(draw(st.integers(0, 4))):
        if given_lines:
            line = given_lines.pop(draw(st.integers(0, len(given_lines) - 1)))
            given_lines.insert(draw(st.integers(0, len(given_lines))), line)
            given_lines.insert(draw(st.integers(0, len(given_lines))), line)
    cuts = sorted(draw(st.lists(st.integers(0, len(given_lines)), max_size=8)))
    parts = [given_lines[a:b] for a, b in zip([0, *cuts], [*cuts, len(given_lines)], strict=True)]
    return [(part, draw(st.booleans()), draw(st.booleans())) for part in parts]


def play(history, *, restarts=True):
    tables, marked, origin = Tables(), Marked(Store()), 0
    for part, beat, restart in history:
        tables.take(marked.step(batch(part, origin, beat)))
        origin += len(part) + 1
        if restart and restarts:
            state, marked = plain(marked.snapshot()), Marked(Store())
            marked.restore(state)
    tables.take(marked.operator.on_time(T0 + 100 * MINUTE))
    return tables


@settings(max_examples=400, deadline=None)
@given(histories())
def test_minutes_are_those_of_the_stored_readings_wherever_batches_are_cut_and_whatever_restarts(history):
    tables = play(history)

    assert tables.minute == tables.expected()
    whole = [line for part, _, _ in history for line in part]
    assert play([(whole, False, False)]).minute == tables.minute


@settings(max_examples=100, deadline=None)
@given(histories(), st.integers(0, 8))
def test_an_operator_that_lost_its_state_goes_on_rightly_after_a_replay_of_what_is_stored(history, lost_after):
    tables, store, origin = Tables(), Store(), 0
    for i, (part, beat, _) in enumerate(history):
        if i == lost_after:
            store = Store()
            kept = [
                Line(PORTS.index(p), at, dict(row))
                for (p, at), row in sorted(tables.reading.items(), key=lambda r: r[0][1])
            ]
            store.on_batch(batch(kept, 0))
        given_batch = batch(part, origin, beat)
        tables.take(store.on_batch(given_batch))
        if beat:
            tables.take(store.on_time(given_batch.now))
        origin += len(part) + 1
    tables.take(store.on_time(T0 + 100 * MINUTE))

    assert tables.minute == tables.expected()


def test_readings_in_order_are_summed_and_not_recomputed_but_for_the_first_minute():
    steady = [Line(0, T0 + s * 10_000_000, {"voltage": 400.0 + s}) for s in range(60)]

    tables = play([(steady[:25], True, True), (steady[25:], True, False)])

    assert tables.recomputed == 1
    assert len(tables.minute) == 10


def test_a_minute_is_out_once_log_time_passed_its_end_and_its_ports_lag():
    store, lag = Store(grace_us=5_000_000), 600_000_000
    store.on_batch(batch([Line(0, T0 - MINUTE, {"soc": 5.0}, delay=lag), Line(0, T0, {"soc": 6.0}, delay=lag)], 0))

    early = store.on_time(T0 + MINUTE + lag + 4_999_999)
    due = store.on_time(T0 + MINUTE + lag + 5_000_000)

    assert not early
    assert [int(write.columns["at"][0]) for write in due.writes] == [T0]
    assert not store.on_time(T0 + 10 * MINUTE + lag)


def test_a_reading_for_a_minute_that_is_out_has_it_recomputed():
    store = Store()
    store.on_batch(batch([Line(0, T0 - MINUTE, {"soc": 5.0}), Line(0, T0, {"soc": 6.0})], 0))
    store.on_time(T0 + 2 * MINUTE)

    out = store.on_batch(batch([Line(0, T0 + 30_000_000, {"soc": 7.0})], 2))

    again = [write for write in out.writes if isinstance(write, Recompute)]
    assert [(w.ports, w.port.tolist(), w.minute.tolist()) for w in again] == [(["A/1"], [0], [T0])]


def test_retained_readings_are_no_rows():
    out = Store().on_batch(batch([Line(0, T0, {"soc": 5.0}, flags=RETAINED), Line(1, T0, {"soc": 6.0}, flags=4)], 7))

    (rows,) = out.writes
    assert (rows.table, rows.origin.tolist(), rows.columns["flags"].tolist()) == ("reading", [8], [4])


def test_every_kind_of_line_goes_to_its_table_with_its_origin():
    given_batch = batch([Line(2, T0, {"energy": 12.5})], 1)
    given_batch.other = Others(
        port=np.array([0], np.int32), at=np.array([T0]), received_at=np.array([T0 + 1]), origin=np.array([2]),
        seq=np.array([1]), channel=["isolation"], value=np.array([950.0]),
    )  # fmt: skip
    given_batch.events = [
        Event(port="A/1", kind="status", at=T0, received_at=T0 + 2, origin=3, data={"status": "faulted"})
    ]
    given_batch.rejects = [Reject(key="A", topic="ev/A/from/x", reason="json", received_at=T0 + 3, origin=4, seq=3)]

    writes = {write.table: write for write in Store().on_batch(given_batch).writes}

    assert {table: write.origin.tolist() for table, write in writes.items()} == {
        "reading": [1], "reading_other": [2], "event": [3], "reject": [4],
    }  # fmt: skip
    assert writes["reading_other"].columns["channel"] == ["isolation"]
    assert writes["event"].columns["data"] == [{"status": "faulted"}]
    assert writes["event"].ports == ["A/1"]
    assert writes["reject"].columns["station"] == ["A"]


def test_the_digest_of_an_event_does_not_hang_on_the_order_of_its_keys_or_the_process():
    assert event_digest({"a": 1, "b": [1.5, "ü"]}) == event_digest({"b": [1.5, "ü"], "a": 1}) == 6110942963054093915
    assert event_digest({"a": 1}) != event_digest({"a": 2})


def test_a_snapshot_of_another_version_is_refused():
    with pytest.raises(ValueError, match="version 99"):
        Store().restore({"v": 99})


def test_a_snapshot_does_not_change_with_the_operator_and_is_plain():
    store = Store()
    store.on_batch(batch([Line(0, T0, {"soc": 5.0})], 0))
    state = store.snapshot()
    before = plain(state)

    store.on_batch(batch([Line(0, T0 + 1, {"soc": 6.0}), Line(2, T0 + MINUTE, {"soc": 6.0})], 1))

    assert state["ports"] == before["ports"]
    for name, array in state["minutes"].items():
        np.testing.assert_array_equal(array, before["minutes"][name])
    assert msgspec.json.encode({k: v.tolist() for k, v in state["minutes"].items()})
