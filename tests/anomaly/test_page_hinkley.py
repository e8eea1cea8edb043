"""Page-Hinkley's test as arrays drifts where river's own object does."""

import numpy as np
import pytest
from river.drift import PageHinkley

from models.anomaly.detectors import page_hinkley


def _streams(seed):
    """Rows [n, 2 ports, 2 channels] that wander, jump up and down, and miss values."""
    rng = np.random.default_rng(seed)
    x = 20 + rng.standard_normal((3_000, 2, 2)) + 2 * np.sin(np.arange(3_000) / 150)[:, None, None]
    x[900:, 0, 0] += 12
    x[1_500:, 0, 1] -= 6
    x[2_000:2_100, 1, 0] += 1_000
    x[rng.random(x.shape) < 0.05] = np.nan
    return x.astype(np.float32)


@pytest.mark.parametrize("seed", [0, 1])
def test_statistic_and_drifts_are_those_of_river(seed):
    x = _streams(seed)
    ours, slot = page_hinkley.PageHinkley(2), np.arange(2)
    theirs = {(p, j): PageHinkley() for p in range(2) for j in range(2)}
    drifts = 0
    for i, row in enumerate(x):
        mean, spread = ours._known(slot) if i else (row, row)
        judged = ours.arrays["chart.rows"][:2] >= ours.head if i else np.zeros((2, 2), bool)
        ours.update(slot, np.full(2, i * 1_000_000), row)
        for (p, j), river in theirs.items():
            if not judged[p, j] or np.isnan(row[p, j]):
                continue
            river.update(float((row[p, j] - mean[p, j]) / spread[p, j]))
            size = float(ours.arrays["chart.size"][p, j])
            if river._x_mean.n >= page_hinkley.LEAST:
                statistic = max(river._sum_increase - river._min_increase, river._max_decrease - river._sum_decrease)
                assert size * page_hinkley.THRESHOLD == pytest.approx(statistic, rel=1e-3, abs=0.02), (i, p, j)
                assert (size > 1) == river.drift_detected, (i, p, j)
                drifts += river.drift_detected
            else:
                assert size == 0 or size > 1  # held until the new mean is known

    assert drifts > 20


def test_a_drift_is_told_once_and_the_alarm_lasts_until_the_new_mean_is_known():
    x = np.random.default_rng(0).standard_normal((1_000, 1, 1)).astype(np.float32)
    x[700:] += 8
    detector = page_hinkley.PageHinkley(1)
    got = [detector.update(np.zeros(1, np.intp), np.array([i * 1_000_000]), row) for i, row in enumerate(x)]
    alarm, told = (np.array([getattr(g, name)[0] for g in got]) for name in ("alarm", "event"))

    (begin,) = np.flatnonzero(np.isfinite(told))
    assert 700 < begin < 715
    assert np.flatnonzero(alarm).tolist() == list(range(begin, begin + page_hinkley.LEAST))
    assert got[650].score[0] < 1 < got[begin].score[0]


def test_its_parameters_are_rivers_defaults():
    river = PageHinkley()

    assert (river.min_instances, river.delta, river.threshold, river.alpha) == (
        page_hinkley.LEAST,
        page_hinkley.DELTA,
        page_hinkley.THRESHOLD,
        page_hinkley.ALPHA,
    )
