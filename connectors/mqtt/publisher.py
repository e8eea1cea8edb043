"""Publishing at QoS 1 and knowing what the broker acknowledged: for the simulator, control and replay."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from connectors.mqtt.connection import Connection
from connectors.mqtt.dialing import Will
from connectors.mqtt.errors import MqttError, MqttTimeoutError, MqttUnreachableError
from connectors.mqtt.settings import MqttSettings

IN_FLIGHT: Final = 1_000
_STEP_S: Final = 0.2


class _Message(NamedTuple):
    topic: str
    payload: bytes
    at_us: int | None
    retain: bool
    tag: Any


OnAcknowledged = Callable[[Any], None]
"""Told the `tag` of a message once the broker took responsibility for it; called on the publisher's own thread."""


class Publisher:
    """A connection with a thread of its own through which any thread may publish.

    `publish` returns when the message is queued, `flush` when all are acknowledged. At most `in_flight` messages (fewer if
    the broker says so) wait for acknowledgement; beyond that `publish` blocks. What is unacknowledged when the connection
    breaks is sent again on the next one, so a message may arrive twice; it is lost only with this process. Use as a
    context manager, or call `close`.
    """

    def __init__(
        self,
        settings: MqttSettings,
        *,
        client_id: str,
        on_acknowledged: OnAcknowledged | None = None,
        in_flight: int = IN_FLIGHT,
        will: Will | None = None,
    ) -> None:
        self._settings = settings
        self._on_acknowledged = on_acknowledged
        self._wanted_in_flight = self._in_flight = in_flight
        self._changed = threading.Condition()
        self._outbox: deque[_Message] = deque()
        self._tags: dict[int, Any] = {}
        self._failed: Exception | None = None
        self._stopping = False
        self._connection = Connection(settings, self, client_id=client_id, persistent=False, will=will)
        self._thread = threading.Thread(target=self._run, name=f"mqtt-{client_id}", daemon=True)
        self._thread.start()

    def __enter__(self) -> "Publisher":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.close()

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._connection.connected

    @property
    def unacknowledged(self) -> int:
        """Messages that wait for the broker's acknowledgement."""
        return len(self._tags) + len(self._outbox)

    def wait_connected(self, timeout_s: float = 10.0) -> None:
        """Return once connected; MqttRefusedError if the broker says no, MqttUnreachableError after `timeout_s`."""
        self._wait_for(lambda: self._connection.ever_connected, timeout_s, self._unreachable)

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        at_us: int | None = None,
        retain: bool = False,
        tag: Any = None,
        timeout_s: float | None = 60.0,
    ) -> None:
        """Queue one message at QoS 1. `at_us` (microseconds) travels as user property `at` where the broker speaks MQTT 5.

        Waits while `in_flight` messages are unacknowledged, MqttTimeoutError after `timeout_s`. ValueError for a topic with
        wildcards. The order of one publisher's messages is kept.
        """
        if not topic or "+" in topic or "#" in topic:
            raise ValueError(f"{topic!r} is not a topic to publish on: it is empty or holds a wildcard")
        self._wait_for(lambda: self._connection.ever_connected, timeout_s, self._unreachable)
        with self._changed:
            self._wait_for(lambda: self.unacknowledged < self._in_flight, timeout_s, self._late)
            self._outbox.append(_Message(topic, payload, at_us, retain, tag))
        self._connection.wake()

    def flush(self, timeout_s: float = 60.0) -> None:
        """Return once everything is acknowledged; MqttTimeoutError after `timeout_s`."""
        self._wait_for(lambda: not self.unacknowledged, timeout_s, self._late)

    def close(self, *, vanish: bool = False) -> None:
        """Disconnect; what is unacknowledged is forgotten (`flush` first). `vanish`: without a word, so that the will is sent."""
        with self._changed:
            self._stopping = True
        self._connection.wake()
        self._thread.join()
        if vanish:
            self._connection.client.hang_up()
        self._connection.close()

    # -- on the publisher's own thread --------------------------------------------------------------------------------
    def on_connected(self, session_present: bool, receive_maximum: int) -> None:
        """Room again."""
        with self._changed:
            self._in_flight = min(self._wanted_in_flight, receive_maximum)
            self._changed.notify_all()

    def on_lost(self) -> None:
        """paho keeps what is unacknowledged and sends it on the next connection."""

    def on_message(self, message: MQTTMessage) -> None:
        """Nothing was subscribed to."""

    def on_published(self, mid: int) -> None:
        """The broker has it."""
        with self._changed:
            tag = self._tags.pop(mid, None)
            self._changed.notify_all()
        if self._on_acknowledged is not None:
            self._on_acknowledged(tag)

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._post()
                self._connection.step(_STEP_S)
        except Exception as error:  # noqa: BLE001 - raised in the threads that publish
            with self._changed:
                self._failed = error
                self._changed.notify_all()

    def _post(self) -> None:
        """Give paho what was queued, in order; all its calls are made on this thread."""
        while self._outbox and self._connection.connected and len(self._tags) < self._in_flight:
            message = self._outbox[0]
            info = self._connection.client.publish(
                message.topic, message.payload, 1, message.retain, self._properties(message.at_us)
            )
            if info.rc not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN):
                raise MqttError(f"{message.topic}: the message was not queued: {info.rc.name}")
            self._tags[info.mid] = message.tag
            self._outbox.popleft()

    # -- waiting ------------------------------------------------------------------------------------------------------
    def _wait_for(self, done: Callable[[], bool], timeout_s: float | None, error: Callable[[float], MqttError]) -> None:
        with self._changed:
            ready = self._changed.wait_for(lambda: self._failed is not None or done(), timeout_s)
            if self._failed is not None:
                raise self._failed
            if not ready:
                raise error(timeout_s or 0.0)

    def _unreachable(self, after_s: float) -> MqttError:
        return MqttUnreachableError(
            f"the MQTT broker {self._settings.shown} did not answer within {after_s:g} s: is it running, and are the "
            f"settings mqtt.host and mqtt.port right?"
        )

    def _late(self, after_s: float) -> MqttError:
        state = "connected" if self.connected else "not connected"
        return MqttTimeoutError(
            f"the MQTT broker {self._settings.shown} ({state}) did not acknowledge {self.unacknowledged} messages "
            f"within {after_s:g} s"
        )

    def _properties(self, at_us: int | None) -> Properties | None:
        if at_us is None or self._connection.version != MQTTProtocolVersion.MQTTv5:
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.UserProperty = ("at", str(at_us))
        return properties


__all__ = ["IN_FLIGHT", "OnAcknowledged", "Publisher", "Will"]
