"""Playing a recording of MQTT messages through the broker, with their recorded times (`simulator.recording` has the format).

The recorded time travels as MQTT 5 user property `at`; a bridge takes it as receive time only where
`mqtt.trust_publisher_time` is on.
"""

import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from chargewell.settings import Settings
from connectors.mqtt import MqttSettings, Publisher
from simulator.recording import Line, read
from simulator.recording import play as pace


def play(lines: list[Line], mqtt: MqttSettings, *, speed: float, progress: Progress | None = None) -> int:
    """Publish `lines` at `speed` times their recorded pace (0: as fast as the broker takes them); returns how many.

    Returns once the broker acknowledged every one; the order of the recording is kept.
    """
    task = progress.add_task("playing", total=len(lines)) if progress else None
    with Publisher(mqtt, client_id=f"{mqtt.client_id}-replay") as publisher:
        publisher.wait_connected()

        def send(line: Line) -> None:
            publisher.publish(line.topic, line.payload, at_us=line.at)
            if progress is not None and task is not None:
                progress.advance(task)

        count = pace(lines, send, speed=speed, clock=time.monotonic, sleep=time.sleep)
        publisher.flush(300.0)
    return count


def run(settings: Settings, file: Path, *, speed: float, console: Console) -> None:
    """Play `file` with a progress bar. RecordingError names a line that is no message before anything is sent."""
    lines = list(read(file))
    if not lines:
        console.print(f"{file} holds no messages")
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        sent = play(lines, settings.mqtt, speed=speed, progress=progress)
    console.print(f"{sent:,} messages were acknowledged by the broker at {settings.mqtt.shown}")
