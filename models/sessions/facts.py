"""Events as facts of sessions: marks (start, end, id, first update), charging states, faults, authorisations.

A fact told again is the same fact. Where two messages tell different things of one and the same, a rule that does not
depend on their order decides; only facts of one instant keep the order in which they were first told.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, NamedTuple

from schemas import telemetry
from schemas.faults import error_code, family_of
from schemas.telemetry import Event

START, UPDATE, END, ID = "start", "update", "end", "id"
MARKS: Final = {
    telemetry.SESSION_START: START,
    telemetry.SESSION_UPDATE: UPDATE,
    telemetry.SESSION_END: END,
    telemetry.SESSION_ID: ID,
}
WARNINGS: Final = ("CX003", "CX007", "CX009", "CX013", "CX018")
"""ChargeX codes that do not stop charging by themselves."""

_NO_SESSION: Final = ("", "-1")


class Phase(IntEnum):
    """What a port is doing, as far as a session's time is concerned."""

    IN_USE = 0
    CHARGING = 1
    SUSPENDED_EV = 2
    SUSPENDED_EVSE = 3
    OUT = 4


_PHASES: Final = {
    "charging": Phase.CHARGING,
    "suspended_ev": Phase.SUSPENDED_EV,
    "suspended_evse": Phase.SUSPENDED_EVSE,
    "preparing": Phase.IN_USE,
    "finishing": Phase.IN_USE,
    "occupied": Phase.IN_USE,
    "ev_connected": Phase.IN_USE,
    "idle": Phase.IN_USE,
    "available": Phase.OUT,
    "reserved": Phase.OUT,
    "unavailable": Phase.OUT,
    "faulted": Phase.OUT,
}


@dataclass(slots=True)
class Ledger:
    """What is kept of a session beside its marks: its row of totals, times of phases that left the list, its alert.

    `bound` is the start of a later session that is no longer kept; `phases` are microseconds by `Phase` up to
    `phases_until`, `charging_from` the first charging state among them; `fault` and `authorised` are the ones that
    outweighed others so far. `told` is a cache of what the row says of the marks and states (`figures.Told`).
    """

    row: int
    repair: bool = False
    dirty: bool = True
    bound: int | None = None
    phases: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    phases_until: int | None = None
    charging_from: int | None = None
    fault: "Fault | None" = None
    authorised: int | None = None
    told: Any = None
    alert: dict[str, Any] | None = None


@dataclass(slots=True)
class Mark:
    """A fact that begins, ends or names a session. `n` counts marks in order of arrival; registers are mWh."""

    kind: str
    at: int
    n: int
    received_at: int
    session: str | None = None
    token: str | None = None
    meter: int | None = None
    connector: int | None = None
    trigger: str | None = None
    reason: str | None = None
    offline: bool = False
    ledger: Ledger | None = None

    def same(self, other: "Mark") -> bool:
        """Whether `other` tells the same, whenever it arrived."""
        mine = (self.kind, self.at, self.session, self.token, self.meter, self.reason)
        return mine == (other.kind, other.at, other.session, other.token, other.meter, other.reason)


class Fault(NamedTuple):
    """A fault told of a port or station: its family, the code, and whether it stops charging (`strong`)."""

    at: int
    family: str
    code: str | None
    strong: bool


class Authorisation(NamedTuple):
    """A token presented at a station."""

    at: int
    token: str
    accepted: bool


class State(NamedTuple):
    """The phase of a port from `at` on."""

    at: int
    phase: int


def mark_of(event: Event, n: int) -> Mark:
    """The mark that a session event is."""
    data = event.data
    meter = data.get("meter_wh")
    return Mark(
        kind=MARKS[event.kind],
        at=event.at,
        n=n,
        received_at=event.received_at,
        session=session_id(data.get("session")),
        token=data.get("token"),
        meter=None if meter is None or meter < 0 else round(meter * 1000),
        connector=data.get("connector"),
        trigger=data.get("trigger"),
        reason=data.get("reason"),
        offline=bool(data.get("offline")),
    )


def session_id(value: Any) -> str | None:
    """A transaction id as text; None where it is missing or says that there is none (OCPP 1.6: -1)."""
    text = "" if value is None else str(value)
    return None if text in _NO_SESSION else text


def phase_of(event: Event) -> int | None:
    """The phase that a status or session update tells, if any."""
    told = event.data.get("status" if event.kind == telemetry.STATUS else "charging_state")
    return _PHASES.get(told) if isinstance(told, str) else None


def fault_of(event: Event) -> Fault | None:
    """The fault that a status or fault event tells, if any."""
    data = event.data
    if event.kind == telemetry.FAULT:
        code = data.get("code")
        if not code or data.get("active") is False:
            return None
        return Fault(event.at, family_of(code) or "unknown", code, code not in WARNINGS)
    code = error_code(data)
    if data.get("status") == "faulted":
        return Fault(event.at, family_of(code) or "unknown", code, True)
    return Fault(event.at, family_of(code) or "unknown", code, False) if code else None


def insert_sorted(facts: list[Any], fact: Any) -> bool:
    """Put `fact` behind those of its time or earlier; False where it stands there already."""
    place = bisect_right(facts, fact.at, key=lambda other: other.at)
    for i in range(place - 1, -1, -1):
        if facts[i].at != fact.at:
            break
        if facts[i] == fact:
            return False
    facts.insert(place, fact)
    return True
