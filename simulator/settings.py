"""What configures a live simulated network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class SimulatorSettings(BaseModel):
    """A live network and how it speaks. The broker is given apart (`MqttSettings`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: Annotated[int, Field(ge=0, description="Decides what stands where, who comes and what the weather is")] = 7
    stations: Annotated[int, Field(ge=1, le=5_000, description="Stations; 60 have 120 ports")] = 60
    heartbeat_s: Annotated[float, Field(gt=0, le=86_400, description="How often a station says at least something")] = (
        60.0
    )
    charging_s: Annotated[int, Field(ge=1, le=600, description="Seconds between readings while charging")] = 2
    idle_s: Annotated[int, Field(ge=1, le=3_600, description="Seconds between readings while idle")] = 15
    late_s: Annotated[int, Field(ge=1, le=3_600, description="Seconds between readings kept while out of reach")] = 30
    connections: Annotated[
        Literal["station", "shared"],
        Field(description="station: each has its own connection and last will; shared: one gateway speaks for all"),
    ] = "station"
    passwords: Annotated[
        Mapping[str, SecretStr],
        Field(description="Password by station, which is then its login; none: the broker's own settings are used"),
    ] = {}
    back_office: Annotated[
        bool,
        Field(description="Publish the answers to OCPP calls on ev/<station>/to/..., as a gateway sees them go by"),
    ] = True
    publish_time: Annotated[
        bool, Field(description="Send the simulation's time as MQTT 5 user property `at` with each message")
    ] = False
    ledger: Annotated[Path | None, Field(description="File that records what was said and acknowledged")] = None
    state: Annotated[Path | None, Field(description="File that holds the network's state between runs")] = None
