"""MQTT: settings, a connection that its owner drives, and a publisher that knows what was acknowledged."""

from connectors.mqtt.connection import Connection, Owner
from connectors.mqtt.dialing import Will
from connectors.mqtt.errors import MqttError, MqttRefusedError, MqttTimeoutError, MqttUnreachableError
from connectors.mqtt.publisher import Publisher
from connectors.mqtt.settings import MqttSettings

__all__ = [
    "Connection",
    "MqttError",
    "MqttRefusedError",
    "MqttSettings",
    "MqttTimeoutError",
    "MqttUnreachableError",
    "Owner",
    "Publisher",
    "Will",
]
