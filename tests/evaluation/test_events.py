"""Alerts against labels, on cases worked out by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from models.evaluation.events import MONTH_S, score_events
from schemas.alerts import Alert, alert_id
from schemas.labels import Label

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def _label(port, fault, start_min, end_min=None):
    end = None if end_min is None else T0 + timedelta(minutes=end_min)
    return Label(
        port=port, start=T0 + timedelta(minutes=start_min), end=end, fault=fault, source="simulator", who="test"
    )


def _alert(port, family, at_min, revision=1):
    at = T0 + timedelta(minutes=at_min)
    return Alert(
        id=alert_id("anomaly", port, family, 0), revision=revision, port=port, family=family, kind="anomaly", severity="P2",
        state="raised" if revision == 1 else "updated", onset_at=at, raised_at=at, text="x", source="anomaly", source_version="1",
    )  # fmt: skip


def _score(labels, alerts):
    return score_events(labels, alerts, 10, T0, T0 + timedelta(days=30))


def test_a_fault_counts_once_however_often_it_is_told():
    labels = [_label("A/1", "contact_wear", 10)]
    alerts = [
        _alert("A/1", "contact_wear", 12),
        _alert("A/1", "contact_wear", 20, revision=2),
        _alert("A/1", "cooling", 30),
    ]

    score = _score(labels, alerts)

    assert (score.all.labelled, score.all.found, score.all.named) == (1, 1, 1)
    assert score.all.delays_s == [120.0]
    assert score.false == []


def test_an_alert_before_the_fault_or_long_after_it_is_false():
    labels = [_label("A/1", "cooling", 10, 60)]

    score = _score(labels, [_alert("A/1", "cooling", 9), _alert("A/1", "meter", 71)])

    assert score.all.found == 0
    assert len(score.false) == 2
    assert score.false_per_port_month == pytest.approx(2 / (10 * 30 * 86_400 / MONTH_S))


def test_heat_may_outlast_its_fault():
    assert _score([_label("A/1", "cooling", 10, 60)], [_alert("A/1", "cooling", 69)]).all.found == 1


def test_a_label_of_the_station_is_found_at_any_of_its_ports():
    score = _score([_label("A/0", "cooling", 0)], [_alert("A/2", "cooling", 5), _alert("B/1", "cooling", 5)])

    assert score.families["cooling"].found == 1
    assert [a.port for a in score.false] == ["B/1"]


def test_the_wrong_cause_is_found_but_not_named():
    tally = _score([_label("A/1", "cooling", 0)], [_alert("A/1", "power_module", 5)]).families["cooling"]

    assert (tally.found, tally.named, tally.named_share) == (1, 0, 0.0)


def test_a_watch_that_ends_before_it_starts_is_refused():
    with pytest.raises(ValueError, match="not after its start"):
        score_events([], [], 1, T0, T0)
