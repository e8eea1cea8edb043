"""Restarts, links, attempts and charges as events tell them: bursts and runs are told, single mishaps are not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.anomaly.doings import Doings
from models.anomaly.operator import AnomalyOperator
from models.columns import Batch
from schemas.telemetry import RETAINED, Event

LEVEL = 12.0
HOUR = 3_600_000_000
T0 = 1_767_225_600_000_000


def _event(kind, hours, port="ST/1", flags=0, **data):
    at = T0 + int(hours * HOUR)
    return Event(port=port, kind=kind, at=at, received_at=at + 1_000, origin=0, seq=0, flags=flags, data=data)


def _visit(hours, wh=9_000, minutes=40, starts=True):
    """The events of one visit that draws `wh`, or is turned away."""
    said = [_event("status", hours, status="preparing")]
    if starts:
        said += [
            _event("session_start", hours + 0.01, meter_wh=1_000),
            _event("status", hours + 0.01, status="charging"),
            _event("session_end", hours + 0.01 + minutes / 60, meter_wh=1_000 + wh, reason="local"),
        ]
    return [*said, _event("status", hours + 0.02 + minutes / 60, status="available")]


def _told(events, doings=None):
    """What is told, without what is only told again."""
    alerts = (doings or Doings("t")).take(sorted(events, key=lambda e: e.at), LEVEL)[0]
    return [a for a in alerts if a.state != "updated"]


def test_usual_visits_with_a_mishap_now_and_then_are_nothing():
    events = [e for n in range(200) for e in _visit(6 * n, wh=0 if n % 37 == 5 else 9_000, starts=n % 41 != 7)]

    assert _told(events) == []


def test_visitors_turned_away_one_after_the_other_are_a_matter_of_payment():
    events = [e for n in range(60) for e in _visit(6 * n, starts=n < 50)]

    (alert,) = _told(events)

    assert (alert.family, alert.port, alert.state) == ("payment", "ST/1", "raised")
    assert 50 * 6 * HOUR < alert.raised_at.timestamp() * 1e6 - T0 <= 57 * 6 * HOUR


@pytest.mark.parametrize(("minutes", "family"), [(40, "degraded"), (1, "interop")])
def test_charges_without_energy_are_told_by_how_they_end(minutes, family):
    events = [
        e for n in range(60) for e in _visit(6 * n, wh=9_000 if n < 50 else 0, minutes=minutes if n >= 50 else 40)
    ]

    assert [a.family for a in _told(events)] == [family]


def test_it_is_over_when_visitors_can_charge_again():
    events = [e for n in range(90) for e in _visit(6 * n, starts=not 50 <= n < 58)]

    assert [a.state for a in _told(events)] == ["raised", "cleared"]


def test_restarts_in_a_burst_are_told_at_the_station_and_planned_ones_are_not():
    burst = [_event("boot", 100 + 2 * n, port="ST/0", reason="watchdog", firmware="1") for n in range(8)]
    planned = [_event("boot", 100 + 2 * n, port="ST/0", reason="remote_reset", firmware="1") for n in range(8)]

    assert [(a.port, a.family) for a in _told(burst)] == [("ST/0", "controller")]
    assert _told(planned) == []


def test_a_station_that_restarts_every_night_is_used_to_it():
    nights = [_event("boot", 24 * n, port="ST/0", reason="unknown", firmware="1") for n in range(60)]

    assert _told(nights) == []


def test_a_link_that_breaks_again_and_again_is_told_and_clears_with_time():
    events = [
        _event("connection", 100 + n + off, port="ST/0", connected=up) for n in range(12) for off, up in ((0, False), (0.1, True))
    ]  # fmt: skip
    doings = Doings("t")

    assert [(a.port, a.family) for a in _told(events, doings)] == [("ST/0", "communication")]
    later = [a for h in range(113, 300) for a in doings.on_time(T0 + h * HOUR, LEVEL)]
    assert [a.state for a in later] == ["cleared"]


def _suspended(hours, seconds, times):
    """A charge that is suspended for `seconds`, `times` in a row, and goes on each time."""
    said = []
    for n in range(times):
        at = hours + n * 2 * seconds / 3_600
        said += [_event("status", at, status="suspended_ev"), _event("status", at + seconds / 3_600, status="charging")]
    return said


def test_a_charge_that_flaps_is_a_matter_of_the_pilot_and_is_over_with_time():
    doings = Doings("t")

    raised = _told([*_visit(0), *_suspended(100, 4, 600)], doings)
    over = [a for h in range(101, 300) for a in doings.on_time(T0 + h * HOUR, LEVEL)]

    assert [(a.port, a.family, a.evidence["features"]) for a in raised] == [("ST/1", "pilot", ["flaps"])]
    assert raised[0].raised_at.timestamp() * 1e6 - T0 - 100 * HOUR < 120e6
    assert [a.state for a in over] == ["cleared"]


def test_a_vehicle_that_pauses_and_one_that_flaps_now_and_then_are_nothing():
    pauses = [e for n in range(60) for e in _suspended(24 * n, 300, 20)]
    now_and_then = [e for n in range(60) for e in _suspended(24 * n, 4, 3)]

    assert _told(pauses) == []
    assert _told(now_and_then) == []


@pytest.mark.parametrize(("reason", "families"), [("watchdog", {"controller"}), ("remote_reset", set())])
def test_a_restart_is_no_broken_link(reason, families):
    events = []
    for n in range(8):
        events += [
            _event("connection", 100 + 2 * n, port="ST/0", connected=False),
            _event("connection", 100.1 + 2 * n, port="ST/0", connected=True),
            _event("boot", 100.1 + 2 * n, port="ST/0", reason=reason, firmware="1"),
        ]

    assert {a.family for a in _told(events)} == families


def test_retained_and_repeated_events_count_for_nothing():
    burst = [_event("boot", 100 + 2 * n, port="ST/0", flags=RETAINED, reason="watchdog") for n in range(8)]
    again = [_event("boot", 100, port="ST/0", reason="watchdog") for _ in range(20)]

    assert _told(burst) == []
    assert _told(again) == []


def test_other_firmware_is_reported_with_its_time_and_makes_the_operator_learn_the_fan_anew():
    doings = Doings("t")
    _, first = doings.take([_event("boot", 0, port="ST/0", reason="power_up", firmware="1")], LEVEL)
    _, same = doings.take([_event("boot", 5, port="ST/0", reason="power_up", firmware="1")], LEVEL)
    _, other = doings.take([_event("boot", 9, port="ST/0", reason="firmware_update", firmware="2")], LEVEL)

    assert (first, same, other) == ([], [], [("ST", T0 + 9 * HOUR)])
    operator = AnomalyOperator()
    operator.on_batch(Batch(0, 0, 0, T0, ["ST/1", "SU/1"]))
    for hours, firmware in ((0, "1"), (9, "2")):
        boot = _event("boot", hours, port="ST/0", reason="power_up", firmware=firmware)
        operator.on_batch(Batch(0, 0, 0, boot.at, [], events=[boot]))
    assert operator.snapshot()["arrays"]["past.renewed"].tolist() == [T0 + 9 * HOUR, np.iinfo(np.int64).max]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from([1, 40])), max_size=40), st.integers(0, 40))
def test_a_restored_one_goes_on_as_if_it_had_never_stopped(visits, cut):
    events = [
        e for n, (starts, energy, minutes) in enumerate(visits) for e in _visit(6 * n, 5_000 * energy, minutes, starts)
    ]
    whole = _told(events)
    first, second = Doings("t"), Doings("t")
    before = _told(events[:cut], first)
    second.restore(first.snapshot())

    assert before + _told(events[cut:], second) == whole
