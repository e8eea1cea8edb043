"""Sending commands by MQTT, acknowledged by the broker, never left lying in a queue of ours to be sent later."""

import threading
from typing import Final

from connectors.mqtt import MqttError, MqttSettings, Publisher

_CONNECT_S: Final = 5.0
_ACKNOWLEDGE_S: Final = 5.0


class Sender:
    """Publishes at QoS 1 and returns once the broker has it. Connects at first use; any thread may call.

    A message that was not acknowledged in time is dropped with its connection, so it cannot leave after its time; the job
    that wanted it tries again as long as the command has not expired.
    """

    def __init__(self, settings: MqttSettings, *, client_id: str) -> None:
        self._settings, self._client_id = settings, client_id
        self._lock = threading.Lock()
        self._publisher: Publisher | None = None

    def __call__(self, topic: str, payload: bytes) -> None:
        """Publish; MqttError if the broker did not take it."""
        with self._lock:
            publisher = self._publisher or Publisher(self._settings, client_id=self._client_id)
            self._publisher = None
            try:
                publisher.wait_connected(_CONNECT_S)
                publisher.publish(topic, payload, timeout_s=_ACKNOWLEDGE_S)
                publisher.flush(_ACKNOWLEDGE_S)
            except MqttError:
                publisher.close()
                raise
            self._publisher = publisher

    def close(self) -> None:
        """Disconnect."""
        with self._lock:
            if self._publisher is not None:
                self._publisher.close()
                self._publisher = None
