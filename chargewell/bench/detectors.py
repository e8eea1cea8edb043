"""How fast the anomaly operator is: `chargewell bench detectors`. Readings/s on one core against the number of ports, and bytes a port."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from chargewell.terminal import screen
from models.anomaly.operator import AnomalyOperator
from models.columns import Batch, Floats, Readings

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]

PORTS: Final = (100, 1_000, 10_000, 100_000)
ROWS: Final = (2_000, 20_000)
_START_S: Final = 1_767_225_600
_SPELL_S: Final = 4 * 3_600
_SPELLS: Final = 5
"""Spells of the warm-up: after four a port is judged."""
_REST: Final = range(0, 3_600, 300)
_CHARGE: Final = range(3_600, 4_800, 60)
"""When ports tell something in a spell of the warm-up, in seconds: they rest, so that they cool down, then they charge."""
_HEAT_S: Final = 600.0
_TOGETHER: Final = 20_000


@dataclass(frozen=True, slots=True)
class Speeds:
    """Readings/s by (ports, rows a batch), the median of the rounds, and bytes of state a port."""

    readings_per_s: dict[tuple[int, int], float]
    bytes_per_port: int


class _Facts(NamedTuple):
    rated_w: float
    phases: int
    kind: str


_AC: Final = _Facts(11_000.0, 3, "ac")
_DC: Final = _Facts(50_000.0, 3, "dc")


def run(
    *, seconds: float = 3.0, repeats: int = 3, ports: Sequence[int] = PORTS, rows: Sequence[int] = ROWS,
    console: Console | None = None,
) -> Speeds:  # fmt: skip
    """Measure every size `repeats` times for `seconds` of CPU time each and print the table."""
    found: dict[tuple[int, int], float] = {}
    for p in ports:
        network = Network(p)
        found |= {(p, r): median(network.speed(r, seconds) for _ in range(repeats)) for r in rows}
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


class Network:
    """An operator that has known `ports` ports for five spells of four hours, and what they tell next.

    Half of the stations are AC, half DC. Voltage, current and the connector's temperature are told, so contact and, at AC
    ports, supply are judged at every tick. Making one takes 0.4 ms of CPU time a port.
    """

    def __init__(self, ports: int) -> None:
        self._names = [f"S{p // 2:05d}/{p % 2 + 1}" for p in range(ports)]
        self._ac = np.arange(ports) // 2 % 2 == 0
        facts = {name: _AC if ac else _DC for name, ac in zip(self._names, self._ac.tolist(), strict=True)}
        self.operator = AnomalyOperator(facts)
        self._rng = np.random.default_rng(0)
        self._told = 0
        self._heat, self._heated_at = 0.0, _START_S
        for spell in range(_SPELLS):
            for moment in (*_REST, *_CHARGE):
                self._everyone(_START_S + spell * _SPELL_S + moment, charging=moment in _CHARGE)
        self._begin, self._next = self._heated_at + 1, 0

    def speed(self, rows: int, seconds: float) -> float:
        """Readings/s (CPU time) in `on_batch` while all ports charge and tell once a second, in batches of `rows`."""
        spent, done = 0.0, 0
        while spent < seconds:
            batch = self.batch(rows)
            began = time.process_time()
            self.operator.on_batch(batch)
            spent, done = spent + time.process_time() - began, done + rows
        return done / spent

    def batch(self, rows: int) -> Batch:
        """The next `rows` readings: second by second, port by port."""
        index = np.arange(self._next, self._next + rows)
        self._next += rows
        ports = len(self._names)
        return self._batch(index % ports, self._begin + index // ports, charging=True)

    def _everyone(self, second: int, *, charging: bool) -> None:
        for first in range(0, len(self._names), _TOGETHER):
            port = np.arange(first, min(first + _TOGETHER, len(self._names)))
            self.operator.on_batch(self._batch(port, np.full(len(port), second), charging=charging))

    def _batch(self, port: Ints, second: Ints, *, charging: bool) -> Batch:
        rows, ac, noise = len(port), self._ac[port], self._rng.standard_normal
        there, place = np.unique(port, return_inverse=True)
        current = np.where(ac, 16.0, 100.0) * charging
        channels: dict[str, Floats] = {
            "voltage": (np.where(ac, 230.0, 400.0) + noise(rows)).astype(np.float32),
            "current": np.maximum(current + 0.1 * noise(rows) * charging, 0).astype(np.float32),
            "temp_connector": (20.0 + 15.0 * self._heat_at(second, charging) + 0.2 * noise(rows)).astype(np.float32),
        }
        at, origin = second * 1_000_000, np.arange(self._told, self._told + rows)
        self._told += rows
        readings = Readings(place.astype(np.int32), at, at, origin, origin, np.zeros(rows, np.uint8), channels)
        names = [self._names[p] for p in there.tolist()]
        return Batch(0, int(origin[0]), int(origin[-1]), int(at[-1]), names, readings)

    def _heat_at(self, second: Ints, charging: bool) -> Reals:
        """The filtered square of the current (rated: 1) at rising times: what heats a connector."""
        gone = (second - self._heated_at) / _HEAT_S
        heat: Reals = charging + (self._heat - charging) * np.exp(-gone)
        self._heat, self._heated_at = float(heat[-1]), int(second[-1])
        return heat
