"""From a device's message to the alert on the topic, at a steady thousand readings a second."""

import statistics
import threading
import time
from pathlib import Path
from typing import Any, Final

import confluent_kafka as ck
import orjson
from rich.console import Console

from chargewell.processes import Processes
from chargewell.settings import Settings
from connectors.kafka import KafkaSettings, consumer, ends
from connectors.mqtt import Publisher
from schemas.alerts import Alert

_STATIONS: Final = 500
_WARM_S: Final = 5.0
"""Faults of this time count for nothing: the first alert ever makes a new broker load what it needs for half a second."""
_SNAPSHOTS: Final = 2
"""So many fall into the time measured, or their stalls would not be seen."""
_EVERY_S: Final = 0.1


def latency(settings: Settings, folder: Path, console: Console) -> tuple[float, float]:
    """(p50, p99) in ms of 'faulted' events said among 1,000 readings/s until their alert can be read from `ev.alerts`."""
    processes = Processes(folder / "settings.toml", folder / "logs", note=console.print)
    try:
        processes.add("flow-all", "flow", "all")
        processes.add("bridge", "bridge")
        time.sleep(8.0)
        said: dict[str, float] = {}
        heard: dict[str, float] = {}
        ended = threading.Event()
        listener = threading.Thread(target=_listen, args=(settings.kafka, heard, ended), daemon=True)
        listener.start()
        _speak(settings, said, _WARM_S + _SNAPSHOTS * settings.flows.epoch_s)
        time.sleep(3.0)
        ended.set()
        listener.join()
    finally:
        processes.stop()
    waits = sorted((heard[port] - at) * 1_000 for port, at in said.items() if port in heard)
    if len(waits) < len(said) * 0.99:
        raise RuntimeError(f"{len(said) - len(waits)} of {len(said)} faults raised no alert")
    p50, p99 = statistics.median(waits), waits[int(len(waits) * 0.99) - 1]
    console.print(
        f"device to alert at 1,000 readings/s: p50 {p50:.0f} ms, p99 {p99:.0f} ms (goal: 100), slowest {waits[-1]:.0f} ms; "
        f"{len(waits)} alerts over {_SNAPSHOTS} snapshots, one in {settings.flows.epoch_s:g} s"
    )
    return p50, p99


def _speak(settings: Settings, said: dict[str, float], seconds: float) -> None:
    with Publisher(settings.mqtt, client_id="bench-latency") as publisher:
        began, n, faults = time.monotonic(), 0, 0
        while (elapsed := time.monotonic() - began) < seconds:
            while n < elapsed * 1_000:
                station = f"LAT-{n % _STATIONS:04d}"
                publisher.publish(f"ev/{station}/from/reading", _reading(n))
                n += 1
            if elapsed >= faults * _EVERY_S:
                station = f"FLT-{faults:04d}"
                event = {"port": 1, "kind": "status", "data": {"status": "faulted", "error": "ground_failure"}}
                if elapsed >= _WARM_S:
                    said[f"{station}/1"] = time.time()
                publisher.publish(f"ev/{station}/from/event", orjson.dumps(event))
                faults += 1
            time.sleep(0.001)
        publisher.flush()


def _reading(n: int) -> bytes:
    values: dict[str, Any] = {"voltage": 230.0 + n % 7 * 0.1, "current": 16.0, "temp_connector": 31.5}
    return orjson.dumps({"port": 1, "at": time.time_ns() // 1_000_000, **values})


def _listen(kafka: KafkaSettings, heard: dict[str, float], ended: threading.Event) -> None:
    client = consumer(kafka, "bench-latency")
    client.assign(
        [ck.TopicPartition(kafka.topics.alerts, p, high) for p, (_, high) in ends(kafka, kafka.topics.alerts).items()]
    )
    try:
        while not ended.is_set():
            message = client.poll(0.2)
            if message is not None and message.error() is None:
                alert = Alert.model_validate_json(message.value() or b"")
                heard.setdefault(alert.port, time.time())
    finally:
        client.close()
