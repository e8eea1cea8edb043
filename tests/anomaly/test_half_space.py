"""Half-space trees as arrays score as river's own objects do."""

import random

import numpy as np
from river.anomaly import HalfSpaceTrees

from models.anomaly.detectors import half_space


def test_scores_are_those_of_river():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (700, 2)).astype(np.float32)
    x[0], x[1] = 0, 1  # the range is known from the start, so that both see the same scale
    ours = half_space.HalfSpace(2)
    theirs = HalfSpaceTrees(n_trees=half_space.TREES, height=half_space.HEIGHT, window_size=half_space.WINDOW)
    theirs.rng = random.Random(half_space.SEED)
    slot, pairs = np.array([0]), []
    for i, row in enumerate(x):
        low, high = ours.arrays["low"], ours.arrays["high"]
        expected = theirs.score_one({0: float(row[0]), 1: float(row[1])})
        if i > 2 * half_space.WINDOW:
            scaled = (row[None] - low[0]) / (high[0] - low[0])
            pairs.append((float(ours._mass_score(slot, ours._walk(slot, scaled))[0]), expected))
        theirs.learn_one({0: float(row[0]), 1: float(row[1])})
        ours.update(slot, np.array([i]), row[None])

    mine, river = np.array(pairs).T
    np.testing.assert_allclose(mine, river, atol=0.01)
    assert np.corrcoef(mine, river)[0, 1] > 0.999
