"""Rows from many places as one table: columns that came in columns, rows that came one by one, NaN where one lacks a channel."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.adapters.lines import Ints, Table, Values
from models.columns import Floats
from schemas.channels import CHANNELS
from schemas.telemetry import RANGE_DROPPED

Loose = tuple[int, int, Any, int, int, int]
"""(record, line, Reading or Value, port code, settled instant, flags)."""


def joined_tables(tables: list[tuple[Table, Ints]], loose: list[Loose]) -> tuple[Table, Ints]:
    """All readings as one table, with their line numbers; a single table is passed on as it is."""
    if loose or not tables:
        tables = [*tables, _loose_table(loose)]
    if len(tables) == 1:
        return tables[0]
    names = {name for table, _ in tables for name in table.channels}
    return Table(
        record=np.concatenate([t.record for t, _ in tables]),
        port=np.concatenate([t.port for t, _ in tables]),
        at=np.concatenate([t.at for t, _ in tables]),
        flags=np.concatenate([t.flags for t, _ in tables]),
        channels={name: np.concatenate([_channel(t, name) for t, _ in tables]) for name in names},
    ), np.concatenate([line for _, line in tables])


def joined_values(values: list[tuple[Values, Ints]], loose: list[Loose]) -> tuple[Values, Ints]:
    """All other values as one table, with their line numbers."""
    values = [*values, _loose_values(loose)]
    return Values(
        record=np.concatenate([v.record for v, _ in values]),
        port=np.concatenate([v.port for v, _ in values]),
        at=np.concatenate([v.at for v, _ in values]),
        channel=[name for v, _ in values for name in v.channel],
        value=np.concatenate([v.value for v, _ in values]),
    ), np.concatenate([line for _, line in values])


def stored_channels(table: Table) -> tuple[dict[str, Floats], NDArray[np.uint8]]:
    """The channels of `table` that occur, in the dtypes they are stored in, and the flags of the rows.

    What lies outside a channel's physical range is set missing, and its row flagged. Zeros have no sign: -0 is equal to 0,
    so which of them a minute's extreme kept would depend on how batches are cut.
    """
    stored: dict[str, Floats] = {}
    flags = table.flags
    for channel in CHANNELS:
        column = table.channels.get(channel.name)
        if column is None:
            continue
        outside = (column < channel.low) | (column > channel.high)
        if outside.any():
            column = np.where(outside, np.nan, column)
            flags = flags | np.where(outside, RANGE_DROPPED, 0).astype(np.uint8)
        if not np.isnan(column).all():
            stored[channel.name] = column.astype(channel.dtype)
            stored[channel.name] += 0
    return stored, flags


def _channel(table: Table, name: str) -> NDArray[np.float64]:
    column = table.channels.get(name)
    return np.full(len(table.at), np.nan) if column is None else column


def _loose_table(rows: list[Loose]) -> tuple[Table, Ints]:
    names = {name for row in rows for name in row[2].channels}
    return Table(
        record=np.array([row[0] for row in rows], np.intp),
        port=np.array([row[3] for row in rows], np.int32),
        at=np.array([row[4] for row in rows], np.int64),
        flags=np.array([row[5] for row in rows], np.uint8),
        channels={n: np.array([row[2].channels.get(n, np.nan) for row in rows], np.float64) for n in names},
    ), np.array([row[1] for row in rows], np.int64)


def _loose_values(rows: list[Loose]) -> tuple[Values, Ints]:
    return Values(
        record=np.array([row[0] for row in rows], np.intp),
        port=np.array([row[3] for row in rows], np.int32),
        at=np.array([row[4] for row in rows], np.int64),
        channel=[row[2].channel for row in rows],
        value=np.array([row[2].value for row in rows], np.float64),
    ), np.array([row[1] for row in rows], np.int64)
