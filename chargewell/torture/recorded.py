"""The recording that torture plays: a simulated network with faults, late and repeated messages, written to a file."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from schemas.assets import Registry
from simulator.fleet import generate
from simulator.recording import simulate, write
from simulator.registry import registry

_MINUTE_US: Final = 60_000_000
_HEARTBEAT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording and the registry of the network that it is of: without tariffs there would be no credits to compare."""

    path: Path
    registry: Registry


def record(path: Path, *, stations: int, minutes: float, seed: int) -> Recorded:
    """Write `minutes` of a network of `stations` stations that end about now.

    The faults of `simulator.script.RECORDED` happen in it; the first session that a fault cuts is cut after two minutes,
    the one with a credit after about four. ValueError for fewer stations than the faults need (60 are enough).
    """
    start_us = time.time_ns() // 1_000 // _MINUTE_US * _MINUTE_US - (round(minutes) + 1) * _MINUTE_US
    write(path, simulate(start_us, seconds=round(minutes * 60), stations=stations, seed=seed).lines)
    since = datetime.fromtimestamp(start_us / 1e6, UTC) - timedelta(days=1)
    return Recorded(path, registry(generate(stations, seed, heartbeat_s=_HEARTBEAT_S), since=since))
