"""From alerts to an incident: what it is about, whether it is history, and what its alerts say together.

What an incident says is a function of the set of its alerts, each in its newest revision. So it does not matter in which
order alerts of different sources came, or how often.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from control.rules.words import explain
from schemas.alerts import Alert, AlertKind, Severity

WHOLE_STATION: Final = frozenset({"communication", "supply"})
"""Families with one cause for all ports of a station: their alerts meet in one incident at `<station>/0`."""


def subject(alert: Alert) -> str:
    """The port that the incident is about: the alert's own, or the station's port 0 where the family concerns all of it."""
    return f"{alert.station}/0" if alert.family in WHOLE_STATION else alert.port


def is_history(alert: Alert, now: datetime, after: timedelta) -> bool:
    """Whether this revision was said longer than `after` before it arrived."""
    return now - alert.at() > after


@dataclass(frozen=True, slots=True)
class Summary:
    """What the alerts of an incident say together; `cleared_at` is set once all of them are over, `expected_at`
    where they only predict a failure."""

    severity: Severity
    onset_at: datetime
    opened_at: datetime
    cleared_at: datetime | None
    why: str
    score: float | None
    probability: float | None
    ports: tuple[str, ...]
    kinds: frozenset[AlertKind]
    expected_at: datetime | None = None


def summarise(alerts: Sequence[Alert]) -> Summary:
    """The alerts of one incident, each in its newest revision and at least one, as one statement. Any order gives the same."""
    ordered = sorted(alerts, key=lambda alert: (alert.raised_at, alert.port, alert.id))
    over = [alert.cleared_at or alert.raised_at for alert in ordered if alert.state == "cleared"]
    return Summary(
        severity=min(alert.severity for alert in ordered),
        onset_at=min(alert.onset_at for alert in ordered),
        opened_at=ordered[0].raised_at,
        cleared_at=max(over) if len(over) == len(ordered) else None,
        why=explain(ordered),
        score=max((a.score for a in ordered if a.score is not None), default=None),
        probability=max((a.probability for a in ordered if a.probability is not None), default=None),
        ports=tuple(sorted({alert.port for alert in ordered})),
        kinds=frozenset(alert.kind for alert in ordered),
        expected_at=_expected(ordered),
    )


def _expected(alerts: Sequence[Alert]) -> datetime | None:
    """When the first failure is expected; None where an alert says that something is wrong already."""
    if any(alert.kind != "risk" for alert in alerts):
        return None
    said = [str(a.evidence["expected_at"]) for a in alerts if a.evidence.get("expected_at")]
    return min((datetime.fromisoformat(text) for text in said), default=None)
