"""What a work order says, and what becomes of it when its alerts clear."""

from dataclasses import dataclass
from typing import Final, Literal

from control.rules.episode import Summary
from control.rules.words import place
from schemas.alerts import Severity
from schemas.faults import FaultFamily
from schemas.work import UNTOUCHED, OrderState

_COMES_BACK: Final = frozenset({"silence", "status"})
"""Kinds of alert that are truly over when they clear: the port speaks again, its status is good again."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a work order says to the crew."""

    what: str
    priority: Severity
    bring: tuple[str, ...]
    checks: tuple[str, ...]


def wants_order(family: FaultFamily) -> bool:
    """Whether somebody has to go: not where the vehicle is at fault, there is nothing to repair at the station."""
    return family.party != "vehicle"


def draft(family: FaultFamily, subject: str, severity: Severity, *, predicted: bool = False) -> Draft:
    """The order for `family` at the port `subject`; a safety family is never less urgent than the catalogue says, once it is
    there (not while it is `predicted`)."""
    priority = min(severity, family.severity) if family.safety and not predicted else severity
    what = f"Expected: {family.title[:1].lower()}{family.title[1:]}" if predicted else family.title
    return Draft(f"{what}, {place(subject)}", priority, family.bring, family.check)


OnClear = Literal["cancel", "resolve", "mark"]


def on_clear(state: OrderState, family: FaultFamily, summary: Summary, *, remedied: bool) -> OnClear:
    """What to do with an active order once all its alerts are over.

    `resolve`: a remedy was accepted before and not judged in vain, so it was mended from afar. `cancel`: it came back by itself and nobody had
    taken it up. `mark`: everything else; an order that a person holds, a safety matter, and a hidden fault (which may
    only show under load) are not closed silently: the order says that the alert cleared, and people decide.
    """
    if state not in UNTOUCHED or family.safety:
        return "mark"
    if remedied:
        return "resolve"
    return "cancel" if summary.kinds <= _COMES_BACK else "mark"
