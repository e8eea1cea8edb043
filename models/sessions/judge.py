"""How a session ended, who answers for it and which fault cut it."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from models.sessions.facts import Fault
from schemas.faults import Party, catalogue
from schemas.sessions import Outcome, Reason

NEAR_US: Final = 120_000_000
"""A fault this close to the end of a session is taken for its cause (adjustment rule fault_midsession)."""

_BLAMED: Final = ("charger", "grid")
"""Parties of a fault family that make a session which ended with a valid reason a cut one."""


class Verdict(NamedTuple):
    """`charger_side`: cut by a fault of charger or supply, or of nobody known: what a driver must not pay for."""

    outcome: Outcome
    party: Party | None = None
    family: str | None = None
    code: str | None = None
    valid: bool | None = None
    charger_side: bool = False


class Course(NamedTuple):
    """What the judge looks at: did energy flow (`delivered`), was it tried (`attempted`), who held it back meanwhile."""

    delivered: bool
    attempted: bool
    suspended_ev_us: int = 0
    suspended_evse_us: int = 0


OPEN_VERDICT: Final = Verdict("open")


def judge(reason: Reason | None, fault: Fault | None, course: Course) -> Verdict:
    """The verdict on a closed session; `reason` None: nobody told how it ended; `fault`: see `nearest`, it outweighs the reason."""
    if reason is None:
        return Verdict("unknown", "unknown")
    if fault is not None:
        party = blamed(fault)
        side = party in _BLAMED
        return Verdict(
            "cut" if course.attempted else "failed",
            party,
            fault.family,
            fault.code,
            reason.valid,
            side and course.attempted,
        )
    if reason.valid:
        if course.delivered:
            return Verdict("success", reason.party, valid=True)
        return Verdict("failed", _held_back(course), valid=True)
    side = reason.charger_side and course.attempted
    return Verdict("cut" if course.attempted else "failed", reason.party, reason.family, None, False, side)


def blamed(fault: Fault) -> Party:
    """Who answers for a fault; a charger that reports itself faulted without a word why answers itself."""
    party = catalogue()[fault.family].party
    return "charger" if party == "unknown" and fault.strong else party


def nearest(ended_at: int, faults: Iterable[Fault], reason: Reason) -> Fault | None:
    """The fault that ended a session: one that stops charging, told within two minutes of the end.

    A mere warning counts only where the reason is no valid one; faults of vehicle, user or network never outweigh a valid
    reason. Of several: one that stops charging, one with a code, the nearest, the earliest.
    """
    near = [fault for fault in faults if abs(fault.at - ended_at) <= NEAR_US]
    if reason.valid:
        near = [fault for fault in near if fault.strong and blamed(fault) in _BLAMED]
    return min(
        near, key=lambda f: (not f.strong, f.code is None, abs(f.at - ended_at), f.at, f.code or ""), default=None
    )


def _held_back(course: Course) -> Party:
    if course.suspended_ev_us > course.suspended_evse_us:
        return "vehicle"
    return "charger" if course.suspended_evse_us else "unknown"
