"""How Kafka is reached, and how the deployment's topics are laid out."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from schemas.topics import KafkaTopics

_SASL = ("sasl_plaintext", "sasl_ssl")


class KafkaSettings(BaseModel):
    """Address, security and layout; `client` gives what every librdkafka client of ours is configured with.

    The number of partitions is part of a deployment: a station's data stay in one partition for good, and the shards of
    all flows are these partitions. `ensure_topics` refuses to run on a changed count.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bootstrap: Annotated[str, Field(description="Kafka bootstrap servers, host:port separated by commas")] = (
        "localhost:9092"
    )
    namespace: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9._-]{0,80}$", description="Prefix of topics, groups and client ids; empty: none"),
    ] = ""
    partitions: Annotated[
        int, Field(ge=1, le=999, description="Partitions of each topic; fixed for the life of a deployment")
    ] = 8
    replication: Annotated[
        int, Field(ge=-1, description="Replicas of each topic; -1: what the brokers default to")
    ] = -1
    security: Annotated[
        Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"], Field(description="Security protocol")
    ] = "plaintext"
    sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"], Field(description="SASL mechanism, for sasl_* security")
    ] = "SCRAM-SHA-512"
    user: Annotated[str | None, Field(description="SASL user")] = None
    password: Annotated[SecretStr | None, Field(description="SASL password")] = None
    ca: Annotated[Path | None, Field(description="PEM file of the authorities to trust; none: the system's")] = None
    cert: Annotated[Path | None, Field(description="PEM file of the client certificate, for mutual TLS")] = None
    key: Annotated[Path | None, Field(description="PEM file of the client's private key")] = None
    key_password: Annotated[SecretStr | None, Field(description="Password of the private key")] = None
    compression: Annotated[Literal["none", "lz4", "zstd", "gzip"], Field(description="Compression of batches")] = "lz4"
    message_max_bytes: Annotated[
        int, Field(ge=100_000, le=100_000_000, description="Largest record; set on the topics that are created too")
    ] = 8_388_608
    raw_days: Annotated[float, Field(gt=0, description="Days ev.raw is kept: the span a repair run can reach")] = 30
    telemetry_days: Annotated[float, Field(gt=0, description="Days ev.telemetry is kept")] = 7
    rejects_days: Annotated[float, Field(gt=0, description="Days ev.rejects is kept")] = 30
    alerts_days: Annotated[float, Field(gt=0, description="Days ev.alerts is kept")] = 30
    timeout_s: Annotated[float, Field(gt=0, description="Longest wait for an answer to a question of ours")] = 15

    @model_validator(mode="after")
    def _whole(self) -> "KafkaSettings":
        if self.security in _SASL and (self.user is None or self.password is None):
            raise ValueError(f"kafka.security {self.security} needs kafka.user and kafka.password")
        if (self.cert is None) != (self.key is None):
            raise ValueError("kafka.cert and kafka.key go together: give both or neither")
        return self

    @property
    def topics(self) -> KafkaTopics:
        """The topics of this deployment."""
        return KafkaTopics(self.namespace)

    def named(self, name: str) -> str:
        """A group or client id of this deployment: `name` behind the namespace."""
        return f"{self.namespace}.{name}" if self.namespace else name

    def client(self, name: str) -> dict[str, Any]:
        """What librdkafka needs to reach and trust the brokers; `name` says in their logs who asks."""
        config: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap,
            "client.id": self.named(name),
            "security.protocol": self.security,
            # After an outage the clients shall be back within a second, not within ten.
            "reconnect.backoff.max.ms": 1_000,
            # What goes wrong is told to error_cb; the client's own lines on standard error would say it twice.
            "log_level": 2,
        }
        optional: dict[str, str | Path | SecretStr | None] = {
            "ssl.ca.location": self.ca,
            "ssl.certificate.location": self.cert,
            "ssl.key.location": self.key,
            "ssl.key.password": self.key_password,
        }
        if self.security in _SASL:
            optional |= {
                "sasl.mechanism": self.sasl_mechanism,
                "sasl.username": self.user,
                "sasl.password": self.password,
            }
        return config | {k: _plain(v) for k, v in optional.items() if v is not None}


def _plain(value: str | Path | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
