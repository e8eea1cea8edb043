"""The recording that torture plays: a simulated network with faults, late and repeated messages, written to a file."""

import time
from pathlib import Path

from simulator.recording import simulate, write

_MINUTE_US = 60_000_000


def record(path: Path, *, stations: int, minutes: float, seed: int) -> Path:
    """Write `minutes` of a network of `stations` stations that end about now; the path."""
    start_us = time.time_ns() // 1_000 // _MINUTE_US * _MINUTE_US - (round(minutes) + 1) * _MINUTE_US
    write(path, simulate(start_us, seconds=round(minutes * 60), stations=stations, seed=seed).lines)
    return path
