"""Hours of ports: from rows of tables to columns, whatever their order and portions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.failure.hour_book import HourBook, take_writes
from models.failure.hours import COLUMNS, HOUR_US, Hours, joined
from models.operator import Outputs, Upsert
from schemas.assets import PortFacts

MINUTE = 60_000_000
DC = PortFacts(kind="dc", rated_w=50_000.0)
FACTS = {"S/1": DC, "S/2": DC}


def minutes(at, current, temp_connector, **more):
    n = len(at)
    told = {
        "current_mean": current, "power_mean": np.asarray(current) * 400.0, "temp_connector_mean": temp_connector,
        "temp_ambient_mean": np.full(n, 10.0), "temp_internal_mean": np.full(n, 20.0), **more,
    }  # fmt: skip
    return {"at": np.asarray(at) * MINUTE, **{k: np.asarray(v, np.float64) for k, v in told.items()}}


def hour_of(book, column, row=0):
    return float(book.hours().columns[column][row])


def test_heat_is_told_for_the_square_of_the_current():
    book = HourBook(FACTS)
    current = np.array([125.0, 62.5, 125.0, 100.0])  # 125 A is rated
    rise = 30.0 * (current / 125.0) ** 2
    book.take("reading_1m", ["S/1"], np.zeros(4, int), minutes(range(4), current, 10.0 + rise))
    assert hour_of(book, "contact_heat") == pytest.approx(30.0, rel=1e-5)
    assert hour_of(book, "contact_peak") == pytest.approx(30.0, rel=1e-5)
    assert hour_of(book, "busy") == pytest.approx(4 / 60)


def test_of_minutes_without_charging_one_in_ten_counts():
    book = HourBook(FACTS)
    ambient = np.arange(60, dtype=float)
    book.take(
        "reading_1m",
        ["S/1"],
        np.zeros(60, int),
        minutes(range(60), np.zeros(60), 20.0 + 0 * ambient) | {"temp_ambient_mean": ambient},
    )
    assert hour_of(book, "ambient") == pytest.approx(np.mean([0, 10, 20, 30, 40, 50]))
    assert np.isnan(hour_of(book, "contact_heat"))


def test_current_is_held_against_what_was_asked_and_offered():
    book = HourBook(FACTS)
    told = minutes(
        range(2), [50.0, 50.0], [20.0, 20.0], current_requested_mean=[100.0, 200.0], current_offered_mean=[120.0, 100.0]
    )
    book.take("reading_1m", ["S/1"], np.zeros(2, int), told)
    assert hour_of(book, "delivered") == pytest.approx(0.5)


def test_a_closed_session_counts_once_whatever_number_of_revisions_come():
    book = HourBook(FACTS)
    for outcome in ("unknown", "cut"):
        told = {"session_key": ["a"], "state": ["closed"], "outcome": [outcome], "ended_at": np.array([HOUR_US + 5])}
        book.take("charging_session", ["S/1"], np.zeros(1, int), told)
    hours = book.hours()
    assert (hours.columns["sessions"].tolist(), hours.columns["failed"].tolist()) == ([1.0], [1.0])
    assert hours.at.tolist() == [HOUR_US]


def test_errors_are_counted_by_family_and_a_good_status_is_none():
    book = HourBook(FACTS)
    data = [
        {"status": "faulted", "error": "other_error", "vendor_code": "CX019"},
        {"status": "available", "error": "no_error"},
    ]
    book.take("event", ["S/1"], np.zeros(2, int), {"at": np.array([1, 2]), "kind": ["status"] * 2, "data": data})
    hours = book.hours()
    assert hours.columns["faults"].tolist() == [1.0]
    assert hours.errors == [{"contact_wear": 1}]


def test_residuals_of_the_anomaly_flow_are_its_largest_in_the_hour():
    book = HourBook(FACTS)
    said = {"temp_connector": {"share": 0.9, "observed": 61.0, "expected": 40.0}, "soc": {"share": 0.1}}
    told = {"at": np.array([0, MINUTE]), "score": np.array([4.0, 0.1]), "contributions": [said, None]}
    book.take("anomaly_score", ["S/1"], np.zeros(2, int), told)
    assert hour_of(book, "residual_connector") == pytest.approx(21.0)
    assert hour_of(book, "residual_cabinet") == 0.0
    assert hour_of(book, "score") == pytest.approx(4.0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 7))
def test_hours_do_not_depend_on_portions_or_order(seed, cuts):
    rng = np.random.default_rng(seed)
    n = 200
    port, at = rng.integers(0, 2, n), rng.permutation(400)[:n]
    told = minutes(at, np.where(rng.random(n) < 0.4, rng.uniform(5, 125, n), 0.0), rng.uniform(10, 70, n))
    whole, parts = HourBook(FACTS), HourBook(FACTS)
    whole.take("reading_1m", ["S/1", "S/2"], port, told)
    parts._slots(["S/1", "S/2"])
    for rows in np.array_split(rng.permutation(n), cuts):
        write = Upsert("reading_1m", ("at",), ["S/1", "S/2"], port[rows], {k: v[rows] for k, v in told.items()})
        take_writes(parts, Outputs([write]))
    a, b = whole.hours(), parts.hours()
    order = [b.ports.index(p) for p in a.ports]
    assert (a.at.tolist(), a.port.tolist()) == (b.at.tolist(), [order.index(p) for p in b.port])
    for name in COLUMNS:
        np.testing.assert_allclose(a.columns[name], b.columns[name], rtol=1e-5, atol=1e-6)


def test_a_portion_without_rows_says_nothing():
    book = HourBook(FACTS)
    book.take(
        "anomaly_score",
        ["S/1"],
        np.empty(0, np.int64),
        {"at": np.empty(0, np.int64), "score": np.empty(0), "contributions": []},
    )

    assert len(book.hours()) == 0


def test_of_the_same_hour_the_later_source_stands_and_strange_ports_are_left_out():
    def hours(ports, at, value):
        n = len(at)
        return Hours(
            ports,
            np.zeros(n, np.int64),
            np.array(at) * HOUR_US,
            {c: np.full(n, value, np.float32) for c in COLUMNS},
            [None] * n,
        )

    found = joined(["S/1"], [hours(["S/1"], [1, 2], 1.0), hours(["S/1"], [2, 3], 2.0), hours(["X/1"], [4], 3.0)])
    assert (found.at // HOUR_US).tolist() == [1, 2, 3]
    assert found.columns["busy"].tolist() == [1.0, 2.0, 2.0]
