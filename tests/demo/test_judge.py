"""Alerts held against labels, with cases made by hand."""

from datetime import UTC, datetime, timedelta

from chargewell.demo.judge import foreseen, judge
from schemas.alerts import Alert
from schemas.labels import Label

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def label(port="S/1", fault="cooling", end_s=None):
    end = None if end_s is None else START + timedelta(seconds=end_s)
    return Label(port=port, start=START, end=end, fault=fault, source="simulator", who="test")


def alert(port="S/1", family="cooling", after_s=30.0, revision=1, name="a"):
    at = START + timedelta(seconds=after_s)
    return Alert(
        id=name, revision=revision, port=port, family=family, kind="anomaly", severity="P3",
        state="raised" if revision == 1 else "updated", onset_at=START, raised_at=at, text="hot", source="t", source_version="1",
    )  # fmt: skip


def test_an_alert_at_the_port_while_the_fault_lasts_finds_it_and_its_delay_is_told():
    result = judge([label()], [alert()])

    assert [o.delay_s for o in result.outcomes] == [30.0]
    assert result.outcomes[0].named
    assert result.false == []


def test_an_alert_before_the_fault_is_false_and_the_fault_missed():
    result = judge([label()], [alert(after_s=-1)])

    assert result.outcomes[0].alert is None
    assert [a.id for a in result.false] == ["a"]
    assert not result.every_kind_found


def test_an_alert_long_after_the_end_of_the_fault_is_false():
    assert len(judge([label(end_s=10)], [alert(after_s=611)]).false) == 1


def test_an_alert_at_another_port_of_the_station_is_false():
    assert len(judge([label()], [alert(port="S/2")]).false) == 1


def test_an_alert_of_the_station_finds_a_fault_of_its_port_and_the_other_way_round():
    assert judge([label()], [alert(port="S/0")]).every_kind_found
    assert judge([label(port="S/0")], [alert()]).every_kind_found


def test_a_later_revision_is_no_second_alert_and_does_not_delay_the_first():
    result = judge([label()], [alert(after_s=30), alert(after_s=90, revision=2)])

    assert result.outcomes[0].delay_s == 30.0
    assert result.false == []


def test_a_wrong_family_finds_the_fault_but_does_not_name_it():
    result = judge([label(fault="contact_wear")], [alert(family="cooling")])

    assert result.every_kind_found
    assert not result.outcomes[0].named


def test_no_labels_means_that_nothing_was_found():
    assert not judge([], []).every_kind_found


def test_a_failure_is_foreseen_by_a_risk_of_its_family_at_its_port_before_it_struck():
    def risk(after_s, **more):
        return alert(after_s=after_s, **more).model_copy(update={"kind": "risk"})

    (found,) = foreseen([label()], [risk(-60.0), risk(-60.0, family="lock"), risk(-60.0, port="S/2"), risk(5.0)])

    assert found.ahead_s == 60.0
    assert foreseen([label()], [alert(after_s=-60)]) == []
