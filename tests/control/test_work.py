"""Work: the table of states holds together, deadlines follow the priorities, findings name what is known."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas.work import ACTIVE, STATE_TITLES, STEPS, Finding, OrderState, Role, due, step

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_every_state_has_its_steps_and_a_title():
    assert set(STEPS) == set(STATE_TITLES) == set(OrderState)


def test_every_state_but_the_first_is_reached_from_open():
    seen, todo = set(), {OrderState.OPEN}
    while todo:
        state = todo.pop()
        seen.add(state)
        todo |= {s.to for s in STEPS[state]} - seen

    assert seen == set(OrderState)


def test_an_order_that_is_verified_or_cancelled_stays_so():
    assert STEPS[OrderState.VERIFIED] == STEPS[OrderState.CANCELLED] == ()


def test_a_repair_is_told_with_a_finding_and_a_cancellation_with_a_reason():
    for state in ACTIVE:
        for s in STEPS[state]:
            assert s.needs == {OrderState.RESOLVED: "finding", OrderState.CANCELLED: "reason"}.get(s.to, s.needs)
            if s.to in (OrderState.RESOLVED, OrderState.CANCELLED):
                assert s.needs is not None


def test_only_the_desk_cancels_and_verifies():
    for steps in STEPS.values():
        for s in steps:
            if s.to in (OrderState.CANCELLED, OrderState.VERIFIED):
                assert Role.CREW not in s.roles


def test_there_is_no_way_from_open_to_verified():
    assert step(OrderState.OPEN, OrderState.VERIFIED) is None


def test_a_safety_order_is_answered_in_two_hours_made_safe_in_four_and_repaired_in_a_day():
    assert due("P1", NOON) == (NOON + timedelta(hours=2), NOON + timedelta(hours=4), NOON + timedelta(hours=24))


def test_a_cosmetic_order_waits_for_the_next_visit_but_not_for_ever():
    assert due("P4", NOON) == (None, None, NOON + timedelta(days=30))


@pytest.mark.parametrize(
    ("field", "value"), [("family", "gremlins"), ("cause", "bad luck"), ("activity", "prayed"), ("mechanism", "9.9")]
)
def test_a_finding_with_an_unknown_code_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=rf"{field} '{value}' is not known"):
        Finding.model_validate({"found": True, "family": "cooling", field: value})


def test_where_no_fault_was_found_no_mechanism_is_named():
    with pytest.raises(ValueError, match="no fault was found"):
        Finding(found=False, family="cooling", mechanism="2.4")
