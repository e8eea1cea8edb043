"""From risks to alerts: raised where a risk reaches its level, told again as it grows, cleared once it has been low for hours."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from models.failure.foretell import Risks
from schemas.alerts import Alert, AlertState, Contribution, Hypothesis, Severity, alert_id, moment
from schemas.faults import catalogue

QUIET: Final = 0.5
"""Share of the level below which a risk must fall to be over."""
QUIET_HOURS: Final = 12
GREW: Final = 1.3
"""A risk is told again once it, or the probability within a day, has grown by this factor since it was told."""
SOON: Final = 0.5
"""P(failure within 24 h) from which it is as urgent as a failure."""


@dataclass
class _Open:
    """A risk above its level: since when, how often and how high it was told, and for how many hours it has been low."""

    onset_us: int
    raised_us: int
    revision: int
    told: float
    told_day: float
    quiet: int = 0


class Warnings:
    """The risks of one shard that are above their level; `source` and `version` sign the alerts."""

    def __init__(self, source: str, version: str) -> None:
        self._source, self._version = source, version
        self._open: dict[tuple[str, str], _Open] = {}

    def take(self, risks: Risks, at_us: int, now: int) -> list[Alert]:
        """The alerts that follow from the risks of the hour that ended at `at_us`; earlier hours are no news.

        Of a port with rows a family without one is low. A port without any was not heard of: what is open there stays so.
        """
        alerts = []
        seen: set[tuple[str, str]] = set()
        for row in range(len(risks.at)):
            if risks.at[row] != at_us:
                continue
            key = (risks.ports[risks.port[row]], risks.family[row])
            seen.add(key)
            alerts += self._row(key, risks, row, now)
        heard = {port for port, _ in seen}
        for key in [k for k in self._open if k not in seen and k[0] in heard]:
            alerts += self._low(key, risks.version, now)
        return alerts

    def _row(self, key: tuple[str, str], risks: Risks, row: int, now: int) -> list[Alert]:
        week, day = float(risks.within[row, 1]), float(risks.within[row, 0])
        known = self._open.get(key)
        if known is None:
            if week < risks.level:
                return []
            self._open[key] = known = _Open(int(risks.at[row]), now, 1, week, day)
            return [_alert(self._source, self._version, key, known, risks, row, "raised")]
        if week < QUIET * risks.level:
            return self._low(key, risks.version, now)
        known.quiet = 0
        if week < min(GREW * known.told, 0.95) and not (day >= SOON > known.told_day):
            return []
        if known.told >= 0.95 and not (day >= SOON > known.told_day):
            return []
        known.revision += 1
        known.told, known.told_day = week, day
        return [_alert(self._source, self._version, key, known, risks, row, "updated")]

    def _low(self, key: tuple[str, str], model: str, now: int) -> list[Alert]:
        known = self._open[key]
        known.quiet += 1
        if known.quiet < QUIET_HOURS:
            return []
        del self._open[key]
        port, family = key
        return [
            Alert(
                id=alert_id(self._source, port, family, known.onset_us), revision=known.revision + 1, port=port,
                family=family, kind="risk", severity="P3", state="cleared", onset_at=moment(known.onset_us),
                raised_at=moment(known.raised_us), cleared_at=moment(now), probability=None,
                evidence={"model_version": model}, text="The risk of a failure is low again.",
                source=self._source, source_version=self._version,
            )
        ]  # fmt: skip

    def snapshot(self) -> list[dict[str, Any]]:
        """The open risks as plain data."""
        return [{"port": port, "family": family, **asdict(known)} for (port, family), known in self._open.items()]

    def restore(self, state: Iterable[Mapping[str, Any]]) -> None:
        """Take up a snapshot."""
        self._open = {}
        for row in state:
            rest = {name: value for name, value in row.items() if name not in ("port", "family")}
            self._open[str(row["port"]), str(row["family"])] = _Open(**rest)


def _alert(
    source: str, version: str, key: tuple[str, str], known: _Open, risks: Risks, row: int, state: AlertState
) -> Alert:
    port, family = key
    day, week, month = (round(float(p), 4) for p in risks.within[row])
    lead = float(risks.lead_s[row])
    expected = moment(int(risks.at[row]) + int(lead * 1e6))
    reasons = [r for r in (risks.reasons[row] if risks.reasons else []) if r["effect"] > 0]
    total = sum(r["effect"] for r in reasons) or 1.0
    title = catalogue()[family].title.partition(":")[0]
    because = "; ".join(r["text"] for r in reasons[:3])
    severity: Severity = "P2" if day >= SOON else "P3"
    return Alert(
        id=alert_id(source, port, family, known.onset_us), revision=known.revision, port=port, family=family, kind="risk",
        severity=severity, state=state, onset_at=moment(known.onset_us), raised_at=moment(known.raised_us),
        probability=week, score=None,
        contributions=[Contribution(channel=r["feature"], share=round(r["effect"] / total, 4)) for r in reasons],
        hypotheses=[Hypothesis(family=family, likelihood=week)],
        evidence={
            "p_24h": day, "p_7d": week, "p_30d": month, "expected_lead_s": round(lead), "expected_at": expected.isoformat(),
            "model_version": risks.version, "reasons": reasons,
        },
        text=f"{title} expected: {week:.0%} within 7 days, in about {_span(lead)} if it comes within 30"
        + (f"; because of {because}" if because else ""),
        source=source, source_version=version,
    )  # fmt: skip


def _span(seconds: float) -> str:
    return f"{seconds / 86_400:.0f} days" if seconds >= 2 * 86_400 else f"{seconds / 3_600:.0f} hours"
