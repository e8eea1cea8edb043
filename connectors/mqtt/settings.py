"""How the MQTT broker is reached, and what is subscribed to."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

Protocol = Literal["auto", "5", "3.1.1"]


class MqttSettings(BaseModel):
    """Address, security, session and filters. Frozen; a field not given has the default of a broker on this machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Annotated[str, Field(min_length=1, description="Host of the MQTT broker")] = "localhost"
    port: Annotated[int, Field(ge=1, le=65535, description="Port of the MQTT broker; 8883 is usual with TLS")] = 1883
    user: Annotated[str | None, Field(description="Login at the broker")] = None
    password: Annotated[SecretStr | None, Field(description="Password of the login")] = None
    tls: Annotated[bool, Field(description="Use TLS; mqtt.ca or mqtt.cert turn it on too")] = False
    ca: Annotated[Path | None, Field(description="PEM file of the authorities to trust; none: the system's")] = None
    cert: Annotated[Path | None, Field(description="PEM file of the client certificate, for mutual TLS")] = None
    key: Annotated[Path | None, Field(description="PEM file of the client's private key")] = None
    client_id: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9._-]{1,64}$",
            description="Client id of the bridge: names its persistent session and the bridge in records; one per bridge",
        ),
    ] = "chargewell-bridge"
    protocol: Annotated[Protocol, Field(description="MQTT version; auto: 5 where the broker has it, else 3.1.1")] = (
        "auto"
    )
    keepalive_s: Annotated[
        int, Field(ge=2, le=3600, description="Silence after which either side checks the other")
    ] = 30
    connect_timeout_s: Annotated[float, Field(gt=0, le=60, description="Longest wait for the broker to answer")] = 5.0
    reconnect_max_s: Annotated[float, Field(gt=0, le=600, description="Longest pause between attempts to connect")] = (
        10.0
    )
    session_expiry_s: Annotated[
        int,
        Field(
            ge=60, le=0xFFFFFFFE, description="How long the broker keeps messages for a bridge that is away (MQTT 5)"
        ),
    ] = 7 * 86_400
    filters: Annotated[
        tuple[str, ...],
        Field(
            min_length=1,
            description="Topic filters of the bridge; several bridges need disjoint filters, and a station all its topics in one: "
            "brokers keep no order between filters, and an answer must not come before its call",
        ),
    ] = ("ev/#",)
    trust_publisher_time: Annotated[
        bool,
        Field(description="Take the MQTT 5 user property `at` as receive time; for replays on a private broker only"),
    ] = False

    @model_validator(mode="after")
    def _whole(self) -> "MqttSettings":
        if self.password is not None and self.user is None:
            raise ValueError("mqtt.password needs mqtt.user")
        if (self.cert is None) != (self.key is None):
            raise ValueError("mqtt.cert and mqtt.key go together: give both or neither")
        for topic_filter in self.filters:
            _check_filter(topic_filter)
        return self

    @property
    def secure(self) -> bool:
        """Whether the connection uses TLS."""
        return self.tls or self.ca is not None or self.cert is not None

    @property
    def shown(self) -> str:
        """The broker for people and logs."""
        return f"{self.host}:{self.port}" + (" (TLS)" if self.secure else "")


def _check_filter(topic_filter: str) -> None:
    levels = topic_filter.split("/")
    if topic_filter.startswith("$share/"):
        raise ValueError(
            f"mqtt.filters: {topic_filter!r} is a shared subscription, which loses the order of a station's messages; "
            f"give each bridge filters of its own"
        )
    if not topic_filter or any("#" in level and level != "#" for level in levels) or "#" in levels[:-1]:
        raise ValueError(f"mqtt.filters: {topic_filter!r} is not a topic filter: # stands alone and last")
    if any("+" in level and level != "+" for level in levels):
        raise ValueError(f"mqtt.filters: {topic_filter!r} is not a topic filter: + stands alone in its level")
