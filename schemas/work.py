"""Work: incidents, work orders and their states, priorities with their deadlines, and what a technician reports back.

An incident is one cause at one port (or station); a work order is what somebody does about it. The states of an order
and the ways between them are data (`STEPS`), so pages, API and tests read the same table.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.alerts import Severity
from schemas.faults import catalogue


class Role(StrEnum):
    """What an account or token may be."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    CREW = "crew"
    BILLING = "billing"
    ADMIN = "admin"


class OrderState(StrEnum):
    """Where a work order stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    REMOTE_ATTEMPT = "remote_attempt"
    DISPATCHED = "dispatched"
    ON_SITE = "on_site"
    WAITING_PARTS = "waiting_parts"
    WAITING_UTILITY = "waiting_utility"
    RESOLVED = "resolved"
    VERIFIED = "verified"
    CANCELLED = "cancelled"


S = OrderState
ACTIVE: Final = frozenset(S) - {S.RESOLVED, S.VERIFIED, S.CANCELLED}
"""Somebody still has to do something; at most one such order exists per port and fault family."""
UNTOUCHED: Final = frozenset({S.OPEN, S.REMOTE_ATTEMPT})
"""No person has taken it up: such an order may be ended by the system when its alert clears."""

STATE_TITLES: Final[dict[OrderState, str]] = {
    S.OPEN: "Open",
    S.ACKNOWLEDGED: "Acknowledged",
    S.REMOTE_ATTEMPT: "Remote attempt",
    S.DISPATCHED: "On the way",
    S.ON_SITE: "On site",
    S.WAITING_PARTS: "Waiting for parts",
    S.WAITING_UTILITY: "Waiting for the utility",
    S.RESOLVED: "Repaired",
    S.VERIFIED: "Verified",
    S.CANCELLED: "Cancelled",
}


class Step(NamedTuple):
    """A way from one state to another: what the button says, who may press it, what must be told with it."""

    to: OrderState
    label: str
    roles: frozenset[Role]
    needs: Literal["finding", "reason"] | None = None


_CREW: Final = frozenset({Role.CREW, Role.OPERATOR, Role.ADMIN})
_DESK: Final = frozenset({Role.OPERATOR, Role.ADMIN})
_TAKE: Final = Step(S.ACKNOWLEDGED, "Take it", _CREW)
_GO: Final = Step(S.DISPATCHED, "On my way", _CREW)
_HERE: Final = Step(S.ON_SITE, "I am on site", _CREW)
_DONE: Final = Step(S.RESOLVED, "Repaired", _CREW, "finding")
_DROP: Final = Step(S.CANCELLED, "Cancel", _DESK, "reason")
_BACK: Final = Step(S.OPEN, "Put back", _CREW, "reason")
_PARTS: Final = Step(S.WAITING_PARTS, "Wait for parts", _CREW, "reason")
_UTILITY: Final = Step(S.WAITING_UTILITY, "Wait for the utility", _CREW, "reason")

STEPS: Final[dict[OrderState, tuple[Step, ...]]] = {
    S.OPEN: (_TAKE, _GO, Step(S.REMOTE_ATTEMPT, "Try remotely", _DESK), _UTILITY, _DONE, _DROP),
    S.ACKNOWLEDGED: (_GO, Step(S.REMOTE_ATTEMPT, "Try remotely", _DESK), _UTILITY, _DONE, _BACK, _DROP),
    S.REMOTE_ATTEMPT: (_TAKE, _GO, Step(S.OPEN, "Stop trying", _DESK), _DONE, _DROP),
    S.DISPATCHED: (_HERE, _PARTS, _UTILITY, _BACK, _DROP),
    S.ON_SITE: (_DONE, _PARTS, _UTILITY, _BACK),
    S.WAITING_PARTS: (_GO, _HERE, _UTILITY, _DROP),
    S.WAITING_UTILITY: (_GO, _HERE, _DONE, _DROP),
    S.RESOLVED: (Step(S.VERIFIED, "Verified", _DESK), Step(S.OPEN, "Not repaired", _CREW, "reason")),
    S.VERIFIED: (),
    S.CANCELLED: (),
}


def step(now: OrderState, to: OrderState) -> Step | None:
    """The way from `now` to `to`; None where there is none."""
    return next((s for s in STEPS[now] if s.to is to), None)


class Priority(NamedTuple):
    """How soon somebody reacts, makes the place safe (or a makeshift repair), and repairs for good; None: next visit."""

    title: str
    respond: timedelta | None
    make_safe: timedelta | None
    restore: timedelta


PRIORITIES: Final[dict[Severity, Priority]] = {
    "P1": Priority("Safety, or a whole site down", timedelta(hours=2), timedelta(hours=4), timedelta(hours=24)),
    "P2": Priority("Port down", timedelta(hours=8), timedelta(hours=24), timedelta(hours=48)),
    "P3": Priority("Derated, or failure predicted", timedelta(days=3), None, timedelta(days=10)),
    "P4": Priority("Cosmetic", None, None, timedelta(days=30)),
}


class Due(NamedTuple):
    """Deadlines of an order."""

    respond_by: datetime | None
    safe_by: datetime | None
    restore_by: datetime


def due(priority: Severity, opened_at: datetime) -> Due:
    """The deadlines of an order of that priority opened at `opened_at`."""
    rule = PRIORITIES[priority]
    return Due(
        None if rule.respond is None else opened_at + rule.respond,
        None if rule.make_safe is None else opened_at + rule.make_safe,
        opened_at + rule.restore,
    )


MECHANISMS: Final[dict[str, str]] = {
    "1.1": "Leakage", "1.2": "Vibration", "1.3": "Alignment", "1.4": "Deformation", "1.5": "Looseness", "1.6": "Sticking",
    "2.2": "Corrosion", "2.4": "Wear", "2.5": "Breakage", "2.6": "Fatigue", "2.7": "Overheating",
    "3.1": "Control failure", "3.2": "No signal", "3.3": "Faulty signal", "3.4": "Out of adjustment", "3.5": "Software",
    "4.1": "Short circuit", "4.2": "Open circuit", "4.3": "No power", "4.4": "Faulty power", "4.5": "Earth or isolation fault",
    "5.1": "Blockage", "5.2": "Contamination", "5.3": "Other outside influence", "6.0": "Unknown",
}  # fmt: skip
"""Failure mechanisms after ISO 14224, table B.2, those that occur at a charger."""

CAUSES: Final[dict[str, str]] = {
    "wear": "Expected wear",
    "design": "Design",
    "installation": "Fabrication or installation",
    "operation": "Operation or maintenance",
    "vandalism": "Vandalism or theft",
    "weather": "Weather or nature",
    "utility": "Electric utility",
    "vehicle": "Vehicle",
    "unknown": "Unknown",
}
"""Causes after ISO 14224 in short; the last ones but `unknown` are those that uptime rules may exclude."""

ACTIVITIES: Final[dict[str, str]] = {
    "replace": "Replaced", "repair": "Repaired", "adjust": "Adjusted", "clean": "Cleaned", "reset": "Reset",
    "check": "Checked only", "modify": "Modified", "refit": "Refitted",
}  # fmt: skip
"""What was done (maintenance activity after ISO 14224)."""


class Finding(BaseModel):
    """What a technician found and did. `found` false: looked and found no fault, then no mechanism is named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    found: bool
    family: str
    mechanism: str | None = None
    cause: str = "unknown"
    activity: str = "check"
    part: Annotated[str, Field(max_length=200)] = ""
    note: Annotated[str, Field(max_length=2_000)] = ""

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name, value, known in (
            ("family", self.family, catalogue()),
            ("cause", self.cause, CAUSES),
            ("activity", self.activity, ACTIVITIES),
            ("mechanism", self.mechanism or "6.0", MECHANISMS),
        ):
            if value not in known:
                raise ValueError(f"{name} {value!r} is not known: use one of {', '.join(sorted(known))}")
        if not self.found and self.mechanism is not None:
            raise ValueError("no fault was found, so no mechanism can be named: leave it out")
        return self


IncidentState = Literal["open", "closed"]
CommandState = Literal[
    "pending", "sending", "sent", "accepted", "rejected", "failed", "expired", "refused", "withdrawn"
]
CreditState = Literal["proposed", "approved", "rejected", "settled"]
