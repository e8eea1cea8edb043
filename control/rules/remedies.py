"""What is tried from afar before a truck rolls, and when it may not be.

A *fix* may end the fault (a reset); a *measure* keeps people and hardware safe meanwhile (less power, out of service) and
never stands in for the visit. Fixes are tried one after another, the gentlest first, as the fault catalogue orders them.
Safety families skip all fixes: the port is taken out of service and the order goes straight to a crew.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from schemas.faults import FaultFamily

_LONGEST_PAUSE: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Remedy:
    """A command by the name it has on the wire. `interrupts`: it would end a running session; `resets`: it restarts the
    whole station; `fixes`: it is tried to end the fault, else it is a measure; `asks`: it only asks, and mends nothing."""

    name: str
    title: str
    interrupts: bool = False
    resets: bool = False
    fixes: bool = True
    asks: bool = False
    params: dict[str, int] = field(default_factory=dict)


REMEDIES: Final[dict[str, Remedy]] = {
    r.name: r
    for r in (
        Remedy("trigger_status", "Ask for its state", asks=True),
        Remedy("soft_reset", "Soft reset", interrupts=True, resets=True),
        Remedy("hard_reset", "Hard reset", interrupts=True, resets=True),
        Remedy("unlock", "Unlock the connector", interrupts=True),
        Remedy("derate", "Limit the power to half", fixes=False, params={"percent": 50}),
        Remedy("unavailable", "Take out of service", interrupts=True, fixes=False),
        Remedy("available", "Put into service", fixes=False),
    )
}
"""Commands that a station understands. Remedies of the catalogue that are not here (a firmware rollback) need a person."""


class Plan(NamedTuple):
    """What to send for a family: measures at once, fixes one after another."""

    measures: tuple[Remedy, ...]
    fixes: tuple[Remedy, ...]


def plan(family: FaultFamily) -> Plan:
    """What is tried for `family` without asking anyone."""
    if family.safety:
        return Plan((REMEDIES["unavailable"],), ())
    known = [REMEDIES[name] for name in family.remote if name in REMEDIES]
    return Plan(tuple(r for r in known if not r.fixes), tuple(r for r in known if r.fixes))


def next_fix(family: FaultFamily, tried: Collection[str]) -> Remedy | None:
    """The gentlest fix of `family` that was not tried yet for this order; None: a truck has to roll."""
    return next((r for r in plan(family).fixes if r.name not in tried), None)


def pause(vain: int, first: timedelta) -> timedelta:
    """How long a measure rests that ended in vain `vain` times in a row, once at least: `first`, doubled each time, up to a day."""
    return min(first * (1 << min(vain - 1, 20)), _LONGEST_PAUSE)


class Send(NamedTuple):
    """Send it now."""


class Wait(NamedTuple):
    """Not now; look again later."""

    because: str


class Refuse(NamedTuple):
    """Not at all."""

    because: str


@dataclass(frozen=True, slots=True)
class Station:
    """What the guard must know: sessions that run now at what the command would touch, resets of the last 24 hours."""

    running: int
    resets: int


def may_send(
    remedy: Remedy, *, safety: bool, expires_at: datetime, now: datetime, station: Station, resets_per_day: int
) -> Send | Wait | Refuse:
    """Whether a command may go out now: never after it expired, never into a running session unless for safety, never
    more resets a day than allowed."""
    if now >= expires_at:
        return Refuse("it expired before it could be sent")
    if remedy.resets and station.resets >= resets_per_day:
        return Refuse(f"the station was reset {station.resets} times in the last 24 hours")
    if remedy.interrupts and station.running and not safety:
        return Wait("a charging session is running")
    return Send()
