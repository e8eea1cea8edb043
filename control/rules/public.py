"""What the public is told about a port: the truth as far as it is known, and that it is not known where it is not."""

from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from schemas.alerts import Severity

STALE: Final = timedelta(minutes=10)
"""Older knowledge is not told as if it were of now."""

Kind = Literal["good", "busy", "bad", "unknown"]


class Told(NamedTuple):
    """A word, a sentence, and what colour it has; `since` belongs to the sentence."""

    kind: Kind
    word: str
    sentence: str
    since: datetime | None = None


_COMING: Final[dict[str, str]] = {
    "dispatched": "A technician is on the way.",
    "on_site": "A technician is there now.",
    "waiting_parts": "We are waiting for a spare part.",
    "waiting_utility": "We are waiting for the electric utility.",
    "remote_attempt": "We are trying to mend it from afar.",
}


def tell(port: dict[str, Any], now: datetime) -> Told:
    """What to say about a port: `state`, `reason`, `since`, `at` of its uptime, `busy`, and `order_state` of its newest order."""
    if port["at"] is None or now - port["at"] > STALE or port["state"] not in ("up", "down"):
        return Told(
            "unknown", "Not known", "We have no contact at the moment and do not know its state.", port["since"]
        )
    work = _COMING.get(port["order_state"] or "", "We know of it." if port["order_state"] else "")
    if port["state"] == "down":
        if port["reason"] == "silence":
            return Told(
                "unknown", "No contact", f"It does not answer us and may not work. {work}".strip(), port["since"]
            )
        return Told("bad", "Out of order", work or "We have been told by the station itself.", port["since"])
    if port["busy"]:
        return Told("busy", "In use", "Somebody is charging.")
    if port["order_state"]:
        return Told("good", "Available", "It works; we are looking into a fault, it may charge more slowly.")
    return Told("good", "Available", "")


class Problem(NamedTuple):
    """What a driver can report: the words, the fault family they point to, how urgent that is unverified."""

    label: str
    family: str
    severity: Severity


PROBLEMS: Final[dict[str, Problem]] = {
    "no_start": Problem("Charging does not start", "degraded", "P3"),
    "slow": Problem("Charging is slow or stops", "degraded", "P3"),
    "stuck": Problem("The plug does not come out", "lock", "P2"),
    "reader": Problem("Card reader, app or display does not work", "payment", "P3"),
    "damage": Problem("Cable, plug or housing is damaged", "cable", "P2"),
    "other": Problem("Something else", "unknown", "P4"),
}
