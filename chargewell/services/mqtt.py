"""The MQTT broker: a given one, and what the two that we start (`mosquitto`, `artemis`) share."""

from pathlib import Path
from typing import ClassVar

from chargewell.services.endpoints import Endpoint, Kind, MqttEndpoint
from chargewell.services.owned import GivenRunning, OwnedProvider
from chargewell.services.ports import LOOPBACK
from chargewell.services.probe import mqtt_answers
from chargewell.services.provider import Availability, Note, Origin, ServiceError, provider
from chargewell.services.settings import ServiceSettings


@provider
class GivenMqtt:
    """A broker of your own."""

    kind: ClassVar[Kind] = "mqtt"
    name: ClassVar[str] = "given"
    origin: ClassVar[Origin] = "given"

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings.mqtt

    def available(self) -> Availability:
        """With an address."""
        if self._settings.host is None:
            return Availability(False, "services.mqtt.host is not set")
        return Availability(True, f"services.mqtt.host is set to {self._settings.host}")

    def version(self) -> str:
        """MQTT does not tell the broker's version."""
        return "MQTT broker (given)"

    def start(self, folder: Path, *, keep_ports: bool = False, note: Note = print) -> GivenRunning:
        """Ask it once."""
        wanted = self._settings
        if wanted.host is None:
            raise ServiceError(f"no MQTT broker: {self.available().reason}")
        password = wanted.password.get_secret_value() if wanted.password else None
        endpoint = MqttEndpoint(wanted.host, wanted.port, wanted.username, password, wanted.ca_file)
        if not mqtt_answers(endpoint, 10.0):
            raise ServiceError(
                f"no MQTT broker answers at {endpoint.shown}; check services.mqtt.host, port and the network"
            )
        return GivenRunning(endpoint, lambda: mqtt_answers(endpoint, 3.0))


class OwnedBroker(OwnedProvider):
    """What both brokers that we start share."""

    kind: ClassVar[Kind] = "mqtt"

    def endpoint(self, folder: Path, ports: dict[str, int]) -> MqttEndpoint:
        """On the loopback interface, with the bridge's login where logins are set."""
        wanted = self.settings.mqtt
        ca_file = wanted.tls.authority if wanted.tls else None
        if wanted.access is None:
            return MqttEndpoint(LOOPBACK, ports["main"], ca_file=ca_file)
        login = wanted.access.bridge
        return MqttEndpoint(LOOPBACK, ports["main"], login, wanted.access.users[login].get_secret_value(), ca_file)

    def answers(self, endpoint: Endpoint) -> bool:
        """CONNECT, CONNACK."""
        return isinstance(endpoint, MqttEndpoint) and mqtt_answers(endpoint, 1.0)
