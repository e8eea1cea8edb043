"""What normalise takes at most, and how topics beyond our own are read."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """Bounds of the input; what lies beyond is a reject or is replaced and flagged, never an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    payload_bytes: Annotated[
        int,
        Field(
            ge=1_000, le=8_000_000, description="Largest payload that is read; larger ones are rejected as too_large"
        ),
    ] = 262_144
    clock_ahead_s: Annotated[
        float,
        Field(
            ge=0, le=86_400, description="How far a device's clock may be ahead of the bridge's before it is replaced"
        ),
    ] = 300.0
