"""Alerts: what an operator of the flows has to say to control. Published on `ev.alerts` as JSON, keyed by port.

An alert is one episode at one port under one fault family. It is raised once (revision 1) and told again with a
higher revision when it worsens, is explained better or clears. Ids are deterministic (`alert_id`), so a flow that is
replayed says the same again, and control ignores revisions that it knows.
"""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SPACE: Final = uuid.UUID("6f1d2c0e-6f57-5d0c-9d53-0b5a3c1a7e11")

Severity = Literal["P1", "P2", "P3", "P4"]
AlertKind = Literal["anomaly", "silence", "status", "session_cut", "risk", "meter"]
AlertState = Literal["raised", "updated", "cleared"]


def alert_id(source: str, port: str, family: str, onset_us: int) -> str:
    """The id of the episode that `source` (an operator's name) saw begin at `onset_us` at `port` under `family`."""
    return str(uuid.uuid5(_SPACE, f"{source}|{port}|{family}|{onset_us}"))


def moment(us: int) -> datetime:
    """The time that is `us` microseconds after 1970-01-01 UTC, exactly."""
    return _EPOCH + timedelta(microseconds=us)


class Contribution(BaseModel):
    """The share of one channel or feature in a score, with what was seen and what was expected, in `unit`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: str
    share: Annotated[float, Field(ge=0, le=1)]
    observed: float | None = None
    expected: float | None = None
    unit: str = ""


class Hypothesis(BaseModel):
    """A fault family that would explain the alert, with its likelihood (the likelihoods of an alert add up to at most 1)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: str
    likelihood: Annotated[float, Field(ge=0, le=1)]


class Alert(BaseModel):
    """One revision of an alert.

    `onset_at` is when it began as far as the data tell, `raised_at` when the operator became sure (both in log time),
    `cleared_at` is set once it is over. `evidence` is free JSON for people and rules; for `session_cut` it holds
    `session_key`, `stop_reason`, `started_at`, `ended_at`, `energy_wh`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1] = 1
    id: str
    revision: Annotated[int, Field(ge=1)]
    port: str
    family: str
    kind: AlertKind
    severity: Severity
    state: AlertState
    onset_at: AwareDatetime
    raised_at: AwareDatetime
    cleared_at: AwareDatetime | None = None
    score: float | None = None
    probability: Annotated[float | None, Field(ge=0, le=1)] = None
    contributions: list[Contribution] = []
    hypotheses: list[Hypothesis] = []
    evidence: dict[str, Any] = {}
    text: Annotated[str, Field(max_length=2_000)]
    source: str
    source_version: str

    @property
    def station(self) -> str:
        """The station part of `port`."""
        return self.port.rpartition("/")[0]

    def at(self) -> datetime:
        """When this revision was said: `cleared_at` if cleared, else `raised_at`."""
        return self.cleared_at or self.raised_at
