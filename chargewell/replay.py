"""Playing a recording of MQTT messages through the broker, with their recorded times.

A recording is JSON lines (gzipped where the name ends in .gz): `topic`, `payload` (text, or an object that is sent as JSON) and
`at` (ISO 8601 or microseconds). The recorded time travels as MQTT 5 user property `at`; a bridge takes it as receive time only
where `mqtt.trust_publisher_time` is on.
"""

import gzip
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from chargewell.settings import Settings
from connectors.mqtt import MqttSettings, Publisher

_MAX_LINE = 16 * 1024 * 1024


class RecordingError(ValueError):
    """A line of a recording cannot be read; names file, line, reason and remedy."""


class _Line(msgspec.Struct, forbid_unknown_fields=False):
    topic: str
    payload: Any
    at: int | str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """One message of a recording; `at_us` is None where it has no time."""

    topic: str
    payload: bytes
    at_us: int | None


def read(path: Path) -> Iterator[Recorded]:
    """The messages of a recording, in order of its lines. RecordingError names the first line that is none."""
    decoder = msgspec.json.Decoder(_Line)
    with _open(path) as file:
        number = 0
        while raw := file.readline(_MAX_LINE + 1):
            number += 1
            if len(raw) > _MAX_LINE:
                raise RecordingError(
                    f"{path}, line {number}: longer than {_MAX_LINE:,} bytes; split the message or leave it out"
                )
            if raw.strip():
                yield _message(path, number, raw, decoder)


def _open(path: Path) -> BinaryIO:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _message(path: Path, number: int, raw: bytes, decoder: msgspec.json.Decoder[_Line]) -> Recorded:
    try:
        line = decoder.decode(raw)
        at = line.at
        at_us = round(datetime.fromisoformat(at).timestamp() * 1e6) if isinstance(at, str) else at
    except (msgspec.DecodeError, ValueError) as error:
        raise RecordingError(
            f"{path}, line {number}: {error}; a line is JSON with topic, payload and at (ISO 8601 or microseconds)"
        ) from error
    payload = line.payload.encode() if isinstance(line.payload, str) else msgspec.json.encode(line.payload)
    return Recorded(line.topic, payload, at_us)


def play(messages: list[Recorded], mqtt: MqttSettings, *, speed: float, progress: Progress | None = None) -> int:
    """Publish `messages` at `speed` times their recorded pace (0: as fast as the broker takes them); returns how many.

    Returns once the broker acknowledged every one; the order of the recording is kept.
    """
    task = progress.add_task("playing", total=len(messages)) if progress else None
    timed = [m.at_us for m in messages if m.at_us is not None]
    first, began = (timed[0] if timed else 0), time.monotonic()
    with Publisher(mqtt, client_id=f"{mqtt.client_id}-replay") as publisher:
        publisher.wait_connected()
        for done, message in enumerate(messages, 1):
            if speed > 0 and message.at_us is not None:
                wait = (message.at_us - first) / 1e6 / speed - (time.monotonic() - began)
                if wait > 0:
                    time.sleep(wait)
            publisher.publish(message.topic, message.payload, at_us=message.at_us)
            if progress is not None and task is not None and (done % 200 == 0 or done == len(messages)):
                progress.update(task, completed=done)
        publisher.flush(300.0)
    return len(messages)


def run(settings: Settings, file: Path, *, speed: float, console: Console) -> None:
    """Play `file` with a progress bar."""
    messages = list(read(file))
    if not messages:
        console.print(f"{file} holds no messages")
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        sent = play(messages, settings.mqtt, speed=speed, progress=progress)
    console.print(f"{sent:,} messages were acknowledged by the broker at {settings.mqtt.shown}")
