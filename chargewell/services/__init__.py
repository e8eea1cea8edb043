"""Kafka, MQTT broker and PostgreSQL: found or started, watched and stopped, each by one of several providers."""

from chargewell.services import artemis, kafka, mosquitto, mqtt, postgres  # noqa: F401  (they register their providers)
from chargewell.services.choose import Choice, choose
from chargewell.services.endpoints import KINDS, Endpoint, KafkaEndpoint, Kind, MqttEndpoint, PostgresEndpoint
from chargewell.services.provider import Availability, Provider, Running, ServiceError, providers
from chargewell.services.run import Services, start_all
from chargewell.services.settings import MqttAccess, MqttTls, ServiceSettings

__all__ = [
    "KINDS",
    "Availability",
    "Choice",
    "Endpoint",
    "KafkaEndpoint",
    "Kind",
    "MqttAccess",
    "MqttEndpoint",
    "MqttTls",
    "PostgresEndpoint",
    "Provider",
    "Running",
    "ServiceError",
    "ServiceSettings",
    "Services",
    "choose",
    "providers",
    "start_all",
]
