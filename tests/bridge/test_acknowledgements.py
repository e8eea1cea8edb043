"""Only what Kafka confirmed is acknowledged, and in the order in which it came."""

from hypothesis import given
from hypothesis import strategies as st

from pipelines.bridge.acknowledgements import Acknowledgements

CONFIRM, TAKE, TAKE_QOS_0, FORGET = "confirm", "take", "take QoS 0", "forget"


@given(st.lists(st.tuples(st.sampled_from([TAKE, TAKE, TAKE_QOS_0, CONFIRM, CONFIRM, FORGET]), st.integers(0, 50))))
def test_acknowledgements_are_in_order_confirmed_and_of_this_connection(steps):
    """Against a list that is searched from the front each time."""
    held, mid = Acknowledgements(), 0
    oracle: list[dict] = []
    orphans: list[dict] = []
    for step, choice in steps:
        if step in (TAKE, TAKE_QOS_0):
            mid += 1
            wanted = mid if step == TAKE else 0
            oracle.append({"mid": wanted, "ticket": held.take(wanted, choice), "size": choice, "ok": False})
        elif step == CONFIRM and (waiting := [e for e in (*oracle, *orphans) if not e["ok"]]):
            entry = waiting[choice % len(waiting)]
            entry["ok"] = True
            entry["ticket"].delivered(None, None)
            orphans = [e for e in orphans if not e["ok"]]
        elif step == FORGET:
            held.forget()
            orphans += [e for e in oracle if not e["ok"]]
            oracle = []
        expected = []
        while oracle and oracle[0]["ok"]:
            expected.append(oracle.pop(0)["mid"])

        assert held.ready() == [m for m in expected if m]
        assert len(held) == len(oracle) + len(orphans)
        assert held.size == sum(e["size"] for e in (*oracle, *orphans) if not e["ok"])
        assert held.unconfirmed == sum(not e["ok"] for e in (*oracle, *orphans))


def test_a_record_that_kafka_gave_up_is_not_acknowledged_and_holds_up_what_came_after():
    held = Acknowledgements()
    first, second = held.take(1, 10), held.take(2, 10)
    second.delivered(None, None)
    first.delivered("too large", None)

    assert held.ready() == []
    assert held.failed == "too large"
    assert held.unconfirmed == 1


def test_the_most_that_was_ever_held_is_remembered():
    held = Acknowledgements()
    tickets = [held.take(i, 1) for i in range(1, 6)]
    for ticket in tickets:
        ticket.delivered(None, None)
    held.ready()
    held.take(9, 1)

    assert held.most == 5
