"""One stage of the bridge benchmark in a process of its own: fill the broker, or empty it, and say how fast.

``python -m chargewell.bench.bridge_stage STAGE CLIENT COUNT SECONDS`` under CHARGEWELL_CONFIG. The load waits at the broker in
the persistent session of CLIENT before a stage that reads begins, so the reader is the limit and not whoever publishes.
Prints JSON.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from chargewell.settings import Settings, load
from connectors.mqtt import Connection, MqttSettings, Publisher
from pipelines.bridge import Bridge, BridgeSettings

PAYLOAD_BYTES: Final = 200
STATIONS: Final = 200
_CHECK_EVERY: Final = 500


class _Session:
    """Makes (or ends) a persistent session with the bridge's filters and reads nothing."""

    def __init__(self, mqtt: MqttSettings, client: str, *, persistent: bool) -> None:
        self._mqtt = mqtt
        self._subscribed = 0.0
        self.connection = Connection(mqtt, self, client_id=client, persistent=persistent)
        while not self._subscribed or time.monotonic() - self._subscribed < 0.5:
            self.connection.step(0.1, lambda: not self._subscribed)
        self.connection.close()

    def on_connected(self, session_present: bool, receive_maximum: int) -> None:
        self.connection.subscribe(self._mqtt.filters, session_present=session_present)
        self._subscribed = time.monotonic()

    def on_lost(self) -> None:
        """It will come back."""

    def on_message(self, message: paho.MQTTMessage) -> None:
        """Left unacknowledged."""

    def on_published(self, mid: int) -> None:
        """Nothing is published."""


def _open(settings: Settings, client: str, count: int, seconds: float) -> dict[str, Any]:
    """An empty session with the bridge's subscriptions: what an earlier stage left is dropped."""
    _Session(settings.mqtt, settings.kafka.named(client), persistent=False)
    _Session(settings.mqtt, settings.kafka.named(client), persistent=True)
    return {}


def _fill(settings: Settings, client: str, count: int, seconds: float) -> dict[str, Any]:
    payload = b"x" * PAYLOAD_BYTES
    began = time.monotonic()
    mqtt = settings.mqtt.model_copy(update={"protocol": "3.1.1"})
    with Publisher(mqtt, client_id=f"fill-{time.time_ns()}") as publisher:
        for number in range(count):
            publisher.publish(f"ev/B-{number % STATIONS}/from/reading", payload)
        publisher.flush(120.0)
    return {"messages": count, "seconds": time.monotonic() - began}


def _paho(settings: Settings, client: str, count: int, seconds: float) -> dict[str, Any]:
    """The rival: paho as its documentation shows it, acknowledging each message at once and doing nothing with it."""
    seen = {"count": 0, "first": 0.0, "last": 0.0}

    def on_message(who: paho.Client, _userdata: object, _message: paho.MQTTMessage) -> None:
        seen["count"] += 1
        if seen["count"] % _CHECK_EVERY == 1:
            seen["last"] = time.monotonic()
            seen["first"] = seen["first"] or seen["last"]
            if seen["last"] - seen["first"] >= seconds:
                who.disconnect()
        if seen["count"] == count:
            seen["last"] = time.monotonic()
            who.disconnect()

    name = settings.kafka.named(client)
    reader = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False, protocol=paho.MQTTv311)
    if settings.mqtt.user is not None and settings.mqtt.password is not None:
        reader.username_pw_set(settings.mqtt.user, settings.mqtt.password.get_secret_value())
    reader.on_message = on_message
    reader.connect(settings.mqtt.host, settings.mqtt.port)
    reader.loop_forever()
    return {"messages": seen["count"], "seconds": seen["last"] - seen["first"]}


def _bridge(settings: Settings, client: str, count: int, seconds: float) -> dict[str, Any]:
    mqtt = settings.mqtt.model_copy(update={"client_id": client, "protocol": "3.1.1"})
    bridge = Bridge(mqtt, settings.kafka, BridgeSettings())
    first = 0.0

    def done() -> bool:
        nonlocal first
        now = time.monotonic()
        if not first and bridge.confirmed:
            first = now
        return bridge.confirmed >= count or (first > 0 and now - first >= seconds)

    _run(bridge, done)
    return {"messages": bridge.confirmed, "seconds": time.monotonic() - first, "most": bridge.most_unacknowledged}


def _through(settings: Settings, client: str, count: int, seconds: float) -> dict[str, Any]:
    """Until every message is confirmed, however long Kafka takes; tells the most it ever held."""
    bound = BridgeSettings().max_unacknowledged
    bridge = Bridge(settings.mqtt.model_copy(update={"client_id": client}), settings.kafka, BridgeSettings())
    _run(bridge, lambda: bridge.confirmed >= count and not bridge.unacknowledged)
    return {"messages": bridge.confirmed, "most": bridge.most_unacknowledged, "bound": bound}


def _run(bridge: Bridge, done: Callable[[], bool]) -> None:
    while not done():
        bridge.step()


STAGES: Final = {"open": _open, "fill": _fill, "paho": _paho, "bridge": _bridge, "through": _through}


def main(stage: str, client: str, count: int, seconds: float) -> dict[str, Any]:
    """Run one stage."""
    cpu = time.process_time()
    result = STAGES[stage](load(), client, count, seconds)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return result | {"cpu_s": time.process_time() - cpu, "peak_mb": usage.ru_maxrss / 1024}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))) + "\n")
