"""Channels that fall silent, values that stand still, a slower pace: told when they last, and not when a port is like that."""

import numpy as np
import pytest

from models.anomaly.operator import AnomalyOperator
from models.columns import Batch, Readings

START = 1_767_225_600_000_000
PORT = ["ST-1/1"]
MINUTES = 6 * 1_440


def _readings(minutes=MINUTES, seed=1, quantum=0.1):
    """An idle port, one reading a minute: sensors with noise, a register that stands."""
    rng = np.random.default_rng(seed)
    at = START + np.arange(minutes) * 60_000_000
    day = 8 * np.sin(np.arange(minutes) / 1_440 * 2 * np.pi)
    noisy = {
        name: np.rint((15 + day + 0.15 * rng.standard_normal(minutes)) / quantum) * quantum
        for name in ("temp_connector", "temp_internal", "temp_ambient")
    }
    channels = noisy | {
        "voltage_l1": np.rint((230 + rng.standard_normal(minutes)) * 10) / 10, "current": np.zeros(minutes),
        "fan_rpm": 900 + rng.standard_normal(minutes), "energy": np.full(minutes, 1e6),
    }  # fmt: skip
    return at, {k: v.astype("f8" if k == "energy" else "f4") for k, v in channels.items()}


def _batches(at, channels, size):
    n = len(at)
    whole = Readings(np.zeros(n, np.int32), at, at + 1_000, np.arange(n), np.arange(n), np.zeros(n, np.uint8), channels)
    for a in range(0, n, size):
        part = whole.take(slice(a, a + size))
        yield Batch(0, int(part.origin[0]), int(part.origin[-1]), int(part.at[-1]), PORT, part)


def _alerts(at, channels, size=1_440, operator=None):
    operator = operator or AnomalyOperator()
    told = [a for batch in _batches(at, channels, size) for a in operator.on_batch(batch).alerts]
    return [a for a in told if a.state != "updated"]


def test_a_healthy_port_shows_no_sign():
    assert _alerts(*_readings()) == []


@pytest.mark.parametrize("channel", ["temp_connector", "temp_internal", "fan_rpm", "energy"])
def test_a_channel_that_is_told_no_longer_is_missed_within_two_hours(channel):
    at, channels = _readings()
    since = 5 * 1_440
    channels[channel][since:] = np.nan

    alerts = _alerts(at, channels)

    assert [a.state for a in alerts] == ["raised"]
    assert alerts[0].family == ("meter" if channel == "energy" else "sensor")
    assert alerts[0].evidence["features"] == [f"{channel}_missing"]
    assert 0 < alerts[0].raised_at.timestamp() - at[since] / 1e6 <= 2 * 3_600
    assert abs(alerts[0].onset_at.timestamp() - at[since] / 1e6) <= 900


def test_a_channel_that_comes_and_goes_is_not_missed():
    at, channels = _readings()
    hour = np.arange(MINUTES) // 60
    channels["temp_ambient"][hour % 8 < 4] = np.nan

    assert _alerts(at, channels) == []


def test_a_sensor_that_stands_still_is_told_and_it_is_over_when_it_moves_again():
    at, channels = _readings()
    channels["temp_internal"][5 * 1_440 : 5 * 1_440 + 600] = 21.3

    alerts = _alerts(at, channels)

    assert [(a.state, a.family) for a in alerts] == [("raised", "sensor"), ("cleared", "sensor")]
    assert alerts[0].raised_at.timestamp() - at[5 * 1_440] / 1e6 <= 4 * 3_600


def test_a_sensor_that_stands_still_is_told_though_it_drops_out_now_and_then():
    at, channels = _readings()
    channels["temp_internal"][5 * 1_440 : 5 * 1_440 + 600] = 21.3
    channels["temp_internal"][5 * 1_440 :: 40] = np.nan

    assert [(a.state, a.family) for a in _alerts(at, channels)] == [("raised", "sensor"), ("cleared", "sensor")]


def test_a_coarse_sensor_stands_still_by_nature():
    at, channels = _readings(quantum=5.0)

    assert _alerts(at, channels) == []


def test_a_pace_that_halves_is_told_as_communication():
    at, channels = _readings()
    keep = (np.arange(MINUTES) < 5 * 1_440) | (np.arange(MINUTES) % 4 == 0)

    alerts = _alerts(at[keep], {k: v[keep] for k, v in channels.items()})

    assert [(a.state, a.family) for a in alerts] == [("raised", "communication")]


def test_signs_do_not_depend_on_batches_nor_on_a_restart():
    at, channels = _readings()
    channels["temp_connector"][5 * 1_440 :] = np.nan
    channels["temp_internal"][5 * 1_440 :] = 20.0
    whole = _alerts(at, channels, size=10**6)
    assert len(whole) == 2

    assert _alerts(at, channels, size=97) == whole
    first, second = AnomalyOperator(), AnomalyOperator()
    cut = 5 * 1_440 + 35
    before = _alerts(at[:cut], {k: v[:cut] for k, v in channels.items()}, operator=first)
    second.restore(first.snapshot())
    after = _alerts(at[cut:], {k: v[cut:] for k, v in channels.items()}, operator=second)
    assert [(a.id, a.state, a.raised_at) for a in before + after] == [(a.id, a.state, a.raised_at) for a in whole]
