"""The decision by itself: told once, again when worse, over after calm, at rest afterwards, and two features of one cause together."""

from types import SimpleNamespace

import numpy as np
import pytest

from models.anomaly.arrays import NEVER
from models.anomaly.decide import CALM_US, COOLDOWN_US, Decider, Evidence
from models.anomaly.evidence import gather
from models.anomaly.judge import Verdict

SECOND = 1_000_000
PORT = "ST-1/1"


def _evidence(residual, feature="contact", hot=None, at=0):
    hot = residual >= 8 if hot is None else hot
    return Evidence(feature, 15.0, residual, 8.0, residual, 0.0, hot, at, "charging")


def _run(decider, ticks):
    """(second, evidence ...) ticks in order; what is told as (second, state, revision)."""
    return [
        (second, alert.state, alert.revision)
        for second, *rows in ticks
        for alert in decider.tick(PORT, second * SECOND, second * SECOND, rows)
    ]


def test_what_stays_as_it_is_is_told_once_and_what_grows_by_half_again():
    ticks = [(s, _evidence(10.0 if s < 300 else 14.0 if s < 600 else 16.0)) for s in range(0, 900, 5)]

    assert _run(Decider("t"), ticks) == [(0, "raised", 1), (600, "updated", 2)]


def test_it_is_told_again_once_a_minute_at_most_however_fast_it_grows():
    told = _run(Decider("t"), [(s, _evidence(10.0 * 1.6 ** (s / 5))) for s in range(0, 130, 5)])

    assert told == [(0, "raised", 1), (60, "updated", 2), (120, "updated", 3)]


def test_it_is_over_after_ten_calm_minutes_without_a_relapse():
    calm = CALM_US // SECOND
    ticks = [(0, _evidence(10.0)), (60, _evidence(1.0)), (300, _evidence(5.0)), (360, _evidence(1.0))]
    ticks += [(360 + calm - 5, _evidence(1.0)), (360 + calm, _evidence(1.0))]

    assert _run(Decider("t"), ticks) == [(0, "raised", 1), (360 + calm, "cleared", 2)]


def test_after_it_was_over_it_rests_for_half_an_hour():
    calm, rest = CALM_US // SECOND, COOLDOWN_US // SECOND
    over = [(0, _evidence(10.0)), (60, _evidence(1.0)), (60 + calm, _evidence(1.0))]
    again = [
        (60 + calm + 5, _evidence(10.0)),
        (60 + calm + rest - 5, _evidence(10.0)),
        (60 + calm + rest, _evidence(10.0)),
    ]

    decider = Decider("t")
    assert [state for _, state, _ in _run(decider, over)] == ["raised", "cleared"]
    assert _run(decider, again) == [(60 + calm + rest, "raised", 1)]


def test_what_comes_back_is_another_episode_even_if_it_was_never_quite_normal_in_between():
    calm, rest = CALM_US // SECOND, COOLDOWN_US // SECOND
    decider = Decider("t")
    ticks = [
        (0, _evidence(10.0)),
        (60, _evidence(3.9)),
        (60 + calm, _evidence(3.9)),
        (60 + calm + rest, _evidence(10.0)),
    ]

    alerts = [a for s, *rows in ticks for a in decider.tick(PORT, s * SECOND, s * SECOND, rows)]

    first, over, again = alerts
    assert (first.id, first.state, over.state, again.state) == (over.id, "raised", "cleared", "raised")
    assert again.id != first.id
    assert again.onset_at.timestamp() == 60 + calm


def test_a_feature_of_the_same_cause_joins_and_another_cause_is_an_alert_of_its_own():
    decider = Decider("t")
    (raised,) = decider.tick(PORT, 0, 0, [_evidence(10.0, "cabinet")])
    (joined,) = decider.tick(PORT, SECOND, SECOND, [_evidence(10.0, "cabinet"), _evidence(1.0, "fan", hot=True)])
    (other,) = decider.tick(
        PORT, 2 * SECOND, 2 * SECOND, [_evidence(10.0, "cabinet"), _evidence(0.2, "meter", hot=True)]
    )

    assert (joined.id, joined.state, joined.evidence["features"]) == (raised.id, "updated", ["cabinet", "fan"])
    assert (other.family, other.state, other.revision) == ("meter", "raised", 1)
    assert raised.family == "cooling"


def _verdict(feature, surprise, share):
    def one(value):
        return np.array([value], np.float32)

    return Verdict(feature, np.array([0]), one(surprise), one(8.0 * share), one(8.0), one(0), one(0), np.array([NEVER]))


@pytest.mark.parametrize(
    ("second", "surprise", "share", "hot"),
    [
        ("fan", 8.0, 0.6, True),  # 16 - ln 17 = 13.2 nats
        ("fan", 6.0, 0.6, False),  # 14 - ln 15 = 11.3
        ("fan", 8.0, 0.4, False),  # too small to matter
        ("meter", 8.0, 0.6, False),  # another cause
    ],
)
def test_two_features_of_one_cause_speak_together_at_half_of_what_matters(second, surprise, share, hot):
    situation = SimpleNamespace(ticks=SimpleNamespace(slot=np.array([0])), context=np.array([1]))
    verdicts = [_verdict("cabinet", 8.0, 0.6), _verdict(second, surprise, share)]
    found = gather(situation, verdicts, np.zeros(1, np.bool_), level=12.0)

    assert [[e.hot for e in rows] for _, rows in found] == ([[True, True]] if hot else [])
