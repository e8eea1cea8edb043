"""Alerts beside the simulator's labels: found, missed, false, delay."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from models.evaluation.matching import about
from schemas.alerts import Alert
from schemas.labels import Label


@dataclass(frozen=True, slots=True)
class Outcome:
    """One labelled fault and the alert that found it first, or none; `named` says whether the alert named its family."""

    label: Label
    alert: Alert | None
    named: bool

    @property
    def delay_s(self) -> float | None:
        """Seconds from the label's start to the alert, None if it was missed."""
        return None if self.alert is None else (self.alert.raised_at - self.label.start).total_seconds()


@dataclass
class Judgement:
    """Each labelled fault with what became of it, and the alerts that no label explains."""

    outcomes: list[Outcome] = field(default_factory=list)
    false: list[Alert] = field(default_factory=list)

    @property
    def kinds(self) -> dict[str, tuple[int, int]]:
        """Fault family -> (found, labelled)."""
        found: dict[str, tuple[int, int]] = {}
        for outcome in self.outcomes:
            hit, total = found.get(outcome.label.fault, (0, 0))
            found[outcome.label.fault] = hit + (outcome.alert is not None), total + 1
        return found

    @property
    def every_kind_found(self) -> bool:
        """Whether at least one fault of every kind was found."""
        return bool(self.outcomes) and all(hit > 0 for hit, _ in self.kinds.values())


def judge(labels: Sequence[Label], alerts: Sequence[Alert]) -> Judgement:
    """Match first revisions of alerts to labels: same port (or the station, for either), raised while the fault lasts.

    An alert belongs to every label that it may be about; one that belongs to none is false. A fault counts as found
    whatever family the alert named first; whether the family was right is told beside it.
    """
    first = {alert.id: alert for alert in sorted(alerts, key=lambda a: a.revision, reverse=True)}
    raised = sorted(first.values(), key=lambda a: a.raised_at)
    near = about(
        [(label.port, _us(label.start), None if label.end is None else _us(label.end)) for label in labels],
        [(alert.port, _us(alert.raised_at)) for alert in raised],
    )
    result = Judgement()
    for label, positions in zip(labels, near, strict=True):
        mine = [raised[i] for i in positions]
        result.outcomes.append(Outcome(label, mine[0] if mine else None, any(_named(a, label) for a in mine)))
    explained = {i for positions in near for i in positions}
    result.false = [alert for i, alert in enumerate(raised) if i not in explained]
    return result


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A failure that a risk was told of before it struck."""

    label: Label
    alert: Alert

    @property
    def ahead_s(self) -> float:
        """Seconds from the first word to the failure."""
        return (self.label.start - self.alert.raised_at).total_seconds()


def foreseen(labels: Sequence[Label], alerts: Sequence[Alert]) -> list[Foreseen]:
    """Labelled failures whose family was told as a risk at their port before."""
    risks = [alert for alert in alerts if alert.kind == "risk" and alert.revision == 1]
    return [
        Foreseen(label, alert)
        for label in labels
        for alert in risks
        if (alert.port, alert.family) == (label.port, label.fault) and alert.raised_at < label.start
    ]


def _us(at: datetime) -> int:
    return round(at.timestamp() * 1e6)


def _named(alert: Alert, label: Label) -> bool:
    return label.fault in (alert.family, alert.hypotheses[0].family if alert.hypotheses else alert.family)
