"""The default detector's memory: what is wrong stays wrong, but not for ever."""

import numpy as np
import pytest

from models.anomaly.detectors.records import Records
from models.anomaly.stages.state import HEAD, PATIENCE

SECOND = 1_000_000


def _alarms(values):
    """The alarm of each row of one port, `values` [n, channels]."""
    detector, slot = Records(values.shape[1]), np.zeros(1, np.intp)
    rows = (detector.update(slot, np.array([i * SECOND]), row[None].astype("f4")) for i, row in enumerate(values))
    return np.array([scores.alarm[0] for scores in rows])


def _charging(n, rng, idle):
    """A port that stands idle at first and then charges 40 rows of each 120: current, voltage, temperature."""
    row = np.arange(n)
    on = (row >= idle) & (row % 120 < 40)
    current = np.where(on, 100.0, 0.0) + 0.3 * rng.standard_normal(n)
    return np.stack([current, 400 - 0.02 * current + 0.5 * rng.standard_normal(n), 25 + 0.05 * current], axis=1)


def test_a_state_that_lasts_becomes_the_reference_after_a_while():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((HEAD + 200 + PATIENCE + 2 * HEAD, 3))
    values[HEAD + 200 :] += 12

    alarms = _alarms(values)

    assert not alarms[: HEAD + 200].any()
    assert alarms[HEAD + 230 : HEAD + 200 + PATIENCE].all()
    assert not alarms[-HEAD:].any()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_port_that_stood_idle_for_its_whole_head_is_known_after_a_day_of_charges(seed):
    alarms = _alarms(_charging(8_000, np.random.default_rng(seed), idle=450))

    assert alarms[450:1_000].any()
    assert alarms[-2_000:].mean() < 0.02
