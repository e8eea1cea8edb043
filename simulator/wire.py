"""The network's MQTT connections: one a station with its own last will, or one gateway for all; each message in the ledger.

Driven by its owner on one thread: `step` reads and writes all connections. An answer of the back office goes out once the
broker has the call that it answers, so that it never overtakes it.
"""

import select
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from connectors.mqtt import Connection, MqttError, MqttSettings, MqttUnreachableError, Will
from simulator.ledger import Ledger
from simulator.outbox import Out, Said
from simulator.settings import SimulatorSettings
from simulator.speak.message import connection

Heard = Callable[[str, bytes], None]
"""Told a station and the payload of a command for it."""
_IN_FLIGHT: Final = 500
_PAUSE_MS: Final = 20
_LOOK_S: Final = 0.5


class Line:
    """One connection and what it has said. `topics` are subscribed to; while `down` it is cut and nobody steps it.

    No more messages wait for acknowledgement than the broker takes; the rest waits here, in order.
    """

    def __init__(
        self, settings: MqttSettings, client_id: str, topics: tuple[str, ...], will: Will | None, wires: "Wires"
    ) -> None:
        self.topics, self.wires, self.down = topics, wires, False
        self.waiting: dict[int, tuple[int, Said]] = {}
        self.queue: deque[tuple[int, Said]] = deque()
        self._room = _IN_FLIGHT
        self._look_at = 0.0
        self.connection = Connection(settings, self, client_id=client_id, persistent=False, will=will)

    def publish(self, number: int, said: Said) -> None:
        """Say `said` as soon as there is room; `Wires.acknowledged` is told when the broker has it."""
        self.queue.append((number, said))
        self.post()

    def post(self) -> None:
        """Hand the connection what it has room for. MqttError where it takes no more."""
        while self.queue and len(self.waiting) < self._room and self.connection.connected:
            number, said = self.queue.popleft()
            info = self.connection.client.publish(said.topic, said.payload, 1, False, self._properties(said.at_us))
            if info.rc not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN):
                raise MqttError(f"{said.topic}: the message was not queued: {info.rc.name}")
            self.waiting[info.mid] = (number, said)
            self._look_at = 0.0

    def socket(self) -> Any:
        """The socket to wait on; None while there is none."""
        return None if self.down else self.connection.client.socket()

    def step(self, ready: bool) -> None:
        """Read and write without waiting, if there is something to: `ready` to be read, something said, or half a second over."""
        sock = self.socket()
        now = time.monotonic()
        if self.down or not (ready or now >= self._look_at or (sock is not None and sock.pending())):
            return
        self._look_at = now + _LOOK_S
        self.post()
        self.connection.step(0.0)

    def cut(self) -> None:
        """Hang up without a word: the broker sends the will."""
        self.down = True
        if self.connection.client.socket() is not None:
            self.connection.client.hang_up()

    def on_connected(self, session_present: bool, receive_maximum: int) -> None:
        """Subscribe to commands."""
        self._room = min(_IN_FLIGHT, receive_maximum)
        if self.topics:
            self.connection.subscribe(self.topics, session_present=session_present)

    def on_lost(self) -> None:
        """What is unacknowledged is sent again on the next connection."""

    def on_message(self, message: MQTTMessage) -> None:
        """A command."""
        if message.qos:
            self.connection.acknowledge([message.mid])
        self.wires.heard(message.topic.split("/")[1], bytes(message.payload))

    def on_published(self, mid: int) -> None:
        """The broker has it."""
        found = self.waiting.pop(mid, None)
        if found is not None:
            self.wires.acknowledged(*found)

    def _properties(self, at_us: int) -> Properties | None:
        if not self.wires.settings.publish_time or self.connection.version != MQTTProtocolVersion.MQTTv5:
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.UserProperty = ("at", str(at_us))
        return properties


class Wires:
    """All connections of a network. Use: `open`, then `send` and `step` in turn, at last `close`."""

    def __init__(
        self,
        settings: SimulatorSettings,
        mqtt: MqttSettings,
        stations: Sequence[str],
        heard: Heard,
        ledger: Ledger | None = None,
    ) -> None:
        self.settings, self.heard, self.ledger = settings, heard, ledger
        self.count = 0
        self._stations = list(stations)
        self._lines = self._make(mqtt)
        self._office = self._lines.get("", None)
        if settings.back_office and self._office is None:
            self._office = Line(mqtt, f"{mqtt.client_id}-office", (), None, self)

    def _make(self, mqtt: MqttSettings) -> dict[str, Line]:
        if self.settings.connections == "shared":
            return {"": Line(mqtt, f"{mqtt.client_id}-gateway", ("ev/+/to/command",), None, self)}
        lines = {}
        for station in self._stations:
            mine = mqtt
            if station in self.settings.passwords:
                mine = mqtt.model_copy(update={"user": station, "password": self.settings.passwords[station]})
            will = Will(f"ev/{station}/from/connection", connection(False).payload)
            safe = "".join(c if c.isalnum() or c in "._-" else "-" for c in station)
            lines[station] = Line(mine, f"{mqtt.client_id}-{safe}", (f"ev/{station}/to/command",), will, self)
        return lines

    @property
    def _all(self) -> list[Line]:
        office = [] if self._office is None or self._office in self._lines.values() else [self._office]
        return [*self._lines.values(), *office]

    @property
    def unacknowledged(self) -> int:
        """Messages that wait for the broker's acknowledgement."""
        return sum(len(line.waiting) + len(line.queue) for line in self._all)

    def open(self, timeout_s: float = 20.0) -> None:
        """Connect everything; MqttRefusedError if the broker says no, MqttUnreachableError after `timeout_s`."""
        if self.ledger is not None:
            self.ledger.said([self._last_words(s, 0) for s in self._lines if s])
        until = time.monotonic() + timeout_s
        while not all(line.connection.connected for line in self._all):
            if time.monotonic() > until:
                missing = sum(not line.connection.connected for line in self._all)
                raise MqttUnreachableError(
                    f"{missing} of {len(self._all)} connections to the MQTT broker did not come up within {timeout_s:g} s: "
                    "is it running, and are the settings mqtt.host and mqtt.port right?"
                )
            self.step()

    def send(self, out: Sequence[Out]) -> None:
        """Write `out` into the ledger, then publish it, in order; links break and come back where it says so."""
        said = [m for m in map(self._as_said, out) if m is not None]
        numbers = iter(self.ledger.said(said) if self.ledger is not None else range(self.count, self.count + len(said)))
        self.count += len(said)
        for item in out:
            if isinstance(item, Said):
                self._line(item.station).publish(next(numbers), item)
            elif "" in self._lines:
                if not item.up:
                    self._lines[""].publish(next(numbers), self._last_words(item.station, item.at_us))
            elif item.up:
                self._line(item.station).down = False
            else:
                self._line(item.station).cut()

    def _as_said(self, item: Out) -> Said | None:
        if isinstance(item, Said):
            return item
        return self._last_words(item.station, item.at_us) if "" in self._lines and not item.up else None

    def _last_words(self, station: str, at_us: int) -> Said:
        return Said(at_us, station, f"ev/{station}/from/connection", connection(False).payload)

    def _line(self, station: str) -> Line:
        return self._lines.get("") or self._lines[station]

    def acknowledged(self, number: int, said: Said) -> None:
        """The broker has `said`: note it, and let the back office answer."""
        if self.ledger is not None:
            self.ledger.acknowledged(number)
        if said.answer is not None and self._office is not None:
            topic, payload = said.answer
            answer = Said(said.at_us, said.station, topic, payload)
            numbers = self.ledger.said([answer]) if self.ledger is not None else range(self.count, self.count + 1)
            self.count += 1
            self._office.publish(numbers[0], answer)

    def step(self) -> None:
        """Write what was said, wait up to 20 ms for something to read, read it."""
        lines = self._all
        for line in lines:
            line.step(ready=False)
        poll, by_fd = select.poll(), {}
        for line in lines:
            sock = line.socket()
            if sock is not None:
                by_fd[sock.fileno()] = line
                poll.register(sock.fileno(), select.POLLIN)
        for fd, _ in poll.poll(_PAUSE_MS):
            by_fd[fd].step(ready=True)
        if self.ledger is not None:
            self.ledger.flush()

    def flush(self, timeout_s: float = 10.0) -> int:
        """Step until everything is acknowledged or `timeout_s` is over; what is left unacknowledged."""
        until = time.monotonic() + timeout_s
        while self.unacknowledged and time.monotonic() < until:
            self.step()
        return self.unacknowledged

    def close(self) -> None:
        """Say goodbye on every connection."""
        for line in self._all:
            line.connection.close()
        if self.ledger is not None:
            self.ledger.flush()


__all__: list[Any] = ["Heard", "Line", "Wires"]
