"""Labelled faults and what was said of them, by kind: found or not against severity, how late, how long before the failure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from models.evaluation.matching import MONTH_S, about


class Said(NamedTuple):
    """A first revision of an alert, as far as it is scored: port id, fault family, when it was raised (us)."""

    port: str
    family: str
    at_us: int


class Case(NamedTuple):
    """One labelled fault: `kind` names its row, `port` is `<station>/0` where the whole station is concerned.

    `severity` is what it stands at; `fails`: it grows evenly until the part fails at `end_us`. `promised`: it counts for the targets.
    """

    kind: str
    family: str
    port: str
    start_us: int
    end_us: int
    severity: float
    fails: bool
    promised: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """A case and the first alert about it, None where it was missed."""

    case: Case
    said: Said | None

    @property
    def named(self) -> bool:
        """Whether that alert gave the right cause."""
        return self.said is not None and self.said.family == self.case.family

    @property
    def delay_s(self) -> float:
        """Seconds from onset to the alert; NaN where missed."""
        return float("nan") if self.said is None else (self.said.at_us - self.case.start_us) / 1e6

    @property
    def lead_s(self) -> float:
        """Seconds from the alert to the failure; NaN where missed or where nothing fails."""
        return float("nan") if self.said is None or not self.case.fails else (self.case.end_us - self.said.at_us) / 1e6

    @property
    def level(self) -> float:
        """Severity at the alert; NaN where missed."""
        if self.said is None:
            return float("nan")
        span = self.case.end_us - self.case.start_us
        return self.case.severity * min(1.0, (self.said.at_us - self.case.start_us) / span if self.case.fails else 1.0)


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a trial: one outcome a case, alerts about nothing, and the time watched in port-months."""

    outcomes: list[Outcome]
    false: list[Said]
    port_months: float

    def kinds(self) -> list[str]:
        """The kinds in order of first appearance."""
        return list(dict.fromkeys(o.case.kind for o in self.outcomes))

    def of(self, kind: str) -> list[Outcome]:
        """The outcomes of one kind."""
        return [o for o in self.outcomes if o.case.kind == kind]

    def promised(self, stated: float) -> list[Outcome]:
        """Those that count for the targets: of promised kinds, at `stated` severity or above, or grown until failure."""
        return [o for o in self.outcomes if o.case.promised and o.case.severity >= stated]

    @property
    def false_rate(self) -> float:
        """Alerts about nothing per port and month."""
        return len(self.false) / self.port_months


def judge(cases: Sequence[Case], said: Iterable[Said], port_days: float) -> Judged:
    """Match alerts to cases by place and time (`matching.about`).

    A case is found by the first alert from its start to its end; what is said within ten minutes after the end is still about it.
    All other alerts are about nothing, those at other ports of the station too.
    """
    alerts = sorted(set(said), key=lambda s: (s.at_us, s.port, s.family))
    near = about([(c.port, c.start_us, c.end_us) for c in cases], [(s.port, s.at_us) for s in alerts])
    outcomes = [
        Outcome(case, next((alerts[i] for i in mine if alerts[i].at_us <= case.end_us), None))
        for case, mine in zip(cases, near, strict=True)
    ]
    explained = {i for mine in near for i in mine}
    false = [s for i, s in enumerate(alerts) if i not in explained]
    return Judged(outcomes, false, port_days * 86_400 / MONTH_S)


def share(outcomes: Sequence[Outcome], low: float = 0.0, high: float = 1.01) -> float:
    """Share found of those with `low` <= severity < `high`; NaN where there are none."""
    mine = [o for o in outcomes if low <= o.case.severity < high]
    return sum(o.said is not None for o in mine) / len(mine) if mine else float("nan")


def named_share(outcomes: Sequence[Outcome]) -> float:
    """Share with the right cause of those found; NaN where none was found."""
    found = [o for o in outcomes if o.said is not None]
    return sum(o.named for o in found) / len(found) if found else float("nan")


def middle(values: Iterable[float]) -> float:
    """The median without NaN; NaN where nothing is left."""
    known = [v for v in values if v == v]
    return median(known) if known else float("nan")
