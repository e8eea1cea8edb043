"""Cases against alerts, worked out by hand; and the minutes and rivals that the operator is compared with."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.columns import Batch, Others, Readings
from models.evaluation.minutes import COLUMNS, MinuteTaker
from models.evaluation.modes import Case, Said, judge, named_share, share
from models.evaluation.rivals import Table, Track, level_for, limits, told

DAY = 86_400_000_000


def _case(port="A/1", family="cooling", start=10, end=20, severity=1.0, fails=True, promised=True):
    return Case("k", family, port, start * DAY, end * DAY, severity, fails, promised)


def test_a_creeping_fault_is_found_at_a_severity_and_with_a_lead():
    judged = judge([_case()], [Said("A/1", "cooling", 14 * DAY)], 60)

    (one,) = judged.outcomes
    assert (one.level, one.delay_s, one.lead_s, one.named) == (0.4, 4 * 86_400, 6 * 86_400, True)
    assert judged.false == []


def test_what_is_said_before_it_at_a_neighbour_or_after_the_failure_finds_nothing_and_is_false():
    said = [Said("A/1", "cooling", 9 * DAY), Said("A/2", "cooling", 15 * DAY), Said("A/1", "cooling", 21 * DAY)]

    judged = judge([_case()], said, 60)

    assert judged.outcomes[0].said is None
    assert judged.false == said
    assert judged.false_rate == pytest.approx(3 / (60 / 30.4375))


@pytest.mark.parametrize(("where", "told_at"), [("A/0", "A/2"), ("A/1", "A/0")])
def test_number_0_on_either_side_means_the_station(where, told_at):
    assert judge([_case(where)], [Said(told_at, "meter", 12 * DAY)], 60).outcomes[0].said is not None


def test_shares_are_of_what_was_struck_and_named_of_what_was_found():
    cases = [_case(f"{n}/1", severity=0.1 * n, fails=False) for n in range(1, 11)]
    said = [Said(f"{n}/1", "cooling" if n > 8 else "meter", 11 * DAY) for n in range(7, 11)]
    outcomes = judge(cases, said, 60).outcomes

    assert share(outcomes, 0.65, 1.01) == 1
    assert share(outcomes) == 0.4
    assert named_share(outcomes) == 0.5
    assert len(judge(cases, said, 60).promised(0.4)) == 7


def _table(score, minutes=None):
    n = len(score)
    at = (np.arange(n) if minutes is None else np.asarray(minutes)) * 60_000_000
    return Table(np.zeros(n, np.intp), at.astype(np.int64), np.full((n, len(COLUMNS)), np.nan, np.float32), ["A/1"])


def test_a_rival_speaks_when_it_rises_and_at_most_once_a_day():
    score = np.zeros(4_000, np.float32)
    score[[100, 101, 300, 2_000]] = 5
    lead = np.full(4_000, 1, np.int8)

    found = told(_table(score), Track(score, lead), 1.0)

    assert [(s.family, s.at_us // 60_000_000) for s in found] == [("cooling", 100), ("cooling", 2_000)]


@given(st.lists(st.floats(0, 50, width=32), min_size=5, max_size=200), st.integers(0, 5))
def test_a_level_is_the_least_that_keeps_to_the_rate(scores, allowed):
    score = np.array([s for one in scores for s in (one, 0.0)], np.float32)  # calm between them: each is told by itself
    table, track = _table(score, np.arange(len(score)) * 2_000), Track(score, np.zeros(len(score), np.int8))
    quiet = {0: np.ones(len(score), np.bool_)}

    level = level_for([(table, track)], 1.0, allowed, quiet)

    assert len(told(table, track, level * 1.001)) <= allowed
    assert level < 1.1e-3 or len(told(table, track, level * 0.97)) > allowed


def test_a_limit_must_be_broken_by_so_many_rows_in_a_row():
    table = _table(np.zeros(40))
    volts = [name for name, _ in COLUMNS].index("volts")
    table.rows[:, volts] = 230
    table.rows[[3, 4, 8], volts] = 200
    assert limits(table) == []
    table.rows[20:23, volts] = 200

    assert [(s.family, s.at_us // 60_000_000) for s in limits(table)] == [("supply", 22)]


def test_minutes_hold_one_row_a_minute_of_charging_and_values_stand_until_the_next():
    n = 600
    at = np.arange(n) * 10_000_000
    current = np.where(at < 3_000_000_000, 0, 50).astype(np.float32)
    channels = {"current": current, "power": current * 400, "energy": np.cumsum(current * 400 / 360).astype(np.float64)}
    readings = Readings(np.zeros(n, np.int32), at, at, np.arange(n), np.arange(n), np.zeros(n, np.uint8), channels)
    times = np.array([1_000_000_000, 4_000_000_000])
    other = Others(
        np.zeros(2, np.int32), times, times, np.arange(2), np.arange(2), ["rssi", "rssi"], np.array([-70.0, -90.0])
    )
    taker = MinuteTaker(["A/1"], [True], [125.0])
    taker.take(Batch(0, 0, 1, int(at[-1]), ["A/1"], readings, other))
    _, when, rows = taker.minutes.columns()

    minute = when // 60_000_000
    assert len(set(minute[minute >= 50].tolist())) == (minute >= 50).sum() == 50
    assert (minute < 50).sum() == 2
    names = [name for name, _ in COLUMNS]
    assert np.nanmedian(rows[:, names.index("register")]) == pytest.approx(1, abs=0.02)
    rssi = rows[:, names.index("rssi")]
    assert (rssi[when > 4_000_000_000] == -90).all()
    assert (rssi[(when > 1_000_000_000) & (when < 4_000_000_000)] == -70).all()
