"""Recordings of MQTT messages, JSON lines of topic, payload and `at`; and the recording of a simulated network for tests.

One line a message: `topic`, `payload` (the text as it went over the wire), `at` (us since the epoch). The payload may
also be given as a JSON object or array, and `at` as RFC 3339. Files that end in .gz are compressed.
"""

import gzip
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import orjson

from schemas.labels import Label
from simulator.fleet import generate
from simulator.history import History
from simulator.live import LiveFleet
from simulator.outbox import Link, Said
from simulator.ports import US
from simulator.reporter import Pace
from simulator.script import RECORDED, Script
from simulator.speak.message import connection
from simulator.world import World

_WILL_US = 2 * US
_WARM_US = 3 * 3_600 * US


class RecordingError(ValueError):
    """A line that is no message; the message of the error names file and line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One message of a recording; `at` in us."""

    topic: str
    payload: bytes
    at: int


@dataclass
class Recording:
    """A simulated recording: its lines in order of `at`, and what was wrong meanwhile."""

    lines: list[Line]
    labels: list[Label]
    start_us: int
    end_us: int
    ports: list[str] = field(default_factory=list)


def write(path: Path, lines: Iterable[Line]) -> int:
    """Write `lines` to `path`; how many there were."""
    count = 0
    with _open(path, "wb") as file:
        for count, line in enumerate(lines, 1):  # noqa: B007 - the count is wanted after the loop
            body = {"topic": line.topic, "payload": line.payload.decode("utf-8"), "at": line.at}
            file.write(orjson.dumps(body) + b"\n")
    return count


def read(path: Path) -> Iterator[Line]:
    """The lines of a recording. RecordingError names the line that is none; empty lines are passed over."""
    with _open(path, "rb") as file:
        for number, raw in enumerate(file, 1):
            if raw.strip():
                try:
                    yield _line(orjson.loads(raw))
                except (ValueError, KeyError, TypeError) as error:
                    raise RecordingError(
                        f"{path}, line {number}: not a recorded message ({error}); each line is a JSON object with topic, payload, at"
                    ) from error


@contextmanager
def _open(path: Path, mode: Literal["rb", "wb"]) -> Iterator[IO[bytes] | gzip.GzipFile]:
    with path.open(mode) as file:
        if path.suffix == ".gz":
            with gzip.GzipFile("", mode, fileobj=file, mtime=0) as unpacked:
                yield unpacked
        else:
            yield file


def _line(body: dict[str, Any]) -> Line:
    payload, at = body["payload"], body["at"]
    text = payload.encode() if isinstance(payload, str) else orjson.dumps(payload)
    if isinstance(at, str):
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError("at has no time zone")
        at = round(moment.timestamp() * 1e6)
    if not isinstance(body["topic"], str) or not isinstance(at, int):
        raise TypeError("topic must be text, at a whole number of microseconds or RFC 3339")
    return Line(body["topic"], text, at)


def play(
    lines: Iterable[Line], send: Callable[[Line], None], *, speed: float, clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> int:  # fmt: skip
    """Hand each line to `send` at its time, `speed` times faster than recorded (0: at once); how many there were."""
    first, began, count = None, clock(), 0
    for count, line in enumerate(lines, 1):  # noqa: B007 - the count is wanted after the loop
        first = line.at if first is None else first
        if speed > 0:
            wait = began + (line.at - first) / 1e6 / speed - clock()
            if wait > 0:
                sleep(wait)
        send(line)
    return count


def simulate(
    start_us: int,
    seconds: int = 600,
    stations: int = 60,
    seed: int = 1,
    repeated: float = 0.01,
    pace: Pace | None = None,
) -> Recording:
    """`seconds` of a network from `start_us` (a whole minute) with the faults of `script.RECORDED`: late, repeated and cut.

    Deterministic. A share `repeated` of the messages comes a second time, up to 30 s later, as QoS 1 allows. Three hours of
    history go before, so that it begins in the middle of life; they are not part of it.
    """
    fleet = generate(stations, seed, heartbeat_s=30.0)
    world, script = World(fleet, seed=seed), Script(fleet, RECORDED, seed)
    before = History(world, start_us - _WARM_US, start_us, 1, placed=script.visits(start_us))
    for _ in before:
        pass
    comers = script.newcomers(start_us, seconds, share=0.4)
    live = LiveFleet(world, before.moment, script.faults(start_us), comers, pace or Pace(charging_s=3, idle_s=20))
    lines: list[Line] = []
    for item in live.advance(start_us + seconds * US):
        lines.extend(_spoken(item))
    rng = np.random.default_rng([seed, 0x2E9EA7])
    again = np.flatnonzero(rng.random(len(lines)) < repeated)
    later = (rng.uniform(0.5, 30, len(again)) * US).astype(np.int64)
    lines += [Line(lines[i].topic, lines[i].payload, lines[i].at + int(d)) for i, d in zip(again, later, strict=True)]
    lines.sort(key=lambda line: line.at)
    end_us = start_us + seconds * US
    return Recording(lines, live.faults.labels(), start_us, end_us, fleet.port_names)


def _spoken(item: Said | Link) -> Iterator[Line]:
    """What of `item` goes over the wire: the message and its answer, or the broker's last will."""
    if isinstance(item, Link):
        if not item.up:
            will = connection(False).payload
            yield Line(f"ev/{item.station}/from/connection", will, item.at_us + _WILL_US)
        return
    yield Line(item.topic, item.payload, item.at_us)
    if item.answer is not None:
        topic, payload = item.answer
        yield Line(topic, payload, item.at_us + 20_000)
