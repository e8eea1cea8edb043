"""Readings of the canonical messages in columns: `reading` a whole poll at once, `readings` one message."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from connectors.adapters import clock
from connectors.adapters.canonical_structs import (
    ERRORS,
    NO_TIME,
    Part,
    ReadingDecoder,
    ReadingsMessage,
    micros_of,
    refused_for,
    unstorable,
)
from connectors.adapters.gather import Gather
from connectors.adapters.lines import Ints, Refusal, Refused, Table, Values
from models.columns import distinct
from schemas import telemetry

_PORT: Final = attrgetter("port")
_AT: Final = attrgetter("at")
_OTHER: Final = attrgetter("other")
_OTHER_NAME: Final = "$.other: names are snake case and no canonical channels, got "
_readings: Final = msgspec.json.Decoder(ReadingsMessage).decode


def readings(
    gather: Gather,
    decoder: ReadingDecoder,
    records: NDArray[np.intp],
    payloads: Sequence[bytes],
    stations: Sequence[str],
    station: NDArray[np.intp],
) -> tuple[list[Table | Values], list[tuple[int, Refused]]]:
    """The `reading` messages of a poll in columns, and which payloads are refused (index into `payloads`).

    `records` are their places in the poll, `station` indexes `stations`. Of `gather` only times and codes of ports are asked.
    About 0.4 us a reading of three channels.
    """
    parts, refused = decoder.decode(payloads)
    made: list[Table | Values] = []
    for part in parts:
        if part.messages:
            places = np.asarray(part.places, np.intp)
            rows, more = _part_columns(gather, part, places, records[places], stations, station[places])
            made += rows
            refused += more
    return made, refused


def _part_columns(
    gather: Gather,
    part: Part,
    places: NDArray[np.intp],
    records: NDArray[np.intp],
    stations: Sequence[str],
    station: NDArray[np.intp],
) -> tuple[list[Table | Values], list[tuple[int, Refused]]]:
    messages, n = part.messages, len(part.messages)
    number = np.fromiter(map(_PORT, messages), np.int64, n)
    at, flags = _settled(gather, records, messages)
    channels = {name: np.fromiter(map(attrgetter(name), messages), np.float64, n) for name in part.channels}
    port = _port_codes(gather, stations, station, number)
    told = np.zeros(n, bool)
    for column in channels.values():
        told |= ~np.isnan(column)
    refused, more = _with_other(messages, told)
    keep = told.copy()
    keep[list(refused)] = False
    made: list[Table | Values] = [Table(records, port, at, flags, channels)]
    if not keep.all():
        kept = {name: column[keep] for name, column in channels.items()}
        made = [Table(records[keep], port[keep], at[keep], flags[keep], kept)]
    if more:
        made.append(_other_columns(messages, np.array(more, np.intp), records, port, at))
    return made, [(int(places[i]), answer) for i, answer in refused.items()]


def _with_other(messages: list[Any], told: NDArray[np.bool_]) -> tuple[dict[int, Refused], list[int]]:
    """Which messages are refused for what is, or is not, under `other`; and which have values there."""
    refused: dict[int, Refused] = {}
    more = []
    for i, other in enumerate(map(_OTHER, messages)) if any(map(_OTHER, messages)) else ():
        if not other:
            continue
        wrong = unstorable(other.keys())
        if wrong is not None:
            refused[i] = Refused("schema", _OTHER_NAME + repr(wrong[:60]))
        elif None not in other.values() or any(value is not None for value in other.values()):
            more.append(i)
    silent = ~told
    silent[more] = False
    refused |= {i: Refused("empty", "no value") for i in np.flatnonzero(silent).tolist() if i not in refused}
    return refused, more


def _other_columns(
    messages: list[Any],
    rows: NDArray[np.intp],
    records: NDArray[np.intp],
    port: NDArray[np.int32],
    at: Ints,
) -> Values:
    others = [messages[i].other for i in rows.tolist()]
    names = [name for other in others for name in other]
    values = np.array([value for other in others for value in other.values()], np.float64)
    row = np.repeat(rows, [len(other) for other in others])
    told = ~np.isnan(values)
    if not told.all():
        names, values, row = [name for name, keep in zip(names, told, strict=True) if keep], values[told], row[told]
    return Values(records[row], port[row], at[row], names, values)


def _settled(gather: Gather, records: NDArray[np.intp], messages: list[Any]) -> tuple[Ints, NDArray[np.uint8]]:
    received = gather.received_at[records]
    try:
        millis = np.fromiter(map(_AT, messages), np.int64, len(messages))
        device = np.where(millis == NO_TIME, received, millis * 1_000)
    except TypeError:  # a time in words, or null
        said = [micros_of(m.at) for m in messages]
        device = np.array([r if t is None else t for t, r in zip(said, received.tolist(), strict=True)], np.int64)
    at, replaced = clock.settle(device, received, gather.ahead_us)
    return at, gather.flags[records] | np.where(replaced, telemetry.CLOCK_REPLACED, 0).astype(np.uint8)


def _port_codes(gather: Gather, stations: Sequence[str], station: NDArray[np.intp], number: Ints) -> NDArray[np.int32]:
    width = int(number.max()) + 1
    used, inverse = distinct(station * width + number, len(stations) * width)
    numbered = zip((used // width).tolist(), (used % width).tolist(), strict=True)
    codes: NDArray[np.int32] = gather.codes([f"{stations[s]}/{n}" for s, n in numbered])[inverse]
    return codes


def columns(gather: Gather, record: int, station: str, payload: bytes) -> list[Table | Values]:
    """The rows of one `readings` message; Refusal where it is none."""
    try:
        message = _readings(payload)
    except ERRORS as error:
        raise Refusal(*refused_for(error)) from error
    n = len(message.at)
    number = np.array(message.port if isinstance(message.port, list) else [message.port] * n, np.int64)
    lengths = {"port": len(number)} | {name: len(c) for name, c in [*message.channels.items(), *message.other.items()]}
    for name, length in lengths.items():
        if length != n:
            raise Refusal("schema", f"{name} has {length} rows, at has {n}")
    wrong = unstorable(message.other.keys())
    if wrong is not None:
        raise Refusal("schema", _OTHER_NAME + repr(wrong[:60]))
    return _rows(gather, record, station, message, number)


def _rows(gather: Gather, record: int, station: str, message: ReadingsMessage, number: Ints) -> list[Table | Values]:
    device = np.array([micros_of(at) for at in message.at], np.int64)
    received = int(gather.received_at[record])
    at, replaced = clock.settle_series(device, received, gather.ahead_us)
    flags = gather.flags[record] | np.where(replaced, telemetry.CLOCK_REPLACED, 0).astype(np.uint8)
    port = _port_codes(gather, [station], np.zeros(len(at), np.intp), number)
    channels = {name: np.array(column, np.float64) for name, column in message.channels.items()}
    others = {name: np.array(column, np.float64) for name, column in message.other.items()}
    told = np.zeros(len(at), bool)
    for column in channels.values():
        told |= ~np.isnan(column)
    here = {name: np.flatnonzero(~np.isnan(column)) for name, column in others.items()}
    if not told.any() and not any(len(rows) for rows in here.values()):
        raise Refusal("empty", "no value")
    kept = {name: column[told] for name, column in channels.items()}
    made: list[Table | Values] = [Table(np.full(int(told.sum()), record), port[told], at[told], flags[told], kept)]
    for name, rows in here.items():
        n = len(rows)
        made.append(Values(np.full(n, record), port[rows], at[rows], [name] * n, others[name][rows]))
    return made
