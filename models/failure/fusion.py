"""Joint channels: what several channels tell together, with less noise than any of them alone."""

from typing import Final

import numpy as np

from models.failure.windows import Floats

MOST: Final = 2


def learn_joint(residuals: Floats) -> Floats:
    """Weights [k, j] of the first two principal components of training residuals [n, k]; j is 0 for fewer than three channels.

    Wear moves many channels at once, noise each by itself: the components follow the wear. No label is used. Each joint
    channel has deviation 1 over the training rows, and its greatest weight is positive.
    """
    k = residuals.shape[1]
    if k < 3 or len(residuals) < k:
        return np.zeros((k, 0))
    filled = np.where(np.isfinite(residuals), residuals, 0.0)
    filled = filled - filled.mean(0)
    values, vectors = np.linalg.eigh(filled.T @ filled / len(filled))
    chosen = np.argsort(-values, kind="stable")[:MOST]
    chosen = chosen[values[chosen] > 1e-9]
    weights = vectors[:, chosen] / np.sqrt(values[chosen])
    signs = np.sign(weights[np.abs(weights).argmax(0), np.arange(len(chosen))])
    oriented: Floats = weights * signs
    return oriented


def joint(residuals: Floats, weights: Floats) -> Floats:
    """The joint channels [n, j]; a missing channel counts as read as expected, a row without any gives NaN."""
    known = np.isfinite(residuals)
    out: Floats = np.where(known, residuals, 0.0) @ weights
    out[~known.any(1)] = np.nan
    return out
