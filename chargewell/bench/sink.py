"""The sink beside a bare COPY of the same rows into the same table, in turn."""

import statistics
import time
from typing import Final

import numpy as np
from rich.console import Console

from chargewell.settings import Settings
from connectors.timescale.copy import copy_rows
from connectors.timescale.pool import connect
from connectors.timescale.shapes import shape_of
from connectors.timescale.sink import Writer
from models.operator import Append, Column, Outputs

_PORTS: Final = 2_000
_ROWS: Final = 20_000
_BATCHES: Final = 50


def sink_ratio(settings: Settings, repeats: int, console: Console) -> float:
    """Rows a second of `Writer.write` over those of a bare COPY; median over `repeats` pairs."""
    ports = [f"SINK-{i // 2:04d}/{i % 2 + 1}" for i in range(_PORTS)]
    pairs = []
    for number in range(max(3, repeats)):
        order = (_bare, _sink) if number % 2 == 0 else (_sink, _bare)
        rates = {}
        for way in order:
            with connect(settings.database) as conn:
                conn.execute("TRUNCATE reading, flow_progress")
            rates[way.__name__] = _ROWS * _BATCHES / way(settings, ports)
        pairs.append((rates["_sink"], rates["_bare"]))
    ratio = statistics.median(sink / bare for sink, bare in pairs)
    sink, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
    console.print(f"sink {sink:,.0f} rows/s, bare COPY {bare:,.0f} rows/s, ratio {ratio:.2f}")
    return ratio


def _columns(batch: int) -> dict[str, Column]:
    """Ten rows a port and batch, times rising, a few channels, some values missing."""
    chance = np.random.default_rng(batch)
    at = 1_750_000_000_000_000 + (batch * 10 + np.repeat(np.arange(10), _PORTS)) * 10_000_000
    current = chance.normal(100, 5, _ROWS).astype(np.float32)
    current[::50] = np.nan
    return {
        "at": at.astype(np.int64),
        "received_at": at + 5_000,
        "flags": np.zeros(_ROWS, np.int16),
        "voltage": chance.normal(400, 1, _ROWS).astype(np.float32),
        "current": current,
        "temp_connector": chance.normal(40, 1, _ROWS).astype(np.float32),
    }


def _sink(settings: Settings, ports: list[str]) -> float:
    port = np.tile(np.arange(_PORTS), 10)
    with Writer(settings.database, "bench-sink") as writer:
        writer.write("00n", Outputs(), 0)
        began = time.monotonic()
        for batch in range(_BATCHES):
            origin = np.full(_ROWS, batch + 1)
            writer.write("00n", Outputs([Append("reading", ports, port, origin, _columns(batch))]), batch + 1)
        return time.monotonic() - began


def _bare(settings: Settings, ports: list[str]) -> float:
    with connect(settings.database) as conn:
        shape = shape_of(conn, "reading")
        numbers = np.tile(np.arange(1, _PORTS + 1, dtype=np.int32), 10)
        began = time.monotonic()
        for batch in range(_BATCHES):
            with conn.transaction():
                copy_rows(conn, shape, {"port_no": numbers, **_columns(batch)})
        return time.monotonic() - began
