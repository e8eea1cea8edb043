"""How good probabilities are: precision and recall over ranks, Brier score with its parts, calibration error."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.failure.windows import Floats


def average_precision(struck: np.ndarray, score: np.ndarray) -> float:
    """Area under precision over recall by steps; equal scores count as one threshold. NaN without a positive.

    A ranking without information gives about the base rate.
    """
    positives = float(struck.sum())
    if positives == 0:
        return float("nan")
    order = np.argsort(-score, kind="stable")
    hits, ranked = struck[order].astype(np.float64), score[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    found = np.cumsum(hits)[last]
    return float(np.sum(np.diff(found, prepend=0.0) / positives * found / (last + 1)))


@dataclass(frozen=True, slots=True)
class Brier:
    """Mean squared error of probabilities: `score` = `reliability` - `resolution` + `uncertainty` + `within`.

    `reliability` (less is better) is the squared distance of stated from observed frequency over bins, `resolution` (more
    is better) how far the bins' frequencies lie from the base rate, `uncertainty` the variance of the base rate, `within` what
    binning hides.
    """

    score: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float

    @property
    def skill(self) -> float:
        """1 - score / uncertainty: the share of the base rate's error that the model takes away."""
        return 1.0 - self.score / self.uncertainty if self.uncertainty > 0 else float("nan")


def brier(struck: np.ndarray, probability: np.ndarray, bins: int = 10) -> Brier:
    """The Brier score and its parts over bins of about equally many rows. ValueError without rows."""
    hits = struck.astype(np.float64)
    n, stated, observed = _binned(hits, probability, bins)
    weight, rate = n / n.sum(), hits.mean()
    score = float(np.mean((probability - hits) ** 2))
    reliability = float(np.sum(weight * (stated - observed) ** 2))
    resolution = float(np.sum(weight * (observed - rate) ** 2))
    uncertainty = float(rate * (1 - rate))
    return Brier(score, reliability, resolution, uncertainty, score - reliability + resolution - uncertainty)


def calibration_error(struck: np.ndarray, probability: np.ndarray, bins: int = 10) -> float:
    """Mean distance of stated from observed frequency over bins of about equally many rows, in probability."""
    n, stated, observed = _binned(struck.astype(np.float64), probability, bins)
    return float(np.sum(n * np.abs(stated - observed)) / n.sum())


def _binned(hits: Floats, probability: np.ndarray, bins: int) -> tuple[NDArray[np.float64], Floats, Floats]:
    if not len(hits):
        raise ValueError("no rows to score")
    order = np.argsort(probability, kind="stable")
    parts = [p for p in np.array_split(order, bins) if len(p)]
    n = np.array([len(p) for p in parts], np.float64)
    return n, np.array([probability[p].mean() for p in parts]), np.array([hits[p].mean() for p in parts])
