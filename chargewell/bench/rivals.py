"""Flows as one would write them otherwise, doing the work of normalise, store and a detector: header and payload read and
checked, what is no reading left out, clocks and ranges looked at, a record of each reading for other readers, a running score
per port and channel, a row a reading, a row a port-minute with mean, least and greatest of three channels and the score. They
keep no rejects, no account of lines, no marks against doubling and have no features of physics, as our flows do.

`idiomatic` follows the engine's own documentation: one object an item, validated by pydantic, windows by `fold_window`.
`best_per_item` is the fastest per-item flow we could write: msgspec, one keyed batch step for score and minutes, COPY.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import bytewax.operators as op
import bytewax.operators.windowing as win
import msgspec
from bytewax.dataflow import Dataflow
from bytewax.operators import KeyedStream, StatefulBatchLogic
from bytewax.operators.windowing import EventClock, TumblingWindower
from pydantic import BaseModel, ConfigDict, ValidationError

from chargewell.bench.rivals_io import EPOCH, CopySink, CopyTable, KafkaItems, Raw, RecordItems
from connectors.kafka import KafkaSettings
from schemas.channels import BY_NAME
from schemas.telemetry import CLOCK_REPLACED, RANGE_DROPPED

DECAY: Final = 0.01
READINGS: Final = "bench_reading"
MINUTES: Final = "bench_minute"
TABLES: Final = f"""
DROP TABLE IF EXISTS {READINGS}, {MINUTES};
CREATE TABLE {READINGS} (port int4, at timestamptz, received_at timestamptz, voltage float4, current float4,
    temp_connector float4, flags int2, PRIMARY KEY (port, at));
CREATE TABLE {MINUTES} (port int4, at timestamptz, n int4, voltage_mean float4, voltage_min float4, voltage_max float4,
    current_mean float4, current_min float4, current_max float4, temp_connector_mean float4, temp_connector_min float4,
    temp_connector_max float4, score float4, PRIMARY KEY (port, at));
"""
_WIDEST: Final = 1e30
_OLDEST_MS: Final = 1_577_836_800_000
_AHEAD_MS: Final = 300_000
_VOLTAGE, _CURRENT, _WARM = BY_NAME["voltage"], BY_NAME["current"], BY_NAME["temp_connector"]


class Reading(BaseModel):
    """A reading, validated item by item."""

    model_config = ConfigDict(extra="forbid")

    port: int
    at: int
    voltage: float | None = None
    current: float | None = None
    temp_connector: float | None = None


class FastReading(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The same for msgspec."""

    port: int
    at: int
    voltage: float | None = None
    current: float | None = None
    temp_connector: float | None = None


class Record(msgspec.Struct, gc=False):
    """A normalised reading, for those who read on."""

    port: str
    at: int
    received_at: int
    voltage: float | None
    current: float | None
    temp_connector: float | None
    flags: int


Minute = tuple[int, list[Any]]
"""(minute, [n, largest score, and sum, least, greatest of each channel])."""


def idiomatic(kafka: KafkaSettings, until: dict[int, int], dsn: str, namespace: str) -> Dataflow:
    """Per-item pydantic with `stateful_map` and `fold_window`."""
    flow = Dataflow("idiomatic")
    items = op.input("in", flow, KafkaItems(kafka, kafka.topics.raw, until))
    records = op.filter_map("decode", items, _validated)
    keyed = op.key_on("port", records, lambda r: r.port)
    scored = op.stateful_map("score", keyed, _scored)
    clock: EventClock[Any] = EventClock(
        ts_getter=lambda item: _time(item[0].at), wait_for_system_duration=timedelta(seconds=10)
    )
    windower = TumblingWindower(length=timedelta(minutes=1), align_to=EPOCH)
    minutes = win.fold_window("minutes", scored, clock, windower, _nothing, _fold, _both)
    closed = op.map("closed", minutes.down, lambda kv: (kv[0], (int(kv[1][0]), kv[1][1])))
    _outputs(records, closed, kafka, dsn, namespace)
    return flow


def best_per_item(kafka: KafkaSettings, until: dict[int, int], dsn: str, namespace: str) -> Dataflow:
    """msgspec, `stateful_batch` keyed by port, COPY."""
    decode = msgspec.json.Decoder(FastReading).decode
    flow = Dataflow("best_per_item")
    items = op.input("in", flow, KafkaItems(kafka, kafka.topics.raw, until))

    def decoded(batch: list[Raw]) -> list[Record]:
        out = []
        for raw in batch:
            try:
                reading = decode(raw[2])
            except msgspec.MsgspecError:
                continue
            out.append(_record(raw, reading))
        return out

    records = op.flat_map_batch("decode", items, decoded)
    keyed: KeyedStream[Record] = op.flat_map_batch("port", records, lambda batch: [(r.port, r) for r in batch])
    _outputs(records, op.stateful_batch("score", keyed, _Port), kafka, dsn, namespace)
    return flow


def _outputs(records: Any, minutes: Any, kafka: KafkaSettings, dsn: str, namespace: str) -> None:
    encode = msgspec.json.Encoder().encode
    said = op.flat_map_batch("said", records, lambda batch: [("one", (r.port.encode(), encode(r))) for r in batch])
    op.output("telemetry", said, RecordItems(kafka, kafka.topics.telemetry))
    readings = CopyTable(
        f"{namespace}.{READINGS}",
        "port, at, received_at, voltage, current, temp_connector, flags",
        ["int4", "timestamptz", "timestamptz", "float4", "float4", "float4", "int2"],
    )
    rows = op.flat_map_batch("rows", records, lambda batch: [("one", r) for r in batch])
    op.output("reading-rows", rows, CopySink(dsn, readings, _reading_row))
    spans = ", ".join(
        f"{c}_{what}" for c in ("voltage", "current", "temp_connector") for what in ("mean", "min", "max")
    )
    table = CopyTable(
        f"{namespace}.{MINUTES}", f"port, at, n, {spans}, score", ["int4", "timestamptz", "int4", *["float4"] * 10]
    )
    op.output("minute-rows", op.map("minute", minutes, lambda kv: ("one", kv)), CopySink(dsn, table, _minute_row))


def _validated(raw: Raw) -> Record | None:
    try:
        return _record(raw, Reading.model_validate_json(raw[2]))
    except ValidationError:
        return None


def _record(raw: Raw, r: Reading | FastReading) -> Record:
    """A reading with a plausible time, and what is outside of its physical range left out, as normalise does both."""
    at, flags = r.at, 0
    if not _OLDEST_MS <= at <= raw[1] // 1_000 + _AHEAD_MS:
        at, flags = raw[1] // 1_000, CLOCK_REPLACED
    voltage, current, warm = r.voltage, r.current, r.temp_connector
    if voltage is not None and not _VOLTAGE.low <= voltage <= _VOLTAGE.high:
        voltage, flags = None, flags | RANGE_DROPPED
    if current is not None and not _CURRENT.low <= current <= _CURRENT.high:
        current, flags = None, flags | RANGE_DROPPED
    if warm is not None and not _WARM.low <= warm <= _WARM.high:
        warm, flags = None, flags | RANGE_DROPPED
    return Record(f"{raw[0]}/{r.port}", at, raw[1], voltage, current, warm, flags)


def _scored(state: list[Any] | None, r: Record) -> tuple[list[Any], tuple[Record, float]]:
    """The largest score of the channels of `r`: errors from a running mean in units of a running deviation."""
    state = state or [None, None, None]
    worst = 0.0
    for i, value in enumerate((r.voltage, r.current, r.temp_connector)):
        if value is not None:
            mean, variance = state[i] or (value, 1.0)
            error = value - mean
            state[i] = mean + DECAY * error, (1 - DECAY) * (variance + DECAY * error * error)
            worst = max(worst, abs(error) / (variance**0.5 + 1e-9))
    return state, (r, worst)


def _nothing() -> list[Any]:
    return [0, 0.0, *[0.0, _WIDEST, -_WIDEST] * 3]


def _fold(acc: list[Any], item: tuple[Record, float]) -> list[Any]:
    r, score = item
    acc[0] += 1
    if score > acc[1]:
        acc[1] = score
    place = 2
    for value in (r.voltage, r.current, r.temp_connector):
        if value is not None:
            acc[place] += value
            if value < acc[place + 1]:
                acc[place + 1] = value
            if value > acc[place + 2]:
                acc[place + 2] = value
        place += 3
    return acc


def _both(a: list[Any], b: list[Any]) -> list[Any]:
    out = [a[0] + b[0], max(a[1], b[1])]
    for i in (2, 5, 8):
        out += [a[i] + b[i], min(a[i + 1], b[i + 1]), max(a[i + 2], b[i + 2])]
    return out


class _Port(StatefulBatchLogic[Any, Any, Any]):
    """Running scores of three channels and the open minute of one port, in plain Python: `_scored` and `_fold` in one, since a
    call a value costs a tenth of the flow."""

    __slots__ = ("_minute", "_state", "_sum")

    def __init__(self, resume: Any) -> None:
        state: Any = resume or ([None, None, None], -1, _nothing())
        self._state: list[Any] = state[0]
        self._minute: int = state[1]
        self._sum: list[Any] = state[2]

    def on_batch(self, values: list[Record]) -> tuple[Iterable[Minute], bool]:
        out: list[Minute] = []
        state, acc = self._state, self._sum
        for r in values:
            minute = r.at // 60_000
            if minute != self._minute:
                if self._minute >= 0:
                    out.append((self._minute, acc))
                self._minute, acc = minute, _nothing()
            acc[0] += 1
            place = 2
            for i, value in enumerate((r.voltage, r.current, r.temp_connector)):
                if value is not None:
                    mean, variance = state[i] or (value, 1.0)
                    error = value - mean
                    state[i] = mean + DECAY * error, (1 - DECAY) * (variance + DECAY * error * error)
                    score = abs(error) / (variance**0.5 + 1e-9)
                    if score > acc[1]:
                        acc[1] = score
                    acc[place] += value
                    if value < acc[place + 1]:
                        acc[place + 1] = value
                    if value > acc[place + 2]:
                        acc[place + 2] = value
                place += 3
        self._sum = acc
        return out, False

    def snapshot(self) -> Any:
        return self._state, self._minute, self._sum


def _time(millis: int) -> datetime:
    return EPOCH + timedelta(milliseconds=millis)


def _reading_row(numbers: dict[str, int], r: Record) -> Sequence[Any]:
    received = EPOCH + timedelta(microseconds=r.received_at)
    number = numbers.setdefault(r.port, len(numbers))
    return number, _time(r.at), received, r.voltage, r.current, r.temp_connector, r.flags


def _minute_row(numbers: dict[str, int], item: tuple[str, Minute]) -> Sequence[Any]:
    port, (minute, (n, score, *spans)) = item
    means = [spans[0] / n, *spans[1:3], spans[3] / n, *spans[4:6], spans[6] / n, *spans[7:9]]
    return numbers.setdefault(port, len(numbers)), _time(minute * 60_000), n, *means, score
