"""What can be set about the services. Read from the environment or a TOML file by `chargewell.settings`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

Use = Literal["auto", "given", "installed", "embedded"]
USE = "auto: given if an address is set, else found on the machine, else embedded; or force one of them"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaService(_Frozen):
    """Which Kafka."""

    use: Use = Field(default="auto", description=f"Which Kafka. {USE}.")
    bootstrap: str | None = Field(
        default=None, description="Bootstrap servers of your own cluster, 'host:port[,host:port]'."
    )
    heap_mb: int = Field(default=512, ge=256, description="Memory of the embedded Kafka's Java heap, MB.")


class MqttAccess(_Frozen):
    """Who may log in at a broker that we start, and what each login may do.

    Every login is a station that may write `ev/<login>/from/#` and read `ev/<login>/to/#`, but for the four kinds
    named here. Nobody enters without a login.
    """

    users: Mapping[str, SecretStr] = Field(description="Password by login.")
    bridge: str = Field(default="bridge", description="The login that may read ev/#; it must be among the users.")
    control: str = Field(default="control", description="The only login that may write ev/+/to/#.")
    aggregators: frozenset[str] = Field(
        default=frozenset(), description="Logins that speak for many stations: ev/+/from/#."
    )

    @model_validator(mode="after")
    def _bridge_can_log_in(self) -> "MqttAccess":
        missing = sorted(({self.bridge} | self.aggregators) - set(self.users))
        if missing:
            raise ValueError(f"no password is given for the login {missing[0]!r}; add it to users")
        bad = sorted(name for name in self.users if not name or any(sign in name for sign in "+#/: \t\r\n"))
        if bad:
            raise ValueError(f"the login {bad[0]!r} contains one of + # / : or a space; rename it")
        return self


class MqttTls(_Frozen):
    """Files in PEM form for TLS at a broker that we start."""

    certificate: Path = Field(description="The broker's certificate chain.")
    key: Path = Field(description="Its private key, without a passphrase.")
    authority: Path = Field(description="The certificate clients check it against.")


class MqttService(_Frozen):
    """Which MQTT broker."""

    use: Use = Field(default="auto", description=f"Which MQTT broker. {USE}.")
    host: str | None = Field(default=None, description="Host of your own broker.")
    port: int = Field(default=1883, ge=1, le=65535, description="Port of your own broker.")
    username: str | None = Field(default=None, description="Login at your own broker.")
    password: SecretStr | None = Field(default=None, description="Password at your own broker.")
    ca_file: Path | None = Field(
        default=None, description="Certificate your own broker is checked against; unset: no TLS."
    )
    access: MqttAccess | None = Field(
        default=None, description="Logins of a broker that we start; unset: anyone on this machine."
    )
    tls: MqttTls | None = Field(default=None, description="TLS of a broker that we start; unset: none, loopback only.")


class PostgresService(_Frozen):
    """Which PostgreSQL."""

    use: Use = Field(default="auto", description=f"Which PostgreSQL. {USE}.")
    dsn: SecretStr | None = Field(
        default=None, description="Your own database, 'postgresql://user:password@host:port/name'."
    )
    tree: Path = Field(
        default=Path("/var/cache/chargewell/debian13"),
        description="A Debian tree that holds PostgreSQL with TimescaleDB, used by chroot (made by `make services`).",
    )
    shared_buffers_mb: int = Field(default=256, ge=16, description="Page cache of a PostgreSQL that we start, MB.")


class ServiceSettings(_Frozen):
    """Which services, and where programs fetched for them are kept."""

    kafka: KafkaService = KafkaService()
    mqtt: MqttService = MqttService()
    postgres: PostgresService = PostgresService()
    cache: Path = Field(
        default_factory=lambda: user_cache_path("chargewell"),
        description="Folder for fetched jars, shared by all runs.",
    )
    ready_seconds: float = Field(default=60.0, gt=0, description="Time a service has to answer after its start.")

    def use(self, kind: Literal["kafka", "mqtt", "postgres"]) -> Use:
        """The choice made for one kind."""
        uses: dict[str, Use] = {"kafka": self.kafka.use, "mqtt": self.mqtt.use, "postgres": self.postgres.use}
        return uses[kind]

    def forced(self, use: Use) -> "ServiceSettings":
        """The same settings with one choice for every kind that has such a provider (Kafka is never installed)."""
        return self.model_copy(
            update={
                "kafka": self.kafka.model_copy(update={"use": "embedded" if use == "installed" else use}),
                "mqtt": self.mqtt.model_copy(update={"use": use}),
                "postgres": self.postgres.model_copy(update={"use": use}),
            }
        )
