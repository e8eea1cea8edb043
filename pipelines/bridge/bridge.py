"""The bridge: every MQTT message into `ev.raw`, unread, and acknowledged only once Kafka has it."""

import time
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Final

import structlog
from paho.mqtt.client import MQTTMessage

from connectors.kafka import DeliveryError, KafkaSettings, Producer
from connectors.metrics import asked
from connectors.mqtt import Connection, MqttSettings
from pipelines.bridge.acknowledgements import Acknowledgements, Ticket
from pipelines.bridge.clock import Clock, OwnClock, PublishersClock
from pipelines.bridge.heartbeat import Heart, Observation
from pipelines.bridge.metrics import BridgeMetrics, Probe
from pipelines.bridge.settings import BridgeSettings
from pipelines.bridge.topic_map import Route
from schemas.telemetry import BridgeBeat, encode_cw
from schemas.topics import partition_of

log = structlog.get_logger(__name__)

_REPORT_WAIT_S: Final = 0.003
"""How long the socket is waited for while Kafka has reports to come: below the producer's linger."""

_PAUSED_WAIT_S: Final = 0.05
_STATIONS: Final = 100_000
"""Stations whose partition is remembered: working it out takes microseconds."""
_OVERHEAD_BYTES: Final = 1_024


class Bridge:
    """One thread: reads the socket, hands records to Kafka, acknowledges in order what Kafka confirmed, sends heartbeats.

    It stops reading as soon as `max_unacknowledged` messages (or their bytes) are held, and asks the broker for no window of
    its own: Mosquitto 2.0.11 overruns Receive Maximum, and Artemis forgets subscriptions that waited for it. While it does not read it still pings, for as long as Kafka is away; the broker keeps what comes.
    Killed at any moment it loses nothing: the broker sends again what was not acknowledged, so a message may stand in
    `ev.raw` twice, the second time with the flag `dup`. Raises DeliveryError when Kafka refuses a record for good, and
    MqttRefusedError when the broker refuses the bridge; nothing unconfirmed was acknowledged then.
    """

    def __init__(self, mqtt: MqttSettings, kafka: KafkaSettings, settings: BridgeSettings) -> None:
        self._mqtt, self._kafka, self._settings = mqtt, kafka, settings
        self.name = kafka.named(mqtt.client_id)
        self._topic = kafka.topics.raw
        self._largest = kafka.message_max_bytes - _OVERHEAD_BYTES
        self._map = settings.topic_map()
        self._partition = lru_cache(_STATIONS)(partial(partition_of, partitions=kafka.partitions))
        self._clock: Clock = PublishersClock() if mqtt.trust_publisher_time else OwnClock()
        self._producer = Producer(kafka, mqtt.client_id, patience_s=0)
        self._heart = Heart(self._producer, self._topic, kafka.partitions, self.name)
        self._held = Acknowledgements()
        self._connection = Connection(mqtt, self, client_id=self.name, persistent=True)
        self._seen = Observation(_now())
        self._connected_at = 0
        self._kept = False
        self._count = 0
        self._next_beat = 0.0
        self._full_since: int | None = None
        self.too_large = 0
        self._probe = Probe()

    # -- the loop -----------------------------------------------------------------------------------------------------
    def run(self, stop: Callable[[], bool]) -> None:
        """Work until `stop()`; then wait for confirmations (`stop_s` at most), acknowledge, say goodbye."""
        try:
            with asked(BridgeMetrics(self)):
                while not stop():
                    self.step()
                self._finish()
        finally:
            self._connection.close()
            self._producer.close()

    def step(self) -> None:
        """One turn of the loop; returns within a heartbeat's time."""
        until_beat = max(0.0, self._next_beat - time.monotonic())
        if not self._held.unconfirmed:
            self._connection.step(until_beat, self._may_read)
        elif self._may_read():
            self._connection.step(min(until_beat, _REPORT_WAIT_S), self._may_read)
        else:
            self._connection.step(0, self._may_read)
            self._producer.poll(min(until_beat, _PAUSED_WAIT_S))
        self._producer.poll()
        self._settle()
        self._probe.look(self._held.received, self._held.confirmed)
        self._watch_stall()
        if time.monotonic() >= self._next_beat:
            self._beat()

    @property
    def received(self) -> int:
        """Messages taken from the broker since the start."""
        return self._held.received

    @property
    def confirmed(self) -> int:
        """Messages that Kafka confirmed."""
        return self._held.confirmed

    @property
    def unacknowledged(self) -> int:
        """Messages that were taken and are not acknowledged."""
        return len(self._held)

    @property
    def most_unacknowledged(self) -> int:
        """The largest number of unacknowledged messages there ever was."""
        return self._held.most

    @property
    def connected(self) -> bool:
        """Whether there is a connection to the broker."""
        return self._connection.connected

    @property
    def subscribed(self) -> bool:
        """Whether the broker has granted the subscription on this connection."""
        return self._connection.subscribed

    def _hears(self) -> bool:
        """Whether what stations say reaches us: a kept session never stopped listening, a new one waits for the broker's grant."""
        return self._connection.connected and (self._kept or self._connection.subscribed)

    def _may_read(self) -> bool:
        held, settings = self._held, self._settings
        return len(held) < settings.max_unacknowledged and held.size < settings.max_unacknowledged_bytes

    def _settle(self) -> None:
        if self._held.failed is not None:
            raise DeliveryError(f"{self._topic}: Kafka refuses a record: {self._held.failed}; it was not acknowledged")
        ready = self._held.ready()
        if ready:
            self._connection.acknowledge(ready)

    def _finish(self) -> None:
        try:
            self._producer.flush(self._settings.stop_s)
        except DeliveryError as error:
            log.warning("bridge: stopped before Kafka confirmed all; the broker will send it again", reason=str(error))
        self._settle()
        self._connection.step(0, lambda: False)
        self._connection.close()
        self._seen.became(False, _now())
        if not self._held.unconfirmed:
            self._beat()
            self._producer.flush(self._settings.stop_s)
        log.info("bridge: stopped", received=self.received, confirmed=self.confirmed)

    # -- the connection's owner ---------------------------------------------------------------------------------------
    def on_connected(self, session_present: bool, receive_maximum: int) -> None:
        """Subscribe, also to a session that was kept: filters may have been added."""
        self._connected_at = _now()
        self._kept = session_present
        self._connection.subscribe(self._mqtt.filters, session_present=session_present)

    def on_lost(self) -> None:
        """What was not acknowledged will come again, under other message ids."""
        self._held.forget()
        self._full_since = None
        self._seen.became(False, _now())

    def on_published(self, mid: int) -> None:
        """The bridge publishes nothing."""

    def on_message(self, message: MQTTMessage) -> None:
        """Hand it on, unread."""
        route = self._route(message)
        payload = bytes(message.payload)
        self._count += 1
        cw = encode_cw(
            "m",
            self._clock.received(message),
            message.retain,
            message.dup,
            route.direction,
            self._connected_at,
            self.name,
            self._count,
        )
        ticket = self._held.take(message.mid if message.qos else 0, len(payload))
        if len(payload) + len(route.topic) > self._largest:
            self._withhold(ticket, route, cw)
            return
        self._producer.send(
            self._topic,
            payload,
            key=route.topic,
            partition=self._partition(route.key),
            headers=[("cw", cw)],
            on_delivery=ticket.delivered,
        )

    def _route(self, message: MQTTMessage) -> Route:
        try:
            return self._map.route(message.topic)
        except UnicodeDecodeError as error:
            return self._map.route(error.object.decode("utf-8", "backslashreplace"))

    # -- payloads that Kafka does not take ----------------------------------------------------------------------------
    def _withhold(self, ticket: Ticket, route: Route, cw: bytes) -> None:
        """Record that the message came, and how large it was, instead of its payload: it must not block the queue."""
        self.too_large += 1
        log.warning(
            "bridge: payload withheld, it is larger than kafka.message_max_bytes", topic=route.topic, bytes=ticket.size
        )
        self._producer.send(
            self._topic,
            None,
            key=route.topic,
            partition=self._partition(route.key),
            headers=[("cw", cw), ("too_large", str(ticket.size).encode())],
            on_delivery=ticket.delivered,
        )

    # -- heartbeats ---------------------------------------------------------------------------------------------------
    def _watch_stall(self) -> None:
        """Not reading for a while is not seeing; reading again is seeing anew."""
        if self._may_read():
            self._full_since = None
            self._seen.became(self._hears(), _now())
            return
        now = _now()
        self._full_since = self._full_since or now
        if now - self._full_since >= self._settings.stall_s * 1_000_000:
            self._seen.became(False, self._full_since)

    def _beat(self) -> None:
        self._next_beat = time.monotonic() + self._settings.heartbeat_s
        at = self._clock.now()
        if at is None:
            return
        trusted = self._clock.trusted
        beat = BridgeBeat(
            bridge=self.name,
            at=at,
            connected=self._seen.seeing or trusted,
            since=0 if trusted else self._seen.since,
            received=self.received,
            confirmed=self.confirmed,
            unconfirmed=self._held.unconfirmed,
            too_large=self.too_large,
            filters=list(self._mqtt.filters),
        )
        self._heart.beat(beat, self._connected_at, self._next_count)

    def _next_count(self) -> int:
        self._count += 1
        return self._count


def _now() -> int:
    return time.time_ns() // 1_000
