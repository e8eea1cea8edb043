"""Operating regimes: what a channel should read under the settings of the moment, and how far it lies from that."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from models.failure.windows import Floats

_MOST: Final = 10
_APART: Final = 0.8
_SAMPLE: Final = 1_500
_LEAST_ROWS: Final = 50


@dataclass(frozen=True, slots=True)
class Regimes:
    """Clusters of settings, and in each a linear expectation of every channel.

    `scale` [s] brings settings to one size; `centres` [r, s] are in that size; `weights` [r, 1 + s, k] map (1, settings -
    centre) to expected channels; `spread` [r, k] is the deviation around it. Settings that do not fall into tight
    clusters far apart (silhouette under 0.8) make one regime. A row with a missing setting belongs to the nearest centre
    by the settings it has.
    """

    scale: Floats
    centres: Floats
    weights: Floats
    spread: Floats

    def residuals(self, settings: Floats, channels: Floats) -> Floats:
        """Channels [n, k] as distance from the expectation of their regime, in its deviations. A channel that does not
        vary in a regime gives 0 there."""
        scaled = settings / self.scale
        regime = _nearest(scaled, self.centres)
        design = _design(scaled, self.centres[regime])
        expected = np.einsum("ns,nsk->nk", design, self.weights[regime])
        spread = self.spread[regime]
        out: Floats = (channels - expected) / np.where(spread > 0, spread, np.inf)
        return out


def learn_regimes(settings: Floats, channels: Floats, seed: int = 0) -> Regimes:
    """The regimes of training rows: settings [n, s] (s may be 0) and channels [n, k]."""
    deviation = np.nanstd(settings, axis=0) if len(settings) else np.ones(settings.shape[1])
    scale = np.where(deviation > 0, deviation, 1.0)
    scaled = settings / scale
    centres = _centres(scaled, seed)
    regime = _nearest(scaled, centres)
    k = channels.shape[1]
    weights = np.zeros((len(centres), 1 + settings.shape[1], k))
    spread = np.zeros((len(centres), k))
    for r in range(len(centres)):
        mine = regime == r
        weights[r] = _least_squares(_design(scaled[mine], centres[r]), channels[mine])
        left = channels[mine] - _design(scaled[mine], centres[r]) @ weights[r]
        spread[r] = _spread(left)
    return Regimes(scale, centres, weights, spread)


def _spread(left: Floats) -> Floats:
    n = np.isfinite(left).sum(0)
    square = np.where(np.isfinite(left), left, 0.0) ** 2
    deviation: Floats = np.sqrt(square.sum(0) / np.maximum(n, 1))
    return np.where((deviation > 1e-9) & (n > 1), deviation, 0.0)


def _centres(scaled: Floats, seed: int) -> Floats:
    whole = scaled[np.isfinite(scaled).all(1)]
    one = whole.mean(0, keepdims=True) if len(whole) else np.zeros((1, scaled.shape[1]))
    if scaled.shape[1] == 0 or len(whole) < 2 * _LEAST_ROWS:
        return one
    chosen = whole[np.random.default_rng(seed).permutation(len(whole))[:_SAMPLE]]
    kinds = len(np.unique(np.round(chosen, 6), axis=0))
    from sklearn.cluster import KMeans  # a flow that only predicts need not load it
    from sklearn.metrics import silhouette_score

    best, best_score = one, _APART
    for k in range(2, min(_MOST, kinds - 1) + 1):
        with threadpool_limits(1):  # so few rows gain nothing from threads, which wait by spinning
            model = KMeans(k, n_init=10, random_state=seed).fit(chosen)
        if np.bincount(model.labels_, minlength=k).min() < len(chosen) * _LEAST_ROWS / 10_000 + 1:
            continue
        score = silhouette_score(chosen, model.labels_)
        if score > best_score:
            best, best_score = model.cluster_centers_, score
    return np.asarray(best, np.float64)


def _nearest(scaled: Floats, centres: Floats) -> NDArray[np.intp]:
    difference = scaled[:, None, :] - centres[None]
    distance = np.where(np.isfinite(difference), difference, 0.0) ** 2
    return np.asarray(distance.sum(2).argmin(1))


def _design(scaled: Floats, centre: Floats) -> Floats:
    offset = scaled - centre
    return np.column_stack([np.ones(len(scaled)), np.where(np.isfinite(offset), offset, 0.0)])


def _least_squares(design: Floats, channels: Floats) -> Floats:
    """Ridge of unit weight on every term but the constant: settings that hardly vary explain nothing."""
    penalty = np.eye(design.shape[1])
    penalty[0, 0] = 1e-9
    out = np.zeros((design.shape[1], channels.shape[1]))
    for j in range(channels.shape[1]):
        known = np.isfinite(channels[:, j])
        d = design[known]
        out[:, j] = np.linalg.solve(d.T @ d + penalty, d.T @ channels[known, j])
    return out
