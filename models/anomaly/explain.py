"""From surprising features to fault families, and to words."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from models.anomaly.features import BY_FEATURE
from schemas.alerts import Contribution, Hypothesis
from schemas.faults import catalogue


def hypotheses(surprise: Mapping[str, float]) -> list[Hypothesis]:
    """Fault families that would explain features of the given surprise (nats), likeliest first.

    Each feature spreads its surprise over the families that it points at; what a family gathers, as a share of all, is its
    likelihood. The rest to 1 is left for causes outside the table.
    """
    total = sum(surprise.values())
    gathered: dict[str, float] = {}
    for name, nats in surprise.items():
        for family, share in BY_FEATURE[name].families:
            gathered[family] = gathered.get(family, 0.0) + nats * share
    ranked = sorted(gathered.items(), key=lambda item: (-item[1], item[0]))
    return [Hypothesis(family=f, likelihood=round(g / total, 4)) for f, g in ranked[:4]] if total > 0 else []


def explains(family: str, feature: str) -> bool:
    """Whether `family` is among the causes of `feature`."""
    return any(name == family for name, _ in BY_FEATURE[feature].families)


def contributions(rows: Iterable[tuple[str, float, float, float]]) -> list[Contribution]:
    """(feature, surprise, observed, expected) as shares of the surprise, largest first, in units for people."""
    found = sorted(rows, key=lambda row: (-row[1], row[0]))
    total = sum(row[1] for row in found) or 1.0
    return [
        Contribution(
            channel=BY_FEATURE[name].channel,
            share=round(nats / total, 4),
            observed=round(observed * BY_FEATURE[name].scale, 3),
            expected=round(expected * BY_FEATURE[name].scale, 3),
            unit=BY_FEATURE[name].unit,
        )
        for name, nats, observed, expected in found
    ]


def by_channel(told: Sequence[Contribution]) -> dict[str, dict[str, Any]]:
    """Contributions, largest first, as a column of `anomaly_score` has them: of features of one channel the largest stands for it."""
    return {c.channel: c.model_dump(exclude={"channel"}) for c in reversed(told)}


def sentence(family: str, residuals: Mapping[str, float], onset_us: int) -> str:
    """The alert's text: what the features show, since when, and what it looks like."""
    seen = "; ".join(BY_FEATURE[n].says.format(residual=abs(r) * BY_FEATURE[n].scale) for n, r in residuals.items())
    since = datetime.fromtimestamp(onset_us / 1e6, UTC)
    return f"{seen[:1].upper()}{seen[1:]}, since {since:%Y-%m-%d %H:%M} UTC. {catalogue()[family].title}."
