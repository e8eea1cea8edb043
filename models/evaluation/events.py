"""Alerts against labelled faults: found, how late, with the right cause, and how many were about nothing."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from schemas.alerts import Alert
from schemas.labels import Label

MONTH_S: Final = 365.25 / 12 * 86_400
GRACE: Final = timedelta(minutes=10)
"""How long after a fault's end an alert may still be about it: heat takes time to go."""


@dataclass(slots=True)
class Tally:
    """The faults of one family (or all): labelled, found, named first, and the delays of those found, in seconds."""

    labelled: int = 0
    found: int = 0
    named: int = 0
    delays_s: list[float] = field(default_factory=list)

    @property
    def found_share(self) -> float:
        """Found of labelled; NaN where nothing was labelled."""
        return self.found / self.labelled if self.labelled else float("nan")

    @property
    def named_share(self) -> float:
        """Of those found, how many the first alert gave the right cause; NaN where nothing was found."""
        return self.named / self.found if self.found else float("nan")

    @property
    def median_delay_s(self) -> float:
        """Half of the faults found were found within this; NaN where nothing was found."""
        return median(self.delays_s) if self.delays_s else float("nan")


@dataclass(slots=True)
class EventScore:
    """The outcome of a run: tallies by family (`all` for all), alerts about nothing, and the time that was watched."""

    families: dict[str, Tally]
    false: list[Alert]
    port_months: float

    @property
    def all(self) -> Tally:
        """Over all families."""
        total = Tally()
        for tally in self.families.values():
            total.labelled += tally.labelled
            total.found += tally.found
            total.named += tally.named
            total.delays_s += tally.delays_s
        return total

    @property
    def false_per_port_month(self) -> float:
        """Alerts about nothing per port and month."""
        return len(self.false) / self.port_months if self.port_months else float("nan")


def score_events(
    labels: Sequence[Label], alerts: Sequence[Alert], ports: int, start: datetime, end: datetime
) -> EventScore:
    """Match first revisions to labels by port (a label at number 0 is about the station) and time.

    A fault is found by the first alert raised from its start until ten minutes after its end. An alert that no label
    explains is false; several alerts about one fault are neither better nor false. ValueError if `end` is not after `start`.
    """
    if end <= start:
        raise ValueError(f"the watched time ends at {end}, which is not after its start {start}")
    first: dict[str, Alert] = {}
    for alert in alerts:
        if alert.id not in first or alert.revision < first[alert.id].revision:
            first[alert.id] = alert
    raised = sorted(first.values(), key=lambda a: (a.raised_at, a.id))
    families: dict[str, Tally] = defaultdict(Tally)
    explained: set[str] = set()
    for label in labels:
        tally = families[label.fault]
        tally.labelled += 1
        about = [a for a in raised if _about(a, label)]
        explained |= {a.id for a in about}
        if about:
            tally.found += 1
            tally.named += about[0].family == label.fault
            tally.delays_s.append((about[0].raised_at - label.start).total_seconds())
    months = ports * (end - start).total_seconds() / MONTH_S
    return EventScore(dict(families), [a for a in raised if a.id not in explained], months)


def same_place(one: str, other: str) -> bool:
    """Whether two port ids mean the same: equal ones, and number 0 (the station) on either side."""
    (station, _, number), (there, _, at) = one.rpartition("/"), other.rpartition("/")
    return one == other or (station == there and "0" in (number, at))


def _about(alert: Alert, label: Label) -> bool:
    here = same_place(alert.port, label.port)
    return here and alert.raised_at >= label.start and (label.end is None or alert.raised_at <= label.end + GRACE)
