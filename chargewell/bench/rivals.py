"""Flows as one would write them otherwise, doing the part of our work that they are built for: decode and check each reading,
a running score per port, minute means, rows into the same table. They do no sessions, no uptime, no rejects, no account.

`idiomatic` follows the engine's own documentation: one object an item, validated by pydantic, windows by `fold_window`.
`best_per_item` is the fastest per-item flow we could write: msgspec, one keyed batch step for score and minutes, COPY.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import bytewax.operators as op
import bytewax.operators.windowing as win
import confluent_kafka as ck
import msgspec
import psycopg
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.operators import KeyedStream, StatefulBatchLogic
from bytewax.operators.windowing import EventClock, TumblingWindower
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from pydantic import BaseModel, ConfigDict

from connectors.kafka import KafkaSettings, consumer

DECAY = 0.01
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Reading(BaseModel):
    """A reading, validated item by item."""

    model_config = ConfigDict(extra="forbid")

    port: int
    at: int
    voltage: float | None = None
    current: float | None = None
    temp_connector: float | None = None


class FastReading(msgspec.Struct, forbid_unknown_fields=True):
    """The same for msgspec."""

    port: int
    at: int
    voltage: float | None = None
    current: float | None = None
    temp_connector: float | None = None


class _Part(StatefulSourcePartition[Any, int]):
    def __init__(self, settings: KafkaSettings, topic: str, partition: int, until: int, resume: int | None) -> None:
        self._client = consumer(settings, "rival")
        self._next, self._until = resume or 0, until
        self._client.assign([ck.TopicPartition(topic, partition, self._next)])

    def next_batch(self) -> list[tuple[str, bytes]]:
        if self._next >= self._until:
            raise StopIteration
        messages = self._client.consume(10_000, 0.05)
        if messages:
            self._next = (messages[-1].offset() or 0) + 1
        return [(key.decode(), m.value() or b"") for m in messages if (key := m.key())]  # heartbeats have no key

    def snapshot(self) -> int:
        return self._next

    def close(self) -> None:
        self._client.close()


class KafkaItems(FixedPartitionedSource[Any, int]):
    """(station, payload) items of a topic up to given offsets, one consumer a partition, large polls."""

    def __init__(self, settings: KafkaSettings, topic: str, until: dict[int, int]) -> None:
        self._settings, self._topic, self._until = settings, topic, until

    def list_parts(self) -> list[str]:
        """The partitions that have something."""
        return [str(p) for p in self._until]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> _Part:
        """A consumer of its own."""
        return _Part(self._settings, self._topic, int(for_part), self._until[int(for_part)], resume_state)


class _CopyPart(StatefulSinkPartition[Any, None]):
    """Rows by COPY, gathered to batches of 20,000 and at each epoch; duplicates after a restart are not its concern."""

    def __init__(self, dsn: str, table: str) -> None:
        self._conn = psycopg.connect(dsn, autocommit=True)
        self._table = table
        self._numbers: dict[str, int] = {}
        self._rows: list[tuple[Any, ...]] = []

    def write_batch(self, values: list[tuple[str, Any]]) -> None:
        self._rows.extend(values)
        if len(self._rows) >= 20_000:
            self._flush()

    def snapshot(self) -> None:
        self._flush()

    def _flush(self) -> None:
        if not self._rows:
            return
        with self._conn.cursor().copy(
            f"COPY {self._table} (port, at, voltage, current, temp_connector) FROM STDIN (FORMAT BINARY)"
        ) as copy:
            copy.set_types(["int4", "timestamptz", "float4", "float4", "float4"])
            for station, r in self._rows:
                number = self._numbers.setdefault(f"{station}/{r.port}", len(self._numbers))
                at = _EPOCH + timedelta(milliseconds=r.at)
                copy.write_row((number, at, r.voltage, r.current, r.temp_connector))
        self._rows = []


class CopySink(FixedPartitionedSink[Any, None]):
    """Rows into `table`."""

    def __init__(self, dsn: str, table: str) -> None:
        self._dsn, self._table = dsn, table

    def list_parts(self) -> list[str]:
        """One connection."""
        return ["rows"]

    def part_fn(self, item_key: str) -> int:
        """All keys are that one."""
        return 0

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _CopyPart:
        """The connection, made here."""
        return _CopyPart(self._dsn, self._table)


def _score(state: tuple[float, float] | None, value: float) -> tuple[tuple[float, float], float]:
    if state is None:
        return (value, 1.0), 0.0
    mean, variance = state
    error = value - mean
    return (mean + DECAY * error, (1 - DECAY) * (variance + DECAY * error * error)), error / (variance**0.5 + 1e-9)


def idiomatic(settings: KafkaSettings, topic: str, until: dict[int, int], dsn: str, table: str) -> Dataflow:
    """Per-item pydantic with `stateful_map` and `fold_window`."""
    flow = Dataflow("idiomatic")
    items = op.input("in", flow, KafkaItems(settings, topic, until))
    readings = op.map("decode", items, lambda kv: (kv[0], Reading.model_validate_json(kv[1])))
    keyed = op.key_on("port", readings, lambda kv: f"{kv[0]}/{kv[1].port}")
    scored = op.stateful_map("score", keyed, lambda s, kv: _score(s, kv[1].current or 0.0))
    op.inspect_debug("hot", op.filter("far", scored, lambda kv: abs(kv[1]) > 1e9))
    clock: EventClock[Any] = EventClock(
        ts_getter=lambda kv: _EPOCH + timedelta(milliseconds=kv[1].at), wait_for_system_duration=timedelta(seconds=10)
    )
    windower = TumblingWindower(length=timedelta(minutes=1), align_to=_EPOCH)
    win.fold_window(
        "minutes",
        keyed,
        clock,
        windower,
        lambda: [0, 0.0, 1e30, -1e30],
        _fold,
        lambda a, b: [a[0] + b[0], a[1] + b[1], min(a[2], b[2]), max(a[3], b[3])],
    )
    op.output("rows", op.key_on("one", readings, lambda _kv: "rows"), CopySink(dsn, table))
    return flow


def _fold(acc: list[float], kv: tuple[str, Reading]) -> list[float]:
    value = kv[1].current or 0.0
    return [acc[0] + 1, acc[1] + value, min(acc[2], value), max(acc[3], value)]


class _Port(StatefulBatchLogic[Any, Any, Any]):
    """Running scores of three channels and the open minute of one port, in plain Python."""

    __slots__ = ("_minute", "_state", "_sum")

    def __init__(self, resume: Any) -> None:
        state: Any = resume or ([None, None, None], -1, [0, 0.0, 1e30, -1e30])
        self._state: list[Any] = state[0]
        self._minute: int = state[1]
        self._sum: list[float] = state[2]

    def on_batch(self, values: list[FastReading]) -> tuple[list[Any], bool]:
        out: list[Any] = []
        state, total, minute = self._state, self._sum, self._minute
        for r in values:
            for i, value in enumerate((r.voltage, r.current, r.temp_connector)):
                if value is not None:
                    state[i], z = _score(state[i], value)
                    if z > 1e9:
                        out.append(z)
            at = r.at // 60_000
            if at != minute:
                if minute >= 0:
                    out.append((minute, total))
                minute, total = at, [0, 0.0, 1e30, -1e30]
            value = r.current or 0.0
            total[0] += 1
            total[1] += value
            if value < total[2]:
                total[2] = value
            if value > total[3]:
                total[3] = value
        self._sum, self._minute = total, minute
        return out, False

    def snapshot(self) -> Any:
        return self._state, self._minute, self._sum


def best_per_item(settings: KafkaSettings, topic: str, until: dict[int, int], dsn: str, table: str) -> Dataflow:
    """msgspec, `stateful_batch` keyed by port, COPY."""
    decode = msgspec.json.Decoder(FastReading).decode
    flow = Dataflow("best_per_item")
    items = op.input("in", flow, KafkaItems(settings, topic, until))
    readings = op.flat_map_batch("decode", items, lambda batch: [(station, decode(value)) for station, value in batch])
    keyed: KeyedStream[FastReading] = op.flat_map_batch(
        "port", readings, lambda batch: [(f"{station}/{r.port}", r) for station, r in batch]
    )
    op.inspect_debug("hot", op.filter("none", op.stateful_batch("score", keyed, _Port), lambda _x: False))
    rows = op.flat_map_batch("one", readings, lambda batch: [("rows", item) for item in batch])
    op.output("rows", rows, CopySink(dsn, table))
    return flow
