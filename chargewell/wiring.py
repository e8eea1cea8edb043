"""Settings for services that we started: their endpoints in place of addresses given."""

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from chargewell.services import Services
from chargewell.settings import Settings


def at_services(settings: Settings, services: Services, *, data_dir: Path) -> Settings:
    """`settings` with Kafka, MQTT broker and database of `services`, and everything of ours kept under `data_dir`."""
    database = settings.database.model_copy(update={"dsn": services.postgres.dsn})
    return messaging_at(settings, services).model_copy(update={"data_dir": data_dir, "database": database})


def messaging_at(settings: Settings, services: Services) -> Settings:
    """`settings` with Kafka and MQTT broker of `services`."""
    mqtt: dict[str, Any] = {"host": services.mqtt.host, "port": services.mqtt.port, "ca": services.mqtt.ca_file}
    if services.mqtt.username is not None:
        mqtt |= {"user": services.mqtt.username, "password": SecretStr(services.mqtt.password or "")}
    return settings.model_copy(
        update={
            "kafka": settings.kafka.model_copy(update={"bootstrap": services.kafka.bootstrap}),
            "mqtt": settings.mqtt.model_copy(update=mqtt),
        }
    )
