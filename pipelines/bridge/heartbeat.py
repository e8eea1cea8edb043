"""Heartbeats: once a second, to every partition, so that log time goes on where no station says anything."""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from connectors.kafka import Producer
from schemas.telemetry import BridgeBeat, encode_cw


class Observation:
    """Since when the bridge has been seeing what stations say, or has not; told in heartbeats as `connected` and `since`."""

    def __init__(self, now: int) -> None:
        self.seeing = False
        self.since = now

    def became(self, seeing: bool, now: int) -> None:
        """Note a change at `now` (microseconds); nothing if it is none."""
        if seeing != self.seeing:
            self.seeing, self.since = seeing, now


class Heart:
    """Sends one heartbeat to each partition, unless the last one there is still on its way.

    So Kafka being down leaves at most one heartbeat a partition waiting, and the next one tells, by `since`, all that was
    missed. A heartbeat that Kafka gave up is simply missing.
    """

    def __init__(self, producer: Producer, topic: str, partitions: int, bridge: str) -> None:
        self._producer, self._topic, self._bridge = producer, topic, bridge
        self._on_its_way = [False] * partitions
        self._encoder = msgspec.json.Encoder()
        self.lost = 0

    def beat(self, beat: BridgeBeat, connection: int, count: Callable[[], int]) -> int:
        """Send `beat` where it can be sent; the number of partitions. `count` gives each record its number."""
        value = self._encoder.encode(beat)
        free = [p for p, waiting in enumerate(self._on_its_way) if not waiting]
        for partition in free:
            cw = encode_cw("h", beat.at, False, False, "other", connection, self._bridge, count())
            self._on_its_way[partition] = True
            self._producer.send(
                self._topic,
                value,
                key=b"",
                partition=partition,
                headers=[("cw", cw)],
                on_delivery=partial(self._delivered, partition),
            )
        return len(free)

    def _delivered(self, partition: int, error: Any, _message: Any) -> None:
        self._on_its_way[partition] = False
        self.lost += error is not None
