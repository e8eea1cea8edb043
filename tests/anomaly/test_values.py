"""Values outside the canonical channels are judged by their own past."""

import numpy as np
import pytest

from models.anomaly.operator import AnomalyOperator
from models.columns import Batch, Others

HOUR = 3_600_000_000
START = 1_767_225_600_000_000


def _batches(channel, values, size, every=3 * HOUR, ports=2, start=START):
    """`values` [n, ports] of one channel, `size` rows a batch."""
    names = [f"ST-{i}/1" for i in range(ports)]
    n = values.size
    at = start + np.repeat(np.arange(len(values)), ports) * every
    port = np.tile(np.arange(ports, dtype=np.int32), len(values))
    other = Others(port, at, at + 1000, np.arange(n), np.arange(n), [channel] * n, values.reshape(-1).astype(float))
    for a in range(0, n, size):
        rows = np.zeros(n, bool)
        rows[a : a + size] = True
        part = other.take(rows)
        yield Batch(0, a, a + len(part) - 1, int(part.received_at[-1]), names, other=part)


@pytest.mark.parametrize(
    ("channel", "usual", "noise", "bad", "family"),
    [
        ("isolation", 2_500.0, 120.0, 400.0, "isolation"),
        ("pilot_voltage", 6.0, 0.08, 4.6, "pilot"),
        ("lock_retries", 0.0, 0.2, 5.0, "lock"),
        ("contactor_delay", 30.0, 1.5, 80.0, "contactor"),
        ("residual_current", 1.0, 0.3, 7.0, "ground_fault"),
        ("output_voltage_idle", 2.0, 1.0, 330.0, "contactor"),
        ("rssi", -74.0, 2.0, -104.0, "communication"),
        ("free_memory", 46_000.0, 1_400.0, 6_000.0, "controller"),
        ("free_memory", 4_000_000.0, 50_000.0, 400_000.0, "controller"),
    ],
)
def test_a_value_that_leaves_its_past_is_told_under_its_family(channel, usual, noise, bad, family):
    rng = np.random.default_rng(0)
    values = usual + noise * rng.standard_normal((120, 2))
    values[100:, 1] = bad
    operator = AnomalyOperator()
    alerts = [a for b in _batches(channel, values, 7) for a in operator.on_batch(b).alerts]

    assert {(a.port, a.family) for a in alerts} == {("ST-1/1", family)}
    assert 0 <= (alerts[0].raised_at.timestamp() * 1e6 - START - 100 * 3 * HOUR) <= 9.1 * HOUR
    whole = AnomalyOperator()
    assert [a for b in _batches(channel, values, 10**6) for a in whole.on_batch(b).alerts] == alerts
    for name, array in whole.snapshot()["arrays"].items():
        np.testing.assert_array_equal(array, operator.snapshot()["arrays"][name], err_msg=name)


def test_repeated_values_change_nothing():
    values = 2_500 + 100 * np.random.default_rng(0).standard_normal((60, 1))
    once, twice = AnomalyOperator(), AnomalyOperator()
    for batch in _batches("isolation", values, 5, ports=1):
        once.on_batch(batch)
        twice.on_batch(batch)
        twice.on_batch(batch)

    for name, array in once.snapshot()["arrays"].items():
        np.testing.assert_array_equal(array, twice.snapshot()["arrays"][name], err_msg=name)


def test_unknown_channels_and_wild_values_are_left_alone():
    operator = AnomalyOperator()
    values = np.full((50, 1), np.inf)
    assert not [a for b in _batches("humidity", values, 5, ports=1) for a in operator.on_batch(b).alerts]
    assert not [a for b in _batches("isolation", values, 5, ports=1) for a in operator.on_batch(b).alerts]
