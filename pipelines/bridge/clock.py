"""The bridge's two clocks: its own, and for replays the publishers'."""

import time
from typing import Final, Protocol

from paho.mqtt.client import MQTTMessage

_AT: Final = "at"


class Clock(Protocol):
    """Gives receive times and the time of heartbeats, in microseconds since the epoch."""

    trusted: bool

    def received(self, message: MQTTMessage) -> int:
        """The receive time of `message`."""

    def now(self) -> int | None:
        """The time of a heartbeat; None while there is none to tell."""


class OwnClock:
    """The clock of this machine."""

    trusted = False

    def received(self, message: MQTTMessage) -> int:
        """Now."""
        return time.time_ns() // 1_000

    def now(self) -> int | None:
        """Now."""
        return time.time_ns() // 1_000


class PublishersClock:
    """The user property `at` (microseconds) of MQTT 5 messages: log time of a replay, independent of when it is played.

    It never goes back, stands still while nothing comes, and is unknown before the first message. A message without the
    property gets the newest time known. Whoever may publish sets the time, so it is for private brokers alone.
    """

    trusted = True

    def __init__(self) -> None:
        self._newest: int | None = None

    def received(self, message: MQTTMessage) -> int:
        """The message's own time; the newest before it where it tells none."""
        at = _told(message)
        if at is None:
            return self._newest if self._newest is not None else time.time_ns() // 1_000
        self._newest = at if self._newest is None else max(self._newest, at)
        return at

    def now(self) -> int | None:
        """The newest time told."""
        return self._newest


def _told(message: MQTTMessage) -> int | None:
    properties = getattr(message.properties, "UserProperty", ())
    for name, value in properties:
        if name == _AT and value.isascii() and value.isdigit():
            return int(value)
    return None
