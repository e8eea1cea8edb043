"""What the API says and takes; the OpenAPI document is made of these."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from schemas.alerts import Severity
from schemas.work import CommandState, CreditState, Finding, IncidentState, OrderState, Role

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=2_000)]


class Out(BaseModel):
    """An answer: made from a row, what the row has besides is left out."""

    model_config = ConfigDict(extra="ignore", from_attributes=True)


class In(BaseModel):
    """A request: nothing unknown."""

    model_config = ConfigDict(extra="forbid")


class IncidentOut(Out):
    """One cause at one port or station."""

    incident_id: UUID
    port: str
    site: str | None = None
    family: str
    severity: Severity
    state: IncidentState
    source: str
    history: bool
    onset_at: datetime
    opened_at: datetime
    closed_at: datetime | None
    closed_because: str | None
    why: str
    score: float | None
    probability: float | None
    ports: list[str]
    work_order: Annotated[str | None, Field(validation_alias="number")] = None


class NoteOut(Out):
    """Something said or done."""

    at: datetime
    actor: str
    kind: str
    text: str
    data: dict[str, Any]


class CreditOut(Out):
    """A credit in whole minor units of its currency, tax apart."""

    credit_id: UUID
    port: str
    session_key: str
    rule: str
    rule_version: int
    tariff: str
    currency: str
    net_minor: int
    tax_minor: int
    charged_net_minor: int
    charged_tax_minor: int
    reason: str
    state: CreditState
    proposed_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    decided_because: str | None
    settled_at: datetime | None
    incident_id: UUID | None


class CommandOut(Out):
    """A command to a station and what became of it."""

    command_id: UUID
    port: str
    name: str
    state: CommandState
    why: str
    created_at: datetime
    expires_at: datetime
    sent_at: datetime | None
    answered_at: datetime | None
    info: str


class IncidentDetail(IncidentOut):
    """An incident with its story and its credits."""

    notes: list[NoteOut]
    credits: list[CreditOut]


class StepOut(BaseModel):
    """A step that the asking person may take with an order."""

    to: OrderState
    label: str
    needs: str | None


class OrderOut(Out):
    """A work order."""

    number: str
    port: str
    site: str | None = None
    family: str
    priority: Severity
    state: OrderState
    source: str
    what: str
    why: str
    bring: list[str]
    checks: list[str]
    onset_at: datetime
    opened_at: datetime
    respond_by: datetime | None
    safe_by: datetime | None
    restore_by: datetime
    cleared_at: datetime | None
    assignee: str | None
    state_since: datetime
    responded_at: datetime | None
    resolved_at: datetime | None
    ended_because: str | None
    predicted_at: datetime | None = None
    planned_from: datetime | None = None
    planned_to: datetime | None = None
    model_version: str | None = None


class FindingOut(Out):
    """What a technician found and did."""

    at: datetime
    actor: str
    found: bool
    family: str
    mechanism: str | None
    cause: str
    activity: str
    part: str
    note: str


class OrderDetail(OrderOut):
    """A work order with its story, its remedies, its findings and the steps that may be taken."""

    notes: list[NoteOut]
    commands: list[CommandOut]
    findings: list[FindingOut]
    steps: list[StepOut]


class StepIn(In):
    """A step with an order. `seen`: the state that the caller saw; if the order has moved on, the step is refused."""

    to: OrderState
    seen: OrderState | None = None
    reason: Words | None = None
    finding: Finding | None = None


class TextIn(In):
    """Words of a person."""

    text: Words


class PortOut(Out):
    """A charging port, its state and the share of time that it was up."""

    port: str
    site: str | None
    kind: str | None
    rated_w: float | None
    discovered: bool
    state: str | None
    reason: str | None
    since: datetime | None
    up_24h: float | None
    up_30d: float | None


class PortDetail(PortOut):
    """A port with its whole uptime and its open incidents."""

    model: str | None
    firmware: str | None
    protocol: str | None
    up_1h: float | None
    up_7d: float | None
    observed_s_30d: float | None
    incidents: list[IncidentOut]


class AccountIn(In):
    """An account to be made or changed. `sites` null = all."""

    password: Annotated[str, Field(min_length=12, max_length=200)]
    roles: Annotated[set[Role], Field(min_length=1)]
    sites: set[str] | None = None


class AccountOut(Out):
    """An account."""

    account: str
    roles: list[Role]
    sites: list[str] | None
    active: bool
    created_at: datetime


class TokenIn(In):
    """A token to be made. `sites` null = all."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}$")]
    roles: Annotated[set[Role], Field(min_length=1)]
    sites: set[str] | None = None
    expires_at: AwareDatetime | None = None


class TokenMade(BaseModel):
    """A new token: shown this once."""

    token: str


class TokenOut(Out):
    """A token without its secret."""

    token_id: str
    name: str
    roles: list[Role]
    sites: list[str] | None
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class Me(BaseModel):
    """Who the API takes the caller for."""

    actor: str
    roles: list[Role]
    sites: list[str] | None


class ChangeOut(Out):
    """A line of the change log."""

    change_no: int
    at: datetime
    actor: str
    action: str
    reason: str | None
    data: dict[str, Any]


class RejectOut(Out):
    """A record of the alert topic that was set aside."""

    topic: str
    shard: int
    origin: int
    received_at: datetime
    key: str
    reason: str
    detail: str


class Health(BaseModel):
    """What an operator should look at."""

    database: bool
    jobs_waiting: int
    jobs_failed: int
    commands_open: int
    alerts_rejected: int
    last_alert_at: datetime | None
