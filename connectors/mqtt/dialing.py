"""How a connection is asked for: the client, its CONNECT, and what a refusal means for the settings."""

import ssl
from dataclasses import dataclass
from typing import Final

from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from connectors.mqtt.buffered import BufferedClient
from connectors.mqtt.errors import MqttError
from connectors.mqtt.settings import MqttSettings

UNSUPPORTED_VERSION: Final = 132
SESSION_TAKEN_OVER: Final = 142
NAMES: Final = {MQTTProtocolVersion.MQTTv5: "5", MQTTProtocolVersion.MQTTv311: "3.1.1"}

_REFUSALS: Final = {
    UNSUPPORTED_VERSION: "it does not speak MQTT {protocol} (setting mqtt.protocol)",
    133: "the client id {client_id!r} is not accepted (setting mqtt.client_id)",
    134: "wrong login or password (settings mqtt.user and mqtt.password)",
    135: "{user} may not connect (settings mqtt.user and mqtt.password, and the broker's access list)",
    140: "it wants another kind of authentication than login and password",
}


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker shall say when this client vanishes without a word; QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Dialing:
    """Who asks and for what. A persistent session is kept by the broker for `session_expiry_s` (MQTT 3.1.1: as it likes)."""

    settings: MqttSettings
    client_id: str
    persistent: bool
    will: Will | None

    def client(self, version: MQTTProtocolVersion) -> BufferedClient:
        """A client of this version, not connected, without callbacks. MqttError where a TLS file cannot be read."""
        settings = self.settings
        five = version == MQTTProtocolVersion.MQTTv5
        client = BufferedClient(
            CallbackAPIVersion.VERSION2,
            client_id=self.client_id,
            clean_session=None if five else not self.persistent,
            protocol=version,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        if settings.user is not None:
            client.username_pw_set(settings.user, settings.password.get_secret_value() if settings.password else None)
        if settings.secure:
            client.tls_set_context(_tls(settings))
        if self.will is not None:
            client.will_set(self.will.topic, self.will.payload, qos=1, retain=self.will.retain)
        client.max_inflight_messages = 0  # the owner bounds what it sends
        client.connect_timeout = settings.connect_timeout_s
        return client

    def connect(self, client: BufferedClient, version: MQTTProtocolVersion) -> None:
        """Open the socket and queue CONNECT; OSError when nobody listens. Later attempts are `client.reconnect()`."""
        settings = self.settings
        if version != MQTTProtocolVersion.MQTTv5:
            client.connect(settings.host, settings.port, settings.keepalive_s)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = settings.session_expiry_s if self.persistent else 0
        client.connect(
            settings.host,
            settings.port,
            settings.keepalive_s,
            clean_start=not self.persistent,
            properties=properties,
        )

    def refusal(self, reason: ReasonCode, version: MQTTProtocolVersion) -> str | None:
        """What a refused CONNECT means and which setting to look at; None where the broker may think better of it."""
        text = _REFUSALS.get(reason.value)
        if text is None:
            return None
        user = "an anonymous client" if self.settings.user is None else f"the login {self.settings.user!r}"
        return text.format(client_id=self.client_id, user=user, protocol=NAMES[version])


def _tls(settings: MqttSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(settings.ca) if settings.ca else None)
    except OSError as error:
        raise MqttError(f"mqtt.ca: {settings.ca} cannot be read: {error}") from error
    if settings.cert is not None:
        try:
            context.load_cert_chain(settings.cert, settings.key)
        except OSError as error:
            raise MqttError(
                f"mqtt.cert, mqtt.key: {settings.cert} and {settings.key} cannot be used: {error}"
            ) from error
    return context
