"""From what features say of ticks to what is put before the decider: only ticks that are hot or of a watched port."""

from itertools import combinations
from typing import Final

import numpy as np

from models.anomaly.arrays import Bools
from models.anomaly.decide import Evidence
from models.anomaly.features import BY_FEATURE
from models.anomaly.judge import Verdict
from models.anomaly.situation import CONTEXTS, Situation

_ALONE: Final = 2.3
"""Surprise (nats) from which a feature may speak together with another of the same cause."""


def gather(s: Situation, verdicts: list[Verdict], watched: Bools, level: float) -> list[tuple[int, list[Evidence]]]:
    """(tick, evidence) in order of ticks. `watched` marks port slots with an open episode; ports with a hot tick are added."""
    slot = s.ticks.slot
    hot = [(v.surprise >= level) & (v.residual >= v.matters) for v in verdicts]
    _join(verdicts, hot, level)
    for v, h in zip(verdicts, hot, strict=True):
        watched[slot[v.rows[h]]] = True
    if not watched.any():
        return []
    found: dict[int, list[Evidence]] = {}
    for v, h in zip(verdicts, hot, strict=True):
        for i in np.flatnonzero(watched[slot[v.rows]]):
            row = int(v.rows[i])
            evidence = Evidence(
                v.feature, float(v.surprise[i]), float(v.residual[i]), float(v.matters[i]), float(v.observed[i]),
                float(v.expected[i]), bool(h[i]), int(v.normal_at[i]), CONTEXTS[s.context[row]],
            )  # fmt: skip
            found.setdefault(row, []).append(evidence)
    return sorted(found.items())


def _join(verdicts: list[Verdict], hot: list[Bools], level: float) -> None:
    """Mark as hot where two features of one cause are together as rare as the level (Fisher), each at half of what matters."""
    near = [np.flatnonzero((v.surprise > _ALONE) & (v.residual > 0.5 * v.matters)) for v in verdicts]
    for i, j in combinations(range(len(verdicts)), 2):
        u, v = verdicts[i], verdicts[j]
        if not len(near[i]) or not len(near[j]) or _cause(u.feature) != _cause(v.feature):
            continue
        _, a, b = np.intersect1d(u.rows[near[i]], v.rows[near[j]], return_indices=True)
        together = u.surprise[near[i][a]] + v.surprise[near[j][b]]
        rare = together - np.log1p(together) >= level
        hot[i][near[i][a[rare]]] = True
        hot[j][near[j][b[rare]]] = True


def _cause(feature: str) -> str:
    """The family that a feature points at first."""
    return BY_FEATURE[feature].families[0][0]
