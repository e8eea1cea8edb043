"""How fast the anomaly operator is: `chargewell bench detectors`. Readings/s on one core against the number of ports, and bytes a port."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

from chargewell.terminal import screen
from models.anomaly.operator import AnomalyOperator
from models.columns import Batch, Floats, Readings

PORTS: Final = (100, 1_000, 10_000, 100_000)
ROWS: Final = (2_000, 20_000)


@dataclass(frozen=True, slots=True)
class Speeds:
    """Readings/s by (ports, rows a batch), the median of the rounds, and bytes of state a port."""

    readings_per_s: dict[tuple[int, int], float]
    bytes_per_port: int


def run(
    *, seconds: float = 3.0, repeats: int = 3, ports: Sequence[int] = PORTS, rows: Sequence[int] = ROWS,
    console: Console | None = None,
) -> Speeds:  # fmt: skip
    """Measure every size `repeats` times for `seconds` of CPU time each and print the table."""
    found = {(p, r): median(speed(p, r, seconds) for _ in range(repeats)) for p in ports for r in rows}
    result = Speeds(found, AnomalyOperator().bytes_per_port())
    table = Table(
        title=f"Anomaly operator, three channels, {result.bytes_per_port:,} bytes a port: readings/s on one core"
    )
    for column in ("ports", *(f"batches of {r:,}" for r in rows)):
        table.add_column(column, justify="right")
    for p in ports:
        table.add_row(f"{p:,}", *(f"{found[p, r]:,.0f}" for r in rows))
    (console or screen).print(table)
    return result


def speed(ports: int, rows: int, seconds: float = 2.0) -> float:
    """Readings/s (CPU time) of the anomaly operator in `on_batch`: DC ports at one reading a second, three channels."""
    operator, rng = AnomalyOperator(), np.random.default_rng(0)
    spent, done, n = 0.0, 0, 0
    while spent < seconds:
        index = np.arange(n, n + rows)
        port, at = index % ports, 1_767_225_600_000_000 + index // ports * 1_000_000
        there, place = np.unique(port, return_inverse=True)
        usual = {"voltage": 400.0, "current": 100.0, "temp_connector": 40.0}
        channels: dict[str, Floats] = {
            name: (v + rng.standard_normal(rows)).astype(np.float32) for name, v in usual.items()
        }
        readings = Readings(place.astype(np.int32), at, at, index, index, np.zeros(rows, np.uint8), channels)
        names = [f"S{p // 2:05d}/{p % 2 + 1}" for p in there.tolist()]
        began = time.process_time()
        operator.on_batch(Batch(0, n, n + rows - 1, int(at[-1]), names, readings))
        if n >= 6 * ports:  # ports are known and ticks close
            spent, done = spent + time.process_time() - began, done + rows
        n += rows
    return done / spent
