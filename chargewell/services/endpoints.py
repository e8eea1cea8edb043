"""Where a running service is."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from psycopg.conninfo import conninfo_to_dict

Kind = Literal["kafka", "mqtt", "postgres"]
KINDS: tuple[Kind, ...] = ("kafka", "mqtt", "postgres")


@dataclass(frozen=True, slots=True)
class KafkaEndpoint:
    """A Kafka cluster: `bootstrap` is "host:port", several separated by commas."""

    bootstrap: str

    @property
    def shown(self) -> str:
        """For people and logs: no secrets."""
        return self.bootstrap


@dataclass(frozen=True, slots=True)
class MqttEndpoint:
    """An MQTT broker and the login that may read everything (the bridge's), None where anyone may enter."""

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    """The certificate to trust; None: no TLS."""

    @property
    def shown(self) -> str:
        """For people and logs: no secrets."""
        return f"{self.host}:{self.port}" + (" (TLS)" if self.ca_file else "")


@dataclass(frozen=True, slots=True)
class PostgresEndpoint:
    """A PostgreSQL database: `dsn` as libpq takes it, with the password."""

    dsn: str = field(repr=False)
    socket: Path | None = None
    """Folder of the unix socket, when the server has one this machine can reach."""

    @property
    def shown(self) -> str:
        """For people and logs: no secrets."""
        parts = conninfo_to_dict(self.dsn)
        return f"{parts.get('host', 'local')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"


Endpoint = KafkaEndpoint | MqttEndpoint | PostgresEndpoint
