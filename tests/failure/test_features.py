from dataclasses import replace

import numpy as np
import pytest

from models.failure.features import Asked, prepare
from models.failure.history import History, Occurrences


@pytest.mark.parametrize("component", [None, 0, 1])
@pytest.mark.parametrize("day", [3, 17, 41])
def test_rows_errors_and_repairs_that_come_later_change_nothing(make, day, component):
    whole = make.fleet()
    preparation = prepare(whole)
    asked = Asked(np.arange(whole.units), np.full(whole.units, day * 24 + 5), component)

    names, with_future = preparation.of(whole).table(asked)
    _, without = preparation.of(make.until(whole, day * 24 + 5)).table(asked)

    assert np.isfinite(without).any(0).sum() > len(names) / 2
    np.testing.assert_array_equal(with_future, without)


def test_a_repair_makes_a_component_forget_what_was_before_but_not_the_others(make):
    before = make.fleet()
    repairs = make.occurrences([(u, 480, 0) for u in range(before.units)])
    history = replace(before, repairs=repairs)
    early = history.at <= 480
    other = replace(
        history,
        channels=np.where(early[:, None], history.channels + 5, history.channels),
        errors=Occurrences(
            history.errors.unit, np.where(history.errors.at <= 480, 3, history.errors.at), history.errors.kind
        ),
    )
    preparation = prepare(history)
    unit, at = np.arange(before.units), np.full(before.units, 700)

    def told(which, component):
        names, values = preparation.of(which).table(Asked(unit, at, component))
        return values[:, [i for i, n in enumerate(names) if n != "age"]]

    np.testing.assert_array_equal(told(history, 0), told(other, 0))
    assert not np.allclose(told(history, 1), told(other, 1), equal_nan=True)


def test_right_after_a_repair_nothing_is_known_of_the_component_but_its_age(make):
    history = replace(make.fleet(), repairs=make.occurrences([(0, 480, 0)]))
    names, values = prepare(history).of(history).table(Asked(np.array([0]), np.array([480]), 0))
    row = dict(zip(names, values[0], strict=True))

    assert row["own.since_repair"] == 0
    assert row["trip.count.30"] == 0
    assert np.isnan(row["trip.since"])
    assert np.isnan(row["a.mean.1"])
    assert np.isnan(row["a.mean.all"])


def test_errors_and_repairs_are_counted_as_by_hand(make):
    history = replace(
        make.fleet(),
        errors=make.occurrences([(0, 100, 0), (0, 130, 0), (0, 131, 1), (1, 120, 0)]),
        repairs=make.occurrences([(0, 24, 0), (0, 48, 1), (0, 72, 0), (0, 72, 1), (0, 144, 0)]),
    )
    names, values = prepare(history).of(history).table(Asked(np.array([0]), np.array([130 + 48])))
    row = dict(zip(names, values[0].tolist(), strict=True))

    assert (row["trip.count.1"], row["trip.count.5"]) == (0, 2)
    assert row["trip.since"] == pytest.approx(2)
    assert row["cable.since_repair"] == pytest.approx((178 - 72) / 24)
    assert row["visit.since"] == pytest.approx((178 - 144) / 24)
    assert row["visit.rhythm"] == pytest.approx(1)
    assert row["visit.due"] == pytest.approx(1 - (34 - 24) / 24)


def test_a_channel_is_told_as_distance_from_its_regime_and_from_the_units_own_early_life(make):
    history, ends = make.wearing(units=30, regimes=6)
    preparation = prepare(history)
    unit = np.arange(30)
    features = preparation.of(history)
    names, early = features.table(Asked(unit, np.full(30, 20)))
    _, late = features.table(Asked(unit, ends))
    at = {n: i for i, n in enumerate(names)}

    assert len(preparation.regimes.centres) == 6
    assert np.abs(early[:, at["a.change.5"]]).max() < 1
    assert late[:, at["a.change.5"]].min() > 1
    assert late[:, at["c.change.5"]].max() < -1
    assert np.abs(late[:, at["d.change.15"]]).max() < 1.2


def test_settings_that_do_not_cluster_make_one_regime(make):
    assert len(prepare(make.fleet(units=20)).regimes.centres) == 1


def test_the_rhythm_of_visits_bears_skipped_visits(make):
    days = [0, 15, 30, 60, 75, 105, 120]
    history = replace(make.fleet(), repairs=make.occurrences([(0, d * 24, 0) for d in days]))
    names, values = prepare(history).of(history).table(Asked(np.array([0]), np.array([(120 + 28) * 24]), 0))
    row = dict(zip(names, values[0].tolist(), strict=True))

    assert row["visit.rhythm"] == pytest.approx(15)
    assert row["visit.due"] == pytest.approx(2)
    assert row["own.at_visit"] == pytest.approx(30)


def test_a_history_with_other_columns_is_refused(make):
    preparation = prepare(make.fleet())
    other = replace(make.fleet(), channel_names=("a", "b", "c", "e"))

    with pytest.raises(ValueError, match="trained on columns"):
        preparation.of(other)


def test_columns_that_do_not_fit_are_refused_by_name(make):
    with pytest.raises(ValueError, match="channels has shape"):
        replace(make.fleet(), channel_names=("a",))
    with pytest.raises(ValueError, match="unit numbers"):
        replace(make.fleet(), units=2, facts=np.zeros((2, 1)))
    with pytest.raises(ValueError, match="kind of errors"):
        replace(make.fleet(), error_names=("trip",))
    with pytest.raises(ValueError, match="step"):
        replace(make.fleet(), step=0)


def test_a_unit_without_rows_gets_unknown_features_not_an_error(make):
    history = make.fleet()
    preparation = prepare(history)
    empty = History(
        **{
            name: getattr(history, name)
            for name in ("step", "channel_names", "setting_names", "error_names", "component_names", "fact_names")
        },
        units=1,
        unit=np.empty(0, np.int64),
        at=np.empty(0, np.int64),
        channels=np.empty((0, 4)),
        settings=np.empty((0, 1)),
        facts=np.zeros((1, 1)),
    )
    names, values = preparation.of(empty).table(Asked(np.array([0]), np.array([240])))

    assert np.isnan(values[0, names.index("a.mean.5")])
    assert values[0, names.index("trip.count.5")] == 0
