"""From risks to alerts, and the operator that tells them hour by hour."""

from dataclasses import replace

import numpy as np

from models.columns import Batch
from models.failure.foretell import Risks
from models.failure.hours import HOUR_US
from models.failure.operator import GRACE_US, FailureOperator, Foretold
from models.failure.warnings import QUIET_HOURS, Warnings
from schemas.telemetry import BridgeBeat

REASONS = [
    {"feature": "contact_heat.change.5", "effect": 1.5, "text": "heating"},
    {"feature": "age", "effect": -0.2, "text": "age"},
]


def risks(hour, week, day=0.1, shadow=False, family="contact_wear"):
    within = np.array([[day, week, min(1.0, week + 0.1)]])
    return Risks(
        "m1", shadow, 0.5, ["S/1"], np.zeros(1, np.int64), np.array([hour * HOUR_US]), [family], within,
        np.array([4 * 86_400.0]), [REASONS],
    )  # fmt: skip


def told(warnings, hour, week, day=0.1):
    return warnings.take(risks(hour, week, day), hour * HOUR_US, hour * HOUR_US + GRACE_US)


def test_a_risk_at_its_level_is_raised_with_reasons_and_expectation():
    (alert,) = told(Warnings("failure", "1"), 10, 0.6)
    assert (alert.kind, alert.family, alert.severity, alert.state) == ("risk", "contact_wear", "P3", "raised")
    assert alert.probability == 0.6
    assert alert.evidence["expected_at"] == "1970-01-05T10:00:00+00:00"
    assert [(c.channel, c.share) for c in alert.contributions] == [("contact_heat.change.5", 1.0)]
    assert "60%" in alert.text
    assert "heating" in alert.text


def test_below_the_level_nothing_is_said():
    assert told(Warnings("failure", "1"), 10, 0.49) == []


def test_it_is_told_again_only_when_it_grew_or_comes_within_a_day():
    warnings = Warnings("failure", "1")
    first = told(warnings, 10, 0.6)
    assert told(warnings, 11, 0.65) == []
    (grown,) = told(warnings, 12, 0.8)
    (soon,) = told(warnings, 13, 0.8, day=0.6)
    assert [a.revision for a in (*first, grown, soon)] == [1, 2, 3]
    assert {a.id for a in (*first, grown, soon)} == {grown.id}
    assert soon.severity == "P2"


def test_it_clears_after_hours_of_quiet_not_at_the_first():
    warnings = Warnings("failure", "1")
    told(warnings, 10, 0.6)
    quiet = [told(warnings, 11 + k, 0.1) for k in range(QUIET_HOURS)]
    assert quiet[:-1] == [[]] * (QUIET_HOURS - 1)
    assert [a.state for a in quiet[-1]] == ["cleared"]
    assert told(warnings, 40, 0.6)[0].id != quiet[-1][0].id


def test_it_clears_when_the_port_is_told_of_other_families_alone():
    warnings = Warnings("failure", "1")
    told(warnings, 10, 0.6)
    others = [risks(11 + k, 0.1, family="cooling") for k in range(QUIET_HOURS)]
    said = [warnings.take(one, int(one.at[0]), int(one.at[0]) + GRACE_US) for one in others]
    assert [[a.state for a in alerts] for alerts in said] == [[]] * (QUIET_HOURS - 1) + [["cleared"]]


def test_a_port_that_is_not_heard_of_is_not_said_to_be_well():
    warnings = Warnings("failure", "1")
    told(warnings, 10, 0.6)
    for hour in range(11, 11 + 2 * QUIET_HOURS):
        silent = replace(risks(hour, 0.1), port=np.empty(0, np.int64), at=np.empty(0, np.int64), family=[])
        assert warnings.take(silent, hour * HOUR_US, hour * HOUR_US + GRACE_US) == []
    (grown,) = told(warnings, 50, 0.9)
    assert (grown.state, grown.revision) == ("updated", 2)


def test_a_snapshot_goes_on_where_it_stood():
    warnings, other = Warnings("failure", "1"), Warnings("failure", "1")
    told(warnings, 10, 0.6)
    other.restore(warnings.snapshot())
    assert told(other, 11, 0.8) == told(warnings, 11, 0.8)


class Outlook:
    """Answers at the second look; remembers what it was asked."""

    def __init__(self, week=0.6):
        self.asked, self.week, self.ready = [], week, []

    def ask(self, shard, until_us, origin):
        self.asked.append((shard, until_us, origin))
        hour = until_us // HOUR_US
        self.ready.append(Foretold(until_us, [], [risks(hour, self.week), risks(hour, 0.9, shadow=True)]))

    def answer(self, _shard):
        return self.ready.pop() if self.ready else None

    def busy(self, _shard):
        return bool(self.ready)


def beat(now, origin):
    return Batch(0, origin, origin, now, beats=[BridgeBeat(bridge="b", at=now, connected=True, since=0, origin=origin)])


def test_the_operator_asks_once_an_hour_and_tells_live_and_shadow_but_warns_of_the_live_one_alone():
    outlook = Outlook()
    operator = FailureOperator("00n", outlook)
    said = [operator.on_batch(beat(100 * HOUR_US + GRACE_US + s * 1_000_000, s)) for s in range(600)]
    assert [until for _, until, _ in outlook.asked] == [100 * HOUR_US]
    rows = [w for out in said for w in out.writes]
    assert [w.table for w in rows] == ["failure_risk"] * 2
    assert sorted(bool(w.columns["shadow"][0]) for w in rows) == [False, True]
    assert [a.kind for out in said for a in out.alerts] == ["risk"]


def test_an_hour_that_was_told_is_not_asked_again_after_a_restart():
    outlook = Outlook()
    operator = FailureOperator("00n", outlook)
    for s in range(3):
        operator.on_batch(beat(100 * HOUR_US + GRACE_US + s, s))
    again = FailureOperator("00n", outlook)
    again.restore(operator.snapshot())
    again.on_batch(beat(100 * HOUR_US + GRACE_US + 5, 5))
    assert len(outlook.asked) == 1
    again.on_batch(beat(101 * HOUR_US + GRACE_US, 6))
    assert [until // HOUR_US for _, until, _ in outlook.asked] == [100, 101]
