"""What configures the bridge beside its broker and Kafka."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipelines.bridge.topic_map import Pattern, TopicMap


class TopicPattern(BaseModel):
    """A topic pattern of other people's devices; see `pipelines.bridge.topic_map`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pattern: Annotated[
        str,
        Field(
            min_length=1,
            description="Topic filter whose levels may be regular expressions, e.g. openevse-(?P<station>..)/#",
        ),
    ]
    station: Annotated[
        str, Field(description="The station id made of the pattern's named groups, e.g. openevse-{station}")
    ] = "{station}"
    direction: Annotated[
        Literal["from", "to", "other"], Field(description="Who speaks: from the station, to it, or neither")
    ] = "from"


class BridgeSettings(BaseModel):
    """Topic map and limits of the bridge."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    patterns: Annotated[
        tuple[TopicPattern, ...],
        Field(
            description="Topic patterns beside ev/<station>/from/# and ev/<station>/to/#; the first that fits counts"
        ),
    ] = ()
    max_unacknowledged: Annotated[
        int,
        Field(ge=1, le=60_000, description="Messages taken from the broker and not yet confirmed by Kafka, at most"),
    ] = 5_000
    max_unacknowledged_bytes: Annotated[
        int, Field(ge=1_000_000, description="The same in bytes of payload; one message more may be on its way")
    ] = 67_108_864
    heartbeat_s: Annotated[float, Field(ge=0.05, le=60, description="Seconds between heartbeat records")] = 1.0
    stall_s: Annotated[
        float,
        Field(gt=0, description="Not reading for longer than this (Kafka does not confirm) counts as not connected"),
    ] = 2.0
    stop_s: Annotated[float, Field(gt=0, description="Longest wait for Kafka's confirmations when asked to stop")] = (
        10.0
    )

    def topic_map(self) -> TopicMap:
        """The topic map; ValueError names the pattern that is none."""
        return TopicMap(Pattern(p.pattern, p.station, p.direction) for p in self.patterns)
