"""The rules, without a database: remedies and their guards, what clears what, words, the public's truth."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.rules import episode, orders, public, remedies, words
from schemas.faults import catalogue
from schemas.work import OrderState

FREE = remedies.Station(running=0, resets=0)


def may(name, now, *, safety=False, station=FREE, left=60, per_day=2):
    return remedies.may_send(
        remedies.REMEDIES[name],
        safety=safety,
        expires_at=now + timedelta(seconds=left),
        now=now,
        station=station,
        resets_per_day=per_day,
    )


def test_nothing_is_sent_once_it_expired(now):
    for name in remedies.REMEDIES:
        assert isinstance(may(name, now, left=0, safety=True), remedies.Refuse)


@pytest.mark.parametrize("name", ["soft_reset", "hard_reset", "unlock", "unavailable"])
def test_what_would_end_a_session_waits_for_its_end(now, name):
    assert may(name, now, station=remedies.Station(1, 0)) == remedies.Wait("a charging session is running")


@pytest.mark.parametrize("name", ["trigger_status", "derate", "available"])
def test_what_ends_no_session_does_not_wait(now, name):
    assert may(name, now, station=remedies.Station(1, 0)) == remedies.Send()


def test_safety_does_not_wait_for_a_session(now):
    assert may("unavailable", now, safety=True, station=remedies.Station(1, 0)) == remedies.Send()


@pytest.mark.parametrize(
    ("resets", "verdict"), [(0, remedies.Send), (1, remedies.Send), (2, remedies.Refuse), (3, remedies.Refuse)]
)
def test_a_station_is_reset_twice_a_day_at_most(now, resets, verdict):
    assert isinstance(may("soft_reset", now, station=remedies.Station(0, resets)), verdict)
    assert isinstance(may("hard_reset", now, station=remedies.Station(0, resets)), verdict)


def test_a_question_is_no_reset(now):
    assert may("trigger_status", now, station=remedies.Station(0, 9)) == remedies.Send()


@pytest.mark.parametrize("family", catalogue().values(), ids=lambda f: f.name)
def test_every_family_has_a_plan_that_ends(family):
    plan, tried = remedies.plan(family), []
    while (fix := remedies.next_fix(family, tried)) is not None:
        tried.append(fix.name)

    assert tried == [r.name for r in plan.fixes]
    assert len(set(tried)) == len(tried)
    assert all(r.fixes for r in plan.fixes)
    assert not any(r.fixes for r in plan.measures)
    if family.safety:
        assert plan == remedies.Plan((remedies.REMEDIES["unavailable"],), ())


def test_a_remedy_that_needs_a_person_is_not_tried_by_machine():
    assert remedies.plan(catalogue()["interop"]) == remedies.Plan((), ())


def test_the_gentlest_remedy_comes_first():
    assert [r.name for r in remedies.plan(catalogue()["controller"]).fixes] == ["soft_reset", "hard_reset"]


def test_a_measure_in_vain_is_tried_less_and_less_often():
    first = timedelta(seconds=30)

    assert [remedies.pause(n, first) for n in (1, 2, 3, 99)] == [first, 2 * first, 4 * first, timedelta(days=1)]


def test_a_safety_order_is_never_less_urgent_than_its_family(alerts):
    assert orders.draft(catalogue()["contactor"], "S/1", "P4").priority == "P1"
    assert orders.draft(catalogue()["cooling"], "S/1", "P4").priority == "P4"


@pytest.mark.parametrize("state", [s for s in OrderState if s not in (OrderState.OPEN, OrderState.REMOTE_ATTEMPT)])
@pytest.mark.parametrize("remedied", [True, False])
def test_an_order_that_a_person_holds_is_only_marked_when_its_alert_clears(alerts, state, remedied):
    summary = episode.summarise([alerts.said("S/0", "communication", kind="silence", state="cleared")])

    assert orders.on_clear(state, catalogue()["communication"], summary, remedied=remedied) == "mark"


def test_a_safety_order_is_only_marked_when_its_alert_clears(alerts):
    summary = episode.summarise([alerts.said("S/1", "contactor", kind="status", state="cleared")])

    assert orders.on_clear(OrderState.OPEN, catalogue()["contactor"], summary, remedied=True) == "mark"


def revisions(alerts):
    return st.lists(
        st.builds(
            lambda n, minute, severity, cleared, source: alerts.said(
                f"S/{n}",
                "communication",
                onset=alerts.said("S/1").onset_at - timedelta(minutes=minute),
                severity=severity,
                state="cleared" if cleared else "raised",
                source=source,
            ),
            st.integers(1, 3),
            st.integers(0, 50),
            st.sampled_from(["P1", "P2", "P3", "P4"]),
            st.booleans(),
            st.sampled_from(["a", "b"]),
        ),
        min_size=1,
        max_size=7,
    )


@given(data=st.data())
def test_a_summary_does_not_depend_on_the_order_of_alerts(alerts, data):
    some = data.draw(revisions(alerts))
    shuffled = data.draw(st.permutations(some))

    assert episode.summarise(shuffled) == episode.summarise(some)


@given(data=st.data())
def test_an_incident_is_over_exactly_when_all_its_alerts_are(alerts, data):
    some = data.draw(revisions(alerts))
    summary = episode.summarise(some)

    assert (summary.cleared_at is not None) == all(a.state == "cleared" for a in some)
    assert summary.severity == sorted(a.severity for a in some)[0]
    assert summary.onset_at == sorted(a.onset_at for a in some)[0]


def test_the_reason_names_channels_with_what_was_seen_and_expected(alerts):
    alert = alerts.said(
        "S/1",
        "contact_wear",
        text="The connector runs hot",
        contributions=[
            {"channel": "current", "share": 0.1, "observed": 312.0, "unit": "A"},
            {"channel": "temp_connector", "share": 0.8, "observed": 78.24, "expected": 49.5, "unit": "degC"},
        ],
        hypotheses=[{"family": "contact_wear", "likelihood": 0.7}, {"family": "cooling", "likelihood": 0.2}],
    )

    assert words.explain([alert]) == (
        "The connector runs hot · connector temperature 78.2 °C where 49.5 °C is expected · current 312 A · "
        "could also be: Fan or filter clogged: the cabinet runs hot for its load (20%)"
    )


def test_shares_are_said_as_how_far_off_something_is(alerts):
    missing = {"channel": "current", "share": 1.0, "observed": 45.83, "expected": -0.0016, "unit": "%"}

    said = words.explain([alerts.said("S/1", "power_module", text="46 % less", contributions=[missing])])

    assert said == "46 % less · current 45.8 % off, usually 0 %"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3_600, "1 h"),
        (3_660, "1 h 1 min"),
        (86_400, "1 d"),
        (97_200, "1 d 3 h"),
    ],
)
def test_durations_are_said_in_their_two_largest_units(seconds, said):
    assert words.duration(timedelta(seconds=seconds)) == said


def port(now, **more):
    return {"state": "up", "reason": "ok", "since": now, "at": now, "busy": False, "order_state": None} | more


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({}, "Available"),
        ({"busy": True}, "In use"),
        ({"state": "down", "reason": "faulted"}, "Out of order"),
        ({"state": "down", "reason": "silence"}, "No contact"),
        ({"state": "unobserved", "reason": "bridge"}, "Not known"),
        ({"at": None, "state": None}, "Not known"),
    ],
)
def test_the_public_is_told_what_is_known(now, more, word):
    assert public.tell(port(now, **more), now).word == word


def test_old_knowledge_is_not_told_as_if_it_were_of_now(now):
    assert public.tell(port(now - timedelta(minutes=11)), now).kind == "unknown"
    assert public.tell(port(now - timedelta(minutes=9)), now).kind == "good"


def test_every_problem_that_a_driver_can_report_leads_to_a_known_family():
    assert {p.family for p in public.PROBLEMS.values()} <= set(catalogue())
